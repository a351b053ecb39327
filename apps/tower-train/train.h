/* The training loop.
 */
#ifndef TOWER_TRAIN_TRAIN_H
#define TOWER_TRAIN_TRAIN_H

#include "apps/tower-train/trainer.h"
#include "layers/module/state_dict.h"

/* What one epoch gave. */
struct epoch_result {
    int64_t epoch; /* from 1; 0: evaluated without training */
    double
        train_loss; /* mean over the images as they were trained on, labels smoothed if asked for; NAN without training */
    bool validation;  /* whether "test" below is the images held back by --validation, not the test set */
    double test_loss; /* mean over the images evaluated, labels as they are */
    double test_accuracy;
    double train_seconds;     /* of the steps alone */
    double seconds;           /* training and evaluation */
    double images_per_second; /* of training */
    char weights_sha256[TW_SHA256_TEXT_BYTES];
};

/* Where training is, after a step. */
struct step_result {
    int64_t epoch;       /* from 1 */
    int64_t step, steps; /* of the epoch: done, in all */
    double loss;         /* mean over the images of the epoch so far */
    double accuracy;     /* likewise */
    double images_per_second;
    double seconds_left; /* of training, all epochs, at this speed */
};

/* Called after every step (`step`) and every epoch (`epoch`), with `context`. */
struct train_observer {
    void *context;
    void (*step)(void *context, const struct step_result *result);
    void (*epoch)(void *context, const struct epoch_result *result);
};

/* Evaluates the test set, or what --validation holds back: validation, test_loss, test_accuracy and weights_sha256 of `*result`. TW_ERROR_INTERRUPTED if a
 * signal came meanwhile, TW_ERROR_ARGUMENT if the loss is not finite. */
enum tw_status train_evaluate(struct trainer *trainer, struct epoch_result *result);

/* Trains and evaluates all epochs. Stops with TW_ERROR_INTERRUPTED after the step during which a signal came
 * (the message says where), with TW_ERROR_ARGUMENT at a loss that is not finite. */
enum tw_status train_run(struct trainer *trainer, const struct train_observer *observer);

#endif
