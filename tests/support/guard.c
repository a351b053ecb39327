#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/memory.h"
#include "tests/support/test_support.h"

#define CANARY_BYTES 256

/* Depends on the place, so that a block of memory moved by an overrun is seen too. */
static unsigned char canary(size_t offset)
{
    return (unsigned char)(0x5a ^ (offset * 37));
}

/* Maps whole pages for `touched` bytes with a page without access behind, all of it canaries. */
static struct tw_guard map_canaries(size_t touched)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct tw_guard guard = {.mapped = (touched + page - 1) / page * page};

    guard.reserved = guard.mapped + page;
    guard.base = mmap(NULL, guard.reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(guard.base, MAP_FAILED);
    assert_int_equal(mprotect(guard.base, guard.mapped, PROT_READ | PROT_WRITE), 0);
    for (size_t i = 0; i < guard.mapped; i++)
        guard.base[i] = canary(i);
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

struct tw_guard tw_guard_page(size_t bytes)
{
    struct tw_guard guard = map_canaries(CANARY_BYTES + bytes);

    return place(guard, guard.mapped - bytes, bytes);
}

void tw_guard_check(const struct tw_guard *guard, const char *file, int line)
{
    size_t start = (size_t)((unsigned char *)guard->data - guard->base);
    size_t stop = start + guard->bytes;

    for (size_t i = 0; i < guard->mapped; i++) {
        if (i == start)
            i = stop;
        if (i >= guard->mapped || guard->base[i] == canary(i))
            continue;
        if (i < start)
            print_error("%zu bytes in front of the %zu bytes of data were written\n", start - i,
                        guard->bytes);
        else
            print_error("%zu bytes behind the %zu bytes of data were written\n", i - stop, guard->bytes);
        _fail(file, line);
    }
}

void tw_guard_end(struct tw_guard *guard, const char *file, int line)
{
    tw_guard_check(guard, file, line);
    assert_int_equal(munmap(guard->base, guard->reserved), 0);
    *guard = (struct tw_guard){0};
}
