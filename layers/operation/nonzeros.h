/* Products whose left operand has zeros that a relu has left: what the forms of linear in linear_nonzeros.h share.
 *
 * Leaving zeros out (kernels/sparse) pays up to a density that differs by ISA (tw_kernels.sparse_density); above it the
 * product is a dense one (kernels/gemm). The density is looked at in every run, in rows spread over the whole operand, so
 * that it is the same for every share of the work. Where the right operand is finite both ways have the same bits; where it
 * is not, one that meets only zeros may be seen or not.
 */
#ifndef TOWER_LAYERS_OPERATION_NONZEROS_H
#define TOWER_LAYERS_OPERATION_NONZEROS_H

#include "layers/operation/linear_gemm.h"

/* Whether zeros of A are to be left out of this product, the whole one. */
bool tw_nonzeros_pay(const struct tw_execution *execution, const struct tw_gemm_shape *whole, const float *a);

/* A product, or part of one, by the way that was decided for the whole. One of B's strides is 1. */
void tw_nonzeros_multiply(const struct tw_execution *execution, const struct tw_gemm_shape *shape, bool pay,
                          const float *a, const float *b, float *c, void *workspace);

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

/* Forms that go by samples: units of a few of them, and so many units a claim that walking through all weights pays. The
 * samples of units [begin, end), in all columns. */
#define TW_NONZEROS_GRAIN 16
ptrdiff_t tw_nonzeros_units(ptrdiff_t samples);
struct tw_linear_part tw_nonzeros_part(const struct tw_execution *execution,
                                       const struct tw_gemm_shape *whole, ptrdiff_t begin, ptrdiff_t end);

#endif
