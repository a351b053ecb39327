/* GEMM tiles for AVX-512: 6 x 64 (24 accumulators, 4 registers of B), 8 x 48, 8 x 32 and 8 x 16. The wide tile has
 * fewer rows because it has no registers for more: 7 x 4 sums, four of B and an element of A are 33. */
#include <immintrin.h>

#include "kernels/gemm/gemm_tile.h"
#include "kernels/gemm/gemm_transpose_avx512.h"

#if !defined(__AVX512F__) || !defined(__AVX512VL__)
#error "gemm_avx512.c must be compiled with -mavx512f -mavx512vl"
#endif

#define LANES           16
#define IN_PLACE        static inline __attribute__((always_inline))
#define VECTORS_MAX     8
#define STRIDED_FETCHES 1

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

/* An element of A in every lane. */
typedef vector tile_element;

#define load_element(x)           broadcast(x)
#define multiply_element(e, b, c) multiply_add(e, b, c)
#define TILE_ROW_ENDS(i, vectors)

#include "kernels/gemm/vector_along.h"
#include "kernels/gemm/vector_strided.h"
#include "kernels/gemm/vector_tile.h"

DEFINE_TILE_ROWS_8(1)
DEFINE_TILE_ROWS_8(2)
DEFINE_TILE_ROWS_8(3)
DEFINE_TILE_ROWS_6(4)

DEFINE_STRIDED_ROWS_6(1)
DEFINE_STRIDED(7, 1)
DEFINE_STRIDED(8, 1)
DEFINE_STRIDED_ROWS_6(2)
DEFINE_STRIDED(7, 2)
DEFINE_STRIDED(8, 2)
DEFINE_STRIDED_ROWS_6(3)
DEFINE_STRIDED(7, 3)
DEFINE_STRIDED(8, 3)
DEFINE_STRIDED_ROWS_6(4)
DEFINE_STRIDED_ROWS_3(8)
DEFINE_STRIDED_PACKING(4, 4)
DEFINE_STRIDED_PACKING(5, 4)
DEFINE_STRIDED_PACKING(6, 4)
DEFINE_STRIDED_ALONG_8(2)

const struct tw_f32_tiles tw_f32_tiles__avx512 = {
    .width = {{64, 6, TILE_ROWS_6(4)},
              {48, 8, TILE_ROWS_8(3)},
              {32, 8, TILE_ROWS_8(2)},
              {16, 8, TILE_ROWS_8(1)}},
    .widths = 4,
    .last = &tw_f32_last_width__avx512,
    .last_half = &tw_f32_last_half_width__avx512,
    .strided = {{128, 3, STRIDED_ROWS_3(8, whole), STRIDED_ROWS_3(8, part), {NULL}},
                {64,
                 6,
                 STRIDED_ROWS_6(4, whole),
                 STRIDED_ROWS_6(4, part),
                 {NULL, NULL, NULL, strided_4x4_packing, strided_5x4_packing, strided_6x4_packing}},
                {48, 8, STRIDED_ROWS_8(3, whole), STRIDED_ROWS_8(3, part), {NULL}},
                {32, 8, STRIDED_ROWS_8(2, whole), STRIDED_ROWS_8(2, part), {NULL}},
                {16, 8, STRIDED_ROWS_8(1, whole), STRIDED_ROWS_8(1, part), {NULL}}},
    .strided_widths = 5,
    .strided_general = 1,
    .half = &tw_f32_half_width__avx512,
    .one_and_half = &tw_f32_one_and_half_width__avx512,
    .one_vector = {16, 16},
    .half_vector = {16, 9},
    .one_and_half_vectors = 26,
    .transposing = {5, 5, 1},
    .along = {32, 8, STRIDED_ROWS_8(2, along), STRIDED_ROWS_8(2, tabled), 8, tw_f32_tabled_half__avx512},
    .few_rows = &tw_f32_few_rows__avx512,
    .links = 384,
    .blocking = {{1024, 96, 1024}, {1024, 96, 1024}},
    .shallow = {256, 256},
    .in_place = 131072,
    .in_place_rows = 128,
    .fetch = STRIDED_FETCHES,
    .transpose = transpose,
    .take_pairs = tw_f32_take_pairs__avx512,
    .put_pairs = tw_f32_put_pairs__avx512,
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
