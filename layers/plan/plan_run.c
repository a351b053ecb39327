/* One run of a plan: a single parallel region through all stages. */
#include <stdatomic.h>

#include "core/clock.h"
#include "layers/plan/plan_profile_internal.h"

/* Inputs, parameters, gradients and their views; values in the plan's own memory have theirs already. */
static enum tw_status resolve_addresses(tw_plan *plan)
{
    for (uint32_t i = 1; i < plan->graph->value_count; i++) {
        const struct tw_graph_value *value = &plan->graph->values[i];
        const struct tw_place *place = &plan->places[i];

        if (place->root != i) {
            plan->address[i] = plan->address[place->root];
        } else if (place->kind == TW_PLACE_PARAMETER) {
            plan->address[i] = value->parameter->data->data;
        } else if (place->kind == TW_PLACE_GRADIENT) {
            plan->address[i] = value->parameter->gradient_is_zero ? value->parameter->gradient->data
                                                                  : (void *)(plan->sums + place->offset);
        } else if (place->kind == TW_PLACE_BOUND && !plan->address[i]) {
            return tw_fail(TW_ERROR_ARGUMENT, "plan: input %s is not bound", value->name);
        }
    }
    return TW_OK;
}

/* What must be right before anything is written. */
static enum tw_status check_run(tw_plan *plan, ptrdiff_t samples, enum tw_plan_half half)
{
    enum tw_status status;

    if (plan->capacity != 0 && (samples < 1 || samples > plan->capacity)) {
        return tw_fail(TW_ERROR_ARGUMENT, "plan: a run of %td samples, recorded for 1 to %td", samples,
                       plan->capacity);
    }
    if (half == TW_PLAN_BACKWARD && !plan->graph->differentiated) {
        return tw_fail(TW_ERROR_STATE, "plan: a backward run of a graph that has not been differentiated");
    }
    status = resolve_addresses(plan);
    for (uint32_t i = 1; i < plan->graph->node_count && status == TW_OK; i++) {
        struct tw_execution execution = tw_plan_execution(plan, i, samples);

        if (execution.node->operation->check) {
            status = execution.node->operation->check(&execution);
        }
    }
    return status;
}

/* `first`: the first sample that the thread has under way. */
static void run_node(tw_plan *plan, uint32_t index, ptrdiff_t begin, ptrdiff_t end, ptrdiff_t first, int rank)
{
    struct tw_execution execution = tw_plan_execution(plan, index, plan->samples);
    const struct tw_gradient_sink sink = {plan->update, plan->update ? plan->update_handles[index] : -1};

    tw_plan_point_passing(plan, &execution, first, rank);
    if (plan->updating && plan->delivers[index]) {
        execution.sink = &sink;
    }
    if (execution.node->operation->run && begin < end) {
        execution.node->operation->run(&execution, begin, end,
                                       plan->workspace + (size_t)rank * plan->workspace_bytes);
        if (plan->updating) {
            tw_plan_update_behind(plan, &execution, index, begin, end);
        }
        if (tw_profile_on(plan)) {
            tw_profile_lap_node(plan, &execution, index, begin, end, rank);
        }
    }
}

/* Slot by slot: its samples through the nodes that work by samples, itself through those that work by slots.
 */
static void run_slots(tw_plan *plan, const struct tw_stage *stage, ptrdiff_t begin, ptrdiff_t end, int rank)
{
    for (ptrdiff_t slot = begin; slot < end; slot++) {
        ptrdiff_t first = tw_slot_begin(plan->samples, (int)slot),
                  last = tw_slot_begin(plan->samples, (int)slot + 1);

        for (uint32_t i = stage->first; i < stage->end; i++) {
            bool by_slot = plan->graph->nodes[i].operation->split == TW_SPLIT_SLOTS;

            run_node(plan, i, by_slot ? slot : first, by_slot ? slot + 1 : last, first, rank);
        }
    }
}

/* Tiles [begin, end) of all nodes of the stage, counted one node after the other. */
static void run_tiles(tw_plan *plan, const struct tw_stage *stage, ptrdiff_t begin, ptrdiff_t end, int rank)
{
    for (uint32_t i = stage->first; i < stage->end && end > 0; i++) {
        struct tw_execution execution = tw_plan_execution(plan, i, plan->samples);
        ptrdiff_t units = execution.node->operation->run ? tw_plan_units(&execution) : 0;

        run_node(plan, i, begin > 0 ? begin : 0, end < units ? end : units, 0, rank);
        begin -= units;
        end -= units;
    }
}

static void run_stage(tw_plan *plan, size_t index, int rank)
{
    const struct tw_stage *stage = &plan->stages[index];
    ptrdiff_t begin, end;

    while (rank < stage->active && tw_plan_claim(plan, index, rank, &begin, &end)) {
        if (stage->kind == TW_STAGE_SLOTS) {
            run_slots(plan, stage, begin, end, rank);
        } else if (stage->kind == TW_STAGE_TILES) {
            run_tiles(plan, stage, begin, end, rank);
        } else {
            for (uint32_t i = stage->first; i < stage->end; i++) {
                run_node(plan, i, begin, end, begin, rank);
            }
        }
    }
}

/* Adds the gradients of this run to those of earlier runs that nobody has zeroed. */
static void add_sums(tw_plan *plan, int rank, int threads)
{
    for (uint32_t i = 1; i < plan->graph->value_count; i++) {
        const struct tw_graph_value *value = &plan->graph->values[i];
        ptrdiff_t begin, end;
        float *gradient;

        if (plan->places[i].kind != TW_PLACE_GRADIENT || value->parameter->gradient_is_zero) {
            continue;
        }
        gradient = value->parameter->gradient->data;
        tw_team_share(tw_shape_count(&value->shape), rank, threads, &begin, &end);
        plan->kernels->f32_add(end - begin, gradient + begin, (const float *)plan->address[i] + begin,
                               gradient + begin);
    }
}

struct run {
    tw_plan *plan;
    size_t first, stages;
    bool adds;           /* some gradient is added to an earlier one */
    atomic_flag *beside; /* set by who takes the work beside the run; NULL: there is none */
};

/* The barrier after stage `stage`. */
static void meet(tw_plan *plan, size_t stage, int rank)
{
    tw_team_barrier(plan->team);
    if (tw_profile_on(plan)) {
        tw_profile_lap_wait(plan, stage, rank);
    }
}

static void run_beside(const struct run *run, int rank)
{
    if (!run->beside || atomic_flag_test_and_set_explicit(run->beside, memory_order_relaxed)) {
        return;
    }
    run->plan->beside(run->plan->beside_context);
    if (tw_profile_on(run->plan)) {
        tw_profile_lap_beside(run->plan, rank);
    }
}

static void run_member(void *context, int rank, int threads)
{
    const struct run *run = context;
    tw_plan *plan = run->plan;

    if (tw_profile_on(plan)) {
        tw_profile_lap_entry(plan, rank);
    }
    tw_plan_reset_shares(plan, rank, threads);
    for (size_t s = run->first; s < run->stages; s++) {
        run_stage(plan, s, rank);
        if (s + 1 < run->stages && tw_plan_barrier_after(plan, s)) {
            meet(plan, s, rank);
        }
    }
    run_beside(run, rank);
    if (run->adds) {
        meet(plan, run->stages - 1, rank);
        add_sums(plan, rank, threads);
        if (tw_profile_on(plan)) {
            tw_profile_lap_sums(plan, rank);
        }
    }
}

static bool adds_gradients(const tw_plan *plan)
{
    for (uint32_t i = 1; i < plan->graph->value_count; i++) {
        if (plan->places[i].kind == TW_PLACE_GRADIENT &&
            !plan->graph->values[i].parameter->gradient_is_zero) {
            return true;
        }
    }
    return false;
}

static void mark_gradients(const tw_plan *plan)
{
    for (uint32_t i = 1; i < plan->graph->value_count; i++) {
        const struct tw_graph_value *value = &plan->graph->values[i];

        if (plan->places[i].kind == TW_PLACE_GRADIENT) {
            value->parameter->gradient_is_zero = false;
            value->parameter->gradient_is_gone = plan->updating && plan->delivers[value->producer];
        }
    }
}

enum tw_status tw_plan_run(tw_plan *plan, ptrdiff_t samples, enum tw_plan_half half)
{
    struct run run = {.plan = plan, .first = tw_plan_first_stage(plan)};
    int64_t started = tw_profile_on(plan) ? tw_clock() : 0;
    atomic_flag beside = ATOMIC_FLAG_INIT;
    bool adds = half == TW_PLAN_BACKWARD && adds_gradients(plan);
    enum tw_status status = check_run(plan, samples, half);

    plan->updating = plan->update && half == TW_PLAN_BACKWARD;
    if (status == TW_OK && plan->updating) {
        status = tw_plan_begin_updates(plan, adds);
    }
    if (status != TW_OK) {
        tw_plan_forget_constants(plan);
        return status;
    }
    run.stages = half == TW_PLAN_BACKWARD ? plan->stage_count : plan->forward_stages;
    run.adds = adds;
    run.beside = half == TW_PLAN_BACKWARD && plan->beside ? &beside : NULL;
    if (samples != plan->samples) {
        tw_plan_share_out(plan, samples);
    }
    plan->samples = samples;
    plan->last_half = half;
    plan->runs++;
    if (tw_profile_on(plan)) {
        tw_profile_begin_run(plan, started);
    }
    tw_team_run_working(plan->team, run_member, &run);
    if (tw_profile_on(plan)) {
        tw_profile_end_run(plan, run.stages, half);
    }
    if (half == TW_PLAN_BACKWARD) {
        mark_gradients(plan);
    }
    return TW_OK;
}
