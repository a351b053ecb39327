/* Bodies of the indirect tiles (struct tw_f32_tile, gemm_tile.h), written once for all vector ISAs. Beside what
 * vector_strided.h needs the including file defines
 *
 *   tile_element                   the type of an element of A on its way to the multipliers
 *   load_element(x)
 *   multiply_element(e, b, c)      e * b + c in every lane, rounded once
 *   TILE_ROW_ENDS(i, vectors)      what follows row i of a tile; empty, or a fence for the compiler
 *
 * Rows and vectors are written out with constant subscripts, and `rows` and `vectors` are constants once a tile is inlined:
 * then both gcc and clang keep the accumulators in registers, which neither does reliably for loops.
 */
#ifndef TOWER_KERNELS_GEMM_VECTOR_TILE_H
#define TOWER_KERNELS_GEMM_VECTOR_TILE_H

#include "kernels/gemm/gemm_tile.h"

#define TILE_IN_PLACE    static inline __attribute__((always_inline))
#define TILE_VECTORS_MAX 4

#define TILE_ROWS(DO)       DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define TILE_VECTORS(DO, i) DO(i, 0) DO(i, 1) DO(i, 2) DO(i, 3)

#define TILE_START_ZERO(i, v)        \
    if ((i) < rows && (v) < vectors) \
        acc[i][v] = zero();
#define TILE_START_LOAD(i, v)        \
    if ((i) < rows && (v) < vectors) \
        acc[i][v] = load(start[i] + (v)*LANES);
#define TILE_STORE(i, v)             \
    if ((i) < rows && (v) < vectors) \
        store(c[i] + (v)*LANES, acc[i][v]);
#define TILE_START_ZERO_ROW(i) TILE_VECTORS(TILE_START_ZERO, i)
#define TILE_START_LOAD_ROW(i) TILE_VECTORS(TILE_START_LOAD, i)
#define TILE_STORE_ROW(i)      TILE_VECTORS(TILE_STORE, i)
#define TILE_ADDRESS(i) \
    if ((i) < rows)     \
        from[i] = t->a + t->row[i];
#define TILE_START_ADDRESS(i) \
    if ((i) < rows)           \
        start[i] = t->start + (t->start_at ? t->start_at[i] : 0);
#define TILE_C_ADDRESS(i) \
    if ((i) < rows)       \
        c[i] = t->c + t->c_at[i];

#define TILE_LOAD_B(i, v) \
    if ((v) < vectors)    \
        row_of_b[v] = load(b + (v)*LANES);
#define TILE_MULTIPLY(i, v) \
    if ((v) < vectors)      \
        acc[i][v] = multiply_element(of_a, row_of_b[v], acc[i][v]);
#define TILE_MULTIPLY_ROW(i)                               \
    if ((i) < rows) {                                      \
        const tile_element of_a = load_element(a[i] + at); \
        TILE_VECTORS(TILE_MULTIPLY, i)                     \
        TILE_ROW_ENDS(i, vectors)                          \
    }

/* The next fma of every chain of the tile. */
TILE_IN_PLACE void tile_step(int rows, int vectors, const float *const *a, ptrdiff_t at, const float *b,
                             vector acc[TW_TILE_ROWS_MAX][TILE_VECTORS_MAX])
{
    vector row_of_b[TILE_VECTORS_MAX];

    TILE_VECTORS(TILE_LOAD_B, 0)
    TILE_ROWS(TILE_MULTIPLY_ROW)
}

TILE_IN_PLACE void tile(int rows, int vectors, const struct tw_f32_tile *t)
{
    vector acc[TW_TILE_ROWS_MAX][TILE_VECTORS_MAX];
    const float *from[TW_TILE_ROWS_MAX], *start[TW_TILE_ROWS_MAX], *b = t->b;
    float *c[TW_TILE_ROWS_MAX];
    const ptrdiff_t columns = vectors * LANES, k = t->k, *at = t->at, *b_at = t->b_at, *b_row = t->b_row;

    TILE_ROWS(TILE_ADDRESS)
    if (t->start) {
        TILE_ROWS(TILE_START_ADDRESS)
        TILE_ROWS(TILE_START_LOAD_ROW)
    } else {
        TILE_ROWS(TILE_START_ZERO_ROW)
    }
    if (b_at) {
        for (ptrdiff_t p = 0; p < k; p++)
            tile_step(rows, vectors, from, at[p], b + b_at[p] * columns, acc);
    } else if (b_row) {
        for (ptrdiff_t p = 0; p < k; p++)
            tile_step(rows, vectors, from, at[p], b + b_row[p], acc);
    } else {
        for (ptrdiff_t p = 0; p < k; p++, b += columns)
            tile_step(rows, vectors, from, at[p], b, acc);
    }
    TILE_ROWS(TILE_C_ADDRESS)
    TILE_ROWS(TILE_STORE_ROW)
}

#define DEFINE_TILE(rows, vectors)                                          \
    static void tile_##rows##x##vectors(const struct tw_f32_tile *operands) \
    {                                                                       \
        tile(rows, vectors, operands);                                      \
    }
#define DEFINE_TILE_ROWS_4(vectors) \
    DEFINE_TILE(1, vectors)         \
    DEFINE_TILE(2, vectors)         \
    DEFINE_TILE(3, vectors)         \
    DEFINE_TILE(4, vectors)
#define DEFINE_TILE_ROWS_6(vectors) \
    DEFINE_TILE_ROWS_4(vectors)     \
    DEFINE_TILE(5, vectors)         \
    DEFINE_TILE(6, vectors)
#define DEFINE_TILE_ROWS_8(vectors) \
    DEFINE_TILE_ROWS_6(vectors)     \
    DEFINE_TILE(7, vectors)         \
    DEFINE_TILE(8, vectors)

/* The functions of one width with up to 4, 6 or 8 rows. */
#define TILE_ROWS_4(vectors)                                                   \
    {                                                                          \
        tile_1x##vectors, tile_2x##vectors, tile_3x##vectors, tile_4x##vectors \
    }
#define TILE_LIST_6(vectors) \
    tile_1x##vectors, tile_2x##vectors, tile_3x##vectors, tile_4x##vectors, tile_5x##vectors, tile_6x##vectors
#define TILE_ROWS_6(vectors) \
    {                        \
        TILE_LIST_6(vectors) \
    }
#define TILE_ROWS_8(vectors)                                     \
    {                                                            \
        TILE_LIST_6(vectors), tile_7x##vectors, tile_8x##vectors \
    }

#endif
