#include "core/barrier.h"

#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Tells the core that this is a spin loop, which leaves more of it to an SMT sibling. */
static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("pause");
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* yield is a nop on most cores */
#endif
}

void tw_barrier_init(struct tw_barrier *barrier, int spins)
{
    atomic_init(&barrier->arrived, 0);
    atomic_init(&barrier->phase, 0);
    atomic_init(&barrier->sleepers, 0);
    barrier->spins = spins;
}

/* Futex (man 2 futex): the kernel puts the thread to sleep only if `phase` is still the given one, so no
 * wake-up is lost: a member counts itself as a sleeper first, and the last one advances the phase before it
 * looks for sleepers. */
static void sleep_through(struct tw_barrier *barrier, unsigned phase)
{
    atomic_fetch_add(&barrier->sleepers, 1);
    while (atomic_load(&barrier->phase) == phase) {
        syscall(SYS_futex, &barrier->phase, FUTEX_WAIT_PRIVATE, phase, NULL, NULL, 0);
    }
    atomic_fetch_sub(&barrier->sleepers, 1);
}

void tw_barrier_wait(struct tw_barrier *barrier, int members)
{
    unsigned phase = atomic_load_explicit(&barrier->phase, memory_order_relaxed);

    if (atomic_fetch_add(&barrier->arrived, 1) + 1 == members) {
        atomic_store_explicit(&barrier->arrived, 0, memory_order_relaxed);
        atomic_store(&barrier->phase, phase + 1);
        if (atomic_load(&barrier->sleepers) > 0) {
            syscall(SYS_futex, &barrier->phase, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
        }
        return;
    }
    for (int i = 0; i < barrier->spins; i++) {
        if (atomic_load_explicit(&barrier->phase, memory_order_acquire) != phase) {
            return;
        }
        relax();
    }
    sleep_through(barrier, phase);
}
