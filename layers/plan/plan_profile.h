/* What a plan's stages cost: work counted from shapes, time measured while it runs.
 *
 * Work. *Dense* operations are what an operation costs in its textbook form; *done* are those its algorithm
 * performs: 16/36 or 24/72 of a convolution by Winograd, and of a gradient through max-pool and relu only the products
 * of windows that are open (counted in one of sixteen measured runs; one position of every window where nothing
 * has been measured). Both count the multiply-adds of products as 2, or one per element moved or mapped; what
 * Winograd's transforms and the pooling add or compare is in neither. *Bytes* are those of distinct values read
 * and written, from their shapes; a stage's are what crosses its border: a value that lives and dies in it
 * counts as staying in cache.
 *
 * Time is measured between tw_plan_profile_start and tw_plan_profile_stop. Every thread cuts its time in a run
 * into laps without gaps,
 *
 *     entry | node, node, … | wait | node, … | wait | … | sums | wait
 *
 * so a thread's laps add up to the time of the run, to the nanosecond. A lap costs one look at the clock
 * (core/clock.h). While nothing is measured, it costs one branch per node and barrier. Measuring changes no
 * result and allocates nothing in a run.
 */
#ifndef TOWER_LAYERS_PLAN_PLAN_PROFILE_H
#define TOWER_LAYERS_PLAN_PLAN_PROFILE_H

#include "layers/plan/plan.h"

/* Measures every run from now on; forgets what was measured before. Takes some 50 ms to measure the FMA peak of
 * the team's threads, all at work. TW_ERROR_MEMORY, and nothing has changed. */
enum tw_status tw_plan_profile_start(tw_plan *plan);

/* Ends measuring; what was measured can still be read, until the next start or the plan's end. */
void tw_plan_profile_stop(tw_plan *plan);

/* --- reading: per run, means over the measured runs; times are 0 where nothing was measured ----------------- */

struct tw_plan_work {
    double dense, done;   /* operations */
    double read, written; /* bytes */
};

/* One node that runs. */
struct tw_plan_node_profile {
    size_t stage;
    const char *operation, *algorithm; /* "conv+relu+pool", "winograd"; constant text, "" for no algorithm */
    const char *layout;                /* of output 0: "plain" (row-major), "blocked", "winograd" … */
    const char *path;                  /* of the module: "conv1"; the plan's */
    ptrdiff_t units;
    struct tw_plan_work work;
    double busy_seconds; /* of all threads together */
};

struct tw_plan_stage_profile {
    bool backward, barrier; /* whether a barrier follows */
    const char *split;      /* "samples", "slots", "tiles"; constant text */
    ptrdiff_t units;
    int threads;  /* that take part */
    size_t nodes; /* that run */
    struct tw_plan_work work;
    double seconds;         /* from the end of the stage before to its own, waiting included: rank 0's laps */
    double busy_seconds;    /* of all threads together */
    double longest_seconds; /* of the busiest thread */
    double wait_seconds;    /* of all threads together, at the barrier after it */
};

/* The whole. A run's seconds are those of its stages and of what is left beside them. */
struct tw_plan_profile {
    int64_t runs, backward_runs; /* measured: all; those with a backward half */
    int threads;
    ptrdiff_t samples;       /* of a run, mean rounded; the plan's capacity where nothing was measured */
    double peak_flops;       /* FMA peak of one thread while all work; 0 where the CPU has no kernel for it */
    double seconds;          /* of a run, backward or not */
    double entry_seconds;    /* of rank 0: checks, and entering the parallel region */
    double sums_seconds;     /* of rank 0: adding gradients to earlier ones */
    double beside_seconds;   /* of rank 0: work beside the run, where it came to do it */
    double counting_seconds; /* of rank 0: looking which windows are open */
};

struct tw_plan_profile tw_plan_profile(const tw_plan *plan);

/* Stages in order, forward ones first, and the nodes that run in order. TW_ERROR_ARGUMENT beyond the end. */
size_t tw_plan_profile_stages(const tw_plan *plan);
enum tw_status tw_plan_profile_stage(const tw_plan *plan, size_t i, struct tw_plan_stage_profile *stage);
size_t tw_plan_profile_nodes(const tw_plan *plan);
enum tw_status tw_plan_profile_node(const tw_plan *plan, size_t i, struct tw_plan_node_profile *node);

/* All laps of thread `rank` over all measured runs, in nanoseconds: entry + nodes + waits + sums + beside +
 * counting is
 * the time of all runs, exactly, for every thread that took part in each of them. */
struct tw_plan_thread_profile {
    int64_t entry, nodes, waits, sums, beside, counting, runs;
};
enum tw_status tw_plan_profile_thread(const tw_plan *plan, int rank, struct tw_plan_thread_profile *thread);

/* What was measured as a table: stages, and where a stage has several the nodes in it; microseconds per run,
 * per cent of the run, operations, GFLOP/s, per cent of the FMA peak of the threads while they work, bytes,
 * waiting per thread. Released with tw_free; NULL with TW_ERROR_STATE if nothing was measured, or
 * TW_ERROR_MEMORY. */
char *tw_plan_profile_text(const tw_plan *plan);

#endif
