/* Tiles along the rows of C, one function for all of a row's: the strided tiles of vector_strided.h, whose definitions it
 * needs, without a call between them. At most two vectors wide. */
#ifndef TOWER_KERNELS_GEMM_VECTOR_ALONG_H
#define TOWER_KERNELS_GEMM_VECTOR_ALONG_H

#include "kernels/gemm/vector_strided.h"

/* A line of every row of C. */
STRIDED_IN_PLACE void strided_fetch_column(int rows, float *c, ptrdiff_t c_row)
{
    TW_UNROLL
    for (int i = 0; i < rows; i++) {
        __builtin_prefetch(c, 1);
        c = strided_next(c, c_row);
    }
}

enum {
    ALONG_FETCHES = 48, /* least k of tiles that have the time to fetch C … */
    ALONG_AHEAD = 32    /* … so many floats ahead */
};

/* A line of each of several rows of B, which are wanted when these tiles are done; only where tiles last long enough (on AVX2
 * products of 128 links got 5 % slower). */
STRIDED_IN_PLACE void strided_fetch_b(const struct tw_f32_strided *o)
{
    const float *b = o->ahead;

    for (ptrdiff_t p = 0; p < o->ahead_lines; p++, b += o->ahead_step) {
        __builtin_prefetch(b, 0, 2);
    }
}

/* Says to the compiler whether the chains start from numbers, so that no tile asks: with a short k that took a tenth. */
STRIDED_IN_PLACE struct tw_f32_strided strided_starting(bool starts, const struct tw_f32_strided *o)
{
    struct tw_f32_strided tile = *o;

    if (!starts) {
        tile.start = NULL;
    } else if (!tile.start) {
        __builtin_unreachable();
    }
    return tile;
}

/* As many whole tiles along the rows of C as `columns` holds, without a call between them: where k is short, calls take
 * as long as products. */
STRIDED_IN_PLACE void strided_along(int rows, int vectors, bool starts, bool fetches,
                                    const struct tw_f32_strided *o)
{
    struct tw_f32_strided tile = strided_starting(starts, o);

    for (ptrdiff_t rest = o->columns; rest >= vectors * LANES; rest -= vectors * LANES) {
        if (fetches) {
            strided_fetch_column(rows, tile.c + ALONG_AHEAD, tile.c_row);
        }
        if (fetches && STRIDED_FETCHES) {
            strided_fetch_b(&tile);
            tile.ahead += vectors * LANES;
        }
        strided_tile(rows, vectors, STRIDED_ALONG, &tile);
        tile.b += vectors * LANES;
        tile.c += vectors * LANES;
    }
}

/* The same with rows of B by a table, of any number of columns. */
STRIDED_IN_PLACE void strided_tabled(int rows, int vectors, bool starts, bool fetches,
                                     const struct tw_f32_strided *o)
{
    struct tw_f32_strided tile = strided_starting(starts, o);

    for (; tile.columns >= vectors * LANES; tile.columns -= vectors * LANES) {
        if (fetches) {
            strided_fetch_column(rows, tile.c + ALONG_AHEAD, tile.c_row);
        }
        strided_tile(rows, vectors, STRIDED_TABLED, &tile);
        tile.b += vectors * LANES;
        tile.c += vectors * LANES;
    }
    if (tile.columns > (vectors - 1) * LANES) {
        strided_tile(rows, vectors, STRIDED_TABLED_PART, &tile);
    } else if (tile.columns > 0) {
        strided_tile(rows, 1, STRIDED_TABLED_PART, &tile);
    }
}

/* One function for each case, since in a common one the strides have no registers; the shortest without another call. */
#define STRIDED_CASE(name, function, rows, vectors, starts, fetches)                  \
    static __attribute__((noinline)) void name(const struct tw_f32_strided *operands) \
    {                                                                                 \
        function(rows, vectors, starts, fetches, operands);                           \
    }
#define STRIDED_CASES(name, function, rows, vectors)                         \
    STRIDED_CASE(name##_starts_fetches, function, rows, vectors, true, true) \
    STRIDED_CASE(name##_starts, function, rows, vectors, true, false)        \
    STRIDED_CASE(name##_fetches, function, rows, vectors, false, true)       \
    static void name(const struct tw_f32_strided *operands)                  \
    {                                                                        \
        const bool fetches = operands->k >= ALONG_FETCHES;                   \
                                                                             \
        if (operands->start) {                                               \
            (fetches ? name##_starts_fetches : name##_starts)(operands);     \
        } else if (fetches) {                                                \
            name##_fetches(operands);                                        \
        } else {                                                             \
            function(rows, vectors, false, false, operands);                 \
        }                                                                    \
    }
#define DEFINE_STRIDED_TABLED(rows, vectors) \
    STRIDED_CASES(strided_##rows##x##vectors##_tabled, strided_tabled, rows, vectors)
#define DEFINE_STRIDED_TABLED_8(vectors) \
    DEFINE_STRIDED_TABLED(1, vectors)    \
    DEFINE_STRIDED_TABLED(2, vectors)    \
    DEFINE_STRIDED_TABLED(3, vectors)    \
    DEFINE_STRIDED_TABLED(4, vectors)    \
    DEFINE_STRIDED_TABLED(5, vectors)    \
    DEFINE_STRIDED_TABLED(6, vectors)    \
    DEFINE_STRIDED_TABLED(7, vectors)    \
    DEFINE_STRIDED_TABLED(8, vectors)
#define DEFINE_STRIDED_ALONG(rows, vectors)                                         \
    STRIDED_CASES(strided_##rows##x##vectors##_along, strided_along, rows, vectors) \
    DEFINE_STRIDED_TABLED(rows, vectors)
#define DEFINE_STRIDED_ALONG_6(vectors) \
    DEFINE_STRIDED_ALONG(1, vectors)    \
    DEFINE_STRIDED_ALONG(2, vectors)    \
    DEFINE_STRIDED_ALONG(3, vectors)    \
    DEFINE_STRIDED_ALONG(4, vectors)    \
    DEFINE_STRIDED_ALONG(5, vectors)    \
    DEFINE_STRIDED_ALONG(6, vectors)
#define DEFINE_STRIDED_ALONG_8(vectors) \
    DEFINE_STRIDED_ALONG_6(vectors)     \
    DEFINE_STRIDED_ALONG(7, vectors)    \
    DEFINE_STRIDED_ALONG(8, vectors)

#endif
