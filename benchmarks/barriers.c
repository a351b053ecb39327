/* tower-barriers: what a team's barrier and its region cost, as JSON, for the numbers of threads given. */
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/team.h"

enum { BARRIERS = 500, REPETITIONS = 41 };

struct meeting {
    struct tw_team *team;
    int barriers;
};

static void meet(void *context, int rank, int threads)
{
    const struct meeting *meeting = context;

    (void)rank, (void)threads;
    for (int i = 0; i < meeting->barriers; i++) {
        tw_team_barrier(meeting->team);
    }
}

static int compare(const void *left, const void *right)
{
    const double *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

/* Median seconds of a region with so many barriers. */
static double measure(struct meeting meeting)
{
    double seconds[REPETITIONS];

    for (int i = 0; i < REPETITIONS; i++) {
        int64_t started = tw_clock();

        tw_team_run(meeting.team, meet, &meeting);
        seconds[i] = 1e-9 * (double)(tw_clock() - started);
    }
    qsort(seconds, REPETITIONS, sizeof seconds[0], compare);
    return seconds[REPETITIONS / 2];
}

int main(int argc, char **argv)
{
    printf("[");
    for (int i = 1; i < argc; i++) {
        int threads = atoi(argv[i]);
        struct tw_team *team = tw_team_new(threads, TW_BIND_NONE);
        double region, both;

        if (team == NULL) {
            fprintf(stderr, "tower-barriers: %s\n", tw_error_message());
            return EXIT_FAILURE;
        }
        region = measure((struct meeting){team, 0});
        both = measure((struct meeting){team, BARRIERS});
        printf("%s{\"threads\": %d, \"region_seconds\": %.3g, \"barrier_seconds\": %.3g}", i > 1 ? ", " : "",
               threads, region, (both - region) / BARRIERS);
        tw_team_release(team);
    }
    printf("]\n");
    return EXIT_SUCCESS;
}
