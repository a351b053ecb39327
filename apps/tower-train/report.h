/* What tower-train tells people.
 */
#ifndef TOWER_TRAIN_REPORT_H
#define TOWER_TRAIN_REPORT_H

#include "apps/tower-train/epoch_log.h"
#include "apps/tower-train/progress.h"
#include "apps/tower-train/train.h"

struct report {
    const struct options *options;
    FILE *out; /* stdout, stderr with --json, NULL with --quiet */
    struct progress progress;
    struct epoch_log log;
    enum tw_status log_status;  /* first failure to write the log: training goes on, the exit status tells */
    struct epoch_result latest; /* of the epochs done; what was not measured is NAN or "" */
    int64_t epochs_done;
    double train_seconds; /* of all epochs' steps */
    double images;        /* trained on in those */
    double started;       /* app_seconds */
};

void report_open(const struct options *options, struct report *report);
void report_release(struct report *report);

/* What was chosen and why, then the model's table; --print-model and --print-plan. */
void report_start(struct report *report, const struct trainer *trainer);

/* The functions of a train_observer whose context is the report. */
void report_step(void *context, const struct step_result *step);
void report_epoch(void *context, const struct epoch_result *result);

/* Without training: loss, accuracy and digest of what was evaluated. */
void report_evaluation(struct report *report, const struct epoch_result *result);

/* After an interruption: says what became of the weights. They are of no epoch, so that `latest` keeps nothing but the
 * number of epochs done and gets their digest. */
enum tw_status report_interruption(struct report *report, const struct trainer *trainer, bool saved);

/* How long it took, peak memory and where the results are. What data, model and plans have asked for is no part of the
 * peak, which counts only what was touched. */
void report_end(struct report *report, const struct trainer *trainer, bool saved);

/* "tower-train: " and a message on stderr, after wiping the progress line. */
void report_message(struct report *report, const char *message);

#endif
