/* Products whose left operand has zeros that a relu has left: what the forms of linear in linear_nonzeros.h share.
 *
 * Leaving zeros out (kernels/sparse) pays up to a density that differs by ISA (tw_kernels.sparse_density); above it the
 * product is a dense one (kernels/gemm). With fewer than 64 columns, k below 16, or a B that has to be transposed for fewer
 * than 16 rows it is always dense: making lists costs more than they save. With fewer than 128 columns, k below 32, or fewer
 * than 16 rows (32, if B is transposed) the limit is 0.7 times that density. (Measured with 64 to 3136 columns, m and k from 1
 * to 9216.) The density is looked at in every run, in lines of A, rows or columns, spread over the whole operand, so that it is
 * the same for every share of the work. Where the right operand is finite both ways have the same bits, but for chains that
 * begin with -0 and meet nothing but zeros: they stay -0 here and become +0 there. Where it is not finite, one that meets only
 * zeros may be seen or not; the density decides, not the number of threads.
 */
#ifndef TOWER_LAYERS_OPERATION_NONZEROS_H
#define TOWER_LAYERS_OPERATION_NONZEROS_H

#include "layers/operation/linear_gemm.h"

#define TW_NONZEROS_COLUMNS 64
#define TW_NONZEROS_ROWS    16
#define TW_NONZEROS_NARROW  0.7

/* Up to which density of A zeros are left out of a product, by the rule above; negative: never. */
double tw_nonzeros_limit(const struct tw_kernels *kernels, const struct tw_gemm_shape *whole);

/* Whether zeros of A are to be left out of this product, the whole one. One of A's strides is 1. */
bool tw_nonzeros_pay(const struct tw_execution *execution, const struct tw_gemm_shape *whole, const float *a);

/* A product, or part of one, by the way that was decided for the whole. One of B's strides is 1. */
void tw_nonzeros_multiply(const struct tw_execution *execution, const struct tw_gemm_shape *shape, bool pay,
                          const float *a, const float *b, float *c, void *workspace);

/* Whether a share of so many rows is multiplied as a dense product although leaving out zeros pays for the whole: every share
 * transposes a transposed B anew, in vain where it has a part of the rows, fewer than tw_kernels.sparse_rows. How many those are
 * depends on the threads. What comes out does not, as long as tw_nonzeros_agree says that both ways have the same result. */
bool tw_nonzeros_share_is_dense(const struct tw_kernels *kernels, const struct tw_gemm_shape *whole,
                                ptrdiff_t rows);

/* Whether leaving out zeros gives the very bits of this dense result, of `count` numbers: certainly if all are finite, since then
 * no element of B that is not finite has met a zero, and none is zero, which might have the other sign. */
bool tw_nonzeros_agree(ptrdiff_t count, const float *c);

/* Part of the product of inputs 0 and 1 into output 0, decided and multiplied. */
void tw_nonzeros_run(const struct tw_execution *execution, const struct tw_gemm_shape *whole,
                     const struct tw_linear_part *part, void *workspace);

/* Bytes of workspace for any part of a product. */
size_t tw_nonzeros_workspace(const struct tw_execution *execution, const struct tw_gemm_shape *whole);

/* Operations that tw_nonzeros_run takes for a part, told from input 0; the dense ones where that is NULL. */
double tw_nonzeros_flops(const struct tw_execution *execution, const struct tw_gemm_shape *whole,
                         const struct tw_linear_part *part);

/* What plans and profiles call it. */
const char *tw_nonzeros_algorithm(const struct tw_execution *execution);

/* Forms that go by rows of the product, which are samples: units of a few of them, and so many units a claim that walking through
 * all weights pays. The rows of units [begin, end), in all columns. */
#define TW_NONZEROS_GRAIN 16
ptrdiff_t tw_nonzeros_units(ptrdiff_t rows);
struct tw_linear_part tw_nonzeros_part(const struct tw_gemm_shape *whole, ptrdiff_t begin, ptrdiff_t end);

#endif
