/* One line on a terminal that is written over while training goes on.
 */
#ifndef TOWER_TRAIN_PROGRESS_H
#define TOWER_TRAIN_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

#include "apps/tower-train/train.h"

struct progress {
    FILE *out;        /* NULL: nothing is shown */
    bool colour;      /* faint, unless NO_COLOR (https://no-color.org) or a terminal that cannot */
    double last_time; /* of the latest update */
    int width;        /* columns it took */
};

/* Shows progress on `out` if that is a terminal; `out` may be NULL. */
struct progress progress_on(FILE *out);

/* Shows `step`, at most ten times a second. */
void progress_update(struct progress *progress, const struct step_result *step, int64_t epochs);

/* Wipes the line, so that other text can follow. */
void progress_clear(struct progress *progress);

#endif
