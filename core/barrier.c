#include "core/barrier.h"

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/clock.h"

/* Patience, in nanoseconds. To sleep and be woken costs some 50 microseconds in a virtual machine, far less on
 * bare metal; a scheduling slice of Linux is 3 milliseconds. */
enum { SHORTEST = 20000, LONGEST = 1000000 };

/* Looks at the phase between two at the clock: about a microsecond. */
enum { LOOKS = 32 };

/* Tells the core that this is a spin loop, which leaves more of it to an SMT sibling. */
static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("pause");
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* yield is a nop on most cores */
#endif
}

/* Before the next look. */
static void make_room(const struct tw_barrier *barrier)
{
    if (barrier->crowded) {
        sched_yield();
    } else {
        relax();
    }
}

void tw_barrier_init(struct tw_barrier *barrier, bool crowded)
{
    atomic_init(&barrier->arrived, 0);
    atomic_init(&barrier->phase, 0);
    atomic_init(&barrier->sleepers, 0);
    atomic_init(&barrier->patience, LONGEST);
    barrier->crowded = crowded;
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

static void set_patience(struct tw_barrier *barrier, int patience)
{
    atomic_store_explicit(&barrier->patience,
                          patience < SHORTEST  ? SHORTEST
                          : patience > LONGEST ? LONGEST
                                               : patience,
                          memory_order_relaxed);
}

/* Whether the phase ended while the member looked. Members may overwrite each other's patience: it is a guess. */
static bool look_through(struct tw_barrier *barrier, unsigned phase)
{
    int patience = atomic_load_explicit(&barrier->patience, memory_order_relaxed);
    int64_t started = tw_clock(), waited = 0;

    while (waited < patience) {
        for (int i = 0; i < LOOKS; i++) {
            if (atomic_load_explicit(&barrier->phase, memory_order_acquire) != phase) {
                if (waited > SHORTEST) {
                    set_patience(barrier, 2 * patience);
                }
                return true;
            }
            make_room(barrier);
        }
        waited = tw_clock() - started;
    }
    set_patience(barrier, patience / 2);
    return false;
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
    } else if (!look_through(barrier, phase)) {
        sleep_through(barrier, phase);
    }
}
