/* A team of threads: the one place that knows OpenMP.
 *
 * The team is made once and pinned once. tw_team_run enters one parallel region; inside it every member calls
 * the same function with its rank, and tw_team_barrier separates stages. Kernels and layers never see OpenMP.
 */
#ifndef TOWER_CORE_TEAM_H
#define TOWER_CORE_TEAM_H

#include <stddef.h>

#include "core/status.h"
#include "core/topology.h"

#define TW_TEAM_MAX_THREADS 1024

/* What the number of threads is chosen by. 0 stands for "no limit" or "not known" everywhere but in `affinity`. */
struct tw_team_limits {
    int requested;     /* by the user, for this run */
    int environment;   /* OMP_NUM_THREADS, if that is a positive number */
    int thread_limit;  /* OMP_THREAD_LIMIT, as the OpenMP runtime has it */
    int affinity;      /* tw_team_affinity(), at least 1 */
    int cores;         /* that those processing units belong to */
    int quota;         /* tw_cgroup_cpu_quota("") */
    ptrdiff_t samples; /* that a run goes through at most: the batch */
};

/* What was chosen, and why, for the line the programs print. */
struct tw_team_size {
    int threads;
    /* Constant: "requested", "OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "affinity", "one per core", "cgroup quota",
     * "small batch", "at most 1024". */
    const char *why;
    struct tw_team_limits limits;
};

/* Processing units the calling thread may run on while no team has placed it; where OMP_PROC_BIND confines it
 * to a place, those of all places. At least 1. */
int tw_team_affinity(void);

/* Cores that those units belong to; as many as units where OMP_PROC_BIND or the system hides it. At least 1. */
int tw_team_cores(void);

/* Threads the OpenMP runtime gives at most (OMP_THREAD_LIMIT). */
int tw_team_thread_limit(void);

/* The rule, a pure function. What is requested is taken as it is. OMP_NUM_THREADS is taken up to OMP_THREAD_LIMIT.
 * Otherwise the least of
 *   affinity, cores     SMT siblings share the units that multiply and add, which one thread keeps busy
 *   quota               CPUs beyond it are stopped for the rest of a period
 *   OMP_THREAD_LIMIT
 *   2 samples           half a sample's work is some 100 us; each thread more costs every barrier 0.1 us or more.
 *                       Two threads pay off for a single sample (fully connected layers and the optimizer are
 *                       not shared out by samples): 1752 images/s against 1350 in batches of one, Zen 3
 * and TW_TEAM_MAX_THREADS; the first of equal ones is the reason. From two cores per sample on, their number
 * does not matter, whence small work never gets slower by more of them. */
struct tw_team_size tw_team_size_rule(const struct tw_team_limits *limits);

/* The rule for this process. `requested` 0: nothing. `samples` 0: not known. TW_ERROR_ARGUMENT if `requested` is
 * negative or beyond TW_TEAM_MAX_THREADS, or OMP_NUM_THREADS is beyond it while nothing is requested. Asking
 * for more threads than CPUs is allowed and changes no result. */
enum tw_status tw_team_choose_size(int requested, ptrdiff_t samples, struct tw_team_size *size);

/* CPUs granted by the control groups (v2 cpu.max, v1 cpu.cfs_quota_us): the least limit of the process's
 * group and its ancestors, rounded up to whole CPUs; 0 if there is none. The files are looked for below
 * `root`: "" but in tests, which lay out a tree of their own. */
int tw_cgroup_cpu_quota(const char *root);

struct tw_team;

/* Starts `threads` threads (1 to TW_TEAM_MAX_THREADS) placed by `bind`. The calling thread becomes rank 0. A
 * team may be used by the thread that made it and no other. A thread may have several teams: each puts its
 * members into their places when it runs. NULL with
 *   TW_ERROR_ARGUMENT     a number of threads outside the range
 *   TW_ERROR_UNSUPPORTED  the system starts or the OpenMP runtime gives fewer threads (a limit on processes,
 *                         OMP_THREAD_LIMIT, a run or a parallel region around the call), refuses a binding, or
 *                         binds threads itself (OMP_PROC_BIND) while `bind` is not TW_BIND_NONE
 *   TW_ERROR_MEMORY       no memory */
struct tw_team *tw_team_new(int threads, enum tw_bind bind);

/* Ends the team and gives every member the affinity that the calling thread had before its first team. NULL
 * does nothing. */
void tw_team_release(struct tw_team *team);

int tw_team_threads(const struct tw_team *team);
enum tw_bind tw_team_bind(const struct tw_team *team);

/* Runs body(context, rank, threads) on every member, rank 0 … threads-1, and returns when all are done; what
 * they wrote is visible to the caller. No allocation. `body` must not fail: it records failures in its
 * context. `threads` is the team's number but for a run inside another run, of the same team or of another one of any
 * size, which gets one thread, whatever the OpenMP runtime would give (OMP_MAX_ACTIVE_LEVELS). */
typedef void tw_team_body(void *context, int rank, int threads);
void tw_team_run(struct tw_team *team, tw_team_body *body, void *context);

/* Members that can work at the same time: the team's threads or, if those are fewer, the CPUs that it may use and its
 * control groups grant, as found when the team was made; $TOWER_CPUS, a number from 1, takes the place of the latter (tests
 * have more threads work than there are CPUs, to see them interleave). */
int tw_team_working(const struct tw_team *team);

/* As tw_team_run on the first tw_team_working members, whose number `threads` then is: where the others would only take
 * their CPUs from them. */
void tw_team_run_working(struct tw_team *team, tw_team_body *body, void *context);

/* Inside a body: waits until every member of the innermost run of `team` that the caller is in has arrived; memory
 * written before is visible after. Every member must call it the same number of times. A run of one passes at once.
 * Members spin, for at most a millisecond and less where that has not been paying off, then sleep; with more threads
 * than CPUs they yield meanwhile. */
void tw_team_barrier(struct tw_team *team);

/* The half-open share [*begin, *end) of `count` units for `rank` of `threads`: contiguous, sizes differ by at
 * most one, the first shares are the larger ones. */
static inline void tw_team_share(ptrdiff_t count, int rank, int threads, ptrdiff_t *begin, ptrdiff_t *end)
{
    ptrdiff_t each = count / threads, extra = count % threads;

    *begin = rank * each + (rank < extra ? rank : extra);
    *end = *begin + each + (rank < extra ? 1 : 0);
}

#endif
