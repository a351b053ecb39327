/* A training step of the tower put together by hand from oneDNN primitives, the bar for Tower's own.
 *
 * Convolutions, inner products, pools and relu gradients are oneDNN's. What oneDNN does not have (normalising
 * uint8 pixels, negative log-likelihood, Adam), and log-softmax over ten classes, which is too small to be worth a
 * parallel region, are Tower's own vectorised kernels, on the same team of threads, so that the two differ in the
 * network alone. Initial weights, batches and Adam are those of tower-train with the same seed: the losses agree
 * to rounding.
 */
#ifndef TOWER_BENCHMARKS_PEERS_ONEDNN_TOWER_STEP_H
#define TOWER_BENCHMARKS_PEERS_ONEDNN_TOWER_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "benchmarks/peers/onednn_program.h"
#include "benchmarks/peers/onednn_tower_layer.h"
#include "core/team.h"
#include "kernels/kernels.h"
#include "layers/data/dataset.h"
#include "layers/module/module.h"

/* Where the gradient of relu is taken. relu and max-pool commute, so it may be taken of the pooled array, a quarter
 * of the size, with the same result: a pooled output is positive exactly if its winner was. */
enum tw_relu_place { TW_RELU_POOLED, TW_RELU_FULL };

enum { TW_TOWER_CONV1, TW_TOWER_CONV2, TW_TOWER_FC1, TW_TOWER_FC2, TW_TOWER_LAYERS };

struct tw_onednn_step {
    struct tw_program program;
    struct tw_onednn_layer layers[TW_TOWER_LAYERS];
    struct tw_onednn_max_pool pools[2];
    struct tw_team *team;             /* borrowed */
    const struct tw_kernels *kernels; /* borrowed */
    const struct tw_loader *loader;   /* borrowed: holds the batch */
    ptrdiff_t batch_size;
    ptrdiff_t floats; /* in each of the four vectors below, padding included */
    float *parameters, *gradients, *first_moments, *second_moments;
    float *pixels;            /* normalised (batch_size, 1, 28, 28) */
    float *log_probabilities; /* (batch_size, 10): the logits, then in place; oneDNN's memory */
    float *logits_gradient;   /* (batch_size, 10) */
    int64_t steps;            /* taken */
    float loss;               /* of the last step: mean over the batch */
};

struct tw_onednn_step_options {
    enum tw_relu_place relu;
    bool profile;
};

/* Steps on the batches of `loader`, beginning with the weights of `tower`. TW_ERROR_MEMORY. */
enum tw_status tw_onednn_step_init(struct tw_onednn_step *step, const struct tw_onednn_step_options *options,
                                   struct tw_team *team, const struct tw_kernels *kernels,
                                   const struct tw_loader *loader, const tw_module *tower);
void tw_onednn_step_release(struct tw_onednn_step *step);

/* One step on the batch that the loader holds, which must be a full one; sets `loss`. */
void tw_onednn_step_run(struct tw_onednn_step *step);

#endif
