/* The counters of a profile, and the hooks in plan_run.c that advance them. */
#ifndef TOWER_LAYERS_PLAN_PLAN_PROFILE_INTERNAL_H
#define TOWER_LAYERS_PLAN_PLAN_PROFILE_INTERNAL_H

#include "core/memory.h"
#include "layers/plan/plan_internal.h"
#include "layers/plan/plan_profile.h"

/* Nanoseconds of one thread. Each lies on cache lines of its own. */
struct tw_profile_member {
    _Alignas(TW_ALIGNMENT) int64_t last; /* end of its latest lap */
    int64_t entry;                       /* from the start of runs to its first node */
    int64_t sums;                        /* adding gradients to earlier ones */
    int64_t beside;                      /* work beside the run */
    int64_t counting;                    /* of operations done */
    int64_t runs;                        /* it took part in */
    int64_t *nodes;                      /* of each node */
    int64_t *waits;                      /* after each stage */
    double *done;                        /* operations of each node in the runs that counted them */
};

struct tw_profile {
    bool measuring;
    bool counting; /* the current run counts operations done */
    int threads;
    int64_t started; /* of the current run */
    int64_t total;   /* nanoseconds of all runs */
    int64_t samples; /* of all runs */
    int64_t runs, backward_runs;
    int64_t counted, backward_counted; /* of these, those that counted operations done */
    double peak_flops;
    struct tw_profile_member *members;
    unsigned char *memory; /* of the members' arrays */
};

void tw_profile_release(struct tw_profile *profile);

/* Of nodes [first, end) in a run of `samples` samples. */
struct tw_plan_work tw_plan_work(const tw_plan *plan, uint32_t first, uint32_t end, ptrdiff_t samples);

/* --- hooks ---------------------------------------------------------------------------------------------- */

void tw_profile_begin_run(struct tw_plan *plan, int64_t started);
void tw_profile_end_run(struct tw_plan *plan, size_t stages, enum tw_plan_half half);
void tw_profile_lap_entry(struct tw_plan *plan, int rank);
void tw_profile_lap_node(struct tw_plan *plan, const struct tw_execution *execution, uint32_t node,
                         ptrdiff_t begin, ptrdiff_t end, int rank);
void tw_profile_lap_wait(struct tw_plan *plan, size_t stage, int rank);
void tw_profile_lap_sums(struct tw_plan *plan, int rank);
void tw_profile_lap_beside(struct tw_plan *plan, int rank);

static inline bool tw_profile_on(const struct tw_plan *plan)
{
    return __builtin_expect(plan->profile != NULL && plan->profile->measuring, false);
}

#endif
