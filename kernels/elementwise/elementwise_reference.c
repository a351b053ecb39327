/* The formulas of elementwise.h as they stand there, one element at a time. */
#include "kernels/elementwise/elementwise.h"

#include <math.h>
#include <string.h>

#include "core/rng.h"

void tw_f32_relu_forward__reference(ptrdiff_t count, const float *x, float *y)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        y[i] = x[i] <= 0.0f ? 0.0f : x[i];
    }
}

void tw_f32_relu_gradient__reference(ptrdiff_t count, const float *y, const float *dy, float *dx)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        dx[i] = y[i] <= 0.0f ? 0.0f : dy[i];
    }
}

void tw_f32_add__reference(ptrdiff_t count, const float *a, const float *b, float *y)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        y[i] = a[i] + b[i];
    }
}

void tw_f32_scale__reference(ptrdiff_t count, const float *x, float factor, float *y)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        y[i] = x[i] * factor;
    }
}

void tw_f32_fill_rows__reference(ptrdiff_t rows, ptrdiff_t columns, const float *bias, float *y,
                                 ptrdiff_t y_row)
{
    for (ptrdiff_t r = 0; r < rows; r++) {
        memcpy(y + r * y_row, bias, (size_t)columns * sizeof *y);
    }
}

void tw_f32_sum_rows__reference(ptrdiff_t rows, ptrdiff_t columns, const float *x, ptrdiff_t x_row, float *y)
{
    for (ptrdiff_t c = 0; c < columns; c++) {
        float sum = 0.0f;

        for (ptrdiff_t r = 0; r < rows; r++) {
            sum += x[r * x_row + c];
        }
        y[c] = sum;
    }
}

void tw_f32_normalize_u8__reference(ptrdiff_t count, const uint8_t *x, float mean, float standard_deviation,
                                    float *y)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        y[i] = ((float)x[i] / 255.0f - mean) / standard_deviation;
    }
}

/* lane[l] += lane[l + width] for width 8, 4, 2, 1. */
static float fold(float lane[TW_LANES])
{
    for (int width = TW_LANES / 2; width > 0; width /= 2) {
        for (int l = 0; l < width; l++) {
            lane[l] += lane[l + width];
        }
    }
    return lane[0];
}

void tw_f32_fold_slots__reference(ptrdiff_t count, const float *slots, ptrdiff_t slot_stride, float *y)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        float lane[TW_GRADIENT_SLOTS];

        for (int s = 0; s < TW_GRADIENT_SLOTS; s++) {
            lane[s] = slots[s * slot_stride + i];
        }
        y[i] = fold(lane);
    }
}

void tw_f32_dropout__reference(ptrdiff_t count, ptrdiff_t first, uint64_t key, uint32_t threshold,
                               float scale, const float *x, float *y)
{
    uint32_t word[4];

    for (ptrdiff_t i = 0; i < count; i++) {
        const uint64_t position = (uint64_t)(i + first);

        if (i == 0 || position % 4 == 0) {
            tw_philox4x32(key, position / 4, 0, word);
        }
        y[i] = word[position % 4] >= threshold ? x[i] * scale : 0.0f;
    }
}

float tw_f32_sum__reference(ptrdiff_t count, const float *x)
{
    float lane[TW_LANES] = {0};

    for (ptrdiff_t i = 0; i < count; i++) {
        lane[i % TW_LANES] += x[i];
    }
    return fold(lane);
}

float tw_f32_sum_of_squares__reference(ptrdiff_t count, const float *x)
{
    float lane[TW_LANES] = {0};

    for (ptrdiff_t i = 0; i < count; i++) {
        lane[i % TW_LANES] = fmaf(x[i], x[i], lane[i % TW_LANES]);
    }
    return fold(lane);
}
