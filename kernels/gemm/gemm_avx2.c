/* GEMM tiles for AVX2 + FMA: 6 x 16 (12 accumulators, 2 registers of B, 1 of A) and 6 x 8. */
#include <immintrin.h>

#include "kernels/gemm/gemm_tile.h"
#include "kernels/gemm/gemm_transpose_avx2.h"

#if !defined(__AVX2__) || !defined(__FMA__)
#error "gemm_avx2.c must be compiled with -mavx2 -mfma"
#endif

#define VECTORS_MAX 8

#include "kernels/gemm/gemm_part_avx2.h"

/* An element of A in every lane. */
typedef vector tile_element;

#define load_element(x)           broadcast(x)
#define multiply_element(e, b, c) multiply_add(e, b, c)
#define TILE_ROW_ENDS(i, vectors)

#include "kernels/gemm/vector_along.h"
#include "kernels/gemm/vector_strided.h"
#include "kernels/gemm/vector_tile.h"

DEFINE_TILE_ROWS_6(1)
DEFINE_TILE_ROWS_6(2)
DEFINE_TILE_ROWS_4(3)

DEFINE_STRIDED_ROWS_6(1)
DEFINE_STRIDED_ROWS_6(2)
DEFINE_STRIDED_ROWS_3(4)
DEFINE_STRIDED(1, 8)
DEFINE_STRIDED_PACKING(4, 2)
DEFINE_STRIDED_PACKING(5, 2)
DEFINE_STRIDED_PACKING(6, 2)
DEFINE_STRIDED_ALONG_6(2)

static const struct tw_f32_tile_width last = {24, 4, TILE_ROWS_4(3)};

const struct tw_f32_tiles tw_f32_tiles__avx2 = {
    .width = {{16, 6, TILE_ROWS_6(2)}, {8, 6, TILE_ROWS_6(1)}},
    .widths = 2,
    .last = &last,
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
    .one_vector = {11, 8},
    .transposing = {4, 3, 1},
    .along = {16, 6, STRIDED_ROWS_6(2, along), STRIDED_ROWS_6(2, tabled), 0, NULL},
    .few_rows = &tw_f32_few_rows__avx2,
    .links = 320,
    .blocking = {{512, 96, 2048}, {384, 192, 2048}},
    .shallow = {128, 32},
    .in_place = 8192,
    .in_place_rows = 48,
    .fetch = STRIDED_FETCHES,
    .transpose = transpose,
    .take_pairs = tw_f32_take_pairs__avx2,
    .put_pairs = tw_f32_put_pairs__avx2,
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
