/* Google Benchmark behind a C interface: the one place that knows C++.
 *
 * A benchmark is a function and its context. Those of one *contest* (one operation on one shape, done by
 * Tower and by its peers) are timed in one go: every one is repeated, the repetitions of all in random order,
 * so that a slow moment of the machine hits each alike. Where the ratios of the repetitions differ by more than a share of
 * their median, the contest is measured again, up to twice, and the measurement with the smallest spread is kept: a machine
 * that was disturbed once says nothing about the kernels. Every repetition and the aggregates (median, mean,
 * deviation) of every row go to a JSON file as Google Benchmark writes it; one line per row goes to stdout.
 */
#ifndef TOWER_BENCHMARKS_BENCH_H
#define TOWER_BENCHMARKS_BENCH_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tw_bench_settings {
    const char *json_path; /* NULL: no file */
    double seconds;        /* least time of one repetition */
    int repetitions;       /* at least 1 */
    double spread;         /* of the ratios that asks for another measurement, as a part of their median */
};

/* What a row is measured by; all per call of `run`. A value of 0 leaves its counters out. */
struct tw_bench_work {
    double flops;      /* counter GFLOP/s */
    double bytes;      /* counter GB/s: what the operation has to move, each array once */
    double peak_flops; /* per second; counter peak%, per cent of it */
};

struct tw_bench_row {
    const char *name; /* operation/shape/entrant */
    void (*run)(void *context);
    void *context;
    struct tw_bench_work work;
    bool peer; /* the ratio of a contest is that of its fastest peer to row 0 */
};

/* Opens the JSON file; false, with errno, if it cannot. */
bool tw_bench_open(const struct tw_bench_settings *settings);

/* Adds an entry to the JSON file's "context". Before the first tw_bench_run. */
void tw_bench_note(const char *key, const char *value);

/* Times the rows of one contest. `stream`, unless NULL, is a loop that moves its work.bytes and does nothing else: it is timed
 * among them and not reported; its best repetition is what the rows' counter bandwidth% is of. */
void tw_bench_run(const struct tw_bench_row *rows, int count, const struct tw_bench_row *stream);

/* Completes and closes the JSON file; false, with errno, if something could not be written. */
bool tw_bench_close(void);

#ifdef __cplusplus
}
#endif

#endif
