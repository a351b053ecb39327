/* Products of few rows with AVX-512. Streams are in vectors of eight: rows of B and C begin anywhere, every vector of sixteen would
 * cross a cache line in a row that is not aligned, and was measured slower. Dot products put vectors of sixteen together. */
#include <immintrin.h>

#include "kernels/gemm/gemm_dots_avx512.h"
#include "kernels/gemm/gemm_part_avx512.h"
#include "kernels/gemm/gemm_tile.h"

#if !defined(__AVX512F__) || !defined(__AVX512VL__)
#error "gemm_few_rows_avx512.c must be compiled with -mavx512f -mavx512vl"
#endif

#define VECTORS_MAX 1

#include "kernels/gemm/vector_stream.h"

DEFINE_STREAM(1, 8)
DEFINE_STREAM(2, 8)
DEFINE_STREAM(3, 6)
DEFINE_STREAM(4, 4)
DEFINE_STREAM(5, 4)

DEFINE_DOTS(1, 2, NULL)
DEFINE_DOTS(2, 2, NULL)
DEFINE_DOTS(3, 2, NULL)
DEFINE_DOTS(4, 2, NULL)
DEFINE_DOTS(5, 2, dots_wide)
DEFINE_DOTS(6, 2, dots_wide)
DEFINE_DOTS(7, 2, dots_wide)
DEFINE_DOTS(8, 2, dots_wide)
DEFINE_DOTS(9, 1, dots_wide)
DEFINE_DOTS(10, 1, dots_wide)

const struct tw_f32_few_rows tw_f32_few_rows__avx512 = {
    .stream = {stream_1, stream_2, stream_3, stream_4, stream_5},
    .dots = {dots_1, dots_2, dots_3, dots_4, dots_5, dots_6, dots_7, dots_8, dots_9, dots_10},
};
