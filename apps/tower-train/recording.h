/* A recorded forward of the tower with its loss, and the plan that runs it.
 */
#ifndef TOWER_TRAIN_RECORDING_H
#define TOWER_TRAIN_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/graph/graph.h"
#include "layers/module/module.h"
#include "layers/plan/plan.h"

struct recording {
    tw_graph *graph;
    tw_plan *plan;
    tw_value images, labels; /* inputs: uint8 (batch, 1, H, W), int32 (batch) */
    tw_value logits, loss;   /* kept: float32 (batch, classes), scalar */
    ptrdiff_t classes;
};

/* Records `model` for batches of up to `batch` images. `training`: in train mode, differentiated from the
 * mean cross-entropy with labels smoothed by `label_smoothing`. Otherwise (then give 0) in eval mode with the sum of the cross-entropies, so that batches of any size
 * add up to the mean over a set. The model is left in the mode recorded and must outlive the recording.
 * `*recording` is empty on failure. */
enum tw_status recording_open(tw_module *model, ptrdiff_t batch, ptrdiff_t height, ptrdiff_t width,
                              bool training, double label_smoothing, const struct tw_plan_options *options,
                              struct recording *recording);
void recording_release(struct recording *recording);

/* Runs one batch. Afterwards `*loss` is the loss and `*correct` the number of images whose largest logit (the
 * first of equals) is the label's. */
enum tw_status recording_run(struct recording *recording, const uint8_t *images, const int32_t *labels,
                             ptrdiff_t samples, enum tw_plan_half half, float *loss, ptrdiff_t *correct);

#endif
