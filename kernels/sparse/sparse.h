/* Matrix product that leaves out the zeros of A: what a layer behind a relu, and the gradients in front of one, are.
 *
 *   C (m x n), A (m x k), B (k x n):
 *   c[i][j] = start + sum over p = 0 … k-1 with a[i][p] != 0 of a[i][p] b[p][j]
 *
 * Shapes, strides and elements are those of kernels/gemm; one of B's strides is 1. A transposed B (b_col is not 1)
 * costs a transposition for every 64 rows of C.
 *
 * Summation order (all variants, bit for bit): one chain acc = fma(a, b, acc) per output element, p ascending over the
 * non-zeros of its row, starting from +0, or from c[i][j] when `accumulate` is set. Where B is finite these are the
 * bits of kernels/gemm: a product with zero changes no sum (but for a start of -0, which stays -0 here). Where an
 * element of B is infinite or NaN and meets only zeros of A, it is not seen here; NaN in A is no zero. Any split of C
 * into sub-matrices gives the same bits.
 *
 * Work is m * n times the non-zeros of a row, and each costs more than in a dense product, since every fma loads its own
 * part of B: up to which density it pays is tw_kernels.sparse_density (docs/kernels.md).
 *
 * C is written only inside m x n, read only when `accumulate` is set, and must not overlap A or B. m, n or k may be 0.
 * No alignment is required, but of `workspace`: TW_SPARSE_GEMM_WORKSPACE bytes aligned to 64, private to the call.
 *
 * Kernels check nothing and allocate nothing; any number of threads may run them on results and workspaces that do not
 * overlap (kernels.h).
 */
#ifndef TOWER_KERNELS_SPARSE_SPARSE_H
#define TOWER_KERNELS_SPARSE_SPARSE_H

#include "kernels/gemm/gemm.h"

/* Enough for any shape and every variant. */
#define TW_SPARSE_GEMM_WORKSPACE ((size_t)128 * 1024)

typedef void tw_f32_sparse_gemm_fn(const struct tw_gemm_shape *shape, const float *a, const float *b,
                                   float *c, void *workspace);

tw_f32_sparse_gemm_fn tw_f32_sparse_gemm__reference;
tw_f32_sparse_gemm_fn tw_f32_sparse_gemm__avx2;
tw_f32_sparse_gemm_fn tw_f32_sparse_gemm__avx512;
tw_f32_sparse_gemm_fn tw_f32_sparse_gemm__neon;

#endif
