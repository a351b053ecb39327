#include "layers/operation/nonzeros.h"

enum { LOOKED_AT = 16384, NONZERO_SAMPLES = 4 };

/* From how many columns of B, and rows and columns of A, the whole limit holds. */
enum { WIDE_COLUMNS = 128, MANY_ROWS = 32 };

/* Elements of every `step`th row that are not zero. */
static double count(const struct tw_gemm_shape *shape, const float *a, ptrdiff_t step)
{
    ptrdiff_t found = 0;

    for (ptrdiff_t i = 0; i < shape->m; i += step) {
        const float *row = a + i * shape->a_row;

        if (shape->a_col == 1) { /* apart, so that the compiler takes vectors */
            for (ptrdiff_t p = 0; p < shape->k; p++) {
                found += row[p] != 0.0f;
            }
            continue;
        }
        for (ptrdiff_t p = 0; p < shape->k; p++) {
            found += row[p * shape->a_col] != 0.0f;
        }
    }
    return (double)found;
}

double tw_nonzeros_limit(const struct tw_kernels *kernels, const struct tw_gemm_shape *whole)
{
    const ptrdiff_t fewer = whole->m < whole->k ? whole->m : whole->k;
    const double limit = kernels->sparse_density[whole->b_col != 1];

    if (whole->n < TW_NONZEROS_COLUMNS || fewer < TW_NONZEROS_ROWS) {
        return -1.0;
    }
    return whole->n < WIDE_COLUMNS || fewer < MANY_ROWS ? TW_NONZEROS_NARROW * limit : limit;
}

bool tw_nonzeros_pay(const struct tw_execution *execution, const struct tw_gemm_shape *whole, const float *a)
{
    const double limit = tw_nonzeros_limit(execution->kernels, whole);
    const ptrdiff_t step = whole->m * whole->k / LOOKED_AT + 1, rows = (whole->m + step - 1) / step;

    return limit >= 0.0 && count(whole, a, step) <= limit * (double)rows * (double)whole->k;
}

void tw_nonzeros_multiply(const struct tw_execution *execution, const struct tw_gemm_shape *shape, bool pay,
                          const float *a, const float *b, float *c, void *workspace)
{
    if (pay) {
        execution->kernels->f32_sparse_gemm(shape, a, b, c, workspace);
    } else {
        execution->kernels->f32_gemm(shape, a, b, c, workspace);
    }
}

/* The shape of a part. */
static struct tw_gemm_shape part_shape(const struct tw_gemm_shape *whole, const struct tw_linear_part *part)
{
    struct tw_gemm_shape shape = *whole;

    shape.m = part->last_row - part->first_row;
    shape.n = part->last_column - part->first_column;
    return shape;
}

void tw_nonzeros_run(const struct tw_execution *execution, const struct tw_gemm_shape *whole,
                     const struct tw_linear_part *part, void *workspace)
{
    const struct tw_gemm_shape shape = part_shape(whole, part);
    const float *a = execution->in[0], *b = execution->in[1];

    tw_nonzeros_multiply(execution, &shape, tw_nonzeros_pay(execution, whole, a),
                         a + part->first_row * whole->a_row, b + part->first_column * whole->b_col,
                         (float *)execution->out[0] + part->first_row * whole->c_row + part->first_column,
                         workspace);
}

size_t tw_nonzeros_workspace(const struct tw_execution *execution, const struct tw_gemm_shape *whole)
{
    const size_t dense = execution->kernels->f32_gemm_workspace(whole);

    return dense > TW_SPARSE_GEMM_WORKSPACE ? dense : TW_SPARSE_GEMM_WORKSPACE;
}

double tw_nonzeros_flops(const struct tw_execution *execution, const struct tw_gemm_shape *whole,
                         const struct tw_linear_part *part)
{
    const struct tw_gemm_shape shape = part_shape(whole, part);
    const float *a = execution->in[0];
    double elements = (double)shape.m * (double)shape.k;

    if (a && tw_nonzeros_pay(execution, whole, a)) {
        elements = count(&shape, a + part->first_row * whole->a_row, 1);
    }
    return 2.0 * (double)shape.n * elements;
}

const char *tw_nonzeros_algorithm(const struct tw_execution *execution)
{
    (void)execution;
    return "non-zeros while few";
}

ptrdiff_t tw_nonzeros_units(ptrdiff_t samples)
{
    return (samples + NONZERO_SAMPLES - 1) / NONZERO_SAMPLES;
}

struct tw_linear_part tw_nonzeros_part(const struct tw_execution *execution,
                                       const struct tw_gemm_shape *whole, ptrdiff_t begin, ptrdiff_t end)
{
    const ptrdiff_t first = begin * NONZERO_SAMPLES, last = end * NONZERO_SAMPLES;

    return (struct tw_linear_part){first, last < execution->samples ? last : execution->samples, 0, whole->n};
}
