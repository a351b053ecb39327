/* --log: one JSON object per epoch and line, in a file that is whole at any time.
 */
#ifndef TOWER_TRAIN_EPOCH_LOG_H
#define TOWER_TRAIN_EPOCH_LOG_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "apps/tower-train/train.h"

struct epoch_log {
    const char *path; /* NULL: nothing is written */
    char *lines;      /* of all epochs so far; owned */
};

/* Adds epoch, train_loss, test_loss, test_accuracy (0 to 1; validation_… of images held back), images_per_second (of training), seconds
 * (training and evaluation) and weights_sha256 to `object`; what was not measured is null. false without
 * memory. */
bool epoch_log_fields(cJSON *object, const struct epoch_result *result);

/* Adds a line and rewrites the file atomically: its old content stays until the first epoch is done, and
 * whatever fails leaves the previous state. */
enum tw_status epoch_log_append(struct epoch_log *log, const struct epoch_result *result);

void epoch_log_release(struct epoch_log *log);

#endif
