/* The formulas of pool.h as they stand there, one window position at a time. */
#include "kernels/pool/pool.h"

#include <math.h>

/* Place in the plane of tap (u, v) of the window of output (r, c), or -1 on the padding. */
static ptrdiff_t place(const struct tw_pool2d_shape *s, ptrdiff_t r, ptrdiff_t c, ptrdiff_t u, ptrdiff_t v)
{
    const ptrdiff_t row = r * s->stride[0] - s->padding[0] + u;
    const ptrdiff_t column = c * s->stride[1] - s->padding[1] + v;

    if (row < 0 || row >= s->in_height || column < 0 || column >= s->in_width) {
        return -1;
    }
    return row * s->in_width + column;
}

static float window_maximum(const struct tw_pool2d_shape *s, const float *x, ptrdiff_t r, ptrdiff_t c,
                            uint16_t *winner)
{
    float best = 0.0f;
    ptrdiff_t best_tap = -1;

    for (ptrdiff_t u = 0; u < s->kernel_height; u++) {
        for (ptrdiff_t v = 0; v < s->kernel_width; v++) {
            const ptrdiff_t at = place(s, r, c, u, v);

            if (at >= 0 && (best_tap < 0 || x[at] > best || isnan(x[at]))) {
                best = x[at];
                best_tap = u * s->kernel_width + v;
            }
        }
    }
    *winner = (uint16_t)best_tap;
    return best;
}

void tw_f32_max_pool2d_forward__reference(const struct tw_pool2d_shape *shape, ptrdiff_t planes,
                                          const float *x, float *y, uint16_t *winner)
{
    for (ptrdiff_t plane = 0; plane < planes; plane++) {
        for (ptrdiff_t r = 0; r < shape->out_height; r++) {
            for (ptrdiff_t c = 0; c < shape->out_width; c++) {
                *y++ = window_maximum(shape, x, r, c, winner++);
            }
        }
        x += shape->in_height * shape->in_width;
    }
}

static void clear(const struct tw_pool2d_shape *shape, float *plane)
{
    for (ptrdiff_t i = 0; i < shape->in_height * shape->in_width; i++) {
        plane[i] = 0.0f;
    }
}

void tw_f32_max_pool2d_gradient__reference(const struct tw_pool2d_shape *shape, ptrdiff_t planes,
                                           const float *dy, const uint16_t *winner, float *dx)
{
    for (ptrdiff_t plane = 0; plane < planes; plane++) {
        clear(shape, dx);
        for (ptrdiff_t r = 0; r < shape->out_height; r++) {
            for (ptrdiff_t c = 0; c < shape->out_width; c++) {
                const ptrdiff_t tap = *winner++;

                dx[place(shape, r, c, tap / shape->kernel_width, tap % shape->kernel_width)] += *dy++;
            }
        }
        dx += shape->in_height * shape->in_width;
    }
}

/* What the sum of the window of output (r, c) is divided by. */
static float divisor(const struct tw_pool2d_shape *s, ptrdiff_t r, ptrdiff_t c)
{
    ptrdiff_t inside = 0;

    for (ptrdiff_t u = 0; u < s->kernel_height; u++) {
        for (ptrdiff_t v = 0; v < s->kernel_width; v++) {
            inside += s->count_include_pad || place(s, r, c, u, v) >= 0;
        }
    }
    return (float)inside;
}

static float window_sum(const struct tw_pool2d_shape *s, const float *x, ptrdiff_t r, ptrdiff_t c)
{
    float sum = 0.0f;

    for (ptrdiff_t u = 0; u < s->kernel_height; u++) {
        for (ptrdiff_t v = 0; v < s->kernel_width; v++) {
            const ptrdiff_t at = place(s, r, c, u, v);

            if (at >= 0) {
                sum += x[at];
            }
        }
    }
    return sum;
}

void tw_f32_avg_pool2d_forward__reference(const struct tw_pool2d_shape *shape, ptrdiff_t planes,
                                          const float *x, float *y)
{
    for (ptrdiff_t plane = 0; plane < planes; plane++) {
        for (ptrdiff_t r = 0; r < shape->out_height; r++) {
            for (ptrdiff_t c = 0; c < shape->out_width; c++) {
                *y++ = window_sum(shape, x, r, c) / divisor(shape, r, c);
            }
        }
        x += shape->in_height * shape->in_width;
    }
}

static void spread(const struct tw_pool2d_shape *s, float value, ptrdiff_t r, ptrdiff_t c, float *dx)
{
    for (ptrdiff_t u = 0; u < s->kernel_height; u++) {
        for (ptrdiff_t v = 0; v < s->kernel_width; v++) {
            const ptrdiff_t at = place(s, r, c, u, v);

            if (at >= 0) {
                dx[at] += value;
            }
        }
    }
}

void tw_f32_avg_pool2d_gradient__reference(const struct tw_pool2d_shape *shape, ptrdiff_t planes,
                                           const float *dy, float *dx)
{
    for (ptrdiff_t plane = 0; plane < planes; plane++) {
        clear(shape, dx);
        for (ptrdiff_t r = 0; r < shape->out_height; r++) {
            for (ptrdiff_t c = 0; c < shape->out_width; c++) {
                spread(shape, *dy++ / divisor(shape, r, c), r, c, dx);
            }
        }
        dx += shape->in_height * shape->in_width;
    }
}
