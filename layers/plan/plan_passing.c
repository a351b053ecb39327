/* Values that only pass through a stage: written and read there by the same thread, a few samples at a time, they need
 * no memory of a batch's size. Each thread has room for the samples that it has under way, so that such values stay in
 * its L1 and L2 and the batch's working set is the smaller for it:
 *
 *   block of values     | sample 0 | sample 1 | sample 2 | sample 3 | sample 4 | …
 *   a thread's block                          | sample 2 | sample 3 |                then, in the same place, 4 and 5
 *
 * An operation finds sample n at its usual distance from the address that it is given, which lies before the block by
 * that of the first sample under way.
 */
#include "core/memory.h"
#include "layers/plan/plan_internal.h"

static size_t sample_bytes(const tw_plan *plan, uint32_t value)
{
    const struct tw_graph_value *entry = &plan->graph->values[value];

    return (size_t)(tw_shape_count(&entry->shape) / entry->shape.extent[0]) * tw_dtype_size(entry->dtype);
}

/* Whether a slot of the block of values is one that passes. What overwrites another in place lives in its slot. */
static bool passes(const tw_plan *plan, uint32_t slot)
{
    const struct tw_place *place = &plan->places[slot];
    const struct tw_graph_value *value = &plan->graph->values[slot];

    return place->kind == TW_PLACE_MEMORY && place->root == slot && place->slot == slot && !place->lasting &&
           place->first == place->last && plan->stages[place->first].kind != TW_STAGE_TILES &&
           value->batched && value->shape.extent[0] == plan->capacity;
}

void tw_plan_find_passing(tw_plan *plan)
{
    for (size_t s = 0; s < plan->stage_count && plan->level > 1; s++) {
        ptrdiff_t samples = tw_plan_stage_samples(plan, &plan->stages[s]);
        size_t bytes = 0;

        for (uint32_t i = 1; i < plan->graph->value_count; i++) {
            if (passes(plan, i) && plan->places[i].first == (int)s) {
                plan->places[i].kind = TW_PLACE_PASSING;
                plan->places[i].offset = bytes;
                bytes += tw_align_up((size_t)samples * sample_bytes(plan, i));
            }
        }
        plan->passing_bytes = bytes > plan->passing_bytes ? bytes : plan->passing_bytes;
    }
}

/* The address of a value for an execution that begins at sample `first`, if it passes; `address` otherwise. */
static void *pointed(const tw_plan *plan, uint32_t value, void *address, ptrdiff_t first, int rank)
{
    const struct tw_place *slot = &plan->places[plan->places[plan->places[value].root].slot];

    if (value == 0 || slot->kind != TW_PLACE_PASSING) {
        return address;
    }
    return (void *)((uintptr_t)plan->passing + (size_t)rank * plan->passing_bytes + slot->offset -
                    (size_t)first * sample_bytes(plan, plan->places[value].root));
}

void tw_plan_point_passing(const tw_plan *plan, struct tw_execution *execution, ptrdiff_t first, int rank)
{
    const struct tw_graph_node *node = execution->node;

    for (int i = 0; i < node->inputs && plan->passing_bytes > 0; i++) {
        execution->in[i] = pointed(plan, node->input[i], (void *)(uintptr_t)execution->in[i], first, rank);
    }
    for (int i = 0; i < node->outputs && plan->passing_bytes > 0; i++) {
        execution->out[i] = pointed(plan, node->output[i], execution->out[i], first, rank);
    }
}
