/* Rewriting by rules: single nodes of a lowered graph that have a better way to run than the recorded one. */
#include "core/memory.h"
#include "layers/operation/linear.h"
#include "layers/operation/linear_nonzeros.h"
#include "layers/operation/nonzeros.h"
#include "layers/operation/operations.h"
#include "layers/plan/lower.h"

struct rules {
    tw_graph *graph;
    uint32_t *uses; /* of each value, by nodes that read it */
    uint32_t *map;
    size_t recorded; /* entries of `map` */
};

bool tw_linear_is_small(const struct tw_shape *weight)
{
    enum { FEW_BYTES = 16 * 1024 };

    return (size_t)tw_shape_count(weight) * sizeof(float) <= FEW_BYTES;
}

/* A thread then takes its samples through the product and what stands around it, and no other has to wait. */
static bool has_few_weights(const struct rules *rules, uint32_t index)
{
    const struct tw_graph_node *node = &rules->graph->nodes[index];

    return rules->graph->values[node->output[0]].batched &&
           tw_linear_is_small(&rules->graph->values[node->input[1]].shape);
}

/* dy comes through a relu, which closed part of it, and the weight is large enough to make leaving zeros out worth while. */
static bool has_zeros(const struct rules *rules, uint32_t index, const struct tw_shape *weight)
{
    const tw_graph *graph = rules->graph;
    const uint32_t producer = tw_graph_root_producer(graph, graph->nodes[index].input[0]);

    return producer != 0 && graph->nodes[producer].operation == &tw_operation_relu_gradient &&
           weight->extent[1] >= TW_NONZEROS_COLUMNS && weight->extent[0] >= TW_NONZEROS_ROWS;
}

/* Few samples are better divided by columns than by samples. */
static bool has_zeros_and_samples(const struct rules *rules, uint32_t index)
{
    const tw_graph *graph = rules->graph;
    const struct tw_graph_node *node = &graph->nodes[index];

    return has_zeros(rules, index, &graph->values[node->input[1]].shape) &&
           graph->values[node->input[0]].shape.extent[0] >= TW_NONZEROS_ROWS;
}

/* The same for the gradient of a weight that is not small. */
static bool has_zeros_and_weights(const struct rules *rules, uint32_t index)
{
    const struct tw_shape *weight = &rules->graph->values[rules->graph->nodes[index].output[0]].shape;

    return has_zeros(rules, index, weight) && !tw_linear_is_small(weight);
}

/* The node of this operation that alone reads output 0 of a node, as its input 0; 0 if there is none. What goes to a parameter's
 * gradient has a place of its own, and stays the reader's. */
static uint32_t only_reader(const struct rules *rules, uint32_t index, const struct tw_operation *operation)
{
    const tw_graph *graph = rules->graph;
    uint32_t y = graph->nodes[index].output[0];

    for (uint32_t i = index + 1; i < graph->node_count && rules->uses[y] == 1 && !graph->values[y].keep;
         i++) {
        if (graph->nodes[i].operation == operation && graph->nodes[i].input[0] == y) {
            return graph->values[graph->nodes[i].output[0]].is_parameter_gradient ? 0 : i;
        }
    }
    return 0;
}

/* What a node writes becomes what its reader wrote, of which the reader's output becomes a view; what it wrote before is
 * fused away. */
static void swallow(struct rules *rules, uint32_t index, uint32_t reader)
{
    tw_graph *graph = rules->graph;
    uint32_t y = graph->nodes[index].output[0];

    for (size_t i = 0; i < rules->recorded; i++) {
        rules->map[i] = rules->map[i] == y ? 0 : rules->map[i];
    }
    graph->nodes[reader].operation = &tw_operation_view;
    graph->values[graph->nodes[reader].output[0]].alias_of = y;
}

static bool ends_in_relu(const struct rules *rules, uint32_t index)
{
    return only_reader(rules, index, &tw_operation_relu) != 0;
}

static void swallow_relu(struct rules *rules, uint32_t index)
{
    swallow(rules, index, only_reader(rules, index, &tw_operation_relu));
}

static bool ends_in_log_softmax_gradient(const struct rules *rules, uint32_t index)
{
    return only_reader(rules, index, &tw_operation_log_softmax_gradient) != 0;
}

/* The log-probabilities become a third input. */
static void swallow_log_softmax_gradient(struct rules *rules, uint32_t index)
{
    uint32_t reader = only_reader(rules, index, &tw_operation_log_softmax_gradient);
    struct tw_graph_node *node = &rules->graph->nodes[index];

    node->input[node->inputs++] = rules->graph->nodes[reader].input[1];
    swallow(rules, index, reader);
}

/* The first rule that applies to a node is taken. */
static const struct rule {
    const struct tw_operation *recorded, *better;
    bool (*applies)(const struct rules *rules, uint32_t index);
    void (*also)(struct rules *rules, uint32_t index); /* NULL: nothing */
} table[] = {
    {&tw_operation_linear, &tw_operation_linear_samples, has_few_weights, NULL},
    {&tw_operation_linear_input_gradient, &tw_operation_linear_input_gradient_samples, has_few_weights, NULL},
    {&tw_operation_linear_input_gradient, &tw_operation_linear_input_gradient_nonzeros, has_zeros_and_samples,
     NULL},
    {&tw_operation_linear_weight_gradient, &tw_operation_linear_weight_gradient_nonzeros,
     has_zeros_and_weights, NULL},
    {&tw_operation_linear, &tw_operation_linear_relu, ends_in_relu, swallow_relu},
    {&tw_operation_nll_loss_gradient, &tw_operation_cross_entropy_gradient, ends_in_log_softmax_gradient,
     swallow_log_softmax_gradient},
};

static void apply(struct rules *rules, uint32_t index)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (rules->graph->nodes[index].operation == table[i].recorded && table[i].applies(rules, index)) {
            if (table[i].also) {
                table[i].also(rules, index);
            }
            rules->graph->nodes[index].operation = table[i].better;
        }
    }
}

enum tw_status tw_graph_apply_rules(tw_graph *graph, uint32_t *map, size_t recorded)
{
    struct rules rules = {graph, tw_alloc_array(graph->value_count, sizeof *rules.uses), map, recorded};

    if (!rules.uses) {
        return TW_ERROR_MEMORY;
    }
    for (uint32_t i = 1; i < graph->node_count; i++) {
        for (int j = 0; j < graph->nodes[i].inputs; j++) {
            rules.uses[graph->nodes[i].input[j]]++;
        }
    }
    for (uint32_t i = 1; i < graph->node_count; i++) {
        apply(&rules, i);
    }
    tw_free(rules.uses);
    return TW_OK;
}
