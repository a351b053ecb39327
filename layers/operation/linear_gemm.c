#include "layers/operation/linear_gemm.h"

struct tw_linear_part tw_linear_part_of(const struct tw_gemm_shape *whole, bool columns, ptrdiff_t begin,
                                        ptrdiff_t end)
{
    struct tw_linear_part part = {0, whole->m, 0, whole->n};
    ptrdiff_t extent = columns ? whole->n : whole->m, first = begin * TW_LINEAR_BLOCK,
              last = end * TW_LINEAR_BLOCK < extent ? end * TW_LINEAR_BLOCK : extent;

    *(columns ? &part.first_column : &part.first_row) = first;
    *(columns ? &part.last_column : &part.last_row) = last;
    return part;
}

void tw_linear_run(const struct tw_execution *execution, const struct tw_gemm_shape *whole,
                   const struct tw_linear_part *part, void *workspace)
{
    const float *a = execution->in[0], *b = execution->in[1];
    float *c = execution->out[0];
    struct tw_gemm_shape shape = *whole;

    shape.m = part->last_row - part->first_row;
    shape.n = part->last_column - part->first_column;
    execution->kernels->f32_gemm(&shape, a + part->first_row * whole->a_row,
                                 b + part->first_column * whole->b_col,
                                 c + part->first_row * whole->c_row + part->first_column, workspace);
}
