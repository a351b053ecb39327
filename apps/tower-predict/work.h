/* What tower-predict does: reads images, predicts them, compares with labels, measures.
 */
#ifndef TOWER_PREDICT_WORK_H
#define TOWER_PREDICT_WORK_H

#include "apps/common/compute.h"
#include "apps/tower-predict/options.h"
#include "apps/tower-predict/predictor.h"
#include "core/tensor.h"

/* How long predictions of one batch took. */
struct timing {
    int64_t runs;
    ptrdiff_t samples;            /* of the batches, all full */
    double median, percentile_99; /* seconds of a batch, from pixels to probabilities */
    double least;
    double images_per_second; /* over all runs */
};

struct work {
    const struct options *options;
    struct compute compute;
    struct tw_tensor *images; /* uint8 (count or more, 1, height, width) */
    struct tw_tensor *labels; /* int32 (count or more); NULL without --labels */
    ptrdiff_t count;          /* images to predict */
    struct predictor predictor;

    int32_t *digits;      /* most probable class of every image, the first of equals */
    float *probabilities; /* (count, classes) */
    int64_t *confusion; /* (classes, classes): images of label `row` read as `column`; NULL without labels */
    int64_t correct;    /* of those */
    struct timing timing; /* no runs without --time */
};

/* Reads the files, opens team and predictor. Everything that can be wrong with the request fails here. `*work` is
 * empty on failure. */
enum tw_status work_open(const struct options *options, struct work *work);
void work_release(struct work *work);

/* Predicts all images. TW_ERROR_ARGUMENT naming the first image whose probabilities are not numbers. */
enum tw_status work_predict(struct work *work);

/* Predicts full batches of the images again and again for options->time seconds, after as many unmeasured ones as warm
 * the caches. */
enum tw_status work_measure(struct work *work);

#endif
