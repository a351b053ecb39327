/* A barrier that looks as long as that has been paying off, then sleeps. For core/team.c alone.
 *
 * The OpenMP runtimes spin for milliseconds where threads do not outnumber CPUs. When another process holds
 * the CPU that the last member needs, every barrier then costs a scheduling slice. A barrier that sleeps soon
 * has the opposite fault: waking a thread takes longer than most stages differ, so the one that slept is late
 * for the next stage, the other one sleeps there, and a chain of short stages becomes a chain of wake-ups (a
 * sixth of a training step of 64 images on two CPUs of a virtual machine).
 * Hence patience that is learned: a member looks for up to 1 ms. Looking in vain halves the time, down to
 * 20 us; a wait that took more than those and ended while the member was looking doubles it.
 */
#ifndef TOWER_CORE_BARRIER_H
#define TOWER_CORE_BARRIER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "core/memory.h"

struct tw_barrier {
    _Alignas(TW_ALIGNMENT) atomic_int arrived; /* members of the current phase; a line of its own */
    _Alignas(TW_ALIGNMENT) atomic_uint phase;  /* counts completed phases; what waiting members look at */
    atomic_int sleepers;                       /* members that may have to be woken */
    atomic_int patience;                       /* nanoseconds of looking before a member goes to sleep */
    bool crowded;                              /* see tw_barrier_init */
};

/* `crowded`: members outnumber CPUs, so that a waiting member gives its CPU away between two looks. Members that
 * sleep at once need a wake-up each: 16 on two CPUs take 86 us for a barrier so, and 24 us by giving way. */
void tw_barrier_init(struct tw_barrier *barrier, bool crowded);

/* Returns when `members` threads have called it; what any of them wrote before is visible to all of them
 * after. Every member passes the same number. No system call unless members are crowded or somebody sleeps. */
void tw_barrier_wait(struct tw_barrier *barrier, int members);

#endif
