#include "apps/common/process.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Field 22 of /proc/self/stat (proc(5)): ticks from the machine's start to this process's; -1 if it is not there. Field
 * 2, the program's name in parentheses, may hold spaces and parentheses itself. */
static long long start_ticks(void)
{
    char line[1024];
    FILE *file = fopen("/proc/self/stat", "r");
    size_t length = file ? fread(line, 1, sizeof line - 1, file) : 0;
    long long ticks = -1;
    char *place;

    if (file) {
        fclose(file);
    }
    line[length] = '\0';
    place = strrchr(line, ')');
    for (int field = 2; place && field < 22; field++) {
        place = strchr(place + 1, ' ');
    }
    return place && sscanf(place, "%lld", &ticks) == 1 ? ticks : -1;
}

double process_age(void)
{
    long long ticks = start_ticks();
    long per_second = sysconf(_SC_CLK_TCK);
    struct timespec now;

    if (ticks < 0 || per_second <= 0 || clock_gettime(CLOCK_BOOTTIME, &now)) {
        return 0;
    }
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec - (double)ticks / (double)per_second;
}

size_t process_peak_memory(void)
{
    struct rusage usage = {0};
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    size_t kibibytes = 0;

    while (file && kibibytes == 0 && fgets(line, sizeof line, file)) {
        if (sscanf(line, "VmHWM: %zu kB", &kibibytes) != 1) {
            kibibytes = 0;
        }
    }
    if (file) {
        fclose(file);
    }
    if (kibibytes == 0 && getrusage(RUSAGE_SELF, &usage) == 0) {
        kibibytes = (size_t)usage.ru_maxrss;
    }
    return kibibytes * 1024;
}
