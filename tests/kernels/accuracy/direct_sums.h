/* The sums that Winograd's F(2x2, 3x3) replaces, of convolutions that it suits: 3 x 3 in steps of 1, one group. They
 * are the chains of kernels/conv/conv.h, computed here because no kernel has them for such shapes. */
#ifndef TOWER_TESTS_KERNELS_ACCURACY_DIRECT_SUMS_H
#define TOWER_TESTS_KERNELS_ACCURACY_DIRECT_SUMS_H

#include "tests/kernels/accuracy/exact_convolution.h"

/* A pixel of plane number `plane` of x, counted through the samples; NULL outside the image. */
static inline const float *pixel_of(const struct convolution *c, ptrdiff_t plane, ptrdiff_t row,
                                    ptrdiff_t column)
{
    const ptrdiff_t height = c->shape.in_height, width = c->shape.in_width;
    const bool inside = row >= 0 && row < height && column >= 0 && column < width;

    return inside ? c->x + (plane * height + row) * width + column : NULL;
}

/* One chain over (i, u, v), from the bias or from +0. Steps outside the image are left out. */
static inline float direct_sum(const struct convolution *c, ptrdiff_t sample, ptrdiff_t o, ptrdiff_t row,
                               ptrdiff_t column)
{
    const ptrdiff_t in = c->shape.in_channels, top = row - c->shape.padding[0];
    const ptrdiff_t left = column - c->shape.padding[1];
    float sum = c->bias ? c->bias[o] : 0.0f;

    for (ptrdiff_t i = 0; i < in; i++) {
        for (ptrdiff_t tap = 0; tap < 9; tap++) {
            const float *pixel = pixel_of(c, sample * in + i, top + tap / 3, left + tap % 3);

            sum = pixel ? fmaf(*pixel, c->w[(o * in + i) * 9 + tap], sum) : sum;
        }
    }
    return sum;
}

static inline float *direct_sums(const struct convolution *c)
{
    const ptrdiff_t height = c->shape.out_height, width = c->shape.out_width, out = c->shape.out_channels;
    float *y = new_values(convolution_y_count(c));

    for (ptrdiff_t at = 0; at < convolution_y_count(c); at++) {
        const ptrdiff_t plane = at / width / height;

        y[at] = direct_sum(c, plane / out, plane % out, at / width % height, at % width);
    }
    return y;
}

/* Weight number `w`'s chain over (n, r, c), from +0. Steps outside the image are left out. */
static inline float direct_weight_sum(const struct convolution *c, ptrdiff_t w)
{
    const struct tw_conv2d_shape *s = &c->shape;
    const ptrdiff_t o = w / 9 / s->in_channels, i = w / 9 % s->in_channels;
    const ptrdiff_t top = w % 9 / 3 - s->padding[0], left = w % 3 - s->padding[1];
    float sum = 0.0f;

    for (ptrdiff_t n = 0; n < c->samples; n++) {
        const float *dy = c->dy + (n * s->out_channels + o) * s->out_height * s->out_width;

        for (ptrdiff_t at = 0; at < s->out_height * s->out_width; at++) {
            const float *pixel =
                pixel_of(c, n * s->in_channels + i, at / s->out_width + top, at % s->out_width + left);

            sum = pixel ? fmaf(*pixel, dy[at], sum) : sum;
        }
    }
    return sum;
}

static inline float *direct_weight_sums(const struct convolution *c)
{
    float *dw = new_values(convolution_w_count(c));

    for (ptrdiff_t w = 0; w < convolution_w_count(c); w++) {
        dw[w] = direct_weight_sum(c, w);
    }
    return dw;
}

/* The input gradient as the forward of another convolution: of dy, with channels exchanged and weights turned by half a
 * turn, so that ascending taps are the gradient's own order. Writes the weights to `w`, and borrows them. */
static inline struct convolution turned(const struct convolution *c, float *w)
{
    const struct tw_conv2d_shape *s = &c->shape;
    struct convolution forward = {.shape = *s, .samples = c->samples, .x = c->dy, .w = w};

    forward.shape.in_channels = s->out_channels;
    forward.shape.in_height = s->out_height;
    forward.shape.in_width = s->out_width;
    forward.shape.out_channels = s->in_channels;
    forward.shape.out_height = s->in_height;
    forward.shape.out_width = s->in_width;
    for (int d = 0; d < 2; d++) {
        forward.shape.padding[d] = 2 - s->padding[d];
    }
    for (ptrdiff_t filter = 0; filter < convolution_w_count(c) / 9; filter++) {
        const ptrdiff_t o = filter / s->in_channels, i = filter % s->in_channels;

        for (ptrdiff_t tap = 0; tap < 9; tap++) {
            w[(i * s->out_channels + o) * 9 + tap] = c->w[filter * 9 + 8 - tap];
        }
    }
    return forward;
}

#endif
