/* Tiles along the rows of C, one function for all of a row's: the strided tiles of vector_strided.h, which is included
 * first, without a call between them. At most two vectors wide. */
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

/* A line of each of several rows of B, which are wanted when these tiles are done. */
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
            strided_fetch_b(&tile);
        }
        strided_tile(rows, vectors, STRIDED_ALONG, &tile);
        tile.b += vectors * LANES;
        tile.c += vectors * LANES;
        tile.ahead += vectors * LANES;
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

#define STRIDED_DISPATCH(function, rows, vectors, o)  \
    do {                                              \
        if ((o)->start && (o)->k >= ALONG_FETCHES) {  \
            function(rows, vectors, true, true, o);   \
        } else if ((o)->start) {                      \
            function(rows, vectors, true, false, o);  \
        } else if ((o)->k >= ALONG_FETCHES) {         \
            function(rows, vectors, false, true, o);  \
        } else {                                      \
            function(rows, vectors, false, false, o); \
        }                                             \
    } while (false)
#define DEFINE_STRIDED_TABLED(rows, vectors)                                               \
    static void STRIDED_NAME(rows, vectors, tabled)(const struct tw_f32_strided *operands) \
    {                                                                                      \
        STRIDED_DISPATCH(strided_tabled, rows, vectors, operands);                         \
    }
#define DEFINE_STRIDED_TABLED_8(vectors) \
    DEFINE_STRIDED_TABLED(1, vectors)    \
    DEFINE_STRIDED_TABLED(2, vectors)    \
    DEFINE_STRIDED_TABLED(3, vectors)    \
    DEFINE_STRIDED_TABLED(4, vectors)    \
    DEFINE_STRIDED_TABLED(5, vectors)    \
    DEFINE_STRIDED_TABLED(6, vectors)    \
    DEFINE_STRIDED_TABLED(7, vectors)    \
    DEFINE_STRIDED_TABLED(8, vectors)
#define DEFINE_STRIDED_ALONG(rows, vectors)                                               \
    static void STRIDED_NAME(rows, vectors, along)(const struct tw_f32_strided *operands) \
    {                                                                                     \
        STRIDED_DISPATCH(strided_along, rows, vectors, operands);                         \
    }                                                                                     \
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
