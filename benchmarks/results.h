/* What tower-bench measured, read back from its JSON file. */
#ifndef TOWER_BENCHMARKS_RESULTS_H
#define TOWER_BENCHMARKS_RESULTS_H

#include "core/status.h"

#define TW_RESULT_NAME        48
#define TW_RESULT_REPETITIONS 64
#define TW_RESULT_ENTRANTS    6

/* One entrant of a contest. */
struct tw_result {
    char entrant[TW_RESULT_NAME];
    double times[TW_RESULT_REPETITIONS]; /* microseconds, in the order of the repetitions */
    int count;
    double median;   /* of them */
    double rate;     /* at the median: GFLOP/s, or GB/s where flops are not what counts */
    double per_cent; /* of the peak that belongs to it, at the median; 0: not known */
};

struct tw_contest_result {
    char operation[TW_RESULT_NAME], shape[TW_RESULT_NAME];
    struct tw_result results[TW_RESULT_ENTRANTS];
    int count;
};

struct tw_results {
    struct cJSON *document;
    struct tw_contest_result *contests;
    int count;
};

/* Reads a file that tower-bench --json wrote. On failure nothing is to be released. */
enum tw_status tw_results_read(const char *path, struct tw_results *results);
void tw_results_release(struct tw_results *results);

/* A text of the file's "context", "" if it has none of that name. Lives as long as the results. */
const char *tw_results_note(const struct tw_results *results, const char *key);

/* The result of an entrant; that of the fastest that is not Tower's own ("tower", "tower-…"); NULL if there is none. */
const struct tw_result *tw_result_of(const struct tw_contest_result *contest, const char *entrant);
const struct tw_result *tw_result_of_best_peer(const struct tw_contest_result *contest);

/* The best peer's median time to Tower's; 0 if there are not both. */
double tw_result_ratio(const struct tw_contest_result *contest);

#endif
