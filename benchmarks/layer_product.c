#include "benchmarks/layer_product.h"

#include "layers/operation/nonzeros.h"
#include "layers/plan/lower.h"

void tw_layer_product(const struct tw_kernels *kernels, const struct tw_gemm_shape *shape, const float *a,
                      const float *b, float *c, void *workspace)
{
    const struct tw_execution execution = {.kernels = kernels};

    tw_nonzeros_multiply(&execution, shape, tw_nonzeros_pay(&execution, shape, a), a, b, c, workspace);
}

bool tw_layer_looks(const struct tw_kernels *kernels, const struct tw_gemm_shape *shape, ptrdiff_t weights)
{
    const struct tw_shape weight = TW_SHAPE(weights);

    return !tw_linear_is_small(&weight) && tw_nonzeros_limit(kernels, shape) >= 0.0;
}
