/* General matrix multiplication: C = A B, or C = C + A B.
 *
 *   C (m x n), A (m x k), B (k x n):   c[i][j] = start + sum over p = 0 … k-1 of a[i][p] b[p][j]
 *
 * All transposes are strides: element (i, p) of A is a[i*a_row + p*a_col], element (p, j) of B is
 * b[p*b_row + j*b_col], element (i, j) of C is c[i*c_row + j]. Strides count elements; those of A and B may
 * have any value (1 and the leading dimension for the usual layouts).
 *
 * Summation order (all variants, bit for bit): one chain acc = fma(a, b, acc) per output element, p
 * ascending, starting from +0, or from c[i][j] when `accumulate` is set. Blocking over k stores and reloads
 * the chain and so changes nothing; k is never split between accumulators. Hence any split of C into
 * sub-matrices gives the same bits: threads take blocks of rows or columns.
 *
 * C is written only inside m x n, read only when `accumulate` is set (then also inside m x n only), and must
 * not overlap A or B. A and B are read only at the elements named above. m, n or k may be 0 (k 0: C becomes
 * 0, or stays when accumulating). No alignment is required. NaN and infinity flow as in the formula.
 *
 * Kernels check nothing and allocate nothing; any number of threads may run them on results and workspaces that do not
 * overlap (kernels.h).
 */
#ifndef TOWER_KERNELS_GEMM_GEMM_H
#define TOWER_KERNELS_GEMM_GEMM_H

#include <stdbool.h>
#include <stddef.h>

struct tw_gemm_shape {
    ptrdiff_t m, n, k;
    ptrdiff_t a_row, a_col, b_row, b_col, c_row;
    bool accumulate;
};

/* `workspace`: tw_f32_gemm_workspace_fn's bytes, aligned to 64, private to the call; NULL if that is 0. */
typedef void tw_f32_gemm_fn(const struct tw_gemm_shape *shape, const float *a, const float *b, float *c,
                            void *workspace);

/* Bytes of workspace that a call with this shape needs; bounded by the cache blocking, not by the matrices. A product of
 * fewer rows or columns of the same matrices needs no more. */
typedef size_t tw_f32_gemm_workspace_fn(const struct tw_gemm_shape *shape);

/* Name of the way that a variant takes for this shape ("small", "dots", "streamed", "one tile", "rows", "panels", each also
 * after "transposed "; "reference"; "empty"): constant text, for --print-plan. The rule is stated in gemm_plan.h. */
typedef const char *tw_f32_gemm_algorithm_fn(const struct tw_gemm_shape *shape);

tw_f32_gemm_fn tw_f32_gemm__reference;
tw_f32_gemm_fn tw_f32_gemm__avx2;
tw_f32_gemm_fn tw_f32_gemm__avx512;
tw_f32_gemm_fn tw_f32_gemm__neon;

tw_f32_gemm_workspace_fn tw_f32_gemm_workspace__reference;
tw_f32_gemm_workspace_fn tw_f32_gemm_workspace__avx2;
tw_f32_gemm_workspace_fn tw_f32_gemm_workspace__avx512;
tw_f32_gemm_workspace_fn tw_f32_gemm_workspace__neon;

tw_f32_gemm_algorithm_fn tw_f32_gemm_algorithm__reference;
tw_f32_gemm_algorithm_fn tw_f32_gemm_algorithm__avx2;
tw_f32_gemm_algorithm_fn tw_f32_gemm_algorithm__avx512;
tw_f32_gemm_algorithm_fn tw_f32_gemm_algorithm__neon;

#endif
