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

/* How the default size came about, for the line the programs print. */
struct tw_team_size {
    int threads;     /* what to use */
    int affinity;    /* tw_team_affinity() */
    int quota;       /* tw_cgroup_cpu_quota(""); 0: no limit */
    int environment; /* OMP_NUM_THREADS; 0: not set or not a positive number */
    const char *why; /* constant: "requested", "OMP_NUM_THREADS", "affinity", "cgroup quota" */
};

/* Processing units the calling thread may run on while no team has placed it; where OMP_PROC_BIND confines it
 * to a place, those of all places. At least 1. */
int tw_team_affinity(void);

/* `requested` > 0: exactly that, up to TW_TEAM_MAX_THREADS (TW_ERROR_ARGUMENT beyond, or if negative): asking
 * for more threads than CPUs is allowed and changes no result. 0: OMP_NUM_THREADS if set, else
 * min(affinity, quota), at most TW_TEAM_MAX_THREADS. OMP_NUM_THREADS beyond that is TW_ERROR_ARGUMENT too. */
enum tw_status tw_team_choose_size(int requested, struct tw_team_size *size);

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
 *                         OMP_THREAD_LIMIT, a parallel region around the call), refuses a binding, or binds
 *                         threads itself (OMP_PROC_BIND) while `bind` is not TW_BIND_NONE
 *   TW_ERROR_MEMORY       no memory */
struct tw_team *tw_team_new(int threads, enum tw_bind bind);

/* Ends the team and gives every member the affinity that the calling thread had before its first team. NULL
 * does nothing. */
void tw_team_release(struct tw_team *team);

int tw_team_threads(const struct tw_team *team);
enum tw_bind tw_team_bind(const struct tw_team *team);

/* Runs body(context, rank, threads) on every member, rank 0 … threads-1, and returns when all are done; what
 * they wrote is visible to the caller. No allocation. `body` must not fail: it records failures in its
 * context. `threads` is the team's number but for a run inside another run, which gets one thread. */
typedef void tw_team_body(void *context, int rank, int threads);
void tw_team_run(struct tw_team *team, tw_team_body *body, void *context);

/* Inside a body: waits until every member has arrived; memory written before is visible after. Every member
 * must call it the same number of times. A team of one passes at once. Members spin, for at most a millisecond
 * and less where that has not been paying off, then sleep; with more threads than CPUs they yield meanwhile. */
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
