/* --profile: where the time of a run went.
 */
#ifndef TOWER_TRAIN_PROFILING_H
#define TOWER_TRAIN_PROFILING_H

#include <cjson/cJSON.h>
#include <stdio.h>

#include "apps/tower-train/trainer.h"

/* Measures both plans from now on, if --profile was given. */
enum tw_status profiling_start(const struct trainer *trainer);

/* The profile of each plan that ran, and the parts of a training step. */
void profiling_print(FILE *out, const struct trainer *trainer);

/* "profile": {"training": …, "evaluation": …, "step": …} in `object`, if --profile was given; a plan that did
 * not run is null. False without memory. */
bool profiling_json(cJSON *object, const struct trainer *trainer);

#endif
