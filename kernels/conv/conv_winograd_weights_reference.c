/* Winograd's weight gradient straight from the formulas of conv.h, one filter at a time. */
#include <math.h>

#include "kernels/conv/conv_winograd.h"

/* (y0, y0 + y1, y0 - y1, y1), numbers `stride` apart. */
static void gradient_step(const float *y, ptrdiff_t stride, float *m, ptrdiff_t m_stride)
{
    m[0] = y[0];
    m[m_stride] = y[0] + y[stride];
    m[2 * m_stride] = y[0] - y[stride];
    m[3 * m_stride] = y[stride];
}

/* A plane, and what it is outside. */
struct plane {
    const float *values;
    ptrdiff_t height, width;
};

static float at(const struct plane *plane, ptrdiff_t row, ptrdiff_t column)
{
    const bool inside = row >= 0 && row < plane->height && column >= 0 && column < plane->width;

    return inside ? plane->values[row * plane->width + column] : 0.0f;
}

/* Down the columns of dy first, then along the rows. */
static void gradient_points(const struct plane *dy, ptrdiff_t row, ptrdiff_t column, float m[16])
{
    float y[4], half[8];

    for (ptrdiff_t i = 0; i < 4; i++) {
        y[i] = at(dy, 2 * row + i / 2, 2 * column + i % 2);
    }
    for (ptrdiff_t c = 0; c < 2; c++) {
        gradient_step(y + c, 2, half + c, 2);
    }
    for (ptrdiff_t k = 0; k < 4; k++) {
        gradient_step(half + 2 * k, 1, m + 4 * k, 1);
    }
}

/* (d0 - d2, d1 + d2, d2 - d1, d3 - d1), numbers `stride` apart, in place. */
static void window_step(float *d, ptrdiff_t stride)
{
    const float d0 = d[0], d1 = d[stride], d2 = d[2 * stride], d3 = d[3 * stride];

    d[0] = d0 - d2;
    d[stride] = d1 + d2;
    d[2 * stride] = d2 - d1;
    d[3 * stride] = d3 - d1;
}

/* Down the columns of pixels first, then along the rows. */
static void window_points(const struct plane *x, ptrdiff_t top, ptrdiff_t left, float v[16])
{
    for (ptrdiff_t i = 0; i < 16; i++) {
        v[i] = at(x, top + i / 4, left + i % 4);
    }
    for (ptrdiff_t c = 0; c < 4; c++) {
        window_step(v + c, 4);
    }
    for (ptrdiff_t k = 0; k < 4; k++) {
        window_step(v + 4 * k, 1);
    }
}

/* (u0 + (u1 + u2) / 2, (u1 - u2) / 2, (u1 + u2) / 2 + u3), numbers `stride` apart. */
static void tap_step(const float *u, ptrdiff_t stride, float *g, ptrdiff_t g_stride)
{
    const float inner = (u[stride] + u[2 * stride]) * 0.5f;

    g[0] = u[0] + inner;
    g[g_stride] = (u[stride] - u[2 * stride]) * 0.5f;
    g[2 * g_stride] = inner + u[3 * stride];
}

/* Down the columns of points first, then along their rows. */
static void filter_taps(const float u[16], float g[9])
{
    float half[12];

    for (ptrdiff_t c = 0; c < 4; c++) {
        tap_step(u + c, 4, half + c, 4);
    }
    for (ptrdiff_t k = 0; k < 3; k++) {
        tap_step(half + 4 * k, 1, g + 3 * k, 1);
    }
}

/* One sample's part of the chains of a filter's points: over the tiles, row by row. */
static void add_tiles(const struct tw_conv2d_shape *s, const struct plane *x, const struct plane *dy,
                      float u[16])
{
    const ptrdiff_t rows = (s->out_height + 1) / 2, columns = (s->out_width + 1) / 2;

    for (ptrdiff_t t = 0; t < rows * columns; t++) {
        const ptrdiff_t row = t / columns, column = t % columns;
        float m[16], v[16];

        gradient_points(dy, row, column, m);
        window_points(x, 2 * row - s->padding[0], 2 * column - s->padding[1], v);
        for (int p = 0; p < 16; p++) {
            u[p] = fmaf(m[p], v[p], u[p]);
        }
    }
}

void tw_conv_winograd_weights_reference(const struct tw_conv2d_shape *shape, ptrdiff_t samples,
                                        const float *x, const float *dy, float *dw)
{
    const ptrdiff_t in = shape->in_channels / shape->groups, out = shape->out_channels / shape->groups;
    const ptrdiff_t x_plane = shape->in_height * shape->in_width;
    const ptrdiff_t dy_plane = shape->out_height * shape->out_width;

    for (ptrdiff_t f = 0; f < shape->out_channels * in; f++, dw += 9) {
        const ptrdiff_t o = f / in, i = o / out * in + f % in;
        float u[16] = {0};

        for (ptrdiff_t n = 0; n < samples; n++) {
            const struct plane of_x = {x + (n * shape->in_channels + i) * x_plane, shape->in_height,
                                       shape->in_width};
            const struct plane of_dy = {dy + (n * shape->out_channels + o) * dy_plane, shape->out_height,
                                        shape->out_width};

            add_tiles(shape, &of_x, &of_dy, u);
        }
        filter_taps(u, dw);
    }
}
