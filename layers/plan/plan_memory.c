/* Memory: who lives when, and where.
 *
 * Lifetimes are counted in stages, because inside a stage threads are at different nodes at the same time.
 * Slots whose lifetimes do not meet may overlap; they are placed largest first, each at the lowest offset
 * that is free of the ones it meets (greedy by size: Pisarchyk and Lee, arXiv 2001.03288).
 */
#include <stdlib.h>

#include "core/memory.h"
#include "layers/plan/plan_internal.h"

static size_t value_bytes(const struct tw_graph_value *value)
{
    return tw_align_up((size_t)tw_shape_count(&value->shape) * tw_dtype_size(value->dtype));
}

static void classify(tw_plan *plan)
{
    const tw_graph *graph = plan->graph;

    for (uint32_t i = 1; i < graph->value_count; i++) {
        const struct tw_graph_value *value = &graph->values[i];
        struct tw_place *place = &plan->places[i];

        place->root = value->alias_of ? plan->places[value->alias_of].root : i;
        place->slot = i;
        place->first = INT_MAX;
        place->last = -1;
        place->bytes = value_bytes(value);
        place->lasting =
            plan->level == 0 || value->keep || value->shape.ndim == 0 || tw_plan_is_constant(plan, i);
        place->kind = value->kind == TW_VALUE_INPUT       ? TW_PLACE_BOUND
                      : value->kind == TW_VALUE_PARAMETER ? TW_PLACE_PARAMETER
                      : value->is_parameter_gradient      ? TW_PLACE_GRADIENT
                                                          : TW_PLACE_MEMORY;
        plan->places[place->root].lasting |= place->lasting;
    }
}

/* Extends the lifetime of a value's slot to `stage`. */
static void touch(tw_plan *plan, uint32_t value, int stage)
{
    struct tw_place *slot = &plan->places[plan->places[plan->places[value].root].slot];

    slot->first = stage < slot->first ? stage : slot->first;
    slot->last = stage > slot->last ? stage : slot->last;
}

/* The last node that reads or writes each root. */
static enum tw_status find_last_uses(const tw_plan *plan, uint32_t **last_use)
{
    uint32_t *last = tw_alloc_array(plan->graph->value_count, sizeof *last);

    if (!last) {
        return TW_ERROR_MEMORY;
    }
    for (uint32_t i = 1; i < plan->graph->node_count; i++) {
        const struct tw_graph_node *node = &plan->graph->nodes[i];

        for (int j = 0; j < node->inputs && node->operation->run; j++) {
            last[plan->places[node->input[j]].root] = i;
        }
    }
    *last_use = last;
    return TW_OK;
}

/* Whether output 0 of node `index` may overwrite input 0: the operation allows it, nobody reads the input
 * later, nobody asked to keep it, both are ordinary memory of the same size. */
static bool can_overwrite(const tw_plan *plan, uint32_t index, const uint32_t *last_use)
{
    const struct tw_graph_node *node = &plan->graph->nodes[index];
    const struct tw_place *in = &plan->places[plan->places[node->input[0]].root];
    const struct tw_place *out = &plan->places[node->output[0]];

    return node->operation->in_place && plan->level > 0 && in->kind == TW_PLACE_MEMORY &&
           out->kind == TW_PLACE_MEMORY && !in->lasting && in->bytes == out->bytes &&
           last_use[in->root] == index;
}

static void find_lifetimes(tw_plan *plan, const uint32_t *last_use)
{
    for (size_t s = 0; s < plan->stage_count; s++) {
        for (uint32_t i = plan->stages[s].first; i < plan->stages[s].end; i++) {
            const struct tw_graph_node *node = &plan->graph->nodes[i];

            if (!node->operation->run) {
                continue;
            }
            if (can_overwrite(plan, i, last_use)) {
                plan->places[node->output[0]].slot = plan->places[plan->places[node->input[0]].root].slot;
            }
            for (int j = 0; j < node->inputs; j++) {
                touch(plan, node->input[j], (int)s);
            }
            for (int j = 0; j < node->outputs; j++) {
                touch(plan, node->output[j], (int)s);
            }
        }
    }
    for (uint32_t i = 1; i < plan->graph->value_count; i++) {
        const struct tw_place *place = &plan->places[plan->places[i].root];

        if (place->lasting) {
            plan->places[place->slot].last = INT_MAX;
        }
    }
}

/* Largest first; equals in order of the values, so that the layout does not depend on the sort. */
static int compare_slots(const void *left, const void *right)
{
    const struct tw_place *a = *(struct tw_place *const *)left, *b = *(struct tw_place *const *)right;

    if (a->bytes != b->bytes) {
        return a->bytes < b->bytes ? 1 : -1;
    }
    return a->slot < b->slot ? -1 : a->slot > b->slot;
}

static bool meet(const struct tw_place *a, const struct tw_place *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset at which `slot` fits beside the `count` slots placed already. */
static size_t find_offset(struct tw_place *const *placed, size_t count, const struct tw_place *slot)
{
    size_t offset = 0;

    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < count; i++) {
            if (meet(placed[i], slot) && offset < placed[i]->offset + placed[i]->bytes &&
                placed[i]->offset < offset + slot->bytes) {
                offset = placed[i]->offset + placed[i]->bytes;
                moved = true;
            }
        }
    }
    return offset;
}

static enum tw_status place_slots(tw_plan *plan)
{
    struct tw_place **slots = tw_alloc_array(plan->graph->value_count, sizeof *slots);
    size_t count = 0;

    if (!slots) {
        return TW_ERROR_MEMORY;
    }
    for (uint32_t i = 1; i < plan->graph->value_count; i++) {
        struct tw_place *place = &plan->places[i];

        if (place->kind == TW_PLACE_GRADIENT) {
            place->offset = plan->sums_bytes;
            plan->sums_bytes += place->bytes;
        } else if (place->kind == TW_PLACE_MEMORY && place->root == i && place->slot == i) {
            slots[count++] = place;
        }
    }
    qsort(slots, count, sizeof(struct tw_place *), compare_slots);
    for (size_t i = 0; i < count; i++) {
        slots[i]->offset = find_offset(slots, i, slots[i]);
        if (slots[i]->offset + slots[i]->bytes > plan->memory_bytes) {
            plan->memory_bytes = slots[i]->offset + slots[i]->bytes;
        }
    }
    tw_free(slots);
    return TW_OK;
}

/* Addresses that never change; those of inputs come with tw_plan_bind, those of gradients with each run. */
static void fix_addresses(tw_plan *plan)
{
    for (uint32_t i = 1; i < plan->graph->value_count; i++) {
        const struct tw_place *root = &plan->places[plan->places[i].root];

        if (root->kind == TW_PLACE_MEMORY) {
            plan->address[i] = plan->memory + plan->places[root->slot].offset;
        }
    }
}

enum tw_status tw_plan_place_values(tw_plan *plan)
{
    uint32_t *last_use = NULL;
    enum tw_status status;

    plan->places = tw_alloc_array(plan->graph->value_count, sizeof *plan->places);
    if (!plan->places) {
        return TW_ERROR_MEMORY;
    }
    classify(plan);
    status = find_last_uses(plan, &last_use);
    if (status != TW_OK) {
        return status;
    }
    find_lifetimes(plan, last_use);
    tw_free(last_use);
    tw_plan_find_passing(plan);
    status = place_slots(plan);
    if (status != TW_OK) {
        return status;
    }
    plan->memory = tw_alloc(plan->memory_bytes);
    plan->sums = tw_alloc(plan->sums_bytes);
    plan->passing = tw_alloc_array((size_t)tw_team_threads(plan->team), plan->passing_bytes);
    if (!plan->memory || !plan->sums || !plan->passing) {
        return TW_ERROR_MEMORY;
    }
    fix_addresses(plan);
    return TW_OK;
}
