/* Tiles of last panels with AVX-512, in vectors of eight, where one of sixteen would be half idle: 8 x 24 for 17 to 24 columns
 * (24 accumulators and 3 registers of B need the ISA's 32 registers), and strided ones of 8 x 8, whose eight chains are as many as
 * two multipliers want. */
#include <immintrin.h>

#include "kernels/gemm/gemm_tile.h"
#include "kernels/gemm/gemm_vector_avx2.h"

#if !defined(__AVX512F__) || !defined(__AVX512VL__)
#error "gemm_last_avx512.c must be compiled with -mavx512f -mavx512vl"
#endif

/* An element of A in every lane. */
typedef vector tile_element;

#define load_element(x)           broadcast(x)
#define multiply_element(e, b, c) multiply_add(e, b, c)
#define TILE_ROW_ENDS(i, vectors)

#define VECTORS_MAX 1

#include "kernels/gemm/vector_along.h"
#include "kernels/gemm/vector_strided.h"
#include "kernels/gemm/vector_tile.h"

DEFINE_STRIDED_ROWS_6(1)
DEFINE_STRIDED(7, 1)
DEFINE_STRIDED(8, 1)
DEFINE_STRIDED_TABLED_8(1)

tw_f32_strided_fn *const tw_f32_tabled_half__avx512[TW_TILE_ROWS_MAX] = STRIDED_ROWS_8(1, tabled);

const struct tw_f32_strided_width tw_f32_half_width__avx512 = {
    8, 8, STRIDED_ROWS_8(1, whole), STRIDED_ROWS_8(1, part), {NULL}};

DEFINE_TILE_ROWS_8(1)
DEFINE_TILE_ROWS_8(3)

const struct tw_f32_tile_width tw_f32_last_half_width__avx512 = {8, 8, TILE_ROWS_8(1)};
const struct tw_f32_tile_width tw_f32_last_width__avx512 = {24, 8, TILE_ROWS_8(3)};
