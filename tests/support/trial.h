/* A tower being trained, for the tests that watch a training run from outside.
 */
#ifndef TOWER_TESTS_SUPPORT_TRIAL_H
#define TOWER_TESTS_SUPPORT_TRIAL_H

#include "layers/data/dataset.h"
#include "layers/module/module.h"
#include "layers/optim/optim.h"
#include "layers/plan/plan.h"

struct tw_trial_options {
    int threads; /* 0: 1 */
    enum tw_bind bind;
    int level;
    const struct tw_kernels *kernels; /* NULL: the level's own */
    ptrdiff_t batch;
    double learning_rate; /* of Adam; 0: its default */
};

struct tw_trial {
    tw_module *tower; /* borrowed */
    tw_graph *graph;
    tw_value images, labels, logits, loss;
    struct tw_team *team;
    tw_plan *plan;
    tw_optimizer *optimizer;
    ptrdiff_t batch;
};

/* Pixels normalised as MNIST's, the tower, mean cross-entropy, Adam. Fails the test where it cannot. */
struct tw_trial tw_trial_new(tw_module *tower, const struct tw_trial_options *options);
void tw_trial_release(struct tw_trial *trial);

/* One step on `samples` images (28 x 28 uint8) and labels; returns its loss. */
float tw_trial_step(struct tw_trial *trial, const uint8_t *images, const int32_t *labels, ptrdiff_t samples);

/* Logits (samples, 10) without a step; valid until the next run. */
const float *tw_trial_predict(struct tw_trial *trial, const uint8_t *images, const int32_t *labels,
                              ptrdiff_t samples);

/* Copies the images and labels order[0 … count-1] of a data set. */
void tw_trial_gather(const struct tw_dataset *dataset, const int32_t *order, ptrdiff_t count, uint8_t *images,
                     int32_t *labels);

#define TW_TRIAL_PIXELS (28 * 28)

#endif
