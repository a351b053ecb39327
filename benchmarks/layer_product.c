#include "benchmarks/layer_product.h"

#include "layers/operation/nonzeros.h"
#include "layers/plan/lower.h"

void tw_layer_product(const struct tw_kernels *kernels, const struct tw_gemm_shape *shape, const float *a,
                      const float *b, float *c, void *workspace)
{
    const struct tw_execution execution = {.kernels = kernels};
    const bool leaves_out =
        tw_nonzeros_pay(&execution, shape, a) && !tw_nonzeros_share_is_dense(kernels, shape, shape->m);

    tw_nonzeros_multiply(&execution, shape, leaves_out, a, b, c, workspace);
}

bool tw_layer_looks(const struct tw_kernels *kernels, const struct tw_gemm_shape *shape, ptrdiff_t weights)
{
    const struct tw_shape weight = TW_SHAPE(weights);

    return !tw_linear_is_small(&weight) && tw_nonzeros_limit(kernels, shape) >= 0.0;
}
