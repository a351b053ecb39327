/* The formulas of softmax.h as they stand there, and the scalar text of exp and log: every operation and its
 * order are those of kernels/simd/exp_log_lanes.h. */
#include "kernels/softmax/softmax.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/elementwise/elementwise.h"
#include "kernels/simd/exp_log_constants.h"

static uint32_t bits_of(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static float exp_of(float x)
{
    if (x > TW_EXP_LARGEST) {
        x = TW_EXP_LARGEST;
    }
    if (x < TW_EXP_SMALLEST) {
        x = TW_EXP_SMALLEST;
    }

    const float shifted = fmaf(x, TW_LOG2_E, TW_ROUND_MAGIC);
    const float n = shifted - TW_ROUND_MAGIC;
    const float r = fmaf(n, -TW_LN2_LOW, fmaf(n, -TW_LN2_HIGH, x));
    float p = TW_EXP_P4;

    p = fmaf(p, r, TW_EXP_P3);
    p = fmaf(p, r, TW_EXP_P2);
    p = fmaf(p, r, TW_EXP_P1);
    p = fmaf(p, r, TW_EXP_P0);
    p = fmaf(p, r, 1.0f);
    p = fmaf(p, r, 1.0f);

    const uint32_t biased = bits_of(shifted) - TW_ROUND_MAGIC_BITS + TW_EXP_HALVING_BIAS;
    const uint32_t first = biased >> 1;
    const uint32_t second = biased - first;

    p *= float_of((first - TW_EXP_FACTOR_BIAS) << 23);
    return p * float_of((second - TW_EXP_FACTOR_BIAS) << 23);
}

/* log for 0 < x < infinity. */
static float log_of_positive(float x)
{
    const bool small = x < TW_SMALLEST_NORMAL;
    const uint32_t bits = bits_of(small ? x * TW_LOG_SCALE : x);
    const uint32_t field = (bits + (TW_LOG_OFFSET - TW_SQRT_HALF_BITS)) >> 23;
    const float f = float_of(bits + TW_LOG_OFFSET - (field << 23)) - 1.0f;
    const float e = (float)field - (small ? TW_LOG_OFFSET_FIELD + TW_LOG_SCALE_LOG2 : TW_LOG_OFFSET_FIELD);
    const float square = f * f;
    float q = TW_LOG_Q8;

    q = fmaf(q, f, TW_LOG_Q7);
    q = fmaf(q, f, TW_LOG_Q6);
    q = fmaf(q, f, TW_LOG_Q5);
    q = fmaf(q, f, TW_LOG_Q4);
    q = fmaf(q, f, TW_LOG_Q3);
    q = fmaf(q, f, TW_LOG_Q2);
    q = fmaf(q, f, TW_LOG_Q1);
    q = fmaf(q, f, TW_LOG_Q0);
    q *= square * f;
    q = fmaf(e, TW_LN2_LOW, q);
    q = fmaf(square, -0.5f, q);
    return fmaf(e, TW_LN2_HIGH, f + q);
}

static float log_of(float x)
{
    if (x == 0.0f) {
        return -INFINITY;
    }
    if (!(x > 0.0f)) {
        return NAN;
    }
    return x == INFINITY ? INFINITY : log_of_positive(x);
}

/* The fold of elementwise.h. */
static float fold(float lane[TW_LANES])
{
    for (int width = TW_LANES / 2; width > 0; width /= 2) {
        for (int l = 0; l < width; l++) {
            lane[l] += lane[l + width];
        }
    }
    return lane[0];
}

static float row_maximum(ptrdiff_t columns, const float *x)
{
    float maximum = x[0];

    for (ptrdiff_t c = 1; c < columns; c++) {
        if (x[c] > maximum || isnan(x[c])) {
            maximum = x[c];
        }
    }
    return maximum;
}

static float sum_of_exp(ptrdiff_t columns, const float *x, float maximum)
{
    float lane[TW_LANES] = {0};

    for (ptrdiff_t c = 0; c < columns; c++) {
        lane[c % TW_LANES] += exp_of(x[c] - maximum);
    }
    return fold(lane);
}

void tw_f32_softmax_forward__reference(ptrdiff_t rows, ptrdiff_t columns, const float *x, float *y)
{
    for (ptrdiff_t r = 0; r < rows; r++, x += columns, y += columns) {
        const float maximum = row_maximum(columns, x);
        const float sum = sum_of_exp(columns, x, maximum);

        for (ptrdiff_t c = 0; c < columns; c++) {
            y[c] = exp_of(x[c] - maximum) / sum;
        }
    }
}

void tw_f32_log_softmax_forward__reference(ptrdiff_t rows, ptrdiff_t columns, const float *x, float *y)
{
    for (ptrdiff_t r = 0; r < rows; r++, x += columns, y += columns) {
        const float maximum = row_maximum(columns, x);
        const float log_of_sum = log_of(sum_of_exp(columns, x, maximum));

        for (ptrdiff_t c = 0; c < columns; c++) {
            y[c] = (x[c] - maximum) - log_of_sum;
        }
    }
}

void tw_f32_softmax_gradient__reference(ptrdiff_t rows, ptrdiff_t columns, const float *y, const float *dy,
                                        float *dx)
{
    for (ptrdiff_t r = 0; r < rows; r++, y += columns, dy += columns, dx += columns) {
        float lane[TW_LANES] = {0};

        for (ptrdiff_t c = 0; c < columns; c++) {
            lane[c % TW_LANES] = fmaf(dy[c], y[c], lane[c % TW_LANES]);
        }

        const float total = fold(lane);

        for (ptrdiff_t c = 0; c < columns; c++) {
            dx[c] = y[c] * (dy[c] - total);
        }
    }
}

void tw_f32_log_softmax_gradient__reference(ptrdiff_t rows, ptrdiff_t columns, const float *y,
                                            const float *dy, float *dx)
{
    for (ptrdiff_t r = 0; r < rows; r++, y += columns, dy += columns, dx += columns) {
        float lane[TW_LANES] = {0};

        for (ptrdiff_t c = 0; c < columns; c++) {
            lane[c % TW_LANES] += dy[c];
        }

        const float total = fold(lane);

        for (ptrdiff_t c = 0; c < columns; c++) {
            dx[c] = fmaf(-exp_of(y[c]), total, dy[c]);
        }
    }
}

void tw_f32_nll_forward__reference(ptrdiff_t rows, ptrdiff_t columns, const float *log_probability,
                                   const int32_t *label, float scale, float *total)
{
    float lane[TW_LANES] = {0};

    for (ptrdiff_t r = 0; r < rows; r++) {
        lane[r % TW_LANES] += -log_probability[r * columns + label[r]];
    }
    *total = fold(lane) * scale;
}

void tw_f32_nll_gradient__reference(ptrdiff_t rows, ptrdiff_t columns, const int32_t *label, float scale,
                                    float dloss, float *dx)
{
    for (ptrdiff_t r = 0; r < rows; r++) {
        for (ptrdiff_t c = 0; c < columns; c++) {
            dx[r * columns + c] = c == label[r] ? -(dloss * scale) : 0.0f;
        }
    }
}

void tw_f32_smoothed_nll_forward__reference(ptrdiff_t rows, ptrdiff_t columns, const float *log_probability,
                                            const int32_t *label, struct tw_smoothing smoothing, float scale,
                                            float *total)
{
    float sum[TW_LANES] = {0};

    for (ptrdiff_t r = 0; r < rows; r++, log_probability += columns) {
        float lane[TW_LANES] = {0};

        for (ptrdiff_t c = 0; c < columns; c++) {
            lane[c % TW_LANES] += log_probability[c];
        }
        sum[r % TW_LANES] += -fmaf(smoothing.keep, log_probability[label[r]], smoothing.share * fold(lane));
    }
    *total = fold(sum) * scale;
}

void tw_f32_smoothed_nll_gradient__reference(ptrdiff_t rows, ptrdiff_t columns, const int32_t *label,
                                             struct tw_smoothing smoothing, float scale, float dloss,
                                             float *dx)
{
    const float g = -(dloss * scale);
    const float at_label = g * (smoothing.keep + smoothing.share), elsewhere = g * smoothing.share;

    for (ptrdiff_t r = 0; r < rows; r++) {
        for (ptrdiff_t c = 0; c < columns; c++) {
            dx[r * columns + c] = c == label[r] ? at_label : elsewhere;
        }
    }
}

void tw_f32_exp__reference(ptrdiff_t count, const float *x, float *y)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        y[i] = exp_of(x[i]);
    }
}

void tw_f32_log__reference(ptrdiff_t count, const float *x, float *y)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        y[i] = log_of(x[i]);
    }
}
