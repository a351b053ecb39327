/* Every second number of rows, and numbers back between zeros: what a stride of 2 meets of an image, and what becomes of it. Private to
 * kernels/.
 *
 *   take   dst[r*count + j] = src[r*src_row + 2*j]                               for r = 0 … rows-1, j = 0 … count-1
 *   put    dst[r*row + 2*j] = src[r*count + j], all other elements of dst +0     row = 2*count + zeros
 *
 * take reads nothing outside src[0] … src[(rows-1)*src_row + 2*(count-1)], put writes rows * row elements. dst must not overlap src.
 * No alignment is required, nothing is checked. rows may be 0, src_row too, count is at least 1, zeros at least -1:
 * then a row ends with its last number.
 */
#ifndef TOWER_KERNELS_GEMM_PAIRS_H
#define TOWER_KERNELS_GEMM_PAIRS_H

#include <stddef.h>

typedef void tw_f32_take_pairs_fn(ptrdiff_t rows, ptrdiff_t count, const float *src, ptrdiff_t src_row,
                                  float *dst);
typedef void tw_f32_put_pairs_fn(ptrdiff_t rows, ptrdiff_t count, const float *src, ptrdiff_t zeros,
                                 float *dst);

tw_f32_take_pairs_fn tw_f32_take_pairs__avx2, tw_f32_take_pairs__avx512, tw_f32_take_pairs__neon;
tw_f32_put_pairs_fn tw_f32_put_pairs__avx2, tw_f32_put_pairs__avx512, tw_f32_put_pairs__neon;

#endif
