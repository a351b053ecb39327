/* Who runs what: every thread starts with its own share of a stage and then takes over what others have not begun.
 *
 * Shares of tiles are equal in work, not in units: a stage holds products and the sums of a few numbers side by side. So
 * every thread meets the same part of a weight and its moments in every run, which it then has in its own caches.
 *
 * A share is a range of units with a cursor that only moves on, so a claim is one atomic exchange. Which thread runs
 * a unit changes no result. A thread that the operating system delays, or whose samples cost more, holds the others up
 * by one claim at most, not by a share.
 */
#include <stdatomic.h>

#include "core/memory.h"
#include "layers/plan/plan_profile_internal.h"

struct tw_share {
    _Alignas(TW_ALIGNMENT) _Atomic ptrdiff_t next; /* on a cache line of its own */
    ptrdiff_t begin, end;
};

/* Shares of stage `stage` in the runs of this parity. While one run uses its shares, each thread resets its own ones
 * of the next run: when that begins, all threads have met. */
static struct tw_share *shares_of(const struct tw_plan *plan, uint64_t run, size_t stage)
{
    size_t threads = (size_t)tw_team_threads(plan->team);

    return plan->shares + ((run & 1) * plan->stage_count + stage) * threads;
}

enum tw_status tw_plan_make_shares(tw_plan *plan)
{
    plan->shares =
        tw_alloc_array(2 * plan->stage_count * (size_t)tw_team_threads(plan->team), sizeof *plan->shares);
    return plan->shares ? TW_OK : TW_ERROR_MEMORY;
}

/* Operations and bytes of a node, as tw_plan_active_threads weighs them. */
static double weight_of(const tw_plan *plan, uint32_t node, ptrdiff_t samples)
{
    struct tw_plan_work work = tw_plan_work(plan, node, node + 1, samples);

    return work.dense + work.read + work.written;
}

/* The unit of a stage of tiles in front of which `part` of its work lies. */
static ptrdiff_t unit_at(const tw_plan *plan, const struct tw_stage *stage, ptrdiff_t samples, double part)
{
    double target = 0.0;
    ptrdiff_t before = 0;

    for (uint32_t i = stage->first; i < stage->end; i++) {
        target += part * weight_of(plan, i, samples);
    }
    for (uint32_t i = stage->first; i < stage->end; i++) {
        struct tw_execution execution = tw_plan_execution(plan, i, samples);
        ptrdiff_t units = execution.node->operation->run ? tw_plan_units(&execution) : 0;
        double weight = weight_of(plan, i, samples);

        if (weight > 0.0 && target < weight) {
            return before + (ptrdiff_t)(target / weight * (double)units + 0.5);
        }
        target -= weight;
        before += units;
    }
    return before;
}

/* Share `rank` of the active threads. */
static void share_units(const tw_plan *plan, const struct tw_stage *stage, ptrdiff_t samples, int rank,
                        struct tw_share *share)
{
    double active = stage->active;

    if (stage->kind != TW_STAGE_TILES || stage->active == 1) {
        tw_team_share(stage->units, rank, stage->active, &share->begin, &share->end);
        return;
    }
    share->begin = unit_at(plan, stage, samples, rank / active);
    share->end =
        rank + 1 == stage->active ? stage->units : unit_at(plan, stage, samples, (rank + 1) / active);
}

void tw_plan_share_out(tw_plan *plan, ptrdiff_t samples)
{
    int threads = tw_team_threads(plan->team);

    for (size_t s = 0; s < plan->stage_count; s++) {
        struct tw_stage *stage = &plan->stages[s];

        stage->active = tw_plan_active_threads(plan, stage, samples);
        stage->units = tw_plan_stage_units(plan, stage, samples);
        stage->grain = tw_plan_stage_grain(plan, stage, samples);
        for (int rank = 0; rank < threads; rank++) {
            for (uint64_t run = 0; run < 2; run++) {
                struct tw_share *share = &shares_of(plan, run, s)[rank];

                share->begin = share->end = 0;
                if (rank < stage->active) {
                    share_units(plan, stage, samples, rank, share);
                }
                atomic_store_explicit(&share->next, share->begin, memory_order_relaxed);
            }
        }
    }
}

void tw_plan_reset_shares(tw_plan *plan, int rank, int threads)
{
    for (size_t s = 0; s < plan->stage_count; s++) {
        struct tw_share *shares = shares_of(plan, plan->runs + 1, s);

        for (int i = rank; i < tw_team_threads(plan->team); i += threads) {
            atomic_store_explicit(&shares[i].next, shares[i].begin, memory_order_relaxed);
        }
    }
}

/* Units of one claim: the grain, but of samples fewer towards the end of a share, so that threads end together. Tiles are
 * not worth their packing in smaller numbers. */
static ptrdiff_t claim_size(const struct tw_stage *stage, ptrdiff_t left)
{
    ptrdiff_t fewer = stage->kind == TW_STAGE_SAMPLES ? (left + 3) / 4 : left;

    return fewer < stage->grain ? fewer : stage->grain;
}

bool tw_plan_claim(tw_plan *plan, size_t stage, int rank, ptrdiff_t *begin, ptrdiff_t *end)
{
    struct tw_share *shares = shares_of(plan, plan->runs, stage);
    int active = plan->stages[stage].active;

    for (int i = 0; i < active; i++) {
        struct tw_share *share = &shares[(rank + i) % active];

        *begin = atomic_load_explicit(&share->next, memory_order_relaxed);
        while (*begin < share->end) {
            *end = *begin + claim_size(&plan->stages[stage], share->end - *begin);
            if (atomic_compare_exchange_weak_explicit(&share->next, begin, *end, memory_order_relaxed,
                                                      memory_order_relaxed)) {
                return true;
            }
        }
    }
    return false;
}
