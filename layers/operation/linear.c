/* linear: y = x weight^T + bias, and its three gradients, each a GEMM over the whole batch split by output
 * tiles. */
#include "layers/operation/linear.h"

#include "layers/graph/functional.h"
#include "layers/operation/linear_gemm.h"
#include "layers/operation/operations.h"

tw_value tw_linear(tw_graph *graph, tw_value x, tw_value weight, tw_value bias)
{
    const tw_value inputs[3] = {x, weight, bias};
    const struct tw_shape *x_shape, *weight_shape, *bias_shape;
    char text[TW_SHAPE_TEXT_BYTES], expected[TW_SHAPE_TEXT_BYTES];

    if (!tw_expect_f32_shape(graph, "linear", x, 2, "(N, features)") ||
        !tw_expect_f32_shape(graph, "linear weight", weight, 2, "(out, in)") ||
        !tw_expect_unbatched(graph, "linear weight", weight) ||
        (bias.index != 0 &&
         (!tw_expect_f32(graph, "linear bias", bias) || !tw_expect_unbatched(graph, "linear bias", bias)))) {
        return TW_INVALID_VALUE;
    }
    x_shape = &graph->values[x.index].shape;
    weight_shape = &graph->values[weight.index].shape;
    if (x_shape->extent[1] != weight_shape->extent[1]) {
        return tw_graph_fail(graph, TW_ERROR_SHAPE,
                             "linear: input %s has %td features, weight %s expects %td",
                             tw_shape_text(x_shape, text), x_shape->extent[1],
                             tw_shape_text(weight_shape, expected), weight_shape->extent[1]);
    }
    bias_shape = bias.index ? &graph->values[bias.index].shape : NULL;
    if (bias_shape && (bias_shape->ndim != 1 || bias_shape->extent[0] != weight_shape->extent[0])) {
        return tw_graph_fail(graph, TW_ERROR_SHAPE, "linear: bias has shape %s, weight %s expects (%td,)",
                             tw_shape_text(bias_shape, text), tw_shape_text(weight_shape, expected),
                             weight_shape->extent[0]);
    }
    return tw_graph_record(graph, &tw_operation_linear, inputs, 3, NULL, TW_F32,
                           TW_SHAPE(x_shape->extent[0], weight_shape->extent[0]),
                           graph->values[x.index].batched);
}

/* --- forward: y (N, O) = x (N, I) weight^T, accumulated on the bias ------------------------------------- */

static struct tw_gemm_shape forward_shape(const struct tw_execution *execution)
{
    struct tw_shape x = tw_execution_input_shape(execution, 0), y = tw_execution_output_shape(execution, 0);

    return (struct tw_gemm_shape){.m = x.extent[0],
                                  .n = y.extent[1],
                                  .k = x.extent[1],
                                  .a_row = x.extent[1],
                                  .a_col = 1,
                                  .b_row = 1,
                                  .b_col = x.extent[1],
                                  .c_row = y.extent[1],
                                  .accumulate = execution->node->input[2] != 0};
}

TW_LINEAR_FUNCTIONS(forward, tw_linear_splits_columns)

static void run_part(const struct tw_execution *execution, const struct tw_gemm_shape *shape,
                     const struct tw_linear_part *part, void *workspace)
{
    const float *bias = execution->in[2];

    if (bias) {
        execution->kernels->f32_fill_rows(
            part->last_row - part->first_row, part->last_column - part->first_column,
            bias + part->first_column,
            (float *)execution->out[0] + part->first_row * shape->c_row + part->first_column, shape->c_row);
    }
    tw_linear_run(execution, shape, part, workspace);
}

static void run_forward(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *workspace)
{
    struct tw_gemm_shape shape = forward_shape(execution);
    struct tw_linear_part part =
        tw_linear_part_of(&shape, tw_linear_splits_columns(execution, &shape), begin, end);

    run_part(execution, &shape, &part, workspace);
}

static void run_forward_samples(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                                void *workspace)
{
    struct tw_gemm_shape shape = forward_shape(execution);

    run_part(execution, &shape, &(struct tw_linear_part){begin, end, 0, shape.n}, workspace);
}

static void run_forward_relu(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                             void *workspace)
{
    struct tw_gemm_shape shape = forward_shape(execution);
    struct tw_linear_part part =
        tw_linear_part_of(&shape, tw_linear_splits_columns(execution, &shape), begin, end);

    run_part(execution, &shape, &part, workspace);
    for (ptrdiff_t row = part.first_row; row < part.last_row; row++) {
        float *y = (float *)execution->out[0] + row * shape.c_row + part.first_column;

        execution->kernels->f32_relu_forward(part.last_column - part.first_column, y, y);
    }
}

static void differentiate_linear(tw_graph *graph, const struct tw_graph_node *node, tw_value dy, tw_value *dx)
{
    const struct tw_graph_value x = graph->values[node->input[0]];
    const struct tw_shape weight = graph->values[node->input[1]].shape;

    if (tw_graph_wants_gradient(graph, node, 1)) {
        const tw_value inputs[2] = {dy, tw_node_input(node, 0)};

        dx[1] = tw_graph_record(graph, &tw_operation_linear_weight_gradient, inputs, 2, NULL, TW_F32, weight,
                                false);
    }
    if (tw_graph_wants_gradient(graph, node, 2)) {
        dx[2] = tw_graph_record(graph, &tw_operation_linear_bias_gradient, &dy, 1, NULL, TW_F32,
                                TW_SHAPE(weight.extent[0]), false);
    }
    if (tw_graph_wants_gradient(graph, node, 0)) {
        const tw_value inputs[2] = {dy, tw_node_input(node, 1)};

        dx[0] = tw_graph_record(graph, &tw_operation_linear_input_gradient, inputs, 2, NULL, TW_F32, x.shape,
                                x.batched);
    }
}

const struct tw_operation tw_operation_linear = {
    .name = "linear",
    .differentiate = differentiate_linear,
    .split = TW_SPLIT_TILES,
    .units = forward_units,
    .grain = TW_LINEAR_GRAIN,
    .flops = forward_flops,
    .workspace = forward_workspace,
    .run = run_forward,
    .algorithm = forward_algorithm,
};

const struct tw_operation tw_operation_linear_samples = {
    .name = "linear",
    .split = TW_SPLIT_SAMPLES,
    .flops = forward_flops,
    .workspace = forward_workspace,
    .run = run_forward_samples,
    .algorithm = forward_algorithm,
};

const struct tw_operation tw_operation_linear_relu = {
    .name = "linear+relu",
    .split = TW_SPLIT_TILES,
    .units = forward_units,
    .grain = TW_LINEAR_GRAIN,
    .flops = forward_flops,
    .workspace = forward_workspace,
    .run = run_forward_relu,
    .algorithm = forward_algorithm,
};
