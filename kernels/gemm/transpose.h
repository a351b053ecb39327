/* Transposition of a matrix:
 *
 *   dst[j*dst_row + i] = src[i*src_row + j]   for i = 0 … rows-1, j = 0 … columns-1
 *
 * Strides count elements; both may be negative. dst must not overlap src. No alignment is required; nothing else is
 * read or written. rows or columns may be 0: then nothing is. Nothing is checked, nothing allocated; any number of
 * threads may transpose into places that do not overlap (kernels.h).
 */
#ifndef TOWER_KERNELS_GEMM_TRANSPOSE_H
#define TOWER_KERNELS_GEMM_TRANSPOSE_H

#include <stddef.h>

typedef void tw_f32_transpose_fn(ptrdiff_t rows, ptrdiff_t columns, const float *src, ptrdiff_t src_row,
                                 float *dst, ptrdiff_t dst_row);

tw_f32_transpose_fn tw_f32_transpose__reference;
tw_f32_transpose_fn tw_f32_transpose__avx2;
tw_f32_transpose_fn tw_f32_transpose__avx512;
tw_f32_transpose_fn tw_f32_transpose__neon;

#endif
