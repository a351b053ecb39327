/* GEMM tiles for AVX-512: 6 x 64 (24 accumulators, 4 registers of B), 8 x 32 and 8 x 16. The wide tile has
 * fewer rows because every row needs its own address register. */
#include <immintrin.h>

#include "kernels/gemm/gemm_tile.h"
#include "kernels/gemm/gemm_transpose_avx2.h"

#if !defined(__AVX512F__) || !defined(__AVX512VL__)
#error "gemm_avx512.c must be compiled with -mavx512f -mavx512vl"
#endif

#define ROWS     8
#define VECTORS  4
#define LANES    16
#define IN_PLACE static inline __attribute__((always_inline))

/* Rows and vectors are written out with constant subscripts, and `rows` and `vectors` are constants once a
 * tile is inlined: then both gcc and clang keep the accumulators in registers, which neither does reliably
 * for loops. */
#define FOR_ROWS(DO)       DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define FOR_VECTORS(DO, i) DO(i, 0) DO(i, 1) DO(i, 2) DO(i, 3)

#define START_ZERO(i, v)             \
    if ((i) < rows && (v) < vectors) \
        acc[i][v] = _mm512_setzero_ps();
#define START_LOAD(i, v)             \
    if ((i) < rows && (v) < vectors) \
        acc[i][v] = _mm512_loadu_ps(t->start + (t->start_at ? t->start_at[i] : 0) + (v)*LANES);
#define STORE(i, v)                  \
    if ((i) < rows && (v) < vectors) \
        _mm512_storeu_ps(t->c + t->c_at[i] + (v)*LANES, acc[i][v]);
#define START_ZERO_ROW(i) FOR_VECTORS(START_ZERO, i)
#define START_LOAD_ROW(i) FOR_VECTORS(START_LOAD, i)
#define STORE_ROW(i)      FOR_VECTORS(STORE, i)
#define ADDRESS_ROW(i) \
    if ((i) < rows)    \
        from[i] = t->a + t->row[i];

#define LOAD_B(i, v)   \
    if ((v) < vectors) \
        row_of_b[v] = _mm512_loadu_ps(b + (v)*LANES);
#define MULTIPLY(i, v) \
    if ((v) < vectors) \
        acc[i][v] = _mm512_fmadd_ps(element, row_of_b[v], acc[i][v]);
#define MULTIPLY_ROW(i)                            \
    if ((i) < rows) {                              \
        __m512 element = _mm512_set1_ps(a[i][at]); \
        FOR_VECTORS(MULTIPLY, i)                   \
    }

/* The next fma of every chain of the tile. */
IN_PLACE void step(int rows, int vectors, const float *const *a, ptrdiff_t at, const float *b,
                   __m512 acc[ROWS][VECTORS])
{
    __m512 row_of_b[VECTORS];

    FOR_VECTORS(LOAD_B, 0)
    FOR_ROWS(MULTIPLY_ROW)
}

IN_PLACE void tile(int rows, int vectors, const struct tw_f32_tile *t)
{
    __m512 acc[ROWS][VECTORS];
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
DEFINE_TILE(7, 1)
DEFINE_TILE(8, 1)
DEFINE_TILES(2)
DEFINE_TILE(7, 2)
DEFINE_TILE(8, 2)
DEFINE_TILES(4)

/* --- strided tiles -------------------------------------------------------------------------------------- */

#define VECTORS_MAX 8

typedef __m512 vector;
typedef __mmask16 part;

IN_PLACE vector load(const float *x)
{
    return _mm512_loadu_ps(x);
}

IN_PLACE void store(float *y, vector v)
{
    _mm512_storeu_ps(y, v);
}

IN_PLACE vector broadcast(const float *x)
{
    return _mm512_set1_ps(*x);
}

IN_PLACE vector zero(void)
{
    return _mm512_setzero_ps();
}

IN_PLACE vector multiply_add(vector a, vector b, vector c)
{
    return _mm512_fmadd_ps(a, b, c);
}

IN_PLACE part part_first(int count)
{
    return (part)((1u << count) - 1);
}

IN_PLACE vector load_part(const float *x, part lanes)
{
    return _mm512_maskz_loadu_ps(lanes, x);
}

IN_PLACE void store_part(float *y, int count, part lanes, vector v)
{
    (void)count;
    _mm512_mask_storeu_ps(y, lanes, v);
}

#include "kernels/gemm/vector_strided.h"

DEFINE_STRIDED_ROWS_6(1)
DEFINE_STRIDED(7, 1)
DEFINE_STRIDED(8, 1)
DEFINE_STRIDED_ROWS_6(2)
DEFINE_STRIDED(7, 2)
DEFINE_STRIDED(8, 2)
DEFINE_STRIDED_ROWS_6(4)
DEFINE_STRIDED_ROWS_3(8)
DEFINE_STRIDED_PACKING(4, 4)
DEFINE_STRIDED_PACKING(5, 4)
DEFINE_STRIDED_PACKING(6, 4)

const struct tw_f32_tiles tw_f32_tiles__avx512 = {
    .width = {{64, 6, {tile_1x4, tile_2x4, tile_3x4, tile_4x4, tile_5x4, tile_6x4}},
              {32, 8, {tile_1x2, tile_2x2, tile_3x2, tile_4x2, tile_5x2, tile_6x2, tile_7x2, tile_8x2}},
              {16, 8, {tile_1x1, tile_2x1, tile_3x1, tile_4x1, tile_5x1, tile_6x1, tile_7x1, tile_8x1}}},
    .widths = 3,
    .strided = {{128, 3, STRIDED_ROWS_3(8, whole), STRIDED_ROWS_3(8, part), {NULL}},
                {64,
                 6,
                 STRIDED_ROWS_6(4, whole),
                 STRIDED_ROWS_6(4, part),
                 {NULL, NULL, NULL, strided_4x4_packing, strided_5x4_packing, strided_6x4_packing}},
                {32, 8, STRIDED_ROWS_8(2, whole), STRIDED_ROWS_8(2, part), {NULL}},
                {16, 8, STRIDED_ROWS_8(1, whole), STRIDED_ROWS_8(1, part), {NULL}}},
    .strided_widths = 4,
    .strided_general = 1,
    .few_rows = &tw_f32_few_rows__avx512,
    .kc = 384,
    .mc = 192,
    .nc = 1024,
    .transpose = transpose,
};

void tw_f32_gemm__avx512(const struct tw_gemm_shape *shape, const float *a, const float *b, float *c,
                         void *workspace)
{
    tw_gemm_blocked(&tw_f32_tiles__avx512, shape, a, b, c, workspace);
}

size_t tw_f32_gemm_workspace__avx512(const struct tw_gemm_shape *shape)
{
    return tw_gemm_blocked_workspace(&tw_f32_tiles__avx512, shape);
}

const char *tw_f32_gemm_algorithm__avx512(const struct tw_gemm_shape *shape)
{
    return tw_gemm_algorithm(&tw_f32_tiles__avx512, shape);
}
