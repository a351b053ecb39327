/* A barrier that spins briefly, then sleeps. For core/team.c alone.
 *
 * The OpenMP runtimes spin for milliseconds where threads do not outnumber CPUs. When another process holds
 * the CPU that the last member needs, every barrier then costs a scheduling slice. 100 barriers of two
 * threads on two CPUs of a Zen 3, gcc 12's libgomp: 0.05 ms alone, 35 ms on average beside two busy
 * processes; this one 0.024 ms and 2.5 ms.
 */
#ifndef TOWER_CORE_BARRIER_H
#define TOWER_CORE_BARRIER_H

#include <stdatomic.h>

#include "core/memory.h"

struct tw_barrier {
    _Alignas(TW_ALIGNMENT) atomic_int arrived; /* members of the current phase; a line of its own */
    _Alignas(TW_ALIGNMENT) atomic_uint phase;  /* counts completed phases; what waiting members look at */
    atomic_int sleepers;                       /* members that may have to be woken */
    int spins;                                 /* looks at phase before a member goes to sleep */
};

/* `spins`: 0 where members outnumber CPUs, so that a waiting member makes room at once. */
void tw_barrier_init(struct tw_barrier *barrier, int spins);

/* Returns when `members` threads have called it; what any of them wrote before is visible to all of them
 * after. Every member passes the same number. No system call unless somebody sleeps. */
void tw_barrier_wait(struct tw_barrier *barrier, int members);

#endif
