/* What depends on parameters alone is computed once and kept until a parameter changes.
 *
 * Lowering puts such nodes (packed weights) first, so they are the leading stages, which a run leaves out while every
 * parameter's version stands where it stood. Versions are numbers of one counter: the latest of all parameters is
 * higher than it was exactly if one of them has been written since.
 */
#include "layers/operation/operations.h"
#include "layers/plan/lower.h"
#include "layers/plan/plan_internal.h"

bool tw_plan_is_constant(const tw_plan *plan, uint32_t value)
{
    uint32_t producer = plan->graph->values[value].producer;

    return producer != 0 && producer < plan->constant_end;
}

/* Whether a node after constant ones is constant, too. Dropout draws anew in every run. */
static bool is_constant(const tw_graph *graph, const struct tw_graph_node *node)
{
    if (!node->operation->run || node->backward || node->inputs == 0 ||
        node->operation == &tw_operation_dropout) {
        return false;
    }
    for (int i = 0; i < node->inputs; i++) {
        const struct tw_graph_value *value = &graph->values[node->input[i]];

        if (node->input[i] != 0 && value->kind != TW_VALUE_PARAMETER && value->producer == 0) {
            return false;
        }
    }
    return true;
}

uint32_t tw_graph_constants_end(const tw_graph *graph)
{
    uint32_t end = 1;

    while (end < graph->node_count && is_constant(graph, &graph->nodes[end])) {
        end++;
    }
    return end;
}

void tw_plan_find_constants(tw_plan *plan)
{
    plan->constant_end = plan->constant_parameters ? tw_graph_constants_end(plan->graph) : 1;
}

void tw_plan_count_constant_stages(tw_plan *plan)
{
    for (size_t s = 0; s < plan->stage_count; s++) {
        for (uint32_t i = plan->stages[s].first; i < plan->stages[s].end; i++) {
            if (plan->graph->nodes[i].operation->run && i >= plan->constant_end) {
                return;
            }
        }
        plan->constant_stages = s + 1;
    }
}

void tw_plan_forget_constants(tw_plan *plan)
{
    plan->constants_version = 0;
}

size_t tw_plan_first_stage(tw_plan *plan)
{
    uint64_t latest = 0;
    bool moved = false;

    if (plan->constant_stages == 0) {
        return 0;
    }
    for (uint32_t i = 1; i < plan->graph->value_count; i++) {
        const struct tw_graph_value *value = &plan->graph->values[i];

        if (value->kind == TW_VALUE_PARAMETER) {
            uint64_t version = tw_tensor_version(value->parameter->data);

            latest = version > latest ? version : latest;
            moved = moved || plan->address[i] != value->parameter->data->data;
        }
    }
    if (latest == plan->constants_version && !moved) {
        return plan->constant_stages;
    }
    plan->constants_version = latest;
    return 0;
}
