/* The gradients of linear by its input and its bias, over the whole batch. */
#include "layers/operation/linear.h"
#include "layers/operation/linear_gemm.h"
#include "layers/operation/linear_nonzeros.h"
#include "layers/operation/nonzeros.h"
#include "layers/operation/operations.h"

/* --- input gradient: dx (N, I) = dy (N, O) weight (O, I) ------------------------------------------------ */

static struct tw_gemm_shape input_gradient_shape(const struct tw_execution *execution)
{
    struct tw_shape dy = tw_execution_input_shape(execution, 0), dx = tw_execution_output_shape(execution, 0);

    return (struct tw_gemm_shape){.m = dy.extent[0],
                                  .n = dx.extent[1],
                                  .k = dy.extent[1],
                                  .a_row = dy.extent[1],
                                  .a_col = 1,
                                  .b_row = dx.extent[1],
                                  .b_col = 1,
                                  .c_row = dx.extent[1]};
}

TW_LINEAR_FUNCTIONS(input_gradient, tw_linear_splits_columns)

static void run_input_gradient(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                               void *workspace)
{
    struct tw_gemm_shape shape = input_gradient_shape(execution);
    struct tw_linear_part part =
        tw_linear_part_of(&shape, tw_linear_splits_columns(execution, &shape), begin, end);

    tw_linear_run(execution, &shape, &part, workspace);
}

static void run_input_gradient_samples(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                                       void *workspace)
{
    struct tw_gemm_shape shape = input_gradient_shape(execution);

    tw_linear_run(execution, &shape, &(struct tw_linear_part){begin, end, 0, shape.n}, workspace);
}

const struct tw_operation tw_operation_linear_input_gradient = {
    .name = "linear_input_gradient",
    .split = TW_SPLIT_TILES,
    .units = input_gradient_units,
    .grain = TW_LINEAR_GRAIN,
    .flops = input_gradient_flops,
    .workspace = input_gradient_workspace,
    .run = run_input_gradient,
    .algorithm = input_gradient_algorithm,
};

const struct tw_operation tw_operation_linear_input_gradient_samples = {
    .name = "linear_input_gradient",
    .split = TW_SPLIT_SAMPLES,
    .flops = input_gradient_flops,
    .workspace = input_gradient_workspace,
    .run = run_input_gradient_samples,
    .algorithm = input_gradient_algorithm,
};

/* By samples, as the layer's forward: a thread then has the weights in its caches, and goes on with its own samples. */
static ptrdiff_t nonzeros_units(const struct tw_execution *execution)
{
    return tw_nonzeros_units(tw_execution_input_shape(execution, 0).extent[0]);
}

static size_t nonzeros_workspace(const struct tw_execution *execution)
{
    struct tw_gemm_shape shape = input_gradient_shape(execution);

    return tw_nonzeros_workspace(execution, &shape);
}

static void run_input_gradient_nonzeros(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                                        void *workspace)
{
    struct tw_gemm_shape shape = input_gradient_shape(execution);
    struct tw_linear_part part = tw_nonzeros_part(&shape, begin, end);

    tw_nonzeros_run(execution, &shape, &part, workspace);
}

static double nonzeros_flops(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end)
{
    struct tw_gemm_shape shape = input_gradient_shape(execution);
    struct tw_linear_part part = tw_nonzeros_part(&shape, begin, end);

    return tw_nonzeros_flops(execution, &shape, &part);
}

const struct tw_operation tw_operation_linear_input_gradient_nonzeros = {
    .name = "linear_input_gradient",
    .split = TW_SPLIT_TILES,
    .units = nonzeros_units,
    .grain = TW_NONZEROS_GRAIN,
    .flops = input_gradient_flops,
    .flops_done = nonzeros_flops,
    .workspace = nonzeros_workspace,
    .run = run_input_gradient_nonzeros,
    .algorithm = tw_nonzeros_algorithm,
};

/* --- bias gradient: db (O) = column sums of dy (N, O) --------------------------------------------------- */

static void run_bias_gradient(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                              void *workspace)
{
    struct tw_shape dy = tw_execution_input_shape(execution, 0);

    (void)workspace;
    if (begin < end) {
        execution->kernels->f32_sum_rows(dy.extent[0], dy.extent[1], execution->in[0], dy.extent[1],
                                         execution->out[0]);
    }
}

static void bias_gradient_written(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                                  tw_range_fn *take, void *context)
{
    if (begin < end) {
        take(context, 0, tw_execution_output_shape(execution, 0).extent[0]);
    }
}

static double bias_gradient_flops(const struct tw_execution *execution)
{
    struct tw_shape dy = tw_execution_input_shape(execution, 0);

    return (double)tw_shape_count(&dy);
}

const struct tw_operation tw_operation_linear_bias_gradient = {
    .name = "linear_bias_gradient",
    .split = TW_SPLIT_TILES,
    .units = tw_units_one,
    .flops = bias_gradient_flops,
    .run = run_bias_gradient,
    .written = bias_gradient_written,
};
