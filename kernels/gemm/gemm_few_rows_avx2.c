/* Products of few rows with AVX2 + FMA. */
#include <immintrin.h>

#include "kernels/gemm/gemm_dots_avx2.h"
#include "kernels/gemm/gemm_part_avx2.h"
#include "kernels/gemm/gemm_tile.h"

#if !defined(__AVX2__) || !defined(__FMA__)
#error "gemm_few_rows_avx2.c must be compiled with -mavx2 -mfma"
#endif

#define VECTORS_MAX 1

#include "kernels/gemm/vector_stream.h"

DEFINE_STREAM(1, 8)
DEFINE_STREAM(2, 4)
DEFINE_STREAM(3, 4)
DEFINE_STREAM(4, 4)
DEFINE_STREAM(5, 4)

DEFINE_DOTS(1, 2, NULL)
DEFINE_DOTS(2, 2, NULL)
DEFINE_DOTS(3, 2, NULL)
DEFINE_DOTS(4, 2, NULL)
DEFINE_DOTS(5, 1, NULL)
DEFINE_DOTS(6, 1, NULL)
DEFINE_DOTS(7, 1, NULL)
DEFINE_DOTS(8, 1, NULL)

const struct tw_f32_few_rows tw_f32_few_rows__avx2 = {
    .stream = {stream_1, stream_2, stream_3, stream_4, stream_5},
    .dots = {dots_1, dots_2, dots_3, dots_4, dots_5, dots_6, dots_7, dots_8},
};
