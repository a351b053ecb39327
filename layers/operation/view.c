/* view and flatten: the same memory seen in another shape. */
#include "layers/graph/functional.h"
#include "layers/operation/operations.h"

static void differentiate_view(tw_graph *graph, const struct tw_graph_node *node, tw_value dy, tw_value *dx)
{
    if (tw_graph_wants_gradient(graph, node, 0)) {
        dx[0] = tw_graph_record_view(graph, &tw_operation_view, dy, graph->values[node->input[0]].shape);
    }
}

const struct tw_operation tw_operation_view = {
    .name = "view",
    .differentiate = differentiate_view,
    .split = TW_SPLIT_SAMPLES,
};

tw_value tw_view(tw_graph *graph, tw_value x, struct tw_shape shape)
{
    const struct tw_graph_value *source;
    struct tw_shape resolved = shape;
    char from[TW_SHAPE_TEXT_BYTES], to[TW_SHAPE_TEXT_BYTES];

    if (!tw_graph_accepts(graph, &x, 1)) {
        return tw_graph_fail(graph, TW_ERROR_ARGUMENT, "view: its input is not a value of this graph");
    }
    source = &graph->values[x.index];
    if (tw_shape_resolve(&resolved, tw_shape_count(&source->shape)) != TW_OK) {
        return tw_graph_fail(graph, TW_ERROR_SHAPE, "view: input %s has %td elements, which do not fill %s",
                             tw_shape_text(&source->shape, from), tw_shape_count(&source->shape),
                             tw_shape_text(&shape, to));
    }
    if (source->batched && (resolved.ndim < 1 || resolved.extent[0] != source->shape.extent[0])) {
        return tw_graph_fail(
            graph, TW_ERROR_SHAPE, "view: input %s keeps its batch of %td in front, %s does not",
            tw_shape_text(&source->shape, from), source->shape.extent[0], tw_shape_text(&shape, to));
    }
    return tw_graph_record_view(graph, &tw_operation_view, x, resolved);
}

tw_value tw_flatten(tw_graph *graph, tw_value x)
{
    const struct tw_graph_value *source = tw_graph_value_of(graph, x);
    char text[TW_SHAPE_TEXT_BYTES];

    if (!source) {
        return tw_graph_fail(graph, TW_ERROR_ARGUMENT, "flatten: its input is not a value of this graph");
    }
    if (source->shape.ndim < 1) {
        return tw_graph_fail(graph, TW_ERROR_SHAPE, "flatten: input has shape %s, expected (N, …)",
                             tw_shape_text(&source->shape, text));
    }
    return tw_view(graph, x, TW_SHAPE(source->shape.extent[0], -1));
}
