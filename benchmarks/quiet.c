/* tower-quiet: whether the machine gives its cores undivided right now. A virtual machine's CPUs may come to lie on two
 * threads of one core, or beside somebody else's work; no counter tells it, but fused multiply-adds on registers do: all
 * threads at once then fall behind one alone, or behind what it was a while ago.
 *
 *   tower-quiet THREADS [NOMINAL [SECONDS]]
 *
 * Measures until every thread has at least 97 per cent of NOMINAL (GFLOP/s; 0 or absent: of the best that one thread has
 * shown meanwhile), for at most SECONDS (default 10). Prints the nominal and the last measured GFLOP/s per thread. Exit
 * status: 0 quiet, 1 not within that time, 2 bad usage.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/team.h"
#include "kernels/peak/peak.h"

enum { THREADS_MAX = 1024 };

static const double ENOUGH = 0.97;

struct peaks {
    enum tw_isa isa;
    double of_thread[THREADS_MAX];
};

static void measure(void *context, int rank, int threads)
{
    struct peaks *peaks = context;

    (void)threads;
    peaks->of_thread[rank] = 1e-9 * tw_f32_peak_flops(peaks->isa);
}

/* The slowest thread's GFLOP/s while all are at work. */
static double slowest(struct tw_team *team, struct peaks *peaks)
{
    double least;

    tw_team_run(team, measure, peaks);
    least = peaks->of_thread[0];
    for (int rank = 1; rank < tw_team_threads(team); rank++) {
        least = peaks->of_thread[rank] < least ? peaks->of_thread[rank] : least;
    }
    return least;
}

/* Prints the outcome and returns the exit status. */
static int wait_for_quiet(struct tw_team *team, struct peaks *peaks, double nominal, double seconds)
{
    const int64_t started = tw_clock();
    double least = 0.0;

    do {
        measure(peaks, 0, 1);
        nominal = peaks->of_thread[0] > nominal ? peaks->of_thread[0] : nominal;
        least = slowest(team, peaks);
        nominal = least > nominal ? least : nominal;
    } while (least < ENOUGH * nominal && 1e-9 * (double)(tw_clock() - started) < seconds);
    printf("%.1f %.1f\n", nominal, least);
    return least >= ENOUGH * nominal ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static struct peaks peaks;
    int threads = argc > 1 ? atoi(argv[1]) : 0, status;
    struct tw_team *team;

    if (threads < 1 || threads > THREADS_MAX || argc > 4) {
        fprintf(stderr, "tower-quiet: usage: tower-quiet THREADS [NOMINAL [SECONDS]], THREADS from 1 to %d\n",
                THREADS_MAX);
        return 2;
    }
    team = tw_team_new(threads, TW_BIND_NONE);
    if (!team || tw_isa_choose(TW_ISA_COUNT, &peaks.isa, NULL) != TW_OK) {
        fprintf(stderr, "tower-quiet: %s\n", tw_error_message());
        return 1;
    }
    status = wait_for_quiet(team, &peaks, argc > 2 ? atof(argv[2]) : 0.0, argc > 3 ? atof(argv[3]) : 10.0);
    tw_team_release(team);
    return status;
}
