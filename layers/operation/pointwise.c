/* relu, dropout, normalize: one output element per input element, sample by sample. */
#include <math.h>

#include "layers/graph/functional.h"
#include "layers/operation/operations.h"

/* First element and number of elements of samples [begin, end) of output 0. */
static ptrdiff_t sample_range(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                              ptrdiff_t *first)
{
    ptrdiff_t each = tw_execution_sample_elements(execution, execution->node->output[0]);

    *first = begin * each;
    return (end - begin) * each;
}

/* Records a pointwise node on `x`, of x's shape. */
static tw_value record_like(tw_graph *graph, const struct tw_operation *operation, const tw_value *inputs,
                            int count, const union tw_attributes *attributes)
{
    const struct tw_graph_value x = graph->values[inputs[0].index];

    return tw_graph_record(graph, operation, inputs, count, attributes, TW_F32, x.shape, x.batched);
}

/* --- normalize ------------------------------------------------------------------------------------------ */

static void run_normalize(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                          void *workspace)
{
    ptrdiff_t first, count = sample_range(execution, begin, end, &first);

    (void)workspace;
    execution->kernels->f32_normalize_u8(
        count, (const uint8_t *)execution->in[0] + first, (float)execution->node->attributes.normalize.mean,
        (float)execution->node->attributes.normalize.standard_deviation, (float *)execution->out[0] + first);
}

const struct tw_operation tw_operation_normalize = {
    .name = "normalize",
    .split = TW_SPLIT_SAMPLES,
    .flops = tw_flops_per_output_element,
    .run = run_normalize,
};

tw_value tw_normalize(tw_graph *graph, tw_value x, double mean, double standard_deviation)
{
    if (!tw_graph_accepts(graph, &x, 1)) {
        return tw_graph_fail(graph, TW_ERROR_ARGUMENT, "normalize: its input is not a value of this graph");
    }
    if (graph->values[x.index].dtype != TW_U8) {
        return tw_graph_fail(graph, TW_ERROR_ARGUMENT, "normalize: input is %s, expected uint8",
                             tw_dtype_name(graph->values[x.index].dtype));
    }
    if (!(standard_deviation > 0.0)) {
        return tw_graph_fail(graph, TW_ERROR_ARGUMENT,
                             "normalize: standard deviation %g, expected more than 0", standard_deviation);
    }
    return record_like(graph, &tw_operation_normalize, &x, 1,
                       &(union tw_attributes){.normalize = {mean, standard_deviation}});
}

/* --- relu ----------------------------------------------------------------------------------------------- */

static void run_relu(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *workspace)
{
    ptrdiff_t first, count = sample_range(execution, begin, end, &first);

    (void)workspace;
    execution->kernels->f32_relu_forward(count, (const float *)execution->in[0] + first,
                                         (float *)execution->out[0] + first);
}

static void differentiate_relu(tw_graph *graph, const struct tw_graph_node *node, tw_value dy, tw_value *dx)
{
    const tw_value inputs[2] = {dy, tw_node_output(node, 0)};

    if (tw_graph_wants_gradient(graph, node, 0)) {
        dx[0] = record_like(graph, &tw_operation_relu_gradient, inputs, 2, NULL);
    }
}

const struct tw_operation tw_operation_relu = {
    .name = "relu",
    .differentiate = differentiate_relu,
    .split = TW_SPLIT_SAMPLES,
    .flops = tw_flops_per_output_element,
    .run = run_relu,
    .in_place = true,
};

static void run_relu_gradient(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                              void *workspace)
{
    ptrdiff_t first, count = sample_range(execution, begin, end, &first);

    (void)workspace;
    execution->kernels->f32_relu_gradient(count, (const float *)execution->in[1] + first,
                                          (const float *)execution->in[0] + first,
                                          (float *)execution->out[0] + first);
}

const struct tw_operation tw_operation_relu_gradient = {
    .name = "relu_gradient",
    .split = TW_SPLIT_SAMPLES,
    .flops = tw_flops_per_output_element,
    .run = run_relu_gradient,
    .in_place = true,
};

tw_value tw_relu(tw_graph *graph, tw_value x)
{
    return tw_expect_f32(graph, "relu", x) ? record_like(graph, &tw_operation_relu, &x, 1, NULL)
                                           : TW_INVALID_VALUE;
}

/* --- dropout -------------------------------------------------------------------------------------------- */

/* Distinct per place in the graph, equal in a dropout and its gradient; Philox spreads it. */
static void run_dropout(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *workspace)
{
    ptrdiff_t first, count = sample_range(execution, begin, end, &first);
    double probability = execution->node->attributes.dropout.probability;
    double threshold = fmin(probability * 4294967296.0 + 0.5, 4294967295.0);
    uint64_t key = execution->key + execution->node->attributes.dropout.key * UINT64_C(0x9e3779b97f4a7c15);

    (void)workspace;
    execution->kernels->f32_dropout(
        count, first, key, (uint32_t)threshold, (float)(1.0 / (1.0 - probability)),
        (const float *)execution->in[0] + first, (float *)execution->out[0] + first);
}

static void differentiate_dropout(tw_graph *graph, const struct tw_graph_node *node, tw_value dy,
                                  tw_value *dx)
{
    if (tw_graph_wants_gradient(graph, node, 0)) {
        dx[0] = record_like(graph, &tw_operation_dropout_gradient, &dy, 1, &node->attributes);
    }
}

const struct tw_operation tw_operation_dropout = {
    .name = "dropout",
    .differentiate = differentiate_dropout,
    .split = TW_SPLIT_SAMPLES,
    .flops = tw_flops_per_output_element,
    .run = run_dropout,
    .in_place = true,
};

const struct tw_operation tw_operation_dropout_gradient = {
    .name = "dropout_gradient",
    .split = TW_SPLIT_SAMPLES,
    .flops = tw_flops_per_output_element,
    .run = run_dropout,
    .in_place = true,
};

tw_value tw_dropout(tw_graph *graph, tw_value x, double probability)
{
    if (!tw_expect_f32(graph, "dropout", x)) {
        return TW_INVALID_VALUE;
    }
    if (!(probability >= 0.0 && probability < 1.0)) {
        return tw_graph_fail(graph, TW_ERROR_ARGUMENT, "dropout: probability %g, expected one in [0, 1)",
                             probability);
    }
    return record_like(graph, &tw_operation_dropout, &x, 1,
                       &(union tw_attributes){.dropout = {probability, graph->node_count}});
}
