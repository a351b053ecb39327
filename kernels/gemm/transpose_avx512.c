#include "kernels/gemm/transpose.h"

#include "kernels/gemm/gemm_transpose_avx512.h"

#if !defined(__AVX512F__)
#error "transpose_avx512.c must be compiled with -mavx512f"
#endif

void tw_f32_transpose__avx512(ptrdiff_t rows, ptrdiff_t columns, const float *src, ptrdiff_t src_row,
                              float *dst, ptrdiff_t dst_row)
{
    transpose(rows, columns, src, src_row, dst, dst_row);
}
