/* Bodies of the strided tiles (gemm_tile.h), written once for all vector ISAs. The including file defines first
 *
 *   VECTORS_MAX, LANES, vector, part       most vectors of a tile's row, lanes of one, its type, a mask of lanes
 *   load, store, broadcast, zero
 *   multiply_add(a, b, c)                  a * b + c, rounded once
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
    STRIDED_WHOLE,  /* all columns */
    STRIDED_PART,   /* the last vector only in part */
    STRIDED_PACKING /* all columns, and copies the rows of B it reads to `packed` */
};

/* Vector v of `vectors`; `last` holds the lanes of the last one. */
STRIDED_IN_PLACE vector strided_load(enum strided_kind kind, int v, int vectors, const float *x, part last)
{
    return kind == STRIDED_PART && v == vectors - 1 ? load_part(x + v * LANES, last) : load(x + v * LANES);
}

STRIDED_IN_PLACE void strided_start(int rows, int vectors, enum strided_kind kind,
                                    const struct tw_f32_strided *o, part last,
                                    vector acc[TW_TILE_ROWS_MAX][VECTORS_MAX])
{
    TW_UNROLL
    for (int i = 0; i < rows; i++) {
        TW_UNROLL
        for (int v = 0; v < vectors; v++) {
            acc[i][v] = o->accumulate ? strided_load(kind, v, vectors, o->c + i * o->c_row, last) : zero();
        }
    }
}

STRIDED_IN_PLACE void strided_finish(int rows, int vectors, enum strided_kind kind,
                                     const struct tw_f32_strided *o, part last,
                                     vector acc[TW_TILE_ROWS_MAX][VECTORS_MAX])
{
    const int rest = (int)o->columns - (vectors - 1) * LANES;
    const ptrdiff_t c_row = o->c_row;
    float *c = o->c;

    TW_UNROLL
    for (int i = 0; i < rows; i++) {
        TW_UNROLL
        for (int v = 0; v < vectors; v++) {
            float *to = c + i * c_row + v * LANES;

            if (kind == STRIDED_PART && v == vectors - 1) {
                store_part(to, rest, last, acc[i][v]);
            } else {
                store(to, acc[i][v]);
            }
        }
    }
}

STRIDED_IN_PLACE void strided_tile(int rows, int vectors, enum strided_kind kind,
                                   const struct tw_f32_strided *o)
{
    const ptrdiff_t a_row = o->a_row, a_col = o->a_col, b_row = o->b_row;
    const part last = part_first(kind == STRIDED_PART ? (int)o->columns - (vectors - 1) * LANES : LANES);
    const float *a = o->a, *b = o->b;
    float *packed = o->packed;
    vector acc[TW_TILE_ROWS_MAX][VECTORS_MAX];

    strided_start(rows, vectors, kind, o, last, acc);
    for (ptrdiff_t p = o->k; p > 0; p--, a += a_col, b += b_row) {
        vector row_of_b[VECTORS_MAX];

        TW_UNROLL
        for (int v = 0; v < vectors; v++) {
            row_of_b[v] = strided_load(kind, v, vectors, b, last);
            if (kind == STRIDED_PACKING) {
                store(packed + v * LANES, row_of_b[v]);
            }
        }
        packed += kind == STRIDED_PACKING ? vectors * LANES : 0;
        TW_UNROLL
        for (int i = 0; i < rows; i++) {
            const vector element = broadcast(a + i * a_row);

            TW_UNROLL
            for (int v = 0; v < vectors; v++) {
                acc[i][v] = multiply_add(element, row_of_b[v], acc[i][v]);
            }
        }
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
