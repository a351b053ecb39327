/* The tiles of "direct rows" (conv_direct_rows_avx512.c): up to eight result channels of two or three vectors of positions, with the sums
 * of a block of source channels. */
#ifndef TOWER_KERNELS_CONV_CONV_DIRECT_ROWS_TILES_AVX512_H
#define TOWER_KERNELS_CONV_CONV_DIRECT_ROWS_TILES_AVX512_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/conv/conv.h"
#include "kernels/simd/unroll.h"

enum {
    LANES = 16,
    LEAST_HEIGHT = 4, /* result channels of a tile */
    HEIGHT = 8,
    WIDTH = 3, /* vectors of a tile */
    TAPS = TW_CONV2D_LISTED_TAPS
};

struct tile;

/* Columns of positions that a tile is wide. */
struct strip {
    ptrdiff_t column;                              /* the first one */
    void (*const *of_height)(const struct tile *); /* its tiles of LEAST_HEIGHT result channels and more */
    __mmask16 there[WIDTH], met[TAPS][WIDTH]; /* lanes that are positions, and meet a tap along the row */
};

/* Distances count floats. */
struct tile {
    const float *source;             /* beside its first position, of the first channel and tap down */
    const float *w, *start;          /* start: NULL for 0, else of the result channels */
    float *c;                        /* of the first position */
    ptrdiff_t plane, row;            /* from a source to that of the next channel, of the next tap down */
    ptrdiff_t channels, down, along; /* taps */
    ptrdiff_t w_channel, w_down;     /* from a weight to that of the next channel, of the next tap down */
    ptrdiff_t step[TAPS];
    ptrdiff_t c_row; /* to the next result channel */
    bool goes_on;    /* the chains start from c */
    ptrdiff_t next;  /* from a source to what the row below brings, to be fetched */
    const struct strip *strip;
};

/* An address so many floats on, which may lie beside what there is: nothing is read there. */
static inline const float *place(const float *x, ptrdiff_t distance)
{
    return (const float *)((uintptr_t)x + (uintptr_t)distance * sizeof *x);
}

/* Says nothing to the compiler of where the mask came from: of more than it has registers for it kept copies in others. */
static inline __mmask16 mask_anew(__mmask16 mask)
{
    __asm__("" : "+Yk"(mask));
    return mask;
}

/* The products with tap b along the row. `taps`: 0, or their number where taps before the middle one alone fall beside the image,
 * at the first vector, and those behind it alone, at the last one: few masks, which stay in registers. */
TW_IN_PLACE void multiply(const int rows, const int vectors, const int taps, const int b,
                          const struct strip *strip, const float *source, const float *w,
                          __m512 sum[HEIGHT][WIDTH])
{
    const int last = vectors - 1, middle = taps / 2;
    __mmask16 met[WIDTH];
    bool whole[WIDTH];
    __m512 x[WIDTH];

    TW_UNROLL
    for (int v = 0; v < vectors; v++) {
        whole[v] = taps > 0 && (v > 0 || b >= middle) && (v < last || b <= middle);
        met[v] = whole[v] ? strip->there[v] : taps > 0 ? strip->met[b][v] : mask_anew(strip->met[b][v]);
        x[v] = whole[v] && v < last ? _mm512_loadu_ps(place(source, v * LANES))
                                    : _mm512_maskz_loadu_ps(met[v], place(source, v * LANES));
    }
    TW_UNROLL
    for (int j = 0; j < rows; j++) {
        const __m512 weight = _mm512_set1_ps(w[j]);

        TW_UNROLL
        for (int v = 0; v < vectors; v++) {
            sum[j][v] = whole[v] ? _mm512_fmadd_ps(weight, x[v], sum[j][v])
                                 : _mm512_mask3_fmadd_ps(weight, x[v], sum[j][v], met[v]);
        }
    }
}

/* The results' lines are asked for now, since the image and they may lie beyond L2. */
TW_IN_PLACE void start(const int rows, const int vectors, const struct tile *t, const struct strip *strip,
                       __m512 sum[HEIGHT][WIDTH])
{
    TW_UNROLL
    for (int j = 0; j < rows; j++) {
        TW_UNROLL
        for (int v = 0; v < vectors; v++) {
            __builtin_prefetch(t->c + j * t->c_row + v * LANES, 1);
            sum[j][v] = t->goes_on ? _mm512_maskz_loadu_ps(strip->there[v], t->c + j * t->c_row + v * LANES)
                        : t->start ? _mm512_set1_ps(t->start[j])
                                   : _mm512_setzero_ps();
        }
    }
}

TW_IN_PLACE void run_tile(const int rows, const int vectors, const int taps, const struct tile *operands)
{
    const struct strip strip = *operands->strip;
    const struct tile copy = *operands, *const t = &copy; /* which no store can change */
    __m512 sum[HEIGHT][WIDTH];

    start(rows, vectors, t, &strip, sum);
    for (ptrdiff_t i = 0; i < t->channels; i++) {
        const float *source = place(t->source, i * t->plane), *w = t->w + i * t->w_channel;

        for (ptrdiff_t a = 0; a < t->down; a++, source = place(source, t->row), w = place(w, t->w_down)) {
            TW_UNROLL
            for (int b = 0; b < taps; b++) {
                multiply(rows, vectors, taps, b, &strip, place(source, t->step[b]), w + b * rows, sum);
            }
            for (int b = 0; b < t->along && taps == 0; b++) {
                multiply(rows, vectors, taps, b, &strip, place(source, t->step[b]), w + b * rows, sum);
            }
        }
        TW_UNROLL
        for (int v = 0; v < vectors; v++) {
            __builtin_prefetch(place(t->source, i * t->plane + t->next + v * LANES));
        }
    }
    TW_UNROLL
    for (int j = 0; j < rows; j++) {
        TW_UNROLL
        for (int v = 0; v < vectors; v++) {
            _mm512_mask_storeu_ps(t->c + j * t->c_row + v * LANES, strip.there[v], sum[j][v]);
        }
    }
}

typedef void tile_fn(const struct tile *t);

#define DEFINE_TILE(rows, vectors, taps)                                                         \
    static __attribute__((noinline)) void tile_##rows##x##vectors##_##taps(const struct tile *t) \
    {                                                                                            \
        run_tile(rows, vectors, taps, t);                                                        \
    }
#define DEFINE_TILES(vectors, taps) \
    DEFINE_TILE(4, vectors, taps)   \
    DEFINE_TILE(5, vectors, taps)   \
    DEFINE_TILE(6, vectors, taps)   \
    DEFINE_TILE(7, vectors, taps)   \
    DEFINE_TILE(8, vectors, taps)
#define TILES(vectors, taps)                                                             \
    {                                                                                    \
        tile_4x##vectors##_##taps, tile_5x##vectors##_##taps, tile_6x##vectors##_##taps, \
            tile_7x##vectors##_##taps, tile_8x##vectors##_##taps                         \
    }

DEFINE_TILES(2, 0)
DEFINE_TILES(3, 0)
DEFINE_TILES(2, 3)
DEFINE_TILES(3, 3)
DEFINE_TILES(2, 5)
DEFINE_TILES(3, 5)

/* Of any taps, of three and of five; of two vectors and of three. */
static tile_fn *const tiles[3][2][HEIGHT - LEAST_HEIGHT + 1] = {
    {TILES(2, 0), TILES(3, 0)}, {TILES(2, 3), TILES(3, 3)}, {TILES(2, 5), TILES(3, 5)}};

#endif
