/* Counting: laps of every thread, and operations done in some of the runs. */
#include "core/clock.h"
#include "core/memory.h"
#include "kernels/peak/peak.h"
#include "layers/plan/plan_profile_internal.h"

/* Looking at every window of a gradient costs far more than a lap, so only one run in so many does. */
enum { RUNS_PER_COUNT = 16 };

void tw_profile_release(struct tw_profile *profile)
{
    if (!profile) {
        return;
    }
    tw_free(profile->members);
    tw_free(profile->memory);
    tw_free(profile);
}

/* Hands out the arrays of every member from one block, a multiple of cache lines each. */
static enum tw_status make_members(struct tw_profile *profile, size_t nodes, size_t stages)
{
    size_t node_bytes = tw_align_up(nodes * sizeof(int64_t)),
           stage_bytes = tw_align_up(stages * sizeof(int64_t)), each = 2 * node_bytes + stage_bytes;

    profile->members = tw_alloc_array((size_t)profile->threads, sizeof *profile->members);
    profile->memory = tw_alloc_array((size_t)profile->threads, each);
    if (!profile->members || !profile->memory) {
        return TW_ERROR_MEMORY;
    }
    for (int rank = 0; rank < profile->threads; rank++) {
        unsigned char *piece = profile->memory + (size_t)rank * each;

        profile->members[rank].nodes = (int64_t *)(void *)piece;
        profile->members[rank].done = (double *)(void *)(piece + node_bytes);
        profile->members[rank].waits = (int64_t *)(void *)(piece + 2 * node_bytes);
    }
    return TW_OK;
}

struct peaks {
    enum tw_isa isa;
    double *of_thread;
};

static void measure_peak(void *context, int rank, int threads)
{
    const struct peaks *peaks = context;

    (void)threads;
    peaks->of_thread[rank] = tw_f32_peak_flops(peaks->isa);
}

/* Of one thread while all are at work. Where the plan's kernels are scalar it is that of the best there are. */
static enum tw_status find_peak(const tw_plan *plan, double *flops)
{
    int threads = tw_team_working(plan->team);
    struct peaks peaks = {.isa = plan->kernels->isa,
                          .of_thread = tw_alloc_array((size_t)threads, sizeof *flops)};
    double unused, sum = 0.0;

    if (!peaks.of_thread) {
        return TW_ERROR_MEMORY;
    }
    for (int isa = TW_ISA_COUNT - 1; !tw_f32_peak_of(peaks.isa, &unused) && isa > 0; isa--) {
        peaks.isa = tw_isa_available((enum tw_isa)isa) ? (enum tw_isa)isa : peaks.isa;
    }
    tw_team_run_working(plan->team, measure_peak, &peaks);
    for (int rank = 0; rank < threads; rank++) {
        sum += peaks.of_thread[rank];
    }
    *flops = sum / threads;
    tw_free(peaks.of_thread);
    return TW_OK;
}

enum tw_status tw_plan_profile_start(tw_plan *plan)
{
    struct tw_profile *profile = tw_alloc(sizeof *profile);

    if (!profile) {
        return TW_ERROR_MEMORY;
    }
    profile->threads = tw_team_working(plan->team);
    if (make_members(profile, plan->graph->node_count, plan->stage_count) != TW_OK ||
        find_peak(plan, &profile->peak_flops) != TW_OK) {
        tw_profile_release(profile);
        return TW_ERROR_MEMORY;
    }
    profile->measuring = true;
    tw_profile_release(plan->profile);
    plan->profile = profile;
    return TW_OK;
}

void tw_plan_profile_stop(tw_plan *plan)
{
    if (plan->profile) {
        plan->profile->measuring = false;
    }
}

/* --- hooks -------------------------------------------------------------------------------------------------
 */

static int64_t lap(struct tw_profile_member *member)
{
    int64_t now = tw_clock(), time = now - member->last;

    member->last = now;
    return time;
}

void tw_profile_begin_run(struct tw_plan *plan, int64_t started)
{
    plan->profile->started = started;
    plan->profile->counting = plan->profile->runs % RUNS_PER_COUNT == 0;
}

void tw_profile_lap_entry(struct tw_plan *plan, int rank)
{
    struct tw_profile_member *member = &plan->profile->members[rank];

    member->last = plan->profile->started;
    member->entry += lap(member);
}

void tw_profile_lap_node(struct tw_plan *plan, const struct tw_execution *execution, uint32_t node,
                         ptrdiff_t begin, ptrdiff_t end, int rank)
{
    struct tw_profile_member *member = &plan->profile->members[rank];

    member->nodes[node] += lap(member);
    if (plan->profile->counting && execution->node->operation->flops_done) {
        member->done[node] += execution->node->operation->flops_done(execution, begin, end);
        member->counting += lap(member);
    }
}

void tw_profile_lap_wait(struct tw_plan *plan, size_t stage, int rank)
{
    struct tw_profile_member *member = &plan->profile->members[rank];

    member->waits[stage] += lap(member);
}

void tw_profile_lap_sums(struct tw_plan *plan, int rank)
{
    struct tw_profile_member *member = &plan->profile->members[rank];

    member->sums += lap(member);
}

void tw_profile_lap_beside(struct tw_plan *plan, int rank)
{
    struct tw_profile_member *member = &plan->profile->members[rank];

    member->beside += lap(member);
}

/* On the calling thread, after all members have left: each of them has waited since its last lap. */
void tw_profile_end_run(struct tw_plan *plan, size_t stages, enum tw_plan_half half)
{
    struct tw_profile *profile = plan->profile;
    int64_t now = tw_clock();
    bool backward = half == TW_PLAN_BACKWARD;

    for (int rank = 0; rank < profile->threads; rank++) {
        struct tw_profile_member *member = &profile->members[rank];

        if (stages > 0 && member->last >= profile->started) { /* it took part */
            member->waits[stages - 1] += now - member->last;
            member->runs++;
        }
    }
    profile->total += now - profile->started;
    profile->samples += plan->samples;
    profile->runs++;
    profile->backward_runs += backward;
    profile->counted += profile->counting;
    profile->backward_counted += profile->counting && backward;
}
