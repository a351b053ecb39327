#include "core/team.h"

#include <omp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/barrier.h"
#include "core/memory.h"
#include "core/threads.h"

struct tw_team {
    struct tw_barrier barrier;
    int threads, working; /* members; those that have a CPU each */
    enum tw_bind bind;
    bool called;          /* the roll: only then may the runtime be asked for the team's threads again */
    unsigned long serial; /* never used twice, so that a thread can tell which team placed it */
    struct tw_topology *topology;
    struct tw_affinity *home; /* the calling thread's affinity while no team has placed it */
    struct tw_team *older;    /* what this thread made before this one and has not released */
    int unit[];               /* processing unit of each rank, -1: not bound */
};

/* Which team put this thread where it is, 0 if none did. The runtime's threads are shared by all teams and
 * may be ended and made anew in between, so every member looks whether it is in its place when a run
 * starts. */
static _Thread_local unsigned long placed_by;
static _Thread_local int placed_as;
static _Thread_local struct tw_team *newest; /* made by this thread */

static void go_home(const struct tw_team *team)
{
    if (placed_by != 0 && team->home != NULL) {
        tw_topology_restore_affinity(team->topology, team->home);
    }
    placed_by = 0;
}

static enum tw_status go_to_place(const struct tw_team *team, int rank)
{
    if (placed_by == team->serial && placed_as == rank) {
        return TW_OK;
    }
    go_home(team);
    if (team->unit[rank] < 0) {
        return TW_OK;
    }
    placed_by = team->serial;
    placed_as = rank;
    return tw_topology_bind_thread(team->topology, team->unit[rank]);
}

/* A run that this thread is in. Each member has its own, because rank 0 may be in a run inside it. */
struct membership {
    const struct tw_team *team;
    int members;
    struct membership *around; /* the run around this one, if any */
};

/* The runtime cannot tell how many meet at a barrier: it knows the innermost region, which may be another team's,
 * and a run of one member enters none. */
static _Thread_local struct membership *innermost;

/* The one parallel region. A runtime that may adjust the number of threads is told not to. One that gives threads
 * to a region inside another (OMP_MAX_ACTIVE_LEVELS, OMP_NUM_THREADS=2,2) is not asked inside a run. */
static void enter_region(int threads, tw_team_body *body, void *context)
{
    int dynamic = omp_get_dynamic();

    if (threads == 1 || innermost != NULL) {
        body(context, 0, 1);
        return;
    }
    omp_set_dynamic(0);
#pragma omp parallel num_threads(threads)
    body(context, omp_get_thread_num(), omp_get_num_threads());
    omp_set_dynamic(dynamic);
}

/* While the runtime binds the threads (OMP_PROC_BIND), the thread's own affinity is but its first place. */
int tw_team_affinity(void)
{
    if (omp_get_proc_bind() != omp_proc_bind_false) {
        return omp_get_num_procs();
    }
    if (newest != NULL) { /* until the next run puts it back into its place */
        go_home(newest);
    }
    return tw_threads_affinity();
}

int tw_team_cores(void)
{
    int units = tw_team_affinity(), cores = units;
    struct tw_topology *topology = omp_get_proc_bind() == omp_proc_bind_false ? tw_topology_new(NULL) : NULL;

    if (topology != NULL) {
        cores = tw_topology_machine(topology).cores;
    }
    tw_topology_release(topology);
    return cores < units ? cores : units;
}

int tw_team_thread_limit(void)
{
    return omp_get_thread_limit();
}

struct roll_call {
    const struct tw_team *team;
    atomic_int present;
    atomic_int refused; /* a rank that could not be bound, or -1 */
};

static void answer(void *context, int rank, int threads)
{
    struct roll_call *call = context;

    if (rank == 0) {
        atomic_store(&call->present, threads);
    }
    if (threads == call->team->threads && go_to_place(call->team, rank) != TW_OK) {
        atomic_store(&call->refused, rank);
    }
}

static enum tw_status call_the_roll(struct tw_team *team)
{
    struct roll_call call = {.team = team, .refused = -1};
    int refused;

    team->called = true;
    enter_region(team->threads, answer, &call);
    if (atomic_load(&call.present) != team->threads) {
        return tw_fail(
            TW_ERROR_UNSUPPORTED,
            "team: OpenMP gives %d of %d threads (is there a run or a parallel region around the call?)",
            atomic_load(&call.present), team->threads);
    }
    refused = atomic_load(&call.refused);
    if (refused >= 0) {
        return tw_fail(TW_ERROR_UNSUPPORTED, "team: thread %d cannot be bound to processing unit %d", refused,
                       team->unit[refused]);
    }
    return TW_OK;
}

static enum tw_status check_request(int threads, enum tw_bind bind)
{
    if (threads < 1 || threads > TW_TEAM_MAX_THREADS) {
        return tw_fail(TW_ERROR_ARGUMENT, "team: %d threads, expected 1 to %d", threads, TW_TEAM_MAX_THREADS);
    }
    if (threads > omp_get_thread_limit()) {
        return tw_fail(TW_ERROR_UNSUPPORTED, "team: OpenMP gives %d of %d threads (OMP_THREAD_LIMIT)",
                       omp_get_thread_limit(), threads);
    }
    if (bind != TW_BIND_NONE && omp_get_proc_bind() != omp_proc_bind_false) {
        return tw_fail(
            TW_ERROR_UNSUPPORTED,
            "team: binding %s while OMP_PROC_BIND has the OpenMP runtime bind the threads; unset it, or "
            "use binding none",
            tw_bind_name(bind));
    }
    return TW_OK;
}

/* CPUs that members have for themselves. */
static int cpus(void)
{
    int quota = tw_cgroup_cpu_quota(""), affinity = tw_team_affinity();

    return quota > 0 && quota < affinity ? quota : affinity;
}

/* TOWER_CPUS takes the place of what the system says: for tests and experiments with more threads than CPUs. */
static int working_of(int threads)
{
    const char *text = getenv("TOWER_CPUS");
    long said = text != NULL ? strtol(text, NULL, 10) : 0;
    int most = said > 0 && said <= TW_TEAM_MAX_THREADS ? (int)said : cpus();

    return threads < most ? threads : most;
}

static enum tw_status set_up(struct tw_team *team)
{
    team->topology = tw_topology_new(NULL);
    if (team->topology == NULL) {
        return tw_error_status();
    }
    team->home = tw_topology_save_affinity(team->topology);
    if (team->home == NULL && team->bind != TW_BIND_NONE) {
        return tw_error_status();
    }
    team->working = working_of(team->threads);
    /* A member that waits for another one's CPU to become free must not keep its own. */
    tw_barrier_init(&team->barrier, team->threads > cpus());
    if (tw_topology_place(team->topology, team->bind, team->threads, team->unit) != TW_OK) {
        return tw_error_status();
    }
    if (tw_threads_can_start(team->threads - 1) != TW_OK) {
        return tw_error_status();
    }
    return call_the_roll(team);
}

struct tw_team *tw_team_new(int threads, enum tw_bind bind)
{
    static atomic_ulong serials;
    struct tw_team *team;

    if (check_request(threads, bind) != TW_OK) {
        return NULL;
    }
    team = tw_alloc(sizeof *team + (size_t)threads * sizeof team->unit[0]);
    if (team == NULL) {
        return NULL;
    }
    team->threads = threads;
    team->bind = bind;
    team->serial = atomic_fetch_add(&serials, 1) + 1;
    if (newest != NULL) { /* which makes the whole machine visible again */
        go_home(newest);
    }
    team->older = newest;
    newest = team;
    if (set_up(team) == TW_OK) {
        return team;
    }
    tw_team_release(team);
    return NULL;
}

static void send_home(void *context, int rank, int threads)
{
    (void)rank, (void)threads;
    go_home(context);
}

/* The calling thread goes home before the region: threads that the runtime makes for it inherit its
 * affinity. */
void tw_team_release(struct tw_team *team)
{
    struct tw_team **link = &newest;

    if (team == NULL) {
        return;
    }
    if (team->called && team->bind != TW_BIND_NONE) {
        go_home(team);
        enter_region(team->threads, send_home, team);
    }
    while (*link != NULL && *link != team) {
        link = &(*link)->older;
    }
    if (*link != NULL) {
        *link = team->older;
    }
    tw_affinity_release(team->home);
    tw_topology_release(team->topology);
    tw_free(team);
}

int tw_team_threads(const struct tw_team *team)
{
    return team->threads;
}

enum tw_bind tw_team_bind(const struct tw_team *team)
{
    return team->bind;
}

struct run {
    struct tw_team *team;
    tw_team_body *body;
    void *context;
};

/* Members meet before they leave the region, because the runtime's own barrier at its end spins for long. */
static void run_member(void *context, int rank, int threads)
{
    const struct run *run = context;
    struct membership here = {.team = run->team, .members = threads, .around = innermost};

    (void)go_to_place(run->team, rank); /* tw_team_new has tried it; refused now, the results are the same */
    innermost = &here;
    run->body(run->context, rank, threads);
    innermost = here.around;
    if (threads > 1) {
        tw_barrier_wait(&run->team->barrier, threads);
    }
}

void tw_team_run(struct tw_team *team, tw_team_body *body, void *context)
{
    struct run run = {.team = team, .body = body, .context = context};

    enter_region(team->threads, run_member, &run);
}

int tw_team_working(const struct tw_team *team)
{
    return team->working;
}

void tw_team_run_working(struct tw_team *team, tw_team_body *body, void *context)
{
    struct run run = {.team = team, .body = body, .context = context};

    enter_region(team->working, run_member, &run);
}

/* In nearly all programs the first look finds the team. */
static int members_of(const struct tw_team *team)
{
    const struct membership *here = innermost;

    while (here != NULL && here->team != team) {
        here = here->around;
    }
    return here != NULL ? here->members : 1;
}

void tw_team_barrier(struct tw_team *team)
{
    int members = members_of(team);

    if (members > 1) {
        tw_barrier_wait(&team->barrier, members);
    }
}
