#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/team.h"

enum { THREADS_PER_SAMPLE = 2 };

/* OMP_NUM_THREADS is a number, or one for each level of nested regions separated by commas. 0 for anything
 * else; a number beyond int counts as INT_MAX. */
static int threads_from_environment(void)
{
    const char *text = getenv("OMP_NUM_THREADS");
    char *end;
    long number;

    if (text == NULL) {
        return 0;
    }
    number = strtol(text, &end, 10);
    while (isspace((unsigned char)*end)) {
        end++;
    }
    if (end == text || (*end != '\0' && *end != ',') || number < 1) {
        return 0;
    }
    return number > INT_MAX ? INT_MAX : (int)number;
}

static void cap(struct tw_team_size *size, ptrdiff_t limit, const char *why)
{
    if (limit > 0 && limit < size->threads) {
        size->threads = (int)limit;
        size->why = why;
    }
}

struct tw_team_size tw_team_size_rule(const struct tw_team_limits *limits)
{
    struct tw_team_size size = {.threads = limits->requested, .why = "requested", .limits = *limits};

    if (limits->requested > 0) {
        return size;
    }
    size.threads = limits->environment > 0 ? limits->environment : limits->affinity;
    size.why = limits->environment > 0 ? "OMP_NUM_THREADS" : "affinity";
    if (limits->environment == 0) {
        cap(&size, limits->cores, "one per core");
        cap(&size, limits->quota, "cgroup quota");
    }
    cap(&size, limits->thread_limit, "OMP_THREAD_LIMIT");
    if (limits->environment == 0 && limits->samples <= PTRDIFF_MAX / THREADS_PER_SAMPLE) {
        cap(&size, THREADS_PER_SAMPLE * limits->samples, "small batch");
    }
    cap(&size, TW_TEAM_MAX_THREADS, "at most 1024");
    return size;
}

enum tw_status tw_team_choose_size(int requested, ptrdiff_t samples, struct tw_team_size *size)
{
    struct tw_team_limits limits = {
        .requested = requested,
        .environment = threads_from_environment(),
        .thread_limit = tw_team_thread_limit(),
        .affinity = tw_team_affinity(),
        .cores = tw_team_cores(),
        .quota = tw_cgroup_cpu_quota(""),
        .samples = samples,
    };

    if (requested < 0 || requested > TW_TEAM_MAX_THREADS) {
        return tw_fail(TW_ERROR_ARGUMENT, "%d threads requested, expected 1 to %d, or 0 for the default",
                       requested, TW_TEAM_MAX_THREADS);
    }
    if (requested == 0 && limits.environment > TW_TEAM_MAX_THREADS) {
        return tw_fail(TW_ERROR_ARGUMENT, "OMP_NUM_THREADS asks for %d threads, expected at most %d",
                       limits.environment, TW_TEAM_MAX_THREADS);
    }
    *size = tw_team_size_rule(&limits);
    return TW_OK;
}
