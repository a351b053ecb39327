/* What was measured, as means over runs. */
#include "layers/plan/plan_profile_internal.h"

static const char *const splits[] = {"samples", "slots", "tiles"}; /* by enum tw_stage_kind */

static ptrdiff_t mean_samples(const tw_plan *plan)
{
    const struct tw_profile *profile = plan->profile;

    return profile && profile->runs > 0 ? (ptrdiff_t)((profile->samples + profile->runs / 2) / profile->runs)
                                        : plan->capacity;
}

/* Seconds per run of a half, from nanoseconds over all its runs. */
static double per_run(const tw_plan *plan, bool backward, int64_t nanoseconds)
{
    int64_t runs = backward ? plan->profile->backward_runs : plan->profile->runs;

    return runs > 0 ? 1e-9 * (double)nanoseconds / (double)runs : 0.0;
}

struct tw_plan_profile tw_plan_profile(const tw_plan *plan)
{
    const struct tw_profile *profile = plan->profile;
    struct tw_plan_profile facts = {.threads = tw_team_working(plan->team), .samples = mean_samples(plan)};

    if (profile) {
        facts.runs = profile->runs;
        facts.backward_runs = profile->backward_runs;
        facts.peak_flops = profile->peak_flops;
        facts.seconds = per_run(plan, false, profile->total);
        facts.entry_seconds = per_run(plan, false, profile->members[0].entry);
        facts.sums_seconds = per_run(plan, false, profile->members[0].sums);
        facts.beside_seconds = per_run(plan, true, profile->members[0].beside);
        facts.counting_seconds = per_run(plan, false, profile->members[0].counting);
    }
    return facts;
}

/* --- stages ------------------------------------------------------------------------------------------------
 */

static int64_t busy(const struct tw_profile_member *member, const struct tw_stage *stage)
{
    int64_t time = 0;

    for (uint32_t i = stage->first; i < stage->end; i++) {
        time += member->nodes[i];
    }
    return time;
}

static void time_stage(const tw_plan *plan, size_t index, struct tw_plan_stage_profile *facts)
{
    const struct tw_stage *stage = &plan->stages[index];
    const struct tw_profile_member *members = plan->profile->members;
    int64_t all = 0, longest = 0, waits = 0;

    for (int rank = 0; rank < plan->profile->threads; rank++) {
        int64_t time = busy(&members[rank], stage);

        all += time;
        longest = time > longest ? time : longest;
        waits += members[rank].waits[index];
    }
    facts->seconds = per_run(plan, stage->backward, busy(&members[0], stage) + members[0].waits[index]);
    facts->busy_seconds = per_run(plan, stage->backward, all);
    facts->longest_seconds = per_run(plan, stage->backward, longest);
    facts->wait_seconds = per_run(plan, stage->backward, waits);
}

size_t tw_plan_profile_stages(const tw_plan *plan)
{
    return plan->stage_count;
}

enum tw_status tw_plan_profile_stage(const tw_plan *plan, size_t i, struct tw_plan_stage_profile *facts)
{
    const struct tw_stage *stage;
    ptrdiff_t samples = mean_samples(plan);

    if (i >= plan->stage_count) {
        return tw_fail(TW_ERROR_ARGUMENT, "plan: stage %zu of %zu", i, plan->stage_count);
    }
    stage = &plan->stages[i];
    *facts = (struct tw_plan_stage_profile){
        .backward = stage->backward,
        .barrier = tw_plan_barrier_after(plan, i),
        .split = splits[stage->kind],
        .units = tw_plan_stage_units(plan, stage, samples),
        .threads = tw_plan_active_threads(plan, stage, samples),
        .work = tw_plan_work(plan, stage->first, stage->end, samples),
    };
    for (uint32_t n = stage->first; n < stage->end; n++) {
        facts->nodes += plan->graph->nodes[n].operation->run != NULL;
    }
    if (plan->profile) {
        time_stage(plan, i, facts);
    }
    return TW_OK;
}

/* --- nodes -------------------------------------------------------------------------------------------------
 */

size_t tw_plan_profile_nodes(const tw_plan *plan)
{
    size_t count = 0;

    for (uint32_t i = 1; i < plan->graph->node_count; i++) {
        count += plan->graph->nodes[i].operation->run != NULL;
    }
    return count;
}

/* The graph's index of the i-th node that runs; 0 beyond the end. */
static uint32_t running_node(const tw_plan *plan, size_t i)
{
    for (uint32_t n = 1; n < plan->graph->node_count; n++) {
        if (plan->graph->nodes[n].operation->run && i-- == 0) {
            return n;
        }
    }
    return 0;
}

static size_t stage_of(const tw_plan *plan, uint32_t node)
{
    size_t s = 0;

    while (s + 1 < plan->stage_count && node >= plan->stages[s].end) {
        s++;
    }
    return s;
}

enum tw_status tw_plan_profile_node(const tw_plan *plan, size_t i, struct tw_plan_node_profile *facts)
{
    uint32_t index = running_node(plan, i);
    ptrdiff_t samples = mean_samples(plan);
    struct tw_execution execution;
    const struct tw_operation *operation;

    if (index == 0) {
        return tw_fail(TW_ERROR_ARGUMENT, "plan: node %zu of %zu", i, tw_plan_profile_nodes(plan));
    }
    execution = tw_plan_execution(plan, index, samples);
    operation = execution.node->operation;
    *facts = (struct tw_plan_node_profile){
        .stage = stage_of(plan, index),
        .operation = operation->name,
        .algorithm = operation->algorithm ? operation->algorithm(&execution) : "",
        .layout = operation->layout ? operation->layout : "plain",
        .path = execution.node->path,
        .units = tw_plan_units(&execution),
        .work = tw_plan_work(plan, index, index + 1, samples),
    };
    for (int rank = 0; plan->profile && rank < plan->profile->threads; rank++) {
        facts->busy_seconds +=
            per_run(plan, execution.node->backward, plan->profile->members[rank].nodes[index]);
    }
    return TW_OK;
}

/* --- threads -----------------------------------------------------------------------------------------------
 */

enum tw_status tw_plan_profile_thread(const tw_plan *plan, int rank, struct tw_plan_thread_profile *facts)
{
    const struct tw_profile_member *member;

    *facts = (struct tw_plan_thread_profile){0};
    if (!plan->profile || rank < 0 || rank >= plan->profile->threads) {
        return tw_fail(TW_ERROR_ARGUMENT, "plan: thread %d of %d measured ones", rank,
                       plan->profile ? plan->profile->threads : 0);
    }
    member = &plan->profile->members[rank];
    facts->entry = member->entry;
    facts->sums = member->sums;
    facts->beside = member->beside;
    facts->counting = member->counting;
    facts->runs = member->runs;
    for (size_t s = 0; s < plan->stage_count; s++) {
        facts->nodes += busy(member, &plan->stages[s]);
        facts->waits += member->waits[s];
    }
    return TW_OK;
}
