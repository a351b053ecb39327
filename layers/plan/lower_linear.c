#include "layers/plan/lower_linear.h"

#include "core/memory.h"
#include "layers/operation/linear_nonzeros.h"
#include "layers/operation/linear_packed.h"
#include "layers/operation/nonzeros.h"
#include "layers/operation/operations.h"

/* Whether one node reads the value and nobody asked to keep it. */
static bool is_private(const tw_graph *graph, const struct tw_fusions *fusions, uint32_t value)
{
    return fusions->uses[value] == 1 && !graph->values[value].keep;
}

/* The relu that alone reads `value`; 0: there is none. */
static uint32_t find_relu(const tw_graph *graph, const struct tw_fusions *fusions, uint32_t value)
{
    for (uint32_t i = 1; i < graph->node_count && is_private(graph, fusions, value); i++) {
        if (graph->nodes[i].operation == &tw_operation_relu && graph->nodes[i].input[0] == value) {
            return i;
        }
    }
    return 0;
}

/* x is a view, read by nobody else, of the pooled output of a fusion, which is read by nobody else and would be brought
 * into plain layout for it. The halo that a next convolution would want is not there. */
static void match_blocked(const tw_graph *graph, const struct tw_fusions *fusions,
                          struct tw_linear_rule *rule)
{
    uint32_t x = graph->nodes[rule->linear].input[0], view = graph->values[x].producer, pool, y;
    int of;

    if (view == 0 || graph->nodes[view].operation != &tw_operation_view || !is_private(graph, fusions, x)) {
        return;
    }
    y = graph->nodes[view].input[0];
    pool = graph->values[y].producer;
    of = pool ? fusions->of_node[pool] : -1;
    if (of < 0 || fusions->items[of].pool != pool || fusions->items[of].to >= 0 ||
        !is_private(graph, fusions, y) ||
        graph->values[x].shape.extent[0] != graph->values[y].shape.extent[0]) {
        return;
    }
    rule->view = view;
    rule->from = of;
    rule->shape.plane = graph->values[y].shape.extent[2] * graph->values[y].shape.extent[3];
}

/* Whether a relu decides about the zeros of a value: between the two there is nothing that fills them in. */
static bool is_behind_relu(const tw_graph *graph, uint32_t value)
{
    uint32_t i = graph->values[value].producer;

    while (i != 0 && (graph->nodes[i].operation == &tw_operation_view ||
                      graph->nodes[i].operation == &tw_operation_max_pool2d ||
                      graph->nodes[i].operation == &tw_operation_dropout)) {
        i = graph->values[graph->nodes[i].input[0]].producer;
    }
    return i != 0 && graph->nodes[i].operation == &tw_operation_relu;
}

/* Where outputs and samples are enough for nonzeros.h; a constant weight is transposed once. */
static bool suits_nonzeros(const tw_graph *graph, const struct tw_graph_node *node, bool constant)
{
    const struct tw_shape *x = &graph->values[node->input[0]].shape,
                          *weight = &graph->values[node->input[1]].shape;

    return weight->extent[0] >= TW_NONZEROS_COLUMNS && !tw_linear_is_small(weight) &&
           (constant || x->extent[0] >= TW_NONZEROS_ROWS) && is_behind_relu(graph, node->input[0]);
}

static bool match(const tw_graph *graph, const struct tw_fusions *fusions, bool constant, uint32_t linear,
                  struct tw_linear_rule *rule)
{
    const struct tw_graph_node *node = &graph->nodes[linear];
    const struct tw_shape *weight;

    if (node->operation != &tw_operation_linear || graph->values[node->input[1]].kind != TW_VALUE_PARAMETER) {
        return false;
    }
    weight = &graph->values[node->input[1]].shape;
    *rule = (struct tw_linear_rule){
        .linear = linear,
        .relu = find_relu(graph, fusions, node->output[0]),
        .nonzeros = suits_nonzeros(graph, node, constant),
        .from = -1,
        .shape = {.in = weight->extent[1], .out = weight->extent[0]},
    };
    rule->shape.relu = rule->relu != 0;
    rule->packs = constant;
    rule->transposed = rule->nonzeros && constant;
    if (rule->nonzeros) {
        return true;
    }
    match_blocked(graph, fusions, rule);
    return constant;
}

enum tw_status tw_linear_rules_find(const tw_graph *graph, bool constant_parameters,
                                    struct tw_fusions *fusions, struct tw_linear_rules *rules)
{
    bool constant = constant_parameters && !graph->differentiated;

    *rules = (struct tw_linear_rules){0};
    for (uint32_t i = 1; i < graph->node_count; i++) {
        struct tw_linear_rule rule, *grown;

        if (!match(graph, fusions, constant, i, &rule)) {
            continue;
        }
        grown = tw_array_grow(rules->items, &rules->capacity, rules->count + 1, sizeof *rules->items);
        if (!grown) {
            return TW_ERROR_MEMORY;
        }
        rules->items = grown;
        rules->items[rules->count++] = rule;
        if (rule.from >= 0) {
            fusions->items[rule.from].stays_blocked = true;
        }
    }
    return TW_OK;
}

void tw_linear_rules_release(struct tw_linear_rules *rules)
{
    tw_free(rules->items);
}

const struct tw_linear_rule *tw_linear_rule_of(const struct tw_linear_rules *rules, uint32_t node)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct tw_linear_rule *rule = &rules->items[i];

        if (node == rule->linear || node == rule->relu || node == rule->view) {
            return rule;
        }
    }
    return NULL;
}

void tw_linear_rule_pack(struct tw_linear_rule *rule, tw_graph *graph, tw_value weight)
{
    const union tw_attributes attributes = {.linear = {rule->shape, rule->transposed}};
    const struct tw_shape transposed = TW_SHAPE(rule->shape.in, rule->shape.out),
                          packed = TW_SHAPE(tw_blocks(rule->shape.out), rule->shape.in, TW_BLOCK);

    if (!rule->packs) {
        rule->packed = weight;
        return;
    }
    rule->packed =
        tw_graph_record(graph, rule->nonzeros ? &tw_operation_transpose_linear : &tw_operation_pack_linear,
                        &weight, 1, &attributes, TW_F32, rule->nonzeros ? transposed : packed, false);
}

static const struct tw_operation *operation_of(const struct tw_linear_rule *rule)
{
    if (rule->nonzeros) {
        return rule->relu ? &tw_operation_linear_relu_nonzeros : &tw_operation_linear_nonzeros;
    }
    return rule->relu ? &tw_operation_linear_relu_packed : &tw_operation_linear_packed;
}

tw_value tw_linear_rule_record(const struct tw_linear_rule *rule, tw_graph *graph, tw_value x, tw_value bias)
{
    const union tw_attributes attributes = {.linear = {rule->shape, rule->transposed}};
    const tw_value inputs[3] = {x, rule->packed, bias};

    if (!tw_graph_accepts(graph, &x, 1)) {
        return TW_INVALID_VALUE;
    }
    return tw_graph_record(graph, operation_of(rule), inputs, 3, &attributes, TW_F32,
                           TW_SHAPE(graph->values[x.index].shape.extent[0], rule->shape.out),
                           graph->values[x.index].batched);
}
