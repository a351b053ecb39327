/* --json: the whole run as one JSON object on stdout.
 */
#ifndef TOWER_TRAIN_SUMMARY_H
#define TOWER_TRAIN_SUMMARY_H

#include "apps/tower-train/report.h"

/* The fields of a log line for the latest epoch, then what the run was asked, what it chose and why, and how it ended. After an
 * interruption the weights are of no epoch: "epoch" is how many were done, "weights_sha256" is of the weights as they
 * are, and the fields between are null. Whether stdout took it is for the caller to check. */
enum tw_status summary_print(const struct report *report, const struct trainer *trainer, bool interrupted,
                             bool saved);

#endif
