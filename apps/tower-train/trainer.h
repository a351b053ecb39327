/* All that a run of tower-train needs, made before the first step and released after the last.
 */
#ifndef TOWER_TRAIN_TRAINER_H
#define TOWER_TRAIN_TRAINER_H

#include "apps/common/compute.h"
#include "apps/common/digits.h"
#include "apps/tower-train/options.h"
#include "apps/tower-train/recording.h"
#include "core/rng.h"
#include "layers/optim/optim.h"

#define EVALUATION_BATCH 250

/* Nanoseconds (core/clock.h) over all training steps. */
struct step_times {
    int64_t gather, run, optimizer, total;
};

struct trainer {
    const struct options *options;
    struct tw_rng rng; /* of weights first, then of every epoch's order: as a PyTorch script draws them */
    struct digits digits;
    struct tw_dataset training_set, evaluation_set; /* parts of the digits */
    struct compute compute;
    tw_module *model;
    struct recording training, evaluation; /* training is empty with --eval-only */
    struct tw_loader train_loader, evaluation_loader;
    tw_optimizer *optimizer;
    struct tw_parameter_update update; /* by the optimizer, within the plan's runs at level 2 */
    struct tw_schedule schedule;
    int64_t step; /* steps done since the start */
    double
        first_step_after; /* seconds from the start of the process to the end of the first step; 0: none yet */
    struct step_times times;
};

/* Checks that the files can be written, reads the data, builds and loads the model, records and plans.
 * Everything that can be wrong with the request fails here. `*trainer` is empty on failure. */
enum tw_status trainer_open(const struct options *options, struct trainer *trainer);
void trainer_release(struct trainer *trainer);

/* Whether a backward run of the plan is a whole step, the optimizer's included. */
bool trainer_updates_in_plan(const struct trainer *trainer);

/* Writes the weights to --save, if that was given. TW_ERROR_ARGUMENT if one is not finite: such weights replace no
 * file. */
enum tw_status trainer_save(const struct trainer *trainer);

#endif
