#if !defined(__aarch64__) || !defined(__ARM_NEON)
#error "transpose_neon.c must be compiled for AArch64 with Advanced SIMD"
#endif

#include "kernels/gemm/gemm_transpose_neon.h"
#include "kernels/gemm/transpose.h"

void tw_f32_transpose__neon(ptrdiff_t rows, ptrdiff_t columns, const float *src, ptrdiff_t src_row,
                            float *dst, ptrdiff_t dst_row)
{
    transpose(rows, columns, src, src_row, dst, dst_row);
}
