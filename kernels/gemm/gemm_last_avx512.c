/* Tile of a last panel of 17 to 24 columns with AVX-512: 8 x 24, in vectors of eight, because a second vector of sixteen would
 * be half idle. 24 accumulators and 3 registers of B need the ISA's 32 registers. */
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

#include "kernels/gemm/vector_tile.h"

DEFINE_TILE_ROWS_8(3)

const struct tw_f32_tile_width tw_f32_last_width__avx512 = {24, 8, TILE_ROWS_8(3)};
