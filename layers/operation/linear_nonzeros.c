/* linear on the non-zeros of x. */
#include "layers/operation/linear_nonzeros.h"

#include "layers/operation/nonzeros.h"
#include "layers/operation/operations.h"

static const struct tw_linear_shape *shape_of(const struct tw_execution *execution)
{
    return &execution->node->attributes.linear.shape;
}

/* --- weights (out, in) -> (in, out) --------------------------------------------------------------------- */

/* Columns of the weights that are a unit: rows of what is written, so that threads write apart from each other. */
enum { TRANSPOSED_ROWS = 64 };

static ptrdiff_t transpose_units(const struct tw_execution *execution)
{
    return (shape_of(execution)->in + TRANSPOSED_ROWS - 1) / TRANSPOSED_ROWS;
}

static void run_transpose(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                          void *workspace)
{
    const struct tw_linear_shape *shape = shape_of(execution);

    (void)workspace;
    for (ptrdiff_t unit = begin; unit < end; unit++) {
        ptrdiff_t first = unit * TRANSPOSED_ROWS, rest = shape->in - first;

        execution->kernels->f32_transpose(shape->out, rest < TRANSPOSED_ROWS ? rest : TRANSPOSED_ROWS,
                                          (const float *)execution->in[0] + first, shape->in,
                                          (float *)execution->out[0] + first * shape->out, shape->out);
    }
}

const struct tw_operation tw_operation_transpose_linear = {
    .name = "transpose weights",
    .split = TW_SPLIT_TILES,
    .units = transpose_units,
    .flops = tw_flops_per_output_element,
    .run = run_transpose,
    .layout = "transposed",
};

/* --- x, weights, bias -> y ------------------------------------------------------------------------------ */

/* Of y: the samples, unless x is not batched. */
static ptrdiff_t rows_of(const struct tw_execution *execution)
{
    return tw_execution_output_shape(execution, 0).extent[0];
}

static struct tw_gemm_shape forward_shape(const struct tw_execution *execution)
{
    const struct tw_linear_shape *linear = shape_of(execution);
    const bool transposed = execution->node->attributes.linear.transposed;

    return (struct tw_gemm_shape){.m = rows_of(execution),
                                  .n = linear->out,
                                  .k = linear->in,
                                  .a_row = linear->in,
                                  .a_col = 1,
                                  .b_row = transposed ? linear->out : 1,
                                  .b_col = transposed ? 1 : linear->in,
                                  .c_row = linear->out,
                                  .accumulate = execution->node->input[2] != 0};
}

static ptrdiff_t units(const struct tw_execution *execution)
{
    return tw_nonzeros_units(rows_of(execution));
}

static double flops(const struct tw_execution *execution)
{
    const struct tw_gemm_shape shape = forward_shape(execution);

    return 2.0 * (double)shape.m * (double)shape.n * (double)shape.k;
}

static double flops_done(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end)
{
    const struct tw_gemm_shape shape = forward_shape(execution);
    const struct tw_linear_part part = tw_nonzeros_part(&shape, begin, end);

    return tw_nonzeros_flops(execution, &shape, &part);
}

static size_t workspace_bytes(const struct tw_execution *execution)
{
    const struct tw_gemm_shape shape = forward_shape(execution);

    return tw_nonzeros_workspace(execution, &shape);
}

/* The chains begin with the bias, if there is one. */
static void multiply_samples(const struct tw_execution *execution, const struct tw_gemm_shape *shape,
                             bool leaves_out, const float *x, float *y, void *workspace)
{
    if (shape->accumulate) {
        execution->kernels->f32_fill_rows(shape->m, shape->n, execution->in[2], y, shape->c_row);
    }
    tw_nonzeros_multiply(execution, shape, leaves_out, x, execution->in[1], y, workspace);
}

static void run_samples(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *workspace)
{
    const struct tw_gemm_shape whole = forward_shape(execution);
    const struct tw_linear_part part = tw_nonzeros_part(&whole, begin, end);
    const ptrdiff_t rows = part.last_row - part.first_row;
    const bool pay = tw_nonzeros_pay(execution, &whole, execution->in[0]);
    const bool leaves_out = pay && !tw_nonzeros_share_is_dense(execution->kernels, &whole, rows);
    const float *x = (const float *)execution->in[0] + part.first_row * whole.a_row;
    float *y = (float *)execution->out[0] + part.first_row * whole.c_row;
    struct tw_gemm_shape shape = whole;

    shape.m = rows;
    multiply_samples(execution, &shape, leaves_out, x, y, workspace);
    if (pay && !leaves_out && !tw_nonzeros_agree(rows * shape.n, y)) {
        multiply_samples(execution, &shape, true, x, y, workspace);
    }
    if (shape_of(execution)->relu) {
        execution->kernels->f32_relu_forward(rows * shape.n, y, y);
    }
}

const struct tw_operation tw_operation_linear_nonzeros = {
    .name = "linear",
    .split = TW_SPLIT_TILES,
    .units = units,
    .grain = TW_NONZEROS_GRAIN,
    .flops = flops,
    .flops_done = flops_done,
    .workspace = workspace_bytes,
    .run = run_samples,
    .algorithm = tw_nonzeros_algorithm,
};

const struct tw_operation tw_operation_linear_relu_nonzeros = {
    .name = "linear+relu",
    .split = TW_SPLIT_TILES,
    .units = units,
    .grain = TW_NONZEROS_GRAIN,
    .flops = flops,
    .flops_done = flops_done,
    .workspace = workspace_bytes,
    .run = run_samples,
    .algorithm = tw_nonzeros_algorithm,
};
