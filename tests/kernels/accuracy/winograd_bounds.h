/* What a convolution by Winograd's F(2x2, 3x3) is off by at most: 3 x 3 in steps of 1, one group, padding of 0 to 2. */
#ifndef TOWER_TESTS_KERNELS_ACCURACY_WINOGRAD_BOUNDS_H
#define TOWER_TESTS_KERNELS_ACCURACY_WINOGRAD_BOUNDS_H

#include "tests/kernels/accuracy/direct_sums.h"

/* y = m x m^T for m of rows x n, x of n x n. */
static inline void congruence(int rows, int n, const double *m, const double *x, double *y)
{
    double half[16];

    for (int i = 0; i < rows * n; i++) {
        half[i] = 0;
        for (int p = 0; p < n; p++) {
            half[i] += m[i / n * n + p] * x[p * n + i % n];
        }
    }
    for (int i = 0; i < rows * rows; i++) {
        y[i] = 0;
        for (int p = 0; p < n; p++) {
            y[i] += half[i / rows * n + p] * m[i % rows * n + p];
        }
    }
}

/* The sizes |G| |g| |G|^T of all weights, and |B|^T |d| |B| of what a tile of results meets of all channels: what the
 * transforms' roundings are relative to. */
static inline double *weight_sizes(const struct convolution *c)
{
    static const double matrix[] = {1, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0, 0, 1};
    const ptrdiff_t filters = convolution_w_count(c) / 9;
    double *sizes = new_bytes((size_t)(filters * 16) * sizeof *sizes);

    for (ptrdiff_t i = 0; i < filters; i++) {
        double g[9];

        for (int tap = 0; tap < 9; tap++) {
            g[tap] = fabs((double)c->w[9 * i + tap]);
        }
        congruence(4, 3, matrix, g, sizes + 16 * i);
    }
    return sizes;
}

static inline void window_sizes(const struct convolution *c, ptrdiff_t sample, ptrdiff_t tile_row,
                                ptrdiff_t tile_column, double *sizes)
{
    static const double matrix[] = {1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1};
    const ptrdiff_t top = 2 * tile_row - c->shape.padding[0], left = 2 * tile_column - c->shape.padding[1];

    for (ptrdiff_t i = 0; i < c->shape.in_channels; i++) {
        double d[16];

        for (int p = 0; p < 16; p++) {
            const float *pixel = pixel_of(c, sample * c->shape.in_channels + i, top + p / 4, left + p % 4);

            d[p] = pixel ? fabs((double)*pixel) : 0.0;
        }
        congruence(4, 4, matrix, d, sizes + 16 * i);
    }
}

/* A result goes through 4 roundings of the weights' transform, 2 of the input's, a chain of in_channels fma, 4 of the
 * output's transform and 1 for the bias, and none of them is larger than u times what the same sums are of absolute
 * values: |A|^T (sum over i of |U| |V|) |A| + |bias|. Here u are the sizes of one channel's weights, v those of the tile's
 * window, and `bound` is that channel's plane. */
static inline void tile_bounds(const struct convolution *c, const double *u, const double *v, double bias,
                               ptrdiff_t tile_row, ptrdiff_t tile_column, double *bound)
{
    static const double matrix[] = {1, 1, 1, 0, 0, 1, 1, 1};
    const ptrdiff_t in = c->shape.in_channels;
    double m[16] = {0}, y[4];

    for (ptrdiff_t p = 0; p < 16 * in; p++) {
        m[p % 16] += u[p] * v[p];
    }
    congruence(2, 4, matrix, m, y);
    for (int place = 0; place < 4; place++) {
        const ptrdiff_t row = 2 * tile_row + place / 2, column = 2 * tile_column + place % 2;

        if (row < c->shape.out_height && column < c->shape.out_width) {
            bound[row * c->shape.out_width + column] = bound_of((double)(in + 11), y[place] + fabs(bias));
        }
    }
}

/* One for each element of y. Where extents are odd, the last tiles lie partly outside. */
static inline double *winograd_bounds(const struct convolution *c)
{
    const ptrdiff_t in = c->shape.in_channels, out = c->shape.out_channels;
    const ptrdiff_t rows = (c->shape.out_height + 1) / 2, columns = (c->shape.out_width + 1) / 2;
    const ptrdiff_t plane = c->shape.out_height * c->shape.out_width;
    double *bound = new_bytes((size_t)convolution_y_count(c) * sizeof *bound), *u = weight_sizes(c);
    double *v = new_bytes((size_t)(16 * in) * sizeof *v);

    for (ptrdiff_t at = 0; at < c->samples * rows * columns; at++) {
        const ptrdiff_t n = at / columns / rows, row = at / columns % rows, column = at % columns;

        window_sizes(c, n, row, column, v);
        for (ptrdiff_t o = 0; o < out; o++) {
            tile_bounds(c, u + 16 * in * o, v, c->bias ? (double)c->bias[o] : 0.0, row, column,
                        bound + (n * out + o) * plane);
        }
    }
    free(u);
    free(v);
    return bound;
}

#endif
