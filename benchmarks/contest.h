/* A contest: one operation on one shape, done by Tower's kernel and by the peers that can, on the same data.
 *
 * A family (gemm.c, conv2d.c …) makes the data, enters Tower and the peers, and calls tw_contest_hold, which times
 * them interleaved. Nothing is timed that has not been checked: Tower's result must be the reference kernel's
 * bit for bit, on this shape or, where that would take minutes, on parts of it or a smaller batch; a peer's must
 * agree with Tower's up to rounding. A contest that fails is not held, and the program ends with status 1.
 */
#ifndef TOWER_BENCHMARKS_CONTEST_H
#define TOWER_BENCHMARKS_CONTEST_H

#include <stdbool.h>

#include "benchmarks/bench.h"
#include "benchmarks/peak.h"
#include "benchmarks/shapes.h"
#include "core/rng.h"
#include "kernels/kernels.h"

/* One way to do the work. */
struct tw_entrant {
    const char *name; /* constant: "tower", "onednn" */
    void *context;    /* NULL: cannot do this */
    void (*run)(void *context);
    /* The latest run's result in Tower's layout; NULL where `run` leaves it in the contest's own `result`. */
    void (*fetch)(void *context, float *result);
    void (*release)(void *context); /* NULL: nothing to release */
    double flops;                   /* where it gets by with other work than the contest's; else 0 */
    bool peer;                      /* set by tw_contest_enter_peer */
};

/* What all contests of a run share. */
struct tw_session {
    const struct tw_kernels *kernels, *reference; /* the former without what no test compares (covered.h) */
    const struct tw_selection *selection;
    bool quick; /* small batches, each function once: does it still work? */
    bool peers;
    int held, refused;
};

/* Whether contests of that operation were asked for: no work need be put into others, they are not held. */
bool tw_session_wants(const struct tw_session *session, const char *operation);

#define TW_CONTEST_ENTRANTS 6
#define TW_CONTEST_BLOCKS   48

struct tw_contest {
    struct tw_session *session;
    char name[96]; /* operation/shape */
    bool wanted;
    struct tw_bench_work work;
    enum tw_traffic traffic; /* whose bandwidth counts, unless `working_set` is 0 */
    size_t working_set;
    struct tw_entrant entrants[TW_CONTEST_ENTRANTS];
    int count;
    struct tw_rng rng;
    void *blocks[TW_CONTEST_BLOCKS];
    int block_count;
    bool refused;
};

/* Starts with data drawn from a fixed seed, the peak of the session's ISA filled in, and no entrant. */
struct tw_contest tw_contest_new(struct tw_session *session, const char *operation, const char *shape);

/* Memory that lives as long as the contest, at the beginning of a page: how arrays lie to each other modulo a page changes
 * the speed of what streams through them (a load behind a store that looks alike waits), and is not to differ by chance.
 * The floats are zeros, or uniform in [-1, 1). Without memory the program ends. */
void *tw_contest_bytes(struct tw_contest *contest, size_t bytes);
float *tw_contest_zeros(struct tw_contest *contest, ptrdiff_t count);
float *tw_contest_uniform(struct tw_contest *contest, ptrdiff_t count);

/* Where the first page of a block begins that has TW_CONTEST_PAGE bytes more than are needed. */
#define TW_CONTEST_PAGE 4096
void *tw_contest_page(void *block);

/* Sets work.bytes to `bytes`, and has a loop of that traffic, on a working set as large as the arrays of the operation
 * (`working_set` bytes), timed among the entrants: what their bandwidth is a per cent of. */
void tw_contest_set_traffic(struct tw_contest *contest, enum tw_traffic traffic, double bytes,
                            size_t working_set);

/* Refuses the contest unless `count` floats are the same: the same bits, or NaN both. */
void tw_contest_check_exact(struct tw_contest *contest, const float *expected, const float *actual,
                            ptrdiff_t count);
/* The same for bytes. */
void tw_contest_check_bytes(struct tw_contest *contest, const uint8_t *expected, const uint8_t *actual,
                            ptrdiff_t count);

/* Enters Tower, already checked, and runs it once. A second entrant of Tower's own, for comparison, is called "tower-…". */
void tw_contest_enter(struct tw_contest *contest, struct tw_entrant tower);

/* Enters a peer if it can do the work, after a run whose `count` results differ from Tower's `expected` by no
 * more than `terms` roundings of the largest of them: the rounding error of a sum of that many terms. A peer
 * that leaves its result elsewhere has `fetch`; otherwise it is in `result`. */
void tw_contest_enter_peer(struct tw_contest *contest, struct tw_entrant peer, const float *expected,
                           const float *result, ptrdiff_t count, ptrdiff_t terms);

/* Times the entrants, unless refused or not wanted, and releases everything. */
void tw_contest_hold(struct tw_contest *contest);

#endif
