/* Bodies of the strided tiles (gemm_tile.h), written once for all vector ISAs. The including file defines first
 *
 *   VECTORS_MAX, LANES, vector, part       most vectors of a tile's row, lanes of one, its type, a mask of lanes
 *   load, store, broadcast, zero
 *   multiply_add(a, b, c)                  a * b + c, rounded once
 *   STRIDED_FETCHES                        whether whole tiles, and those along rows, fetch what comes next of B
 *   part_first(count)                      the first `count` lanes, 1 … LANES
 *   load_part(x, part), store_part(y, count, part, v)   touch these lanes only; the others are loaded as zeros
 *
 * Loops over rows and vectors have constant bounds once a tile is inlined, and are written out whole, so that the
 * accumulators stay in registers.
 */
#ifndef TOWER_KERNELS_GEMM_VECTOR_STRIDED_H
#define TOWER_KERNELS_GEMM_VECTOR_STRIDED_H

#include "kernels/gemm/gemm_tile.h"
#include "kernels/simd/unroll.h"

#define STRIDED_IN_PLACE static inline __attribute__((always_inline))

/* What a tile does beyond multiplying. */
enum strided_kind {
    STRIDED_WHOLE,      /* all columns */
    STRIDED_PART,       /* the last vector only in part */
    STRIDED_PACKING,    /* all columns, and copies the rows of B it reads to `packed` */
    STRIDED_ALONG,      /* all columns, one of several tiles along a row of C */
    STRIDED_TABLED,     /* the same, with the places of the rows of B from a table, … */
    STRIDED_TABLED_PART /* … and the last of them, with the last vector only in part */
};

/* Whether vector v of `vectors` is there only in part. */
STRIDED_IN_PLACE bool strided_ends(enum strided_kind kind, int v, int vectors)
{
    return (kind == STRIDED_PART || kind == STRIDED_TABLED_PART) && v == vectors - 1;
}

/* Vector v of `vectors`; `last` holds the lanes of the last one. */
STRIDED_IN_PLACE vector strided_load(enum strided_kind kind, int v, int vectors, const float *x, part last)
{
    return strided_ends(kind, v, vectors) ? load_part(x + v * LANES, last) : load(x + v * LANES);
}

/* The row of C below `c`, one addition away from it for the compiler, too: left to itself it computes the addresses of
 * all rows before the products, for loads and stores alike, has no registers for them, and every tile waits for the
 * detours. */
STRIDED_IN_PLACE float *strided_next(float *c, ptrdiff_t c_row)
{
    c += c_row;
    __asm__("" : "+r"(c));
    return c;
}

/* Every row from one number. */
STRIDED_IN_PLACE void strided_start_rows(int rows, int vectors, const float *start,
                                         vector acc[TW_TILE_ROWS_MAX][VECTORS_MAX])
{
    TW_UNROLL
    for (int i = 0; i < rows; i++) {
        TW_UNROLL
        for (int v = 0; v < vectors; v++) {
            acc[i][v] = broadcast(start + i);
        }
    }
}

STRIDED_IN_PLACE void strided_start(int rows, int vectors, enum strided_kind kind,
                                    const struct tw_f32_strided *o, part last,
                                    vector acc[TW_TILE_ROWS_MAX][VECTORS_MAX])
{
    float *c = o->c;

    if (o->start) {
        strided_start_rows(rows, vectors, o->start, acc);
        return;
    }
    TW_UNROLL
    for (int i = 0; i < rows; i++, c = strided_next(c, o->c_row)) {
        TW_UNROLL
        for (int v = 0; v < vectors; v++) {
            acc[i][v] = o->accumulate ? strided_load(kind, v, vectors, c, last) : zero();
        }
    }
}

STRIDED_IN_PLACE void strided_finish(int rows, int vectors, enum strided_kind kind,
                                     const struct tw_f32_strided *o, part last,
                                     vector acc[TW_TILE_ROWS_MAX][VECTORS_MAX])
{
    const int rest = (int)o->columns - (vectors - 1) * LANES;
    float *c = o->c;

    TW_UNROLL
    for (int i = 0; i < rows; i++, c = strided_next(c, o->c_row)) {
        TW_UNROLL
        for (int v = 0; v < vectors; v++) {
            if (strided_ends(kind, v, vectors)) {
                store_part(c + v * LANES, rest, last, acc[i][v]);
            } else {
                store(c + v * LANES, acc[i][v]);
            }
        }
    }
}

/* The rows of C of this tile, which have left L1 since they were loaded, and those of the next. */
STRIDED_IN_PLACE void strided_fetch_c(int rows, int vectors, const struct tw_f32_strided *o)
{
    float *own = o->c, *next = o->next_c;

    TW_UNROLL
    for (int i = 0; i < rows; i++) {
        TW_UNROLL
        for (int v = 0; v < vectors; v++) {
            __builtin_prefetch(own + v * LANES, 1);
            __builtin_prefetch(next + v * LANES, 1);
        }
        own = strided_next(own, o->c_row);
        next = strided_next(next, o->c_row);
    }
}

/* Where a tile has got to. */
struct strided_place {
    const float *a, *b, *ahead;
    const ptrdiff_t *b_at;
    float *packed;
};

/* The next `steps` fma of every chain. */
STRIDED_IN_PLACE struct strided_place strided_steps(int rows, int vectors, enum strided_kind kind,
                                                    const struct tw_f32_strided *o, part last,
                                                    ptrdiff_t steps, struct strided_place at,
                                                    vector acc[TW_TILE_ROWS_MAX][VECTORS_MAX])
{
    const bool tabled = kind == STRIDED_TABLED || kind == STRIDED_TABLED_PART;
    const ptrdiff_t a_row = o->a_row, a_col = o->a_col, b_row = o->b_row, ahead_step = o->ahead_step;

    for (ptrdiff_t p = steps; p > 0; p--, at.a += a_col, at.b += b_row) {
        const float *b = tabled ? o->b + *at.b_at++ : at.b;
        vector row_of_b[VECTORS_MAX];

        if (STRIDED_FETCHES && kind == STRIDED_WHOLE) {
            __builtin_prefetch(at.ahead);
            at.ahead += ahead_step;
        }
        TW_UNROLL
        for (int v = 0; v < vectors; v++) {
            row_of_b[v] = strided_load(kind, v, vectors, b, last);
            if (kind == STRIDED_PACKING) {
                store(at.packed + v * LANES, row_of_b[v]);
            }
        }
        at.packed += kind == STRIDED_PACKING ? vectors * LANES : 0;
        TW_UNROLL
        for (int i = 0; i < rows; i++) {
            const vector element = broadcast(at.a + i * a_row);

            TW_UNROLL
            for (int v = 0; v < vectors; v++) {
                acc[i][v] = multiply_add(element, row_of_b[v], acc[i][v]);
            }
        }
    }
    return at;
}

STRIDED_IN_PLACE void strided_tile(int rows, int vectors, enum strided_kind kind,
                                   const struct tw_f32_strided *o)
{
    const bool ends = strided_ends(kind, vectors - 1, vectors);
    const part last = part_first(ends ? (int)o->columns - (vectors - 1) * LANES : LANES);
    const bool fetches = STRIDED_FETCHES && kind == STRIDED_WHOLE && o->k >= 2 * TW_STRIDED_LATE;
    const ptrdiff_t late = fetches ? TW_STRIDED_LATE : 0;
    struct strided_place at = {o->a, o->b, o->ahead, o->b_at, o->packed};
    vector acc[TW_TILE_ROWS_MAX][VECTORS_MAX];

    strided_start(rows, vectors, kind, o, last, acc);
    at = strided_steps(rows, vectors, kind, o, last, o->k - late, at, acc);
    if (fetches) {
        strided_fetch_c(rows, vectors, o);
        strided_steps(rows, vectors, kind, o, last, late, at, acc);
    }
    strided_finish(rows, vectors, kind, o, last, acc);
}

#define STRIDED_NAME(rows, vectors, kind) strided_##rows##x##vectors##_##kind
#define DEFINE_STRIDED_KIND(rows, vectors, kind, value)                                  \
    static void STRIDED_NAME(rows, vectors, kind)(const struct tw_f32_strided *operands) \
    {                                                                                    \
        strided_tile(rows, vectors, value, operands);                                    \
    }
#define DEFINE_STRIDED(rows, vectors)                        \
    DEFINE_STRIDED_KIND(rows, vectors, whole, STRIDED_WHOLE) \
    DEFINE_STRIDED_KIND(rows, vectors, part, STRIDED_PART)
#define DEFINE_STRIDED_PACKING(rows, vectors) DEFINE_STRIDED_KIND(rows, vectors, packing, STRIDED_PACKING)
#define DEFINE_STRIDED_ROWS_3(vectors) \
    DEFINE_STRIDED(1, vectors)         \
    DEFINE_STRIDED(2, vectors)         \
    DEFINE_STRIDED(3, vectors)
#define DEFINE_STRIDED_ROWS_6(vectors) \
    DEFINE_STRIDED_ROWS_3(vectors)     \
    DEFINE_STRIDED(4, vectors)         \
    DEFINE_STRIDED(5, vectors)         \
    DEFINE_STRIDED(6, vectors)

/* The functions of one kind with up to 3, 6 or 8 rows. */
#define STRIDED_LIST_3(vectors, kind) \
    strided_1x##vectors##_##kind, strided_2x##vectors##_##kind, strided_3x##vectors##_##kind
#define STRIDED_LIST_6(vectors, kind)                                                          \
    STRIDED_LIST_3(vectors, kind), strided_4x##vectors##_##kind, strided_5x##vectors##_##kind, \
        strided_6x##vectors##_##kind
#define STRIDED_ROWS_3(vectors, kind) \
    {                                 \
        STRIDED_LIST_3(vectors, kind) \
    }
#define STRIDED_ROWS_6(vectors, kind) \
    {                                 \
        STRIDED_LIST_6(vectors, kind) \
    }
#define STRIDED_ROWS_8(vectors, kind)                                                             \
    {                                                                                             \
        STRIDED_LIST_6(vectors, kind), strided_7x##vectors##_##kind, strided_8x##vectors##_##kind \
    }

#endif
