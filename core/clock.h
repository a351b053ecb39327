/* Time for measuring how long something takes. */
#ifndef TOWER_CORE_CLOCK_H
#define TOWER_CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds since some moment in the past; the same clock in every thread, never set back. Some 25 ns where
 * the kernel lets programs read it without a system call (clock source tsc or arch_sys_counter). */
static inline int64_t tw_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
