/* What a convolution by Winograd's F(2x2, 3x3) or F(4x2, 3x3) is off by at most: 3 x 3 in steps of 1, one group, padding of 0 to 2. */
#ifndef TOWER_TESTS_KERNELS_ACCURACY_WINOGRAD_BOUNDS_H
#define TOWER_TESTS_KERNELS_ACCURACY_WINOGRAD_BOUNDS_H

#include "tests/kernels/accuracy/direct_sums.h"

struct matrix {
    int rows, columns;
    double at[36]; /* row by row */
};

/* y = left x right^T, all of them row by row. */
static inline void congruence(const struct matrix *left, const double *x, const struct matrix *right,
                              double *y)
{
    const int columns = right->columns;
    double half[36] = {0};

    for (int i = 0; i < left->rows * columns; i++) {
        for (int p = 0; p < left->columns; p++) {
            half[i] += left->at[i / columns * left->columns + p] * x[p * columns + i % columns];
        }
    }
    for (int i = 0; i < left->rows * right->rows; i++) {
        y[i] = 0;
        for (int p = 0; p < columns; p++) {
            y[i] += half[i / right->rows * columns + p] * right->at[i % right->rows * columns + p];
        }
    }
}

/* The absolute values of what the transforms multiply by in one direction, for so many results; and how many roundings a result has
 * from all three of them. On its way to a result a number goes through as many as this:
 *
 *   two results    weights 2 (sums; a half is exact), input 1, output 2
 *   four results   weights 4 (two fma, a product, and its factor, which is rounded itself), input 2 (fma), output 3 (the sum or
 *                  difference of two points, and two more steps)
 */
struct transforms {
    int results, roundings;
    struct matrix weights, input, output;
};

static const struct transforms two_results = {
    2,
    2 + 1 + 2,
    {4, 3, {1, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0, 0, 1}},
    {4, 4, {1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1}},
    {2, 4, {1, 1, 1, 0, 0, 1, 1, 1}},
};

/* Of the points of kernels/conv/conv.h: 0, a, -a, b, -b, infinity. */
static inline struct transforms four_results(void)
{
    const double a = 11 / 16.0, b = 11 / 8.0, a2 = a * a, b2 = b * b, q = a2 * b2, s = a2 + b2;
    const double n = 2 * a2 * (b2 - a2), o = 2 * b2 * (b2 - a2);

    return (struct transforms){
        4,
        4 + 2 + 3,
        {6,
         3,
         {1 / q, 0, 0, 1 / n, a / n, a2 / n, 1 / n, a / n, a2 / n, 1 / o, b / o, b2 / o, 1 / o, b / o, b2 / o,
          0, 0, 1}},
        {6, 6, {q, 0,      s,  0, 1, 0, 0, a * b2, b2, a, 1, 0, 0, a * b2, b2, a, 1, 0,
                0, b * a2, a2, b, 1, 0, 0, b * a2, a2, b, 1, 0, 0, q,      0,  s, 0, 1}},
        {4, 6, {1, 1,  1,  1,  1,  0, 0, a,      a,      b,      b,      0,
                0, a2, a2, b2, b2, 0, 0, a * a2, a * a2, b * b2, b * b2, 1}},
    };
}

enum { POINTS_MOST = 24 };

/* Of a tile. */
static inline int points_of(const struct transforms *down)
{
    return down->weights.rows * two_results.weights.rows;
}

/* The sizes |G| |g| |G|^T of all weights, and |B|^T |d| |B| of what a tile of results meets of all channels: what the
 * transforms' roundings are relative to. `down` are the transforms down the columns; those along rows are of two results. */
static inline double *weight_sizes(const struct convolution *c, const struct transforms *down)
{
    const ptrdiff_t filters = convolution_w_count(c) / 9, points = points_of(down);
    double *sizes = new_bytes((size_t)(filters * points) * sizeof *sizes);

    for (ptrdiff_t i = 0; i < filters; i++) {
        double g[9];

        for (int tap = 0; tap < 9; tap++) {
            g[tap] = fabs((double)c->w[9 * i + tap]);
        }
        congruence(&down->weights, g, &two_results.weights, sizes + points * i);
    }
    return sizes;
}

static inline void window_sizes(const struct convolution *c, const struct transforms *down, ptrdiff_t sample,
                                ptrdiff_t tile_row, ptrdiff_t tile_column, double *sizes)
{
    const ptrdiff_t top = down->results * tile_row - c->shape.padding[0];
    const ptrdiff_t left = 2 * tile_column - c->shape.padding[1], points = points_of(down);

    for (ptrdiff_t i = 0; i < c->shape.in_channels; i++) {
        double d[POINTS_MOST];

        for (ptrdiff_t p = 0; p < points; p++) {
            const float *pixel = pixel_of(c, sample * c->shape.in_channels + i, top + p / 4, left + p % 4);

            d[p] = pixel ? fabs((double)*pixel) : 0.0;
        }
        congruence(&down->input, d, &two_results.input, sizes + points * i);
    }
}

/* A result goes through the roundings of the transforms in both directions, a chain of in_channels fma and one for the bias, and
 * none of them is larger than u times what the same sums are of absolute values: |A|^T (sum over i of |U| |V|) |A| + |bias|. Here u
 * are the sizes of one channel's weights, v those of the tile's window, and `bound` is that channel's plane. */
static inline void tile_bounds(const struct convolution *c, const struct transforms *down, const double *u,
                               const double *v, double bias, ptrdiff_t tile_row, ptrdiff_t tile_column,
                               double *bound)
{
    const ptrdiff_t in = c->shape.in_channels, points = points_of(down);
    const double roundings = (double)(down->roundings + two_results.roundings + in + 1);
    double m[POINTS_MOST] = {0}, y[8];

    for (ptrdiff_t p = 0; p < points * in; p++) {
        m[p % points] += u[p] * v[p];
    }
    congruence(&down->output, m, &two_results.output, y);
    for (int place = 0; place < 2 * down->results; place++) {
        const ptrdiff_t row = down->results * tile_row + place / 2, column = 2 * tile_column + place % 2;

        if (row < c->shape.out_height && column < c->shape.out_width) {
            bound[row * c->shape.out_width + column] = bound_of(roundings, y[place] + fabs(bias));
        }
    }
}

/* One for each element of y, in tiles of two or four rows. Where extents are no multiple of the tiles', the last tiles lie partly
 * outside. */
static inline double *winograd_bounds(const struct convolution *c, ptrdiff_t tile_rows)
{
    const struct transforms four = four_results(), *down = tile_rows == 4 ? &four : &two_results;
    const ptrdiff_t in = c->shape.in_channels, out = c->shape.out_channels, points = points_of(down);
    const ptrdiff_t rows = (c->shape.out_height + tile_rows - 1) / tile_rows;
    const ptrdiff_t columns = (c->shape.out_width + 1) / 2, plane = c->shape.out_height * c->shape.out_width;
    double *bound = new_bytes((size_t)convolution_y_count(c) * sizeof *bound), *u = weight_sizes(c, down);
    double *v = new_bytes((size_t)(points * in) * sizeof *v);

    for (ptrdiff_t at = 0; at < c->samples * rows * columns; at++) {
        const ptrdiff_t n = at / columns / rows, row = at / columns % rows, column = at % columns;

        window_sizes(c, down, n, row, column, v);
        for (ptrdiff_t o = 0; o < out; o++) {
            tile_bounds(c, down, u + points * in * o, v, c->bias ? (double)c->bias[o] : 0.0, row, column,
                        bound + (n * out + o) * plane);
        }
    }
    free(u);
    free(v);
    return bound;
}

#endif
