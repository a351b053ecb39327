/* kernels/sparse from its formula. */
#include <math.h>

#include "kernels/sparse/sparse.h"

void tw_f32_sparse_gemm__reference(const struct tw_gemm_shape *shape, const float *a, const float *b,
                                   float *c, void *workspace)
{
    (void)workspace;
    for (ptrdiff_t i = 0; i < shape->m; i++) {
        for (ptrdiff_t j = 0; j < shape->n; j++) {
            float sum = shape->accumulate ? c[i * shape->c_row + j] : 0.0f;

            for (ptrdiff_t p = 0; p < shape->k; p++) {
                const float factor = a[i * shape->a_row + p * shape->a_col];

                if (factor != 0.0f) {
                    sum = fmaf(factor, b[p * shape->b_row + j * shape->b_col], sum);
                }
            }
            c[i * shape->c_row + j] = sum;
        }
    }
}
