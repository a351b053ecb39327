/* The tiles of the weight gradient's "direct rows" (conv_weight_rows_avx512.c): four to eight channels with three taps along a row, or
 * three or four with five, of one vector of output channels. */
#ifndef TOWER_KERNELS_CONV_CONV_WEIGHT_ROWS_TILES_AVX512_H
#define TOWER_KERNELS_CONV_CONV_WEIGHT_ROWS_TILES_AVX512_H

#include <immintrin.h>
#include <stddef.h>

#include "kernels/simd/unroll.h"

enum {
    LANES = 16,
    SUMS = 24, /* vectors of a tile: beside them are the taps' gradients and a pixel */
    LEAST_HEIGHT = 3,
    HEIGHT = 8, /* channels of a tile */
    TAPS = 5
};

/* Distances count floats. */
struct tile {
    const float *x;             /* the row that the first row of positions meets, of the first channel */
    const float *dy;            /* [row of positions][position][LANES] */
    float *c;                   /* [channel][tap along the row][LANES] */
    ptrdiff_t plane, row;       /* from a pixel to that of the next channel, of the next row of positions */
    ptrdiff_t c_channel;        /* to the sums of the next channel */
    ptrdiff_t rows, positions;  /* rows of positions, and positions of each: at least as many as taps */
    ptrdiff_t sources, padding; /* pixels of a row, and of the padding before them: fewer than taps */
};

/* Channel `i` of a tile, if it has such. */
TW_IN_PLACE const float *channel(const int height, const int i, const float *x, ptrdiff_t plane)
{
    return i < height ? x + i * plane : x;
}

/* The pixel of channel i: every third has an address of its own, the others are one or two distances from it. */
TW_IN_PLACE __m512 pixel(const int i, const float *x, const float *x3, const float *x6, ptrdiff_t plane)
{
    return _mm512_set1_ps((i < 3 ? x : i < 6 ? x3 : x6)[i % 3 * plane]);
}

/* The pixels of column `column`, with those of their taps whose positions are there. */
TW_IN_PLACE void meet_some(const int height, const int taps, const struct tile *t, const float *x,
                           const float *dy, ptrdiff_t column, __m512 sum[HEIGHT][TAPS])
{
    const float *const x0 = x + column, *const x3 = channel(height, 3, x0, t->plane),
                       *const x6 = channel(height, 6, x0, t->plane);

    TW_UNROLL
    for (int b = 0; b < taps; b++) {
        const ptrdiff_t position = column + t->padding - b;

        if (position >= 0 && position < t->positions) {
            const __m512 gradient = _mm512_loadu_ps(dy + position * LANES);

            TW_UNROLL
            for (int i = 0; i < height; i++) {
                sum[i][b] = _mm512_fmadd_ps(pixel(i, x0, x3, x6, t->plane), gradient, sum[i][b]);
            }
        }
    }
}

/* The pixels of `columns` columns from `column` on, a multiple of the taps, whose positions are all there. A gradient stays in its
 * register until all taps have met it. */
TW_IN_PLACE void meet_all(const int height, const int taps, const struct tile *t, const float *x,
                          const float *dy, ptrdiff_t column, ptrdiff_t columns, __m512 sum[HEIGHT][TAPS])
{
    const float *x0 = x + column, *x3 = channel(height, 3, x0, t->plane),
                *x6 = channel(height, 6, x0, t->plane);
    const float *next = dy + (column + t->padding) * LANES;
    __m512 gradient[TAPS];

    TW_UNROLL
    for (int b = 1; b < taps; b++) {
        gradient[taps - b] = _mm512_loadu_ps(next - b * LANES);
    }
    for (; columns > 0; columns -= taps) {
        TW_UNROLL
        for (int turn = 0; turn < taps; turn++) {
            gradient[turn] = _mm512_loadu_ps(next + turn * LANES);
            TW_UNROLL
            for (int i = 0; i < height; i++) {
                const __m512 one = pixel(i, x0 + turn, x3 + turn, x6 + turn, t->plane);

                TW_UNROLL
                for (int b = 0; b < taps; b++) {
                    sum[i][b] = _mm512_fmadd_ps(one, gradient[(turn - b + taps) % taps], sum[i][b]);
                }
            }
        }
        next += taps * LANES;
        x0 += taps;
        x3 += taps;
        x6 += taps;
    }
}

TW_IN_PLACE void run_tile(const int height, const int taps, const struct tile *operands)
{
    const struct tile copy = *operands, *const t = &copy; /* which no store can change */
    const ptrdiff_t first = taps - 1 - t->padding;
    const ptrdiff_t end = first + (t->positions - taps + 1) / taps * taps;
    const float *x = t->x, *dy = t->dy;
    __m512 sum[HEIGHT][TAPS];

    TW_UNROLL
    for (int i = 0; i < height; i++) {
        TW_UNROLL
        for (int b = 0; b < taps; b++) {
            sum[i][b] = _mm512_loadu_ps(t->c + i * t->c_channel + b * LANES);
        }
    }
    for (ptrdiff_t r = 0; r < t->rows; r++, x += t->row, dy += t->positions * LANES) {
        for (ptrdiff_t column = 0; column < first; column++) {
            meet_some(height, taps, t, x, dy, column, sum);
        }
        meet_all(height, taps, t, x, dy, first, end - first, sum);
        for (ptrdiff_t column = end; column < t->sources; column++) {
            meet_some(height, taps, t, x, dy, column, sum);
        }
    }
    TW_UNROLL
    for (int i = 0; i < height; i++) {
        TW_UNROLL
        for (int b = 0; b < taps; b++) {
            _mm512_storeu_ps(t->c + i * t->c_channel + b * LANES, sum[i][b]);
        }
    }
}

typedef void tile_fn(const struct tile *t);

#define DEFINE_TILE(height, taps)                                                      \
    static __attribute__((noinline)) void tile_##height##x##taps(const struct tile *t) \
    {                                                                                  \
        run_tile(height, taps, t);                                                     \
    }

DEFINE_TILE(4, 3)
DEFINE_TILE(5, 3)
DEFINE_TILE(6, 3)
DEFINE_TILE(7, 3)
DEFINE_TILE(8, 3)
DEFINE_TILE(3, 5)
DEFINE_TILE(4, 5)

/* Of three taps and of five; by channels, from LEAST_HEIGHT on. Eight channels and more, shared out evenly, need no others. */
static tile_fn *const tiles[2][HEIGHT - LEAST_HEIGHT + 1] = {
    {NULL, tile_4x3, tile_5x3, tile_6x3, tile_7x3, tile_8x3}, {tile_3x5, tile_4x5}};

#endif
