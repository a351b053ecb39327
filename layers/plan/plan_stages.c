/* Stages: which nodes run without waiting for each other, and on how many threads. */
#include "core/memory.h"
#include "layers/plan/plan_internal.h"

struct tw_execution tw_plan_execution(const tw_plan *plan, uint32_t index, ptrdiff_t samples)
{
    const struct tw_graph_node *node = &plan->graph->nodes[index];
    struct tw_execution execution = {
        .graph = plan->graph,
        .node = node,
        .kernels = plan->kernels,
        .samples = samples,
        .key = plan->seed * UINT64_C(0xd1342543de82ef95) + plan->runs,
    };

    for (int i = 0; i < node->inputs; i++) {
        execution.in[i] = plan->address[node->input[i]];
    }
    for (int i = 0; i < node->outputs; i++) {
        execution.out[i] = plan->address[node->output[i]];
    }
    return execution;
}

/* Whether a node goes through the batch sample by sample. Without a batch its first dimension is split like
 * any tiles. */
static bool by_samples(const tw_plan *plan, const struct tw_graph_node *node)
{
    return node->operation->split == TW_SPLIT_SAMPLES && plan->graph->values[node->output[0]].batched;
}

ptrdiff_t tw_plan_units(const struct tw_execution *execution)
{
    struct tw_shape shape = tw_execution_output_shape(execution, 0);

    if (execution->node->operation->split == TW_SPLIT_TILES) {
        return execution->node->operation->units(execution);
    }
    return shape.ndim > 0 ? shape.extent[0] : 1;
}

enum tw_status tw_plan_make_stages(tw_plan *plan)
{
    for (uint32_t i = 1; i < plan->graph->node_count; i++) {
        const struct tw_graph_node *node = &plan->graph->nodes[i];
        struct tw_stage stage = {.first = i, .end = i + 1, .backward = node->backward};
        struct tw_stage *last = plan->stage_count > 0 ? &plan->stages[plan->stage_count - 1] : NULL;
        enum tw_status status;

        stage.by_samples = by_samples(plan, node);
        /* A view does nothing and so fits everywhere; it may open a stage only as the first node of its half.
         */
        if (last && last->backward == stage.backward &&
            (!node->operation->run || (last->by_samples && stage.by_samples))) {
            last->end = stage.end;
            continue;
        }
        status = tw_array_reserve((void **)&plan->stages, &plan->stage_capacity, plan->stage_count,
                                  sizeof *plan->stages);
        if (status != TW_OK) {
            return status;
        }
        plan->stages[plan->stage_count++] = stage;
        plan->forward_stages += !stage.backward;
    }
    for (size_t i = 0; i < plan->stage_count; i++) {
        plan->stages[i].active = tw_plan_active_threads(plan, &plan->stages[i], plan->capacity);
    }
    return TW_OK;
}

/* Dense operations that one thread should have before another one joins: a few microseconds of work, several
 * times what waking it and the barrier cost. */
static const double OPERATIONS_PER_THREAD = 50e3;

int tw_plan_active_threads(const tw_plan *plan, const struct tw_stage *stage, ptrdiff_t samples)
{
    double operations = 0.0, threads;
    ptrdiff_t units = 1;

    for (uint32_t i = stage->first; i < stage->end; i++) {
        struct tw_execution execution = tw_plan_execution(plan, i, samples);

        if (execution.node->operation->run) {
            operations += execution.node->operation->flops(&execution);
            units = tw_plan_units(&execution) > units ? tw_plan_units(&execution) : units;
        }
    }
    threads = operations / OPERATIONS_PER_THREAD;
    threads = threads < (double)units ? threads : (double)units;
    threads = threads < tw_team_threads(plan->team) ? threads : tw_team_threads(plan->team);
    return threads < 1.0 ? 1 : (int)threads;
}

bool tw_plan_barrier_after(const tw_plan *plan, size_t i)
{
    if (i + 1 >= plan->stage_count) {
        return false;
    }
    /* What one thread does alone twice in a row, it does in order. */
    return plan->stages[i].active > 1 || plan->stages[i + 1].active > 1;
}
