#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "core/team.h"

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

enum tw_status tw_team_choose_size(int requested, struct tw_team_size *size)
{
    struct tw_team_size chosen = {
        .affinity = tw_team_affinity(),
        .quota = tw_cgroup_cpu_quota(""),
        .environment = threads_from_environment(),
    };

    if (requested < 0 || requested > TW_TEAM_MAX_THREADS) {
        return tw_fail(TW_ERROR_ARGUMENT, "%d threads requested, expected 1 to %d, or 0 for the default",
                       requested, TW_TEAM_MAX_THREADS);
    }
    if (requested == 0 && chosen.environment > TW_TEAM_MAX_THREADS) {
        return tw_fail(TW_ERROR_ARGUMENT, "OMP_NUM_THREADS asks for %d threads, expected at most %d",
                       chosen.environment, TW_TEAM_MAX_THREADS);
    }
    if (requested > 0) {
        chosen.threads = requested;
        chosen.why = "requested";
    } else if (chosen.environment > 0) {
        chosen.threads = chosen.environment;
        chosen.why = "OMP_NUM_THREADS";
    } else if (chosen.quota > 0 && chosen.quota < chosen.affinity) {
        chosen.threads = chosen.quota;
        chosen.why = "cgroup quota";
    } else {
        chosen.threads = chosen.affinity;
        chosen.why = "affinity";
    }
    if (chosen.threads > TW_TEAM_MAX_THREADS) {
        chosen.threads = TW_TEAM_MAX_THREADS;
    }
    *size = chosen;
    return TW_OK;
}
