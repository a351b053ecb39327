/* kernels/conv_pool straight from its contract, one channel and one window at a time. */
#include <math.h>
#include <string.h>

#include "kernels/conv_pool/conv_pool_workspace.h"

/* Element (channel, row, column) of one sample of a blocked activation; rows and columns count from inside
 * the halo. */
static ptrdiff_t blocked_index(ptrdiff_t channel, ptrdiff_t row, ptrdiff_t column, ptrdiff_t height,
                               ptrdiff_t width, ptrdiff_t halo)
{
    ptrdiff_t rows = height + 2 * halo, columns = width + 2 * halo;

    return ((channel / TW_BLOCK * rows + row + halo) * columns + column + halo) * TW_BLOCK +
           channel % TW_BLOCK;
}

/* Max-pool with its winner, then relu, of one window's four outputs; `v` NULL for a channel beyond the last.
 */
static void finish_window(const struct tw_conv_pool_shape *shape, ptrdiff_t o, ptrdiff_t r, ptrdiff_t c,
                          const float *v, float *y, uint8_t *code)
{
    ptrdiff_t rows = shape->height / 2, columns = shape->width / 2;
    float best = v ? v[0] : 0.0f;
    uint8_t winner = 0;

    for (uint8_t i = 1; v && i < 4; i++) {
        if (v[i] > best || isnan(v[i])) {
            best = v[i];
            winner = i;
        }
    }
    y[blocked_index(o, r, c, rows, columns, shape->y_halo)] = best <= 0.0f ? 0.0f : best;
    if (!code) {
        return;
    }
    code[((o / TW_BLOCK * rows + r) * columns + c) * TW_BLOCK + o % TW_BLOCK] =
        best <= 0.0f ? TW_CODE_CLOSED : winner;
}

/* Planar pixel, normalised; 0 outside. */
static float pixel_at(const struct tw_conv_pool_shape *shape, const void *x,
                      const struct tw_pixel_scale *pixels, ptrdiff_t i, ptrdiff_t r, ptrdiff_t c)
{
    ptrdiff_t index = (i * shape->height + r) * shape->width + c;

    if (r < 0 || r >= shape->height || c < 0 || c >= shape->width) {
        return 0.0f;
    }
    if (!pixels) {
        return ((const float *)x)[index];
    }
    return (((float)((const uint8_t *)x)[index] / 255.0f) - pixels->mean) / pixels->standard_deviation;
}

static float planar_output(const struct tw_conv_pool_shape *shape, const void *x,
                           const struct tw_pixel_scale *pixels, const float *weights, float start,
                           ptrdiff_t o, ptrdiff_t r, ptrdiff_t c)
{
    float sum = start;

    for (ptrdiff_t i = 0; i < shape->in_channels; i++) {
        for (int tap = 0; tap < 9; tap++) {
            float w = weights[((o / TW_BLOCK * shape->in_channels + i) * 9 + tap) * TW_BLOCK + o % TW_BLOCK];

            sum = fmaf(pixel_at(shape, x, pixels, i, r + tap / 3 - 1, c + tap % 3 - 1), w, sum);
        }
    }
    return sum;
}

/* All windows of one sample through `output`, which gives the convolution at the four positions of a window.
 */
typedef void window_fn(const void *context, ptrdiff_t o, ptrdiff_t r, ptrdiff_t c, float v[4]);

static void forward_sample(const struct tw_conv_pool_shape *shape, window_fn *output, const void *context,
                           float *y, uint8_t *code)
{
    ptrdiff_t rows = shape->height / 2, columns = shape->width / 2;

    memset(y, 0, (size_t)tw_blocked_size(shape->out_channels, rows, columns, shape->y_halo) * sizeof *y);
    for (ptrdiff_t o = 0; o < tw_blocks(shape->out_channels) * TW_BLOCK; o++) {
        for (ptrdiff_t r = 0; r < rows; r++) {
            for (ptrdiff_t c = 0; c < columns; c++) {
                float v[4];

                if (o < shape->out_channels) {
                    output(context, o, r, c, v);
                }
                finish_window(shape, o, r, c, o < shape->out_channels ? v : NULL, y, code);
            }
        }
    }
}

struct forward {
    const struct tw_conv_pool_shape *shape;
    const void *x;
    const struct tw_pixel_scale *pixels;
    const float *weights, *bias;
};

static void planar_window(const void *context, ptrdiff_t o, ptrdiff_t r, ptrdiff_t c, float v[4])
{
    const struct forward *forward = context;
    float start = forward->bias ? forward->bias[o] : 0.0f;

    for (int i = 0; i < 4; i++) {
        v[i] = planar_output(forward->shape, forward->x, forward->pixels, forward->weights, start, o,
                             2 * r + i / 2, 2 * c + i % 2);
    }
}

void tw_f32_conv_pool_planar_forward__reference(const struct tw_conv_pool_shape *shape, ptrdiff_t samples,
                                                const void *x, const struct tw_pixel_scale *pixels,
                                                const float *planar_weights, const float *bias, float *y,
                                                uint8_t *code, void *workspace)
{
    ptrdiff_t x_bytes =
        shape->in_channels * shape->height * shape->width * (pixels ? 1 : (ptrdiff_t)sizeof(float));
    ptrdiff_t y_size =
        tw_blocked_size(shape->out_channels, shape->height / 2, shape->width / 2, shape->y_halo);

    (void)workspace;
    for (ptrdiff_t n = 0; n < samples; n++) {
        const struct forward forward = {shape, (const char *)x + n * x_bytes, pixels, planar_weights, bias};

        forward_sample(shape, planar_window, &forward, y + n * y_size,
                       tw_code_at(code, n * tw_code_size(shape)));
    }
}

/* (d0 - d2, d1 + d2, d2 - d1, d1 - d3), four elements `stride` apart, in place. */
static void input_step(float *d, int stride)
{
    float d0 = d[0], d1 = d[stride], d2 = d[2 * stride], d3 = d[3 * stride];

    d[0] = d0 - d2;
    d[stride] = d1 + d2;
    d[2 * stride] = d2 - d1;
    d[3 * stride] = d1 - d3;
}

/* One window by Winograd: per input channel the transformed patch, multiplied into the 16 points, transformed
 * back. */
static void winograd_window(const void *context, ptrdiff_t o, ptrdiff_t r, ptrdiff_t c, float v[4])
{
    const struct forward *forward = context;
    const struct tw_conv_pool_shape *shape = forward->shape;
    const float *x = forward->x;
    float m[16] = {0}, half[8];

    for (ptrdiff_t i = 0; i < shape->in_channels; i++) {
        float d[16];

        for (int p = 0; p < 16; p++) {
            d[p] = x[blocked_index(i, 2 * r + p / 4 - 1, 2 * c + p % 4 - 1, shape->height, shape->width, 1)];
        }
        for (int column = 0; column < 4; column++) {
            input_step(d + column, 4);
        }
        for (int row = 0; row < 4; row++) {
            input_step(d + 4 * row, 1);
        }
        for (int p = 0; p < 16; p++) {
            m[p] = fmaf(d[p],
                        forward->weights[((o / TW_BLOCK * 16 + p) * shape->in_channels + i) * TW_BLOCK +
                                         o % TW_BLOCK],
                        m[p]);
        }
    }
    for (int column = 0; column < 4; column++) {
        half[column] = (m[column] + m[4 + column]) + m[8 + column];
        half[4 + column] = (m[4 + column] - m[8 + column]) - m[12 + column];
    }
    for (int row = 0; row < 2; row++) {
        const float *h = half + 4 * row;
        float bias = forward->bias ? forward->bias[o] : 0.0f;

        v[2 * row] = ((h[0] + h[1]) + h[2]) + bias;
        v[2 * row + 1] = ((h[1] - h[2]) - h[3]) + bias;
    }
}

void tw_f32_conv_pool_forward__reference(const struct tw_conv_pool_shape *shape, ptrdiff_t samples,
                                         const float *x, const float *winograd_weights, const float *bias,
                                         float *y, uint8_t *code, void *workspace)
{
    ptrdiff_t x_size = tw_blocked_size(shape->in_channels, shape->height, shape->width, 1);
    ptrdiff_t y_size =
        tw_blocked_size(shape->out_channels, shape->height / 2, shape->width / 2, shape->y_halo);

    (void)workspace;
    for (ptrdiff_t n = 0; n < samples; n++) {
        const struct forward forward = {shape, x + n * x_size, NULL, winograd_weights, bias};

        forward_sample(shape, winograd_window, &forward, y + n * y_size,
                       tw_code_at(code, n * tw_code_size(shape)));
    }
}
