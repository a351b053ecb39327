#include "kernels/gemm/transpose.h"

#include "kernels/gemm/gemm_transpose_avx2.h"

void tw_f32_transpose__avx512(ptrdiff_t rows, ptrdiff_t columns, const float *src, ptrdiff_t src_row,
                              float *dst, ptrdiff_t dst_row)
{
    transpose(rows, columns, src, src_row, dst, dst_row);
}
