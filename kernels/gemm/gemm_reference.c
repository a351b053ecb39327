/* GEMM straight from the formula: what every other variant is compared with. */
#include <math.h>

#include "kernels/gemm/gemm.h"

void tw_f32_gemm__reference(const struct tw_gemm_shape *shape, const float *a, const float *b, float *c,
                            void *workspace)
{
    (void)workspace;
    for (ptrdiff_t i = 0; i < shape->m; i++) {
        for (ptrdiff_t j = 0; j < shape->n; j++) {
            const float *row = a + i * shape->a_row, *column = b + j * shape->b_col;
            float sum = shape->accumulate ? c[i * shape->c_row + j] : 0.0f;

            for (ptrdiff_t p = 0; p < shape->k; p++)
                sum = fmaf(row[p * shape->a_col], column[p * shape->b_row], sum);
            c[i * shape->c_row + j] = sum;
        }
    }
}

size_t tw_f32_gemm_workspace__reference(const struct tw_gemm_shape *shape)
{
    (void)shape;
    return 0;
}

const char *tw_f32_gemm_algorithm__reference(const struct tw_gemm_shape *shape)
{
    (void)shape;
    return "reference";
}
