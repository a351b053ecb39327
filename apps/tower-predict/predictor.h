/* A trained tower, recorded without a loss and planned without a backward half.
 *
 * A batch goes through the plan a few images per thread at a time, so that activations stay in the threads' L2 from the
 * pixels to the probabilities, however large the batch.
 */
#ifndef TOWER_PREDICT_PREDICTOR_H
#define TOWER_PREDICT_PREDICTOR_H

#include <stddef.h>
#include <stdint.h>

#include "layers/graph/graph.h"
#include "layers/module/module.h"
#include "layers/plan/plan.h"

struct predictor {
    tw_module *model;
    tw_graph *graph;
    tw_plan *plan;
    tw_value images;              /* input: uint8 (chunk, 1, height, width) */
    tw_value chunk_probabilities; /* kept: float32 (chunk, classes) */
    float *probabilities;         /* of the latest run: (batch, classes) */
    ptrdiff_t batch, chunk;       /* images of a run, of a run of the plan: at most */
    ptrdiff_t classes, pixels;    /* pixels of one image */
};

/* Loads the weights in the file `weights` and plans predictions of up to `batch` images of `height` x `width` pixels.
 * The parameters are taken as constant (tw_plan_options). Errors say whether the weights do not fit the model or the
 * images, called `images` then. `*predictor` is empty on failure. */
enum tw_status predictor_open(const char *weights, const char *images, ptrdiff_t batch, ptrdiff_t height,
                              ptrdiff_t width, struct tw_plan_options options, struct predictor *predictor);
void predictor_release(struct predictor *predictor);

/* The probabilities of every class for `samples` images, at most `batch`, one row of `classes` per image; valid until
 * the next call. NULL on failure. */
const float *predictor_run(struct predictor *predictor, const uint8_t *images, ptrdiff_t samples);

#endif
