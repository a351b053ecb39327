/* What a weight gradient by Winograd's F(2x2, 3x3) is off by at most: convolutions as in winograd_bounds.h. */
#ifndef TOWER_TESTS_KERNELS_ACCURACY_WINOGRAD_WEIGHT_BOUNDS_H
#define TOWER_TESTS_KERNELS_ACCURACY_WINOGRAD_WEIGHT_BOUNDS_H

#include "tests/kernels/accuracy/winograd_bounds.h"

/* The sizes |A| |y| |A|^T of a tile of dy, of all channels; dy outside of its planes is 0. */
static inline void gradient_sizes(const struct convolution *c, ptrdiff_t sample, ptrdiff_t tile_row,
                                  ptrdiff_t tile_column, double *sizes)
{
    static const struct matrix matrix = {4, 2, {1, 0, 1, 1, 1, 1, 0, 1}};
    const ptrdiff_t height = c->shape.out_height, width = c->shape.out_width, out = c->shape.out_channels;

    for (ptrdiff_t o = 0; o < out; o++) {
        const float *plane = c->dy + (sample * out + o) * height * width;
        double y[4];

        for (int place = 0; place < 4; place++) {
            const ptrdiff_t row = 2 * tile_row + place / 2, column = 2 * tile_column + place % 2;
            const bool inside = row < height && column < width;

            y[place] = inside ? fabs((double)plane[row * width + column]) : 0.0;
        }
        congruence(&matrix, y, &matrix, sizes + 16 * o);
    }
}

/* u, of all filters, += the products of a tile's sizes. */
static inline void add_products(const struct convolution *c, const double *m, const double *v, double *u)
{
    const ptrdiff_t in = c->shape.in_channels;

    for (ptrdiff_t filter = 0; filter < c->shape.out_channels * in; filter++) {
        for (ptrdiff_t p = 0; p < 16; p++) {
            u[16 * filter + p] += m[filter / in * 16 + p] * v[filter % in * 16 + p];
        }
    }
}

/* The sums of |M| |V| over all tiles of all samples. */
static inline double *product_sizes(const struct convolution *c)
{
    const ptrdiff_t rows = (c->shape.out_height + 1) / 2, columns = (c->shape.out_width + 1) / 2;
    const ptrdiff_t in = c->shape.in_channels, out = c->shape.out_channels;
    double *u = new_bytes((size_t)(16 * in * out) * sizeof *u);
    double *m = new_bytes((size_t)(16 * out) * sizeof *m), *v = new_bytes((size_t)(16 * in) * sizeof *v);

    for (ptrdiff_t at = 0; at < c->samples * rows * columns; at++) {
        const ptrdiff_t n = at / columns / rows, row = at / columns % rows, column = at % columns;

        gradient_sizes(c, n, row, column, m);
        window_sizes(c, &two_results, n, row, column, v);
        add_products(c, m, v, u);
    }
    free(m);
    free(v);
    return u;
}

/* One for each element of dw. It goes through 2 roundings of dy's transform, 2 of x's, a chain of fma over the tiles of all
 * samples, and 4 of the last transform, two sums in either direction: halves are exact. None of them is larger than u times
 * |G|^T (sum of |M| |V|) |G|. */
static inline double *winograd_weight_bounds(const struct convolution *c)
{
    static const struct matrix matrix = {3, 4, {1, 0.5, 0.5, 0, 0, 0.5, 0.5, 0, 0, 0.5, 0.5, 1}};
    const ptrdiff_t tiles = (c->shape.out_height + 1) / 2 * ((c->shape.out_width + 1) / 2);
    double *bound = new_bytes((size_t)convolution_w_count(c) * sizeof *bound), *u = product_sizes(c);

    for (ptrdiff_t filter = 0; filter < convolution_w_count(c) / 9; filter++) {
        double *taps = bound + 9 * filter;

        congruence(&matrix, u + 16 * filter, &matrix, taps);
        for (int tap = 0; tap < 9; tap++) {
            taps[tap] = bound_of((double)(c->samples * tiles + 8), taps[tap]);
        }
    }
    free(u);
    return bound;
}

#endif
