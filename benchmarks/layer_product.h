/* The product of a fully connected layer as layers/operation runs it: apart from linear.c, since shapes of benchmarks and of
 * tensors have one name. */
#ifndef TOWER_BENCHMARKS_LAYER_PRODUCT_H
#define TOWER_BENCHMARKS_LAYER_PRODUCT_H

#include "kernels/kernels.h"

/* Looks at some rows of A, which takes its time, and leaves zeros out if that pays. */
void tw_layer_product(const struct tw_kernels *kernels, const struct tw_gemm_shape *shape, const float *a,
                      const float *b, float *c, void *workspace);

/* Whether a plan has a product of that shape, with weights of `weights` elements, run like this where a relu leaves zeros. */
bool tw_layer_looks(const struct tw_kernels *kernels, const struct tw_gemm_shape *shape, ptrdiff_t weights);

#endif
