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

void tw_linear_run_nonzeros(const struct tw_execution *execution, const struct tw_gemm_shape *whole,
                            const struct tw_linear_part *part, void *workspace)
{
    const struct tw_sparse_gemm_shape shape = {
        .m = part->last_row - part->first_row,
        .n = part->last_column - part->first_column,
        .k = whole->k,
        .a_row = whole->a_row,
        .a_col = whole->a_col,
        .b_row = whole->b_row,
        .b_col = 1,
        .c_row = whole->c_row,
        .accumulate = whole->accumulate,
    };

    execution->kernels->f32_sparse_gemm(
        &shape, (const float *)execution->in[0] + part->first_row * whole->a_row,
        (const float *)execution->in[1] + part->first_column,
        (float *)execution->out[0] + part->first_row * whole->c_row + part->first_column, workspace);
}

double tw_linear_nonzeros(const float *a, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t a_row, ptrdiff_t a_col)
{
    ptrdiff_t found = 0;

    if (!a) {
        return (double)rows * (double)columns;
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        for (ptrdiff_t p = 0; p < columns; p++) {
            found += a[i * a_row + p * a_col] != 0.0f;
        }
    }
    return (double)found;
}

double tw_linear_nonzeros_flops(const struct tw_execution *execution, const struct tw_gemm_shape *whole,
                                const struct tw_linear_part *part)
{
    const float *a = execution->in[0];

    return 2.0 * (double)(part->last_column - part->first_column) *
           tw_linear_nonzeros(a ? a + part->first_row * whole->a_row : NULL, part->last_row - part->first_row,
                              whole->k, whole->a_row, whole->a_col);
}

const char *tw_nonzeros_algorithm(const struct tw_execution *execution)
{
    (void)execution;
    return "non-zeros only";
}

enum { NONZERO_SAMPLES = 4 };

ptrdiff_t tw_nonzeros_units(ptrdiff_t samples)
{
    return (samples + NONZERO_SAMPLES - 1) / NONZERO_SAMPLES;
}

ptrdiff_t tw_nonzeros_sample(ptrdiff_t samples, ptrdiff_t unit)
{
    return unit * NONZERO_SAMPLES < samples ? unit * NONZERO_SAMPLES : samples;
}
