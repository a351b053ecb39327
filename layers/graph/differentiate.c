/* Reverse-mode differentiation of a recorded graph: every operation contributes one rule. */
#include "core/memory.h"
#include "layers/graph/functional.h"
#include "layers/graph/operation.h"
#include "layers/operation/operations.h"

/* d loss / d value so far, for the values that existed before differentiation. */
struct gradients {
    tw_graph *graph;
    tw_value *of;
    size_t count;
};

/* Several uses of a value: their contributions are added in the order in which they are found. */
static void contribute(struct gradients *gradients, uint32_t value, tw_value contribution)
{
    tw_value *sum = &gradients->of[value];

    *sum = sum->index == 0 ? contribution : tw_add(gradients->graph, *sum, contribution);
}

static void differentiate_node(struct gradients *gradients, size_t index)
{
    /* A copy: the list of nodes moves when rules append to it. */
    const struct tw_graph_node node = gradients->graph->nodes[index];
    char *path = gradients->graph->path;
    tw_value dy = gradients->of[node.output[0]], dx[TW_NODE_MAX_INPUTS] = {{0}};

    if (dy.index == 0 || !node.operation->differentiate) {
        return;
    }
    gradients->graph->path = node.path; /* gradients belong to the module that recorded the operation */
    node.operation->differentiate(gradients->graph, &node, dy, dx);
    gradients->graph->path = path;
    for (int i = 0; i < node.inputs; i++) {
        if (dx[i].index != 0) {
            contribute(gradients, node.input[i], dx[i]);
        }
    }
}

/* Whether another value has the same gradient, as both sides of an addition have. */
static bool is_shared(const struct gradients *gradients, size_t value)
{
    for (size_t i = 1; i < gradients->count; i++) {
        if (i != value && gradients->of[i].index == gradients->of[value].index) {
            return true;
        }
    }
    return false;
}

/* The value that becomes a parameter's gradient is placed in the parameter's own memory, where runs add up, so it must
 * not be a view and must be the gradient of nothing else; where it is, a copy takes its place. */
static void claim_for_parameter(struct gradients *gradients, uint32_t parameter_value)
{
    tw_graph *graph = gradients->graph;
    tw_value *gradient = &gradients->of[parameter_value];

    if (graph->values[gradient->index].alias_of != 0 || is_shared(gradients, parameter_value)) {
        *gradient = tw_record_copy(graph, *gradient);
    }
    if (gradient->index != 0) {
        graph->values[gradient->index].is_parameter_gradient = true;
        graph->values[gradient->index].parameter =
            tw_parameter_retain(graph->values[parameter_value].parameter);
    }
}

static void name_gradients(struct gradients *gradients)
{
    tw_graph *graph = gradients->graph;

    for (size_t i = 1; i < gradients->count; i++) {
        if (gradients->of[i].index == 0) {
            continue;
        }
        if (graph->values[i].kind == TW_VALUE_PARAMETER) {
            claim_for_parameter(gradients, (uint32_t)i);
        }
        graph->values[i].gradient = gradients->of[i].index;
    }
}

static enum tw_status check_loss(const tw_graph *graph, tw_value loss)
{
    const struct tw_graph_value *value = tw_graph_value_of(graph, loss);
    char text[TW_SHAPE_TEXT_BYTES];

    if (tw_graph_status(graph) != TW_OK) {
        return graph->status;
    }
    if (!value) {
        return tw_fail(TW_ERROR_ARGUMENT, "differentiate: the loss is not a value of this graph");
    }
    if (graph->differentiated) {
        return tw_fail(TW_ERROR_STATE, "differentiate: this graph has been differentiated already");
    }
    if (value->dtype != TW_F32 || tw_shape_count(&value->shape) != 1 || value->batched) {
        return tw_fail(TW_ERROR_SHAPE, "differentiate: the loss is %s %s, expected a float32 scalar",
                       tw_dtype_name(value->dtype), tw_shape_text(&value->shape, text));
    }
    if (!value->requires_grad) {
        return tw_fail(TW_ERROR_ARGUMENT, "differentiate: nothing behind the loss requires a gradient");
    }
    return TW_OK;
}

enum tw_status tw_graph_differentiate(tw_graph *graph, tw_value loss)
{
    struct gradients gradients = {.graph = graph, .count = graph->value_count};
    size_t node_count = graph->node_count;
    enum tw_status status = check_loss(graph, loss);

    if (status != TW_OK) {
        return status;
    }
    gradients.of = tw_alloc_array(gradients.count, sizeof *gradients.of);
    if (!gradients.of) {
        return TW_ERROR_MEMORY;
    }
    graph->differentiated = true;
    graph->backward = true;
    gradients.of[loss.index] = tw_record_one(graph, graph->values[loss.index].shape);
    for (size_t i = node_count; i-- > 1 && graph->status == TW_OK;) {
        differentiate_node(&gradients, i);
    }
    if (graph->status == TW_OK) {
        name_gradients(&gradients);
    }
    graph->backward = false;
    tw_free(gradients.of);
    return tw_graph_status(graph);
}

tw_value tw_graph_gradient(const tw_graph *graph, tw_value value)
{
    const struct tw_graph_value *entry = tw_graph_value_of(graph, value);

    return (tw_value){entry ? entry->gradient : 0};
}
