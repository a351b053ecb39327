/* Checks of a small graph with a loss: against recorded values, against differences, between plans.
 *
 *     struct tw_check check = tw_check_begin(TOWER_GOLDEN_DIR "/operations/linear");
 *     tw_value x = tw_check_recorded_input(&check, "x");
 *     tw_value w = tw_check_recorded_parameter(&check, "weight");
 *     tw_check_project(&check, tw_linear(check.graph, x, w, TW_INVALID_VALUE));
 *     tw_check_recorded(&check);
 *     tw_check_plans_agree(&check);
 *     tw_check_end(&check);
 */
#ifndef TOWER_TESTS_SUPPORT_GRAPH_CHECK_H
#define TOWER_TESTS_SUPPORT_GRAPH_CHECK_H

#include "layers/graph/functional.h"
#include "layers/plan/plan.h"
#include "tests/support/test_support.h"

#define TW_CHECK_LEAVES 16

struct tw_check_leaf {
    const char *name; /* "x": its recorded gradient is dx */
    tw_value value;
    struct tw_tensor *data;  /* of an input; owned */
    tw_parameter *parameter; /* owned; NULL for an input */
};

struct tw_check {
    const char *folder; /* of the recorded values, a whole path; NULL: none */
    tw_graph *graph;
    struct tw_check_leaf leaf[TW_CHECK_LEAVES];
    int leaves;
    tw_value out, loss;
    ptrdiff_t samples;
};

struct tw_check tw_check_begin(const char *folder);
void tw_check_end(struct tw_check *check);

/* Leaves. `data` is taken over. Inputs are batched; float32 inputs and parameters require a gradient. The
 * number of samples is that of the first input. */
tw_value tw_check_input(struct tw_check *check, const char *name, struct tw_tensor *data);
tw_value tw_check_parameter(struct tw_check *check, const char *name, struct tw_tensor *data);
/* The same from the file `name` of the folder. */
tw_value tw_check_recorded_input(struct tw_check *check, const char *name);
tw_value tw_check_recorded_parameter(struct tw_check *check, const char *name);

/* What `prefix``name`.npy of the folder holds. */
struct tw_tensor *tw_check_load(const struct tw_check *check, const char *prefix, const char *name);

/* A float32 tensor of uniform numbers in [-size, size), and one of distinct numbers in random order with
 * |x| >= 1/16 and differences of at least 1/8: no sign and no maximum hangs on rounding. int32 labels. */
struct tw_tensor *tw_check_uniform(struct tw_rng *rng, struct tw_shape shape, float size);
struct tw_tensor *tw_check_separated(struct tw_rng *rng, struct tw_shape shape);
struct tw_tensor *tw_check_labels(struct tw_rng *rng, ptrdiff_t count, ptrdiff_t classes);

/* Ends the graph: differentiates `loss`, which is also what is compared ("y"). */
void tw_check_loss(struct tw_check *check, tw_value loss);

/* Ends the graph with loss = sum(out * cotangent), so that the gradient that enters `out` is the cotangent,
 * exactly: the recorded one, or `cotangent` (taken over). Built from operations that are there: a view (N, K)
 * of out, times the transpose of -cotangent as a frozen weight (N, K), whose diagonal nll_loss sums up. */
void tw_check_project(struct tw_check *check, tw_value out, struct tw_tensor *cotangent);

/* Result and gradients at every level against the folder's y and d<leaf>, each of which has a
 * leading extent of 2: value and allowed error. */
void tw_check_recorded(const struct tw_check *check);

/* All levels on 1, 2, 3 and 5 threads give the same bits; where level 2 fuses convolutions, it gives the same
 * bits on any of them, and is as close to level 0 as rounding lets it be. Decisions must be clear then
 * (tw_check_is_clear). */
void tw_check_plans_agree(const struct tw_check *check);

/* Whether every decision (sign at a relu, winner of a maximum) is clear enough for tw_check_differences.
 * Where it hangs on random numbers, draw others. */
bool tw_check_is_clear(const struct tw_check *check);

/* Level 0's gradients against central differences of the oracle: every element of a small leaf, 40 random
 * ones of a large one. */
void tw_check_differences(const struct tw_check *check, struct tw_rng *rng);

#endif
