#include "kernels/gemm/transpose.h"

#include "kernels/gemm/gemm_transpose_avx2.h"

#if !defined(__AVX2__)
#error "transpose_avx2.c must be compiled with -mavx2"
#endif

void tw_f32_transpose__avx2(ptrdiff_t rows, ptrdiff_t columns, const float *src, ptrdiff_t src_row,
                            float *dst, ptrdiff_t dst_row)
{
    transpose(rows, columns, src, src_row, dst, dst_row);
}
