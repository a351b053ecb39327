/* Convolutions and their gradients in double, by the formula of kernels/conv/conv.h, one tap at a time. */
#ifndef TOWER_TESTS_KERNELS_ACCURACY_EXACT_CONVOLUTION_H
#define TOWER_TESTS_KERNELS_ACCURACY_EXACT_CONVOLUTION_H

#include "tests/kernels/accuracy/accuracy.h"

/* A convolution and its data, as the kernels take them. */
struct convolution {
    struct tw_conv2d_shape shape;
    ptrdiff_t samples;
    const float *x, *w, *bias, *dy;
};

static inline ptrdiff_t convolution_x_count(const struct convolution *c)
{
    return c->samples * c->shape.in_channels * c->shape.in_height * c->shape.in_width;
}

static inline ptrdiff_t convolution_y_count(const struct convolution *c)
{
    return c->samples * c->shape.out_channels * c->shape.out_height * c->shape.out_width;
}

/* Weights of one output channel: the terms of a sum into y. */
static inline ptrdiff_t convolution_fan_in(const struct convolution *c)
{
    return c->shape.in_channels / c->shape.groups * c->shape.kernel_height * c->shape.kernel_width;
}

static inline ptrdiff_t convolution_w_count(const struct convolution *c)
{
    return c->shape.out_channels * convolution_fan_in(c);
}

/* For those that own their data. */
static inline void convolution_release(struct convolution *c)
{
    const void *arrays[] = {c->x, c->w, c->bias, c->dy};

    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        free((void *)arrays[i]);
    }
}

/* The sums one convolution is: over (x, w) into y, over (dy, w) into dx, over (x, dy) into dw. */
enum sums { INTO_Y, INTO_DX, INTO_DW };

static inline void exact_tap(const struct convolution *c, enum sums into, ptrdiff_t y, ptrdiff_t x,
                             ptrdiff_t w, struct exact *exact)
{
    if (into == INTO_Y) {
        exact_add(exact, y, c->x[x], c->w[w]);
    } else if (into == INTO_DX) {
        exact_add(exact, x, c->dy[y], c->w[w]);
    } else {
        exact_add(exact, w, c->x[x], c->dy[y]);
    }
}

/* Element `y` of the output meets all its taps inside the image. */
static inline void exact_window(const struct convolution *c, enum sums into, ptrdiff_t y, struct exact *exact)
{
    const struct tw_conv2d_shape *s = &c->shape;
    const ptrdiff_t left = y % s->out_width * s->stride[1] - s->padding[1];
    const ptrdiff_t top = y / s->out_width % s->out_height * s->stride[0] - s->padding[0];
    const ptrdiff_t plane = y / s->out_width / s->out_height, o = plane % s->out_channels;
    const ptrdiff_t channels = s->in_channels / s->groups, taps = s->kernel_height * s->kernel_width;
    const ptrdiff_t first =
        plane / s->out_channels * s->in_channels + o / (s->out_channels / s->groups) * channels;

    for (ptrdiff_t i = 0; i < channels; i++) {
        for (ptrdiff_t tap = 0; tap < taps; tap++) {
            const ptrdiff_t row = top + tap / s->kernel_width * s->dilation[0];
            const ptrdiff_t column = left + tap % s->kernel_width * s->dilation[1];

            if (row >= 0 && row < s->in_height && column >= 0 && column < s->in_width) {
                exact_tap(c, into, y, ((first + i) * s->in_height + row) * s->in_width + column,
                          (o * channels + i) * taps + tap, exact);
            }
        }
    }
}

static inline struct exact exact_convolution(const struct convolution *c, enum sums into)
{
    const ptrdiff_t y_count = convolution_y_count(c), plane = c->shape.out_height * c->shape.out_width;
    struct exact exact = exact_new(into == INTO_Y    ? y_count
                                   : into == INTO_DX ? convolution_x_count(c)
                                                     : convolution_w_count(c));

    for (ptrdiff_t y = 0; y < y_count; y++) {
        exact_window(c, into, y, &exact);
    }
    for (ptrdiff_t y = 0; into == INTO_Y && y < y_count; y++) {
        exact_add(&exact, y, c->bias[y / plane % c->shape.out_channels], 1);
    }
    return exact;
}

/* The bias gradient. */
static inline struct exact exact_bias(const struct convolution *c)
{
    const ptrdiff_t plane = c->shape.out_height * c->shape.out_width;
    struct exact exact = exact_new(c->shape.out_channels);

    for (ptrdiff_t y = 0; y < convolution_y_count(c); y++) {
        exact_add(&exact, y / plane % c->shape.out_channels, c->dy[y], 1);
    }
    return exact;
}

#endif
