/* nll_loss, with smoothed labels or without, and cross_entropy as log_softmax followed by it. */
#include "layers/graph/functional.h"
#include "layers/operation/operations.h"

/* 1 for sum, 1 / rows of this run for mean. */
static float scale_of(const struct tw_execution *execution, ptrdiff_t rows)
{
    return execution->node->attributes.nll.reduction == TW_REDUCTION_MEAN ? (float)(1.0 / (double)rows)
                                                                          : 1.0f;
}

/* Only where the node asks for smoothing: the kernels without it never look at the other classes, whose
 * log-probability may be -infinity. */
static struct tw_smoothing smoothing_of(const struct tw_execution *execution, ptrdiff_t classes)
{
    const double smoothing = execution->node->attributes.nll.smoothing;

    return (struct tw_smoothing){.keep = (float)(1 - smoothing),
                                 .share = (float)(smoothing / (double)classes)};
}

static void run_nll(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *workspace)
{
    struct tw_shape x = tw_execution_input_shape(execution, 0);

    const float scale = scale_of(execution, x.extent[0]);

    (void)workspace;
    if (begin >= end) {
        return;
    }
    if (execution->node->attributes.nll.smoothing > 0) {
        execution->kernels->f32_smoothed_nll_forward(x.extent[0], x.extent[1], execution->in[0],
                                                     execution->in[1], smoothing_of(execution, x.extent[1]),
                                                     scale, execution->out[0]);
    } else {
        execution->kernels->f32_nll_forward(x.extent[0], x.extent[1], execution->in[0], execution->in[1],
                                            scale, execution->out[0]);
    }
}

static double nll_flops(const struct tw_execution *execution)
{
    return (double)tw_execution_input_shape(execution, 0).extent[0];
}

static enum tw_status check_labels(const struct tw_execution *execution)
{
    struct tw_shape x = tw_execution_input_shape(execution, 0);
    const int32_t *label = execution->in[1];

    for (ptrdiff_t i = 0; i < x.extent[0]; i++) {
        if (label[i] < 0 || label[i] >= x.extent[1]) {
            return tw_fail(TW_ERROR_ARGUMENT, "nll_loss: label %d of sample %td, expected 0 to %td",
                           (int)label[i], i, x.extent[1] - 1);
        }
    }
    return TW_OK;
}

static void differentiate_nll(tw_graph *graph, const struct tw_graph_node *node, tw_value dy, tw_value *dx)
{
    const tw_value inputs[2] = {tw_node_input(node, 1), dy};
    const struct tw_graph_value x = graph->values[node->input[0]];

    if (tw_graph_wants_gradient(graph, node, 0)) {
        dx[0] = tw_graph_record(graph, &tw_operation_nll_loss_gradient, inputs, 2, &node->attributes, TW_F32,
                                x.shape, x.batched);
    }
}

const struct tw_operation tw_operation_nll_loss = {
    .name = "nll_loss",
    .differentiate = differentiate_nll,
    .split = TW_SPLIT_TILES,
    .units = tw_units_one,
    .flops = nll_flops,
    .run = run_nll,
    .check = check_labels,
};

/* (label, dloss) -> dx. The scale counts the rows of the whole batch, also where a thread has some of them
 * only. */
static void run_nll_gradient(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                             void *workspace)
{
    struct tw_shape shape = tw_execution_output_shape(execution, 0);
    const int32_t *label = (const int32_t *)execution->in[0] + begin;
    const float scale = scale_of(execution, shape.extent[0]), dloss = *(const float *)execution->in[1];
    float *dx = (float *)execution->out[0] + begin * shape.extent[1];

    (void)workspace;
    if (execution->node->attributes.nll.smoothing > 0) {
        execution->kernels->f32_smoothed_nll_gradient(
            end - begin, shape.extent[1], label, smoothing_of(execution, shape.extent[1]), scale, dloss, dx);
    } else {
        execution->kernels->f32_nll_gradient(end - begin, shape.extent[1], label, scale, dloss, dx);
    }
}

const struct tw_operation tw_operation_nll_loss_gradient = {
    .name = "nll_loss_gradient",
    .split = TW_SPLIT_SAMPLES,
    .flops = tw_flops_per_output_element,
    .run = run_nll_gradient,
};

/* The gradient of nll_loss lies where dx will, and is in L1 when that of log_softmax takes its place. */
static void run_cross_entropy_gradient(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                                       void *workspace)
{
    const ptrdiff_t classes = tw_execution_output_shape(execution, 0).extent[1];
    const float *log_probability = (const float *)execution->in[2] + begin * classes;
    float *dx = (float *)execution->out[0] + begin * classes;

    run_nll_gradient(execution, begin, end, workspace);
    execution->kernels->f32_log_softmax_gradient(end - begin, classes, log_probability, dx, dx);
}

/* exp costs some 10 operations. */
static double cross_entropy_gradient_flops(const struct tw_execution *execution)
{
    return 13.0 * tw_flops_per_output_element(execution);
}

const struct tw_operation tw_operation_cross_entropy_gradient = {
    .name = "cross_entropy_gradient",
    .split = TW_SPLIT_SAMPLES,
    .flops = cross_entropy_gradient_flops,
    .run = run_cross_entropy_gradient,
};

static tw_value record_nll(tw_graph *graph, tw_value log_probability, tw_value label,
                           enum tw_reduction reduction, double smoothing)
{
    const tw_value inputs[2] = {log_probability, label};
    const struct tw_graph_value *x, *y;
    char left[TW_SHAPE_TEXT_BYTES], right[TW_SHAPE_TEXT_BYTES];

    if (!tw_expect_f32_shape(graph, "nll_loss", log_probability, 2, "(N, classes)")) {
        return TW_INVALID_VALUE;
    }
    if (!tw_graph_accepts(graph, &label, 1)) {
        return tw_graph_fail(graph, TW_ERROR_ARGUMENT, "nll_loss: its label is not a value of this graph");
    }
    if (!tw_expect_same_batching(graph, "nll_loss", log_probability, label)) {
        return TW_INVALID_VALUE;
    }
    x = &graph->values[log_probability.index];
    y = &graph->values[label.index];
    if (y->dtype != TW_I32 || y->shape.ndim != 1 || y->shape.extent[0] != x->shape.extent[0]) {
        return tw_graph_fail(graph, TW_ERROR_SHAPE, "nll_loss: label is %s %s, input %s expects int32 (%td,)",
                             tw_dtype_name(y->dtype), tw_shape_text(&y->shape, left),
                             tw_shape_text(&x->shape, right), x->shape.extent[0]);
    }
    return tw_graph_record(graph, &tw_operation_nll_loss, inputs, 2,
                           &(union tw_attributes){.nll = {.reduction = reduction, .smoothing = smoothing}},
                           TW_F32, tw_scalar_shape(), false);
}

tw_value tw_nll_loss(tw_graph *graph, tw_value log_probability, tw_value label, enum tw_reduction reduction)
{
    return record_nll(graph, log_probability, label, reduction, 0);
}

tw_value tw_cross_entropy(tw_graph *graph, tw_value logits, tw_value label, enum tw_reduction reduction)
{
    return tw_cross_entropy_with(graph, logits, label, reduction, 0);
}

tw_value tw_cross_entropy_with(tw_graph *graph, tw_value logits, tw_value label, enum tw_reduction reduction,
                               double smoothing)
{
    if (!tw_expect_f32_shape(graph, "cross_entropy", logits, 2, "(N, classes)")) {
        return TW_INVALID_VALUE;
    }
    if (!(smoothing >= 0 && smoothing <= 1)) {
        return tw_graph_fail(graph, TW_ERROR_ARGUMENT,
                             "cross_entropy: label smoothing is %g, expected a number in [0, 1]", smoothing);
    }
    return record_nll(graph, tw_log_softmax(graph, logits), label, reduction, smoothing);
}
