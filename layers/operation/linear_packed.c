/* linear on weights packed once (kernels/linear): what the plan of a prediction puts in place of linear, of a relu after
 * it and of flattening a blocked activation before it. */
#include "layers/operation/linear_packed.h"

#include "layers/operation/operations.h"

static const struct tw_linear_shape *shape_of(const struct tw_execution *execution)
{
    return &execution->node->attributes.linear.shape;
}

/* Of y: the samples, unless x is not batched. */
static ptrdiff_t rows_of(const struct tw_execution *execution)
{
    return tw_execution_output_shape(execution, 0).extent[0];
}

/* Blocks of sixteen outputs: their weights are disjoint, so threads share the reading of them. */
static ptrdiff_t blocks(const struct tw_execution *execution)
{
    return tw_blocks(shape_of(execution)->out);
}

static double flops(const struct tw_execution *execution)
{
    return 2.0 * (double)rows_of(execution) * (double)shape_of(execution)->in *
           (double)shape_of(execution)->out;
}

static const char *algorithm(const struct tw_execution *execution)
{
    return shape_of(execution)->plane > 0 ? "packed weights, blocked input" : "packed weights";
}

static void run_pack(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *workspace)
{
    (void)workspace;
    tw_f32_pack_linear_weights(shape_of(execution), execution->in[0], execution->out[0], begin, end);
}

const struct tw_operation tw_operation_pack_linear = {
    .name = "pack weights",
    .split = TW_SPLIT_TILES,
    .units = blocks,
    .flops = tw_flops_per_output_element,
    .run = run_pack,
    .layout = "packed",
};

static void run_linear(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *workspace)
{
    (void)workspace;
    execution->kernels->f32_linear_forward(shape_of(execution), rows_of(execution), execution->in[0],
                                           execution->in[1], execution->in[2], execution->out[0], begin, end);
}

const struct tw_operation tw_operation_linear_packed = {
    .name = "linear",
    .split = TW_SPLIT_TILES,
    .units = blocks,
    .flops = flops,
    .run = run_linear,
    .algorithm = algorithm,
};

const struct tw_operation tw_operation_linear_relu_packed = {
    .name = "linear+relu",
    .split = TW_SPLIT_TILES,
    .units = blocks,
    .flops = flops,
    .run = run_linear,
    .algorithm = algorithm,
};
