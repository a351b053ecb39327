/* The inside of a plan, shared by the files of this folder.
 */
#ifndef TOWER_LAYERS_PLAN_PLAN_INTERNAL_H
#define TOWER_LAYERS_PLAN_PLAN_INTERNAL_H

#include <limits.h>

#include "layers/graph/operation.h"
#include "layers/plan/plan.h"

struct tw_share;

/* How a stage is shared out. Stages by samples and by slots hold any number of nodes, and a thread goes
 * through all of them with its own samples; every node of a stage by slots does its part of one slot before
 * the next slot begins. Nodes of a stage by tiles do not depend on each other: their units are one after the other. */
enum tw_stage_kind { TW_STAGE_SAMPLES, TW_STAGE_SLOTS, TW_STAGE_TILES };

/* Nodes [first, end) of the graph, run between two barriers. */
struct tw_stage {
    uint32_t first, end;
    enum tw_stage_kind kind;
    bool backward;
    int active;      /* threads that take part in the current run */
    ptrdiff_t units; /* in the current run */
    ptrdiff_t grain; /* units that a thread takes at a time */
};

/* Where a value lies. */
enum tw_place_kind {
    TW_PLACE_NONE,  /* entry 0 */
    TW_PLACE_BOUND, /* an input */
    TW_PLACE_PARAMETER,
    TW_PLACE_GRADIENT, /* a parameter's gradient, or `offset` in the block of sums when it is to be added to
                        */
    TW_PLACE_MEMORY,   /* `offset` in the block of values */
    TW_PLACE_PASSING,  /* `offset` in a thread's block of what never leaves it (plan_passing.c) */
};

struct tw_place {
    enum tw_place_kind kind;
    uint32_t root;   /* the value whose memory it is: itself, unless it is a view */
    uint32_t slot;   /* value whose offset it shares: itself, unless it overwrites its input in place */
    bool lasting;    /* keeps its memory to itself for the whole run */
    int first, last; /* stages that write or read the slot; valid where slot is the value itself */
    size_t bytes, offset;
};

struct tw_plan {
    tw_graph *graph;   /* what is run: the recorded graph, or `lowered` */
    tw_graph *lowered; /* level 2; owned */
    uint32_t *map;     /* recorded value -> value of `lowered`; NULL below level 2 */
    size_t recorded_values;
    const struct tw_kernels *kernels;
    struct tw_team *team;
    int level;
    uint64_t seed, runs;
    enum tw_plan_half last_half; /* of the latest run */

    struct tw_stage *stages;
    size_t stage_count, stage_capacity;
    size_t forward_stages;   /* the first ones; the rest is backward */
    struct tw_share *shares; /* plan_claim.c */

    struct tw_place *places; /* one per value of the graph */
    void **address;          /* of every value in the current run */
    unsigned char *memory;
    size_t memory_bytes;
    unsigned char *passing; /* plan_passing.c */
    size_t passing_bytes;   /* per thread */
    unsigned char *sums;    /* gradients of this run that are added to earlier ones afterwards */
    size_t sums_bytes;
    unsigned char *workspace;
    size_t workspace_bytes; /* per thread */

    /* Constant parameters (plan_constants.c). */
    bool constant_parameters;
    uint32_t constant_end;      /* nodes before it depend on parameters alone; 1: none, or not to be kept */
    size_t constant_stages;     /* the stages of those nodes */
    uint64_t constants_version; /* latest version of a parameter when they were run; 0: not yet */

    /* Updates inside a run (plan_update.c); NULL: none. */
    const struct tw_parameter_update *update;
    ptrdiff_t *update_handles; /* of each node that writes a parameter's gradient; -1: of no other */
    bool *delivers;            /* of each node: it hands its gradient to the update and writes it nowhere */
    bool updating;             /* the current run updates */

    void (*beside)(void *context);
    void *beside_context;

    ptrdiff_t capacity; /* largest number of samples; 0: nothing is batched */
    ptrdiff_t samples;  /* of the current or latest run */
    double forward_flops, backward_flops;
    struct tw_profile *profile; /* plan_profile_internal.h; NULL: nothing has been measured */
};

/* Groups the nodes into stages. */
enum tw_status tw_plan_make_stages(tw_plan *plan);

/* Decides where every value lies, sizes and allocates the blocks. */
enum tw_status tw_plan_place_values(tw_plan *plan);

/* After lifetimes are known and before places are given: moves what only passes through a stage out of the block of
 * values, and sizes the threads' blocks for it. */
void tw_plan_find_passing(tw_plan *plan);

/* Points the passing values of an execution by thread `rank` at its block, for samples from `first` on. */
void tw_plan_point_passing(const tw_plan *plan, struct tw_execution *execution, ptrdiff_t first, int rank);

/* Asks `update`, if it is not NULL, for the handles of all parameters that the plan computes gradients of, and finds the
 * nodes that deliver theirs. */
enum tw_status tw_plan_find_updates(tw_plan *plan, const struct tw_parameter_update *update,
                                    bool keep_gradients);

/* Before a run that updates; `adds`: it would add gradients to earlier ones. */
enum tw_status tw_plan_begin_updates(const tw_plan *plan, bool adds);

/* Updates what units [begin, end) of node `index` have just written the gradients of, if they are a parameter's. */
void tw_plan_update_behind(const tw_plan *plan, const struct tw_execution *execution, uint32_t index,
                           ptrdiff_t begin, ptrdiff_t end);

/* Finds the leading nodes that depend on parameters alone, if they are to be kept. Before stages and memory. */
void tw_plan_find_constants(tw_plan *plan);

/* Counts the leading stages that run nothing but such nodes. After the stages are made. */
void tw_plan_count_constant_stages(tw_plan *plan);

/* Whether a value is written by such a node: then its memory is its own. */
bool tw_plan_is_constant(const tw_plan *plan, uint32_t value);

/* The first stage that the next run has to run: 0 if a parameter has changed. Before the run resolves the addresses,
 * since a parameter's data may also have moved. tw_plan_forget_constants if that run does not come about. */
size_t tw_plan_first_stage(tw_plan *plan);
void tw_plan_forget_constants(tw_plan *plan);

/* What the functions of node `index` see in a run of `samples` samples, with the plan's current addresses. */
struct tw_execution tw_plan_execution(const tw_plan *plan, uint32_t index, ptrdiff_t samples);

/* Units of a node on its own: samples, slots or tiles. */
ptrdiff_t tw_plan_units(const struct tw_execution *execution);

/* Units of a stage in a run of `samples` samples. */
ptrdiff_t tw_plan_stage_units(const tw_plan *plan, const struct tw_stage *stage, ptrdiff_t samples);

/* Most samples that a thread has under way at a time in a stage of samples or slots, in any run. */
ptrdiff_t tw_plan_stage_samples(const tw_plan *plan, const struct tw_stage *stage);

/* Units that a thread takes at a time: samples whose values stay in its L2 cache on the way through the stage, or as
 * many tiles as the operations ask for; below level 2 all of a share. */
ptrdiff_t tw_plan_stage_grain(const tw_plan *plan, const struct tw_stage *stage, ptrdiff_t samples);

/* Makes every thread's shares of the stages; sets them, and units, grain and active threads of the stages, for runs of
 * `samples` samples; and, inside a run on `threads` threads, resets the calling thread's part for the next one. */
enum tw_status tw_plan_make_shares(tw_plan *plan);
void tw_plan_share_out(tw_plan *plan, ptrdiff_t samples);
void tw_plan_reset_shares(tw_plan *plan, int rank, int threads);

/* Takes units [begin, end) of a stage for thread `rank`: of its own share, then of others'. False when nothing is
 * left. For the threads of the current run, which are its stage's active ones. */
bool tw_plan_claim(tw_plan *plan, size_t stage, int rank, ptrdiff_t *begin, ptrdiff_t *end);

/* Threads that pay off for a stage in a run of `samples` samples. */
int tw_plan_active_threads(const tw_plan *plan, const struct tw_stage *stage, ptrdiff_t samples);

/* Whether a barrier separates stage `i` from the next one of the same run. */
bool tw_plan_barrier_after(const tw_plan *plan, size_t i);

#endif
