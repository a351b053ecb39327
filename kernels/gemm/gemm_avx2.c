/* GEMM tiles for AVX2 + FMA: 6 x 16 (12 accumulators, 2 registers of B, 1 of A) and 6 x 8. */
#include <immintrin.h>

#include "kernels/gemm/gemm_tile.h"
#include "kernels/gemm/gemm_transpose_avx2.h"

#if !defined(__AVX2__) || !defined(__FMA__)
#error "gemm_avx2.c must be compiled with -mavx2 -mfma"
#endif

#define ROWS     6
#define VECTORS  2
#define LANES    8
#define IN_PLACE static inline __attribute__((always_inline))

/* Rows and vectors are written out with constant subscripts, and `rows` and `vectors` are constants once a
 * tile is inlined: then both gcc and clang keep the accumulators in registers, which neither does reliably
 * for loops. */
#define FOR_ROWS(DO)       DO(0) DO(1) DO(2) DO(3) DO(4) DO(5)
#define FOR_VECTORS(DO, i) DO(i, 0) DO(i, 1)

#define START_ZERO(i, v)             \
    if ((i) < rows && (v) < vectors) \
        acc[i][v] = _mm256_setzero_ps();
#define START_LOAD(i, v)             \
    if ((i) < rows && (v) < vectors) \
        acc[i][v] = _mm256_loadu_ps(t->start + (t->start_at ? t->start_at[i] : 0) + (v)*LANES);
#define STORE(i, v)                  \
    if ((i) < rows && (v) < vectors) \
        _mm256_storeu_ps(t->c + t->c_at[i] + (v)*LANES, acc[i][v]);
#define START_ZERO_ROW(i) FOR_VECTORS(START_ZERO, i)
#define START_LOAD_ROW(i) FOR_VECTORS(START_LOAD, i)
#define STORE_ROW(i)      FOR_VECTORS(STORE, i)
#define ADDRESS_ROW(i) \
    if ((i) < rows)    \
        from[i] = t->a + t->row[i];

#define LOAD_B(i, v)   \
    if ((v) < vectors) \
        row_of_b[v] = _mm256_loadu_ps(b + (v)*LANES);
#define MULTIPLY(i, v) \
    if ((v) < vectors) \
        acc[i][v] = _mm256_fmadd_ps(element, row_of_b[v], acc[i][v]);
#define MULTIPLY_ROW(i)                                  \
    if ((i) < rows) {                                    \
        __m256 element = _mm256_broadcast_ss(a[i] + at); \
        FOR_VECTORS(MULTIPLY, i)                         \
    }

/* The next fma of every chain of the tile. */
IN_PLACE void step(int rows, int vectors, const float *const *a, ptrdiff_t at, const float *b,
                   __m256 acc[ROWS][VECTORS])
{
    __m256 row_of_b[VECTORS];

    FOR_VECTORS(LOAD_B, 0)
    FOR_ROWS(MULTIPLY_ROW)
}

IN_PLACE void tile(int rows, int vectors, const struct tw_f32_tile *t)
{
    __m256 acc[ROWS][VECTORS];
    const float *from[ROWS], *b = t->b;
    const ptrdiff_t columns = vectors * LANES, k = t->k, *at = t->at, *b_at = t->b_at;

    FOR_ROWS(ADDRESS_ROW)
    if (t->start) {
        FOR_ROWS(START_LOAD_ROW)
    } else {
        FOR_ROWS(START_ZERO_ROW)
    }
    if (b_at) {
        for (ptrdiff_t p = 0; p < k; p++)
            step(rows, vectors, from, at[p], b + b_at[p] * columns, acc);
    } else {
        for (ptrdiff_t p = 0; p < k; p++, b += columns)
            step(rows, vectors, from, at[p], b, acc);
    }
    FOR_ROWS(STORE_ROW)
}

#define DEFINE_TILE(rows, vectors)                                          \
    static void tile_##rows##x##vectors(const struct tw_f32_tile *operands) \
    {                                                                       \
        tile(rows, vectors, operands);                                      \
    }
#define DEFINE_TILES(vectors) \
    DEFINE_TILE(1, vectors)   \
    DEFINE_TILE(2, vectors)   \
    DEFINE_TILE(3, vectors)   \
    DEFINE_TILE(4, vectors)   \
    DEFINE_TILE(5, vectors)   \
    DEFINE_TILE(6, vectors)

DEFINE_TILES(1)
DEFINE_TILES(2)

/* --- strided tiles -------------------------------------------------------------------------------------- */

#define VECTORS_MAX 8

#include "kernels/gemm/gemm_vector_avx2.h"
#include "kernels/gemm/vector_strided.h"

DEFINE_STRIDED_ROWS_6(1)
DEFINE_STRIDED_ROWS_6(2)
DEFINE_STRIDED_ROWS_3(4)
DEFINE_STRIDED(1, 8)
DEFINE_STRIDED_PACKING(4, 2)
DEFINE_STRIDED_PACKING(5, 2)
DEFINE_STRIDED_PACKING(6, 2)

const struct tw_f32_tiles tw_f32_tiles__avx2 = {
    .width = {{16, ROWS, {tile_1x2, tile_2x2, tile_3x2, tile_4x2, tile_5x2, tile_6x2}},
              {8, ROWS, {tile_1x1, tile_2x1, tile_3x1, tile_4x1, tile_5x1, tile_6x1}}},
    .widths = 2,
    .strided = {{64, 1, {strided_1x8_whole}, {strided_1x8_part}, {NULL}},
                {32, 3, STRIDED_ROWS_3(4, whole), STRIDED_ROWS_3(4, part), {NULL}},
                {16,
                 6,
                 STRIDED_ROWS_6(2, whole),
                 STRIDED_ROWS_6(2, part),
                 {NULL, NULL, NULL, strided_4x2_packing, strided_5x2_packing, strided_6x2_packing}},
                {8, 6, STRIDED_ROWS_6(1, whole), STRIDED_ROWS_6(1, part), {NULL}}},
    .strided_widths = 4,
    .strided_general = 2,
    .few_rows = &tw_f32_few_rows__avx2,
    .kc = 320,
    .mc = 144,
    .nc = 1024,
    .transpose = transpose,
};

void tw_f32_gemm__avx2(const struct tw_gemm_shape *shape, const float *a, const float *b, float *c,
                       void *workspace)
{
    tw_gemm_blocked(&tw_f32_tiles__avx2, shape, a, b, c, workspace);
}

size_t tw_f32_gemm_workspace__avx2(const struct tw_gemm_shape *shape)
{
    return tw_gemm_blocked_workspace(&tw_f32_tiles__avx2, shape);
}

const char *tw_f32_gemm_algorithm__avx2(const struct tw_gemm_shape *shape)
{
    return tw_gemm_algorithm(&tw_f32_tiles__avx2, shape);
}
