#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/memory.h"
#include "tests/support/test_support.h"

#define CANARY_BYTES 256
#define PERIOD       256 /* after which the canaries repeat themselves */

/* Depends on the place, so that a block of memory moved by an overrun is seen too. */
static unsigned char canary(size_t offset)
{
    return (unsigned char)(0x5a ^ (offset * 37));
}

/* One period. Filled and compared by whole periods: byte by byte they would take most of a kernel test's time. */
static const unsigned char *canaries(void)
{
    static unsigned char period[PERIOD];

    if (period[0] != canary(0))
        for (size_t i = 0; i < PERIOD; i++)
            period[i] = canary(i);
    return period;
}

/* The first offset in [from, to) whose canary changed, or `to`. */
static size_t first_changed(const unsigned char *base, size_t from, size_t to)
{
    const unsigned char *period = canaries();

    while (from < to) {
        size_t left = PERIOD - from % PERIOD, count = left < to - from ? left : to - from;

        if (memcmp(base + from, period + from % PERIOD, count) != 0)
            break;
        from += count;
    }
    while (from < to && base[from] == canary(from))
        from++;
    return from;
}

/* Maps whole pages for `touched` bytes between two pages without access, all of it canaries. */
static struct tw_guard map_canaries(size_t touched)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct tw_guard guard = {.mapped = (touched + page - 1) / page * page};

    guard.reserved = page + guard.mapped + page;
    guard.reservation = mmap(NULL, guard.reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(guard.reservation, MAP_FAILED);
    guard.base = (unsigned char *)guard.reservation + page;
    assert_int_equal(mprotect(guard.base, guard.mapped, PROT_READ | PROT_WRITE), 0);
    for (size_t i = 0; i < guard.mapped; i += PERIOD) /* pages are whole periods */
        memcpy(guard.base + i, canaries(), PERIOD);
    return guard;
}

static struct tw_guard place(struct tw_guard guard, size_t offset, size_t bytes)
{
    guard.data = guard.base + offset;
    guard.bytes = bytes;
    memset(guard.data, 0xff, bytes);
    return guard;
}

struct tw_guard tw_guard_band(size_t bytes, size_t misalignment)
{
    return place(map_canaries(CANARY_BYTES + misalignment + bytes + CANARY_BYTES),
                 CANARY_BYTES + misalignment, bytes);
}

enum place { BEHIND, IN_FRONT, MISALIGNED };

static enum place chosen_place(void)
{
    static const char *const names[] = {
        [BEHIND] = "behind", [IN_FRONT] = "in-front", [MISALIGNED] = "misaligned"};
    const char *text = getenv("TOWER_TEST_PLACE");

    for (int i = BEHIND; text && i <= MISALIGNED; i++) {
        if (strcmp(text, names[i]) == 0)
            return (enum place)i;
    }
    if (text)
        fail_msg("TOWER_TEST_PLACE is \"%s\", expected behind, in-front or misaligned", text);
    return BEHIND;
}

struct tw_guard tw_guard_page(size_t bytes)
{
    struct tw_guard guard = map_canaries(CANARY_BYTES + bytes);

    return place(guard, chosen_place() == IN_FRONT ? 0 : guard.mapped - bytes, bytes);
}

struct tw_guard tw_guard_floats(ptrdiff_t count)
{
    static size_t calls;

    if (chosen_place() != MISALIGNED)
        return tw_guard_page((size_t)count * sizeof(float));
    calls++;
    return tw_guard_band((size_t)count * sizeof(float), sizeof(float) * (1 + calls % 15));
}

void tw_guard_check(const struct tw_guard *guard, const char *file, int line)
{
    size_t start = (size_t)((unsigned char *)guard->data - guard->base);
    size_t stop = start + guard->bytes;
    size_t before = first_changed(guard->base, 0, start);
    size_t behind = first_changed(guard->base, stop, guard->mapped);

    if (before == start && behind == guard->mapped)
        return;
    if (before < start)
        print_error("%zu bytes in front of the %zu bytes of data were written\n", start - before,
                    guard->bytes);
    else
        print_error("%zu bytes behind the %zu bytes of data were written\n", behind - stop, guard->bytes);
    _fail(file, line);
}

void tw_guard_end(struct tw_guard *guard, const char *file, int line)
{
    tw_guard_check(guard, file, line);
    assert_int_equal(munmap(guard->reservation, guard->reserved), 0);
    *guard = (struct tw_guard){0};
}
