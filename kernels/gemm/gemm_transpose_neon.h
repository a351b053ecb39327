/* Transposition in 4 x 4 blocks of NEON registers. */
#ifndef TOWER_KERNELS_GEMM_GEMM_TRANSPOSE_NEON_H
#define TOWER_KERNELS_GEMM_GEMM_TRANSPOSE_NEON_H

#include <arm_neon.h>
#include <stddef.h>

/* dst[j*dst_row + i] = src[i*src_row + j] of 4 x 4: pairs of rows, then pairs of pairs. */
static inline void transpose_4x4(const float *src, ptrdiff_t src_row, float *dst, ptrdiff_t dst_row)
{
    const float32x4_t r0 = vld1q_f32(src), r1 = vld1q_f32(src + src_row), r2 = vld1q_f32(src + 2 * src_row),
                      r3 = vld1q_f32(src + 3 * src_row);
    const float64x2_t even01 = vreinterpretq_f64_f32(vtrn1q_f32(r0, r1)),
                      odd01 = vreinterpretq_f64_f32(vtrn2q_f32(r0, r1)),
                      even23 = vreinterpretq_f64_f32(vtrn1q_f32(r2, r3)),
                      odd23 = vreinterpretq_f64_f32(vtrn2q_f32(r2, r3));

    vst1q_f32(dst, vreinterpretq_f32_f64(vtrn1q_f64(even01, even23)));
    vst1q_f32(dst + dst_row, vreinterpretq_f32_f64(vtrn1q_f64(odd01, odd23)));
    vst1q_f32(dst + 2 * dst_row, vreinterpretq_f32_f64(vtrn2q_f64(even01, even23)));
    vst1q_f32(dst + 3 * dst_row, vreinterpretq_f32_f64(vtrn2q_f64(odd01, odd23)));
}

/* A tw_f32_transpose_fn. */
static void transpose(ptrdiff_t rows, ptrdiff_t columns, const float *src, ptrdiff_t src_row, float *dst,
                      ptrdiff_t dst_row)
{
    const ptrdiff_t whole_rows = rows & ~(ptrdiff_t)3, whole_columns = columns & ~(ptrdiff_t)3;

    for (ptrdiff_t i = 0; i < whole_rows; i += 4)
        for (ptrdiff_t j = 0; j < whole_columns; j += 4)
            transpose_4x4(src + i * src_row + j, src_row, dst + j * dst_row + i, dst_row);
    for (ptrdiff_t j = whole_columns; j < columns; j++)
        for (ptrdiff_t i = 0; i < whole_rows; i++)
            dst[j * dst_row + i] = src[i * src_row + j];
    for (ptrdiff_t i = whole_rows; i < rows; i++)
        for (ptrdiff_t j = 0; j < columns; j++)
            dst[j * dst_row + i] = src[i * src_row + j];
}

#endif
