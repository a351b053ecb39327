/* Life of a graph, its leaves, and the recording of nodes. */
#include "layers/graph/graph.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/memory.h"
#include "layers/graph/operation.h"

tw_graph *tw_graph_new(void)
{
    tw_graph *graph = tw_alloc(sizeof *graph);

    if (!graph) {
        return NULL;
    }
    /* Entry 0 of both lists is taken, so that index 0 can mean "none". */
    graph->values = tw_array_grow(NULL, &graph->value_capacity, 1, sizeof *graph->values);
    graph->nodes = tw_array_grow(NULL, &graph->node_capacity, 1, sizeof *graph->nodes);
    if (!graph->values || !graph->nodes) {
        tw_graph_release(graph);
        return NULL;
    }
    graph->values[0] = (struct tw_graph_value){.kind = TW_VALUE_NONE};
    graph->nodes[0] = (struct tw_graph_node){0};
    graph->value_count = 1;
    graph->node_count = 1;
    return graph;
}

void tw_graph_release(tw_graph *graph)
{
    if (!graph) {
        return;
    }
    for (size_t i = 0; i < graph->value_count; i++) {
        tw_parameter_release(graph->values[i].parameter);
        tw_free(graph->values[i].name);
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        tw_free(graph->nodes[i].path);
    }
    tw_free(graph->values);
    tw_free(graph->nodes);
    tw_free(graph->message);
    tw_free(graph->path);
    tw_free(graph);
}

enum tw_status tw_graph_status(const tw_graph *graph)
{
    if (graph->status == TW_OK) {
        return TW_OK;
    }
    return tw_fail(graph->status, "%s", graph->message ? graph->message : "graph: out of memory");
}

tw_value tw_graph_fail(tw_graph *graph, enum tw_status status, const char *format, ...)
{
    char text[TW_ERROR_MESSAGE_BYTES];
    bool nested = graph->path && graph->path[0];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (graph->status == TW_OK) {
        tw_free(graph->message);
        graph->message = tw_sprintf("%s%s%s", nested ? graph->path : "", nested ? ": " : "", text);
        graph->status = status;
    }
    tw_graph_status(graph);
    return TW_INVALID_VALUE;
}

bool tw_graph_accepts(const tw_graph *graph, const tw_value *values, int count)
{
    if (graph->status != TW_OK) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (values[i].index == 0 || values[i].index >= graph->value_count) {
            return false;
        }
    }
    return true;
}

const struct tw_graph_value *tw_graph_value_of(const tw_graph *graph, tw_value value)
{
    return value.index > 0 && value.index < graph->value_count ? &graph->values[value.index] : NULL;
}

/* Of a value: what a plan adds up for all of them is still a number of bytes. */
#define MOST_BYTES (PTRDIFF_MAX >> 16)

/* Appends a value; the invalid value and an error on the graph when there is no memory or the shape is
 * senseless. */
static tw_value append_value(tw_graph *graph, const struct tw_graph_value *entry)
{
    const ptrdiff_t count = tw_shape_count(&entry->shape);
    char text[TW_SHAPE_TEXT_BYTES];
    struct tw_graph_value *grown;

    if (count == 0) {
        return tw_graph_fail(graph, TW_ERROR_SHAPE, "graph: a value of shape %s has no elements",
                             tw_shape_text(&entry->shape, text));
    }
    if (count < 0 || count > MOST_BYTES / (ptrdiff_t)tw_dtype_size(entry->dtype)) {
        return tw_graph_fail(graph, TW_ERROR_SHAPE, "graph: a value of shape %s, expected at most %td bytes",
                             tw_shape_text(&entry->shape, text), (ptrdiff_t)MOST_BYTES);
    }
    grown =
        tw_array_grow(graph->values, &graph->value_capacity, graph->value_count + 1, sizeof *graph->values);
    if (!grown) {
        return tw_graph_fail(graph, TW_ERROR_MEMORY, "graph: no memory for value %zu", graph->value_count);
    }
    graph->values = grown;
    graph->values[graph->value_count] = *entry;
    return (tw_value){(uint32_t)graph->value_count++};
}

tw_value tw_graph_input(tw_graph *graph, const char *name, enum tw_dtype dtype, struct tw_shape shape,
                        bool batched)
{
    struct tw_graph_value entry = {
        .kind = TW_VALUE_INPUT, .dtype = dtype, .shape = shape, .batched = batched};
    tw_value value;

    if (graph->status != TW_OK) {
        return TW_INVALID_VALUE;
    }
    if (batched && shape.ndim < 1) {
        return tw_graph_fail(graph, TW_ERROR_SHAPE, "input %s: a batched input needs at least one dimension",
                             name);
    }
    entry.name = tw_strdup(name);
    if (!entry.name) {
        return tw_graph_fail(graph, TW_ERROR_MEMORY, "graph: no memory for input %s", name);
    }
    value = append_value(graph, &entry);
    if (value.index == 0) {
        tw_free(entry.name);
    }
    return value;
}

tw_value tw_graph_parameter(tw_graph *graph, const char *name, tw_parameter *parameter)
{
    bool nested = graph->path && graph->path[0];
    struct tw_graph_value entry = {.kind = TW_VALUE_PARAMETER, .dtype = TW_F32};
    tw_value value;

    if (!parameter || graph->status != TW_OK) {
        return TW_INVALID_VALUE;
    }
    for (size_t i = 1; i < graph->value_count; i++) {
        if (graph->values[i].kind == TW_VALUE_PARAMETER && graph->values[i].parameter == parameter) {
            return (tw_value){(uint32_t)i};
        }
    }
    entry.shape = parameter->data->shape;
    entry.requires_grad = parameter->requires_grad;
    entry.name = tw_sprintf("%s%s%s", nested ? graph->path : "", nested ? "." : "", name);
    if (!entry.name) {
        return tw_graph_fail(graph, TW_ERROR_MEMORY, "graph: no memory for parameter %s", name);
    }
    value = append_value(graph, &entry);
    if (value.index == 0) {
        tw_free(entry.name);
        return value;
    }
    graph->values[value.index].parameter = tw_parameter_retain(parameter);
    return value;
}

void tw_graph_require_grad(tw_graph *graph, tw_value value)
{
    if (tw_graph_accepts(graph, &value, 1)) {
        graph->values[value.index].requires_grad = true;
    }
}

/* A view has no memory of its own: what must stay is the value it views. */
void tw_graph_keep(tw_graph *graph, tw_value value)
{
    if (!tw_graph_accepts(graph, &value, 1)) {
        return;
    }
    for (uint32_t i = value.index; i != 0; i = graph->values[i].alias_of) {
        graph->values[i].keep = true;
    }
}

tw_value tw_graph_record(tw_graph *graph, const struct tw_operation *operation, const tw_value *inputs,
                         int input_count, const union tw_attributes *attributes, enum tw_dtype dtype,
                         struct tw_shape shape, bool batched)
{
    struct tw_graph_node node = {.operation = operation, .inputs = input_count, .outputs = 1};
    struct tw_graph_value entry = {
        .kind = TW_VALUE_RESULT, .dtype = dtype, .shape = shape, .batched = batched};
    struct tw_graph_node *grown;
    tw_value value;

    if (graph->status != TW_OK) {
        return TW_INVALID_VALUE;
    }
    if (graph->differentiated && !graph->backward) {
        return tw_graph_fail(graph, TW_ERROR_STATE, "%s: recorded after tw_graph_differentiate",
                             operation->name);
    }
    node.backward = graph->backward;
    for (int i = 0; i < input_count; i++) {
        node.input[i] = inputs[i].index;
        entry.requires_grad |=
            !graph->backward && operation->differentiate && graph->values[inputs[i].index].requires_grad;
    }
    if (attributes) {
        node.attributes = *attributes;
    }
    entry.producer = (uint32_t)graph->node_count;
    node.path = tw_strdup(graph->path ? graph->path : "");
    grown = tw_array_grow(graph->nodes, &graph->node_capacity, graph->node_count + 1, sizeof *graph->nodes);
    if (grown) {
        graph->nodes = grown;
    }
    if (!node.path || !grown) {
        tw_free(node.path);
        return tw_graph_fail(graph, TW_ERROR_MEMORY, "graph: no memory for node %zu", graph->node_count);
    }
    value = append_value(graph, &entry);
    if (value.index == 0) {
        tw_free(node.path);
        return value;
    }
    node.output[0] = value.index;
    graph->nodes[graph->node_count++] = node;
    return value;
}

tw_value tw_graph_add_output(tw_graph *graph, tw_value first, enum tw_dtype dtype, struct tw_shape shape,
                             bool batched)
{
    struct tw_graph_value entry = {
        .kind = TW_VALUE_RESULT, .dtype = dtype, .shape = shape, .batched = batched};
    struct tw_graph_node *node;
    tw_value value;

    if (!tw_graph_accepts(graph, &first, 1)) {
        return TW_INVALID_VALUE;
    }
    entry.producer = graph->values[first.index].producer;
    value = append_value(graph, &entry);
    node = &graph->nodes[entry.producer];
    node->output[node->outputs++] = value.index;
    return value;
}

tw_value tw_graph_record_view(tw_graph *graph, const struct tw_operation *operation, tw_value source,
                              struct tw_shape shape)
{
    const struct tw_graph_value entry = graph->values[source.index];
    tw_value value = tw_graph_record(graph, operation, &source, 1, NULL, entry.dtype, shape, entry.batched);

    if (value.index != 0) {
        graph->values[value.index].alias_of = source.index;
    }
    return value;
}

tw_value tw_node_input(const struct tw_graph_node *node, int i)
{
    return (tw_value){i < node->inputs ? node->input[i] : 0};
}

tw_value tw_node_output(const struct tw_graph_node *node, int i)
{
    return (tw_value){i < node->outputs ? node->output[i] : 0};
}

uint32_t tw_graph_root_producer(const tw_graph *graph, uint32_t value)
{
    while (graph->values[value].alias_of != 0) {
        value = graph->values[value].alias_of;
    }
    return graph->values[value].producer;
}

bool tw_graph_wants_gradient(const tw_graph *graph, const struct tw_graph_node *node, int i)
{
    return graph->values[tw_node_input(node, i).index].requires_grad;
}

struct tw_shape tw_execution_input_shape(const struct tw_execution *execution, int i)
{
    const struct tw_graph_value *value = &execution->graph->values[execution->node->input[i]];
    struct tw_shape shape = value->shape;

    if (value->batched) {
        shape.extent[0] = execution->samples;
    }
    return shape;
}

struct tw_shape tw_execution_output_shape(const struct tw_execution *execution, int i)
{
    const struct tw_graph_value *value = &execution->graph->values[execution->node->output[i]];
    struct tw_shape shape = value->shape;

    if (value->batched) {
        shape.extent[0] = execution->samples;
    }
    return shape;
}

ptrdiff_t tw_execution_sample_elements(const struct tw_execution *execution, uint32_t value)
{
    const struct tw_shape *shape = &execution->graph->values[value].shape;

    return tw_shape_count(shape) / (shape->ndim > 0 ? shape->extent[0] : 1);
}
