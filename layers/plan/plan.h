/* Plans: a graph made ready to run.
 *
 * A plan chooses kernels, groups nodes into stages, places every value in one block of memory, and runs the
 * whole on a team in a single parallel region. A run allocates nothing.
 *
 *   level 0   reference kernels, every value keeps memory of its own: all intermediates are readable afterwards
 *   level 1   SIMD kernels, one operation at a time, memory shared between values that are not alive together
 *   level 2   the graph is lowered first (layers/plan/lower.h): convolution, relu and max-pool become one
 *             operation whose backward visits only the windows that are open, nodes are reordered for few
 *             stages; stages go through a few samples at a time. Convolutions may be Winograd's (kernels/conv_pool, and
 *             kernels/conv for the others), whose sums have another order: level 2 agrees with the others to rounding, and
 *             with itself to the bit
 *
 * A *stage* is a run of nodes between two barriers. Neighbouring nodes that work sample by sample form one
 * stage: a thread goes through all of them with its own samples without waiting for the others. Neighbours that
 * work by tiles form one if none reads what another writes. A thread that has finished its share of a stage takes
 * over pieces of the others'.
 *
 * Results do not depend on the level's memory sharing, on the number of threads or on their binding; each
 * kernel contract's summation order holds. A plan is used by the thread that owns its team.
 */
#ifndef TOWER_LAYERS_PLAN_PLAN_H
#define TOWER_LAYERS_PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/team.h"
#include "kernels/kernels.h"
#include "layers/graph/graph.h"
#include "layers/module/parameter_update.h"

#define TW_PLAN_LEVELS 3

typedef struct tw_plan tw_plan;

struct tw_plan_options {
    int level;                        /* 0 to TW_PLAN_LEVELS - 1 */
    const struct tw_kernels *kernels; /* NULL: level 0 the reference, else the best of tw_isa_choose */
    struct tw_team *team;             /* borrowed; must outlive the plan */
    uint64_t seed;                    /* of random streams (dropout) */

    /* Level 2: parameters are updated within each backward run, where their gradients have just been computed and when
     * nobody reads them any more. Gradients of large linear layers are then used up piece by piece and never written:
     * whoever asks for one gets TW_ERROR_STATE, not something stale. Such a run is refused (TW_ERROR_STATE) while a
     * gradient of an earlier one has not been zeroed. Borrowed; must outlive the plan. NULL: parameters only change
     * between runs. TW_ERROR_UNSUPPORTED below level 2. */
    const struct tw_parameter_update *update;
    bool keep_gradients; /* every gradient is written, and stays to be read */

    /* Called once in every backward run, with `beside_context`, by the first thread that has nothing left to do: work
     * that has nothing to do with the run (gathering the next batch). NULL: nothing. */
    void (*beside)(void *context);
    void *beside_context;

    /* What depends on parameters alone (packed weights) is computed by the first run, and again by the first run
     * after a parameter has changed: tw_tensor_version of its data tells, so loading, initialising, an optimizer's
     * step and every function on tensors are noticed. The caller promises to call tw_tensor_changed after writing
     * parameters through a bare pointer. Without this flag it is computed in every run, and nothing is promised. */
    bool constant_parameters;
};

/* Compiles `graph`, which must be without error, and is borrowed: it must outlive the plan and not grow any
 * more. The plan contains the backward half if the graph has been differentiated. NULL on failure. */
tw_plan *tw_plan_new(tw_graph *graph, const struct tw_plan_options *options);
void tw_plan_release(tw_plan *plan);

/* Where an input's data lies: contiguous, of the input's dtype, at least `samples` samples, read during runs
 * only. Stays bound until bound anew. TW_ERROR_ARGUMENT if `value` is no input. */
enum tw_status tw_plan_bind(tw_plan *plan, tw_value value, const void *data);

enum tw_plan_half {
    TW_PLAN_FORWARD,  /* the recorded forward only */
    TW_PLAN_BACKWARD, /* forward, then gradients: parameter gradients are overwritten where zero_grad was
                         called (or none exists yet), else added to */
};

/* Runs the plan on the first `samples` samples of its inputs. TW_ERROR_ARGUMENT for 0, negative or more
 * samples than recorded, an unbound input, or labels out of range; TW_ERROR_STATE for backward without
 * differentiation. After a failure no value and no gradient has changed. */
enum tw_status tw_plan_run(tw_plan *plan, ptrdiff_t samples, enum tw_plan_half half);

/* A value's memory after a run, for the samples of that run: every value at level 0, else loss-like scalars,
 * kept values (tw_graph_keep), inputs and parameters. NULL with TW_ERROR_STATE if it has been reused or never
 * run. Valid until the next run. */
const void *tw_plan_data(const tw_plan *plan, tw_value value);

/* A float32 scalar's value; NAN with an error recorded where tw_plan_data gives NULL. */
float tw_plan_scalar(const tw_plan *plan, tw_value value);

struct tw_plan_facts {
    size_t memory_bytes;                  /* the block of values */
    size_t workspace_bytes;               /* of all threads together */
    double forward_flops, backward_flops; /* at full batch, dense */
    int stages, barriers;                 /* of forward and backward together */
};
struct tw_plan_facts tw_plan_facts(const tw_plan *plan);

/* The plan as a table: stage, node, path, output shape, algorithm, split and units, threads, MFLOP, place in
 * memory. Released with tw_free; NULL with TW_ERROR_MEMORY. */
char *tw_plan_text(const tw_plan *plan);

#endif
