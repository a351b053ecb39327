#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/team.h"

/* Linux control groups: Documentation/admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst
 * (cpu.cfs_quota_us). /proc/self/cgroup has one line per hierarchy,
 *
 *   4:cpu,cpuacct:/docker/51ab…      v1, controllers in the middle
 *   0::/user.slice/session.scope     v2, none
 *
 * whose path is below the mount point. Inside a container the path may be that of the host, while the mount
 * shows the container's own group as its root: files that do not exist are passed over, and the walk towards
 * the root ends at that group. */

static const char *const mounts_v2[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified", NULL};
static const char *const mounts_v1[] = {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct",
                                        "/sys/fs/cgroup/cpuacct,cpu", NULL};

/* The first line of a file, whose name is put together from four parts; false if it cannot be read. */
static bool read_line(const char *root, const char *mount, const char *group, const char *name, char *line,
                      int bytes)
{
    char *path = tw_sprintf("%s%s%s/%s", root, mount, group, name);
    FILE *file = path == NULL ? NULL : fopen(path, "re");
    bool read = file != NULL && fgets(line, bytes, file) != NULL;

    if (file != NULL) {
        fclose(file);
    }
    tw_free(path);
    return read;
}

/* quota / period rounded up; 0 for "no limit", which the kernel writes as "max" or -1. */
static int whole_cpus(long long quota, long long period)
{
    long long cpus;

    if (quota <= 0 || period <= 0) {
        return 0;
    }
    cpus = quota / period + (quota % period != 0);
    return cpus > INT_MAX ? INT_MAX : (int)cpus;
}

static int limit_v2(const char *root, const char *mount, const char *group)
{
    long long quota, period;
    char line[64];

    if (!read_line(root, mount, group, "cpu.max", line, sizeof line) ||
        sscanf(line, "%lld %lld", &quota, &period) != 2) {
        return 0;
    }
    return whole_cpus(quota, period);
}

static int limit_v1(const char *root, const char *mount, const char *group)
{
    char quota_line[64], period_line[64];
    long long quota, period;

    if (!read_line(root, mount, group, "cpu.cfs_quota_us", quota_line, sizeof quota_line) ||
        !read_line(root, mount, group, "cpu.cfs_period_us", period_line, sizeof period_line) ||
        sscanf(quota_line, "%lld", &quota) != 1 || sscanf(period_line, "%lld", &period) != 1) {
        return 0;
    }
    return whole_cpus(quota, period);
}

static int smaller(int a, int b)
{
    return b == 0 || (a != 0 && a < b) ? a : b;
}

/* The least limit of `group` and its ancestors, the mount's own root included. Shortens `group`. */
static int least_limit(const char *root, const char *const *mounts, char *group,
                       int (*limit)(const char *root, const char *mount, const char *group))
{
    int least = 0;

    /* A group above the root of our namespace is not below the mount. */
    if (strstr(group, "/..") != NULL || strcmp(group, "/") == 0) {
        group[0] = '\0';
    }
    for (;;) {
        char *slash = strrchr(group, '/');

        for (int i = 0; mounts[i] != NULL; i++) {
            least = smaller(least, limit(root, mounts[i], group));
        }
        if (slash == NULL) {
            return least;
        }
        *slash = '\0';
    }
}

static bool names_cpu_controller(char *controllers)
{
    char *rest = NULL;

    for (char *name = strtok_r(controllers, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        if (strcmp(name, "cpu") == 0) {
            return true;
        }
    }
    return false;
}

/* The limit from one line of /proc/self/cgroup, "id:controllers:path". */
static int limit_of_line(const char *root, char *line)
{
    char *controllers = strchr(line, ':'), *group;

    line[strcspn(line, "\n")] = '\0';
    group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
    if (group == NULL || group[1] != '/') {
        return 0;
    }
    *controllers++ = '\0';
    *group++ = '\0';
    if (controllers[0] == '\0') {
        return least_limit(root, mounts_v2, group, limit_v2);
    }
    return names_cpu_controller(controllers) ? least_limit(root, mounts_v1, group, limit_v1) : 0;
}

int tw_cgroup_cpu_quota(const char *root)
{
    char *path = tw_sprintf("%s/proc/self/cgroup", root);
    FILE *file = path == NULL ? NULL : fopen(path, "re");
    char line[4096 + 256]; /* a group's path is at most PATH_MAX */
    int least = 0;

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        least = smaller(least, limit_of_line(root, line));
    }
    if (file != NULL) {
        fclose(file);
    }
    tw_free(path);
    return least;
}
