/* What tower-predict tells people and programs.
 */
#ifndef TOWER_PREDICT_REPORT_H
#define TOWER_PREDICT_REPORT_H

#include "apps/tower-predict/work.h"

/* What was chosen and why, and --print-plan. Before the work. */
void report_choices(FILE *out, const struct work *work);

/* Predictions, accuracy, confusion matrix and times, for people. */
void report_results(FILE *out, const struct work *work);

/* The same as one JSON object on stdout. Whether stdout took it is for the caller to check. */
enum tw_status report_json(const struct work *work);

#endif
