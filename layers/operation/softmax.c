/* softmax and log_softmax over the last dimension. */
#include "layers/graph/functional.h"
#include "layers/operation/operations.h"

/* Rows of samples [begin, end) of output 0 and their width. */
struct rows {
    ptrdiff_t first, count, columns;
};

static struct rows rows_of(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end)
{
    uint32_t output = execution->node->output[0];
    const struct tw_shape *shape = &execution->graph->values[output].shape;
    struct rows rows = {.columns = shape->extent[shape->ndim - 1]};
    ptrdiff_t each = tw_execution_sample_elements(execution, output) / rows.columns;

    rows.first = begin * each;
    rows.count = (end - begin) * each;
    return rows;
}

/* exp costs some 10 operations. */
static double softmax_flops(const struct tw_execution *execution)
{
    return 12.0 * tw_flops_per_output_element(execution);
}

static void run_forward(const struct tw_execution *execution, tw_f32_softmax_forward_fn *forward,
                        ptrdiff_t begin, ptrdiff_t end)
{
    struct rows rows = rows_of(execution, begin, end);
    ptrdiff_t first = rows.first * rows.columns;

    forward(rows.count, rows.columns, (const float *)execution->in[0] + first,
            (float *)execution->out[0] + first);
}

/* Inputs of both gradients: dy, y. */
static void run_gradient(const struct tw_execution *execution, tw_f32_softmax_gradient_fn *gradient,
                         ptrdiff_t begin, ptrdiff_t end)
{
    struct rows rows = rows_of(execution, begin, end);
    ptrdiff_t first = rows.first * rows.columns;

    gradient(rows.count, rows.columns, (const float *)execution->in[1] + first,
             (const float *)execution->in[0] + first, (float *)execution->out[0] + first);
}

static void run_softmax(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *workspace)
{
    (void)workspace;
    run_forward(execution, execution->kernels->f32_softmax_forward, begin, end);
}

static void run_softmax_gradient(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                                 void *workspace)
{
    (void)workspace;
    run_gradient(execution, execution->kernels->f32_softmax_gradient, begin, end);
}

static void run_log_softmax(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                            void *workspace)
{
    (void)workspace;
    run_forward(execution, execution->kernels->f32_log_softmax_forward, begin, end);
}

static void run_log_softmax_gradient(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                                     void *workspace)
{
    (void)workspace;
    run_gradient(execution, execution->kernels->f32_log_softmax_gradient, begin, end);
}

static void differentiate(tw_graph *graph, const struct tw_graph_node *node, tw_value dy, tw_value *dx)
{
    const tw_value inputs[2] = {dy, tw_node_output(node, 0)};
    const struct tw_graph_value x = graph->values[node->input[0]];
    const struct tw_operation *gradient = node->operation == &tw_operation_softmax
                                              ? &tw_operation_softmax_gradient
                                              : &tw_operation_log_softmax_gradient;

    if (tw_graph_wants_gradient(graph, node, 0)) {
        dx[0] = tw_graph_record(graph, gradient, inputs, 2, NULL, TW_F32, x.shape, x.batched);
    }
}

const struct tw_operation tw_operation_softmax = {
    .name = "softmax",
    .differentiate = differentiate,
    .split = TW_SPLIT_SAMPLES,
    .flops = softmax_flops,
    .run = run_softmax,
    .in_place = true,
};

const struct tw_operation tw_operation_softmax_gradient = {
    .name = "softmax_gradient",
    .split = TW_SPLIT_SAMPLES,
    .flops = softmax_flops,
    .run = run_softmax_gradient,
    .in_place = true,
};

const struct tw_operation tw_operation_log_softmax = {
    .name = "log_softmax",
    .differentiate = differentiate,
    .split = TW_SPLIT_SAMPLES,
    .flops = softmax_flops,
    .run = run_log_softmax,
    .in_place = true,
};

const struct tw_operation tw_operation_log_softmax_gradient = {
    .name = "log_softmax_gradient",
    .split = TW_SPLIT_SAMPLES,
    .flops = softmax_flops,
    .run = run_log_softmax_gradient,
    .in_place = true,
};

/* At least two dimensions: the elements of a row cannot be split between threads, the first dimension can. */
static tw_value record_softmax(tw_graph *graph, const struct tw_operation *operation, tw_value x)
{
    const struct tw_graph_value *value;
    char text[TW_SHAPE_TEXT_BYTES];

    if (!tw_expect_f32(graph, operation->name, x)) {
        return TW_INVALID_VALUE;
    }
    value = &graph->values[x.index];
    if (value->shape.ndim < 2) {
        return tw_graph_fail(graph, TW_ERROR_SHAPE, "%s: input has shape %s, expected (N, …, classes)",
                             operation->name, tw_shape_text(&value->shape, text));
    }
    return tw_graph_record(graph, operation, &x, 1, NULL, TW_F32, value->shape, value->batched);
}

tw_value tw_softmax(tw_graph *graph, tw_value x)
{
    return record_softmax(graph, &tw_operation_softmax, x);
}

tw_value tw_log_softmax(tw_graph *graph, tw_value x)
{
    return record_softmax(graph, &tw_operation_log_softmax, x);
}
