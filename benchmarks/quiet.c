/* tower-quiet: whether the machine gives its cores undivided and side by side right now. A virtual machine's CPUs may come
 * to lie on two threads of one core, on cores of different caches, or beside somebody else's work, for seconds at a time,
 * and no counter tells it. Two measurements do: fused multiply-adds on registers by all threads at once beside one alone,
 * and the barrier of a team, which is a few transfers of a cache line.
 *
 *   tower-quiet THREADS [SECONDS]
 *
 * Measures until every thread has at least 97 per cent of the best that was seen, and a barrier takes at most 0.2 us, for
 * at most SECONDS (default 10). Prints the last GFLOP/s of the slowest thread and microseconds of a barrier. Of an ISA whose
 * peak is not known (TOWER_ISA=reference) only barriers are measured. Exit status: 0 quiet, 1 not within that time, 2 bad
 * usage.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/team.h"
#include "kernels/peak/peak.h"

enum { THREADS_MAX = 1024, BARRIERS = 5000 };

static const double ENOUGH = 0.97, NEAR_SECONDS = 0.2e-6;

struct probe {
    struct tw_team *team;
    enum tw_isa isa;
    double of_thread[THREADS_MAX]; /* GFLOP/s */
};

static void measure_peak(void *context, int rank, int threads)
{
    struct probe *probe = context;

    (void)threads;
    probe->of_thread[rank] = 1e-9 * tw_f32_peak_flops(probe->isa);
}

static void meet(void *context, int rank, int threads)
{
    const struct probe *probe = context;

    (void)rank, (void)threads;
    for (int i = 0; i < BARRIERS; i++) {
        tw_team_barrier(probe->team);
    }
}

/* The slowest thread's GFLOP/s while all are at work. */
static double slowest(struct probe *probe)
{
    double least;

    tw_team_run(probe->team, measure_peak, probe);
    least = probe->of_thread[0];
    for (int rank = 1; rank < tw_team_threads(probe->team); rank++) {
        least = probe->of_thread[rank] < least ? probe->of_thread[rank] : least;
    }
    return least;
}

/* The shortest of a few goes: one that was interrupted says nothing. */
static double barrier_seconds(struct probe *probe)
{
    double shortest = 1.0;

    for (int i = 0; i < 5; i++) {
        const int64_t started = tw_clock();
        double seconds;

        tw_team_run(probe->team, meet, probe);
        seconds = 1e-9 * (double)(tw_clock() - started) / BARRIERS;
        shortest = seconds < shortest ? seconds : shortest;
    }
    return shortest;
}

static void print_measured(const struct probe *probe, double least, double barrier)
{
    if (least > 0.0)
        printf("%.1f GFLOP/s, %.3f us\n", least, 1e6 * barrier);
    else
        printf("no peak of %s, %.3f us\n", tw_isa_name(probe->isa), 1e6 * barrier);
}

/* Prints the outcome and returns the exit status. Without a peak best and least are 0, and only the barrier counts. */
static int wait_for_quiet(struct probe *probe, double seconds)
{
    const int64_t started = tw_clock();
    double best = 0.0, least, barrier;
    bool quiet;

    do {
        measure_peak(probe, 0, 1);
        best = probe->of_thread[0] > best ? probe->of_thread[0] : best;
        least = slowest(probe);
        best = least > best ? least : best;
        barrier = barrier_seconds(probe);
        quiet = least >= ENOUGH * best && barrier <= NEAR_SECONDS;
    } while (!quiet && 1e-9 * (double)(tw_clock() - started) < seconds);
    print_measured(probe, least, barrier);
    return quiet ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static struct probe probe;
    int threads = argc > 1 ? atoi(argv[1]) : 0, status;

    if (threads < 1 || threads > THREADS_MAX || argc > 3) {
        fprintf(stderr, "tower-quiet: usage: tower-quiet THREADS [SECONDS], THREADS from 1 to %d\n",
                THREADS_MAX);
        return 2;
    }
    probe.team = tw_team_new(threads, TW_BIND_NONE);
    if (!probe.team || tw_isa_choose(TW_ISA_COUNT, &probe.isa, NULL) != TW_OK) {
        fprintf(stderr, "tower-quiet: %s\n", tw_error_message());
        return 1;
    }
    status = wait_for_quiet(&probe, argc > 2 ? atof(argv[2]) : 10.0);
    tw_team_release(probe.team);
    return status;
}
