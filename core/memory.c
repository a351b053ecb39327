#include "core/memory.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Under AddressSanitizer the header, the slack behind a block and the free part of an arena are poisoned, so
 * that an overrun is reported even where the memory around a block is ours. */
#if defined(__SANITIZE_ADDRESS__)
#define TW_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TW_ASAN 1
#endif
#endif

#ifdef TW_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(address, bytes)   ASAN_POISON_MEMORY_REGION(address, bytes)
#define UNPOISON(address, bytes) ASAN_UNPOISON_MEMORY_REGION(address, bytes)

/* A size that no machine has must come back as an error here too, not end the program. */
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
#else
#define POISON(address, bytes)   ((void)(address), (void)(bytes))
#define UNPOISON(address, bytes) ((void)(address), (void)(bytes))
#endif

/* What stands in the TW_ALIGNMENT bytes in front of every block. */
struct header {
    void *base;   /* what calloc gave */
    size_t bytes; /* what was asked for */
};

/* Room for the header and for moving the block up to its alignment, whatever calloc returns. */
#define OVERHEAD (2 * TW_ALIGNMENT)

_Static_assert(sizeof(struct header) <= TW_ALIGNMENT, "the header must not reach into the block");

static atomic_size_t live_bytes, peak_bytes, live_blocks;
static atomic_uint_fast64_t calls;
static _Thread_local long allocations_left = -1; /* negative: no limit */

static void account_for(size_t bytes)
{
    size_t live = atomic_fetch_add(&live_bytes, bytes) + bytes;
    size_t peak = atomic_load(&peak_bytes);

    while (live > peak && !atomic_compare_exchange_weak(&peak_bytes, &peak, live)) {
        continue;
    }
    atomic_fetch_add(&live_blocks, 1);
    atomic_fetch_add(&calls, 1);
}

static bool refused_on_purpose(void)
{
    if (allocations_left < 0) {
        return false;
    }
    if (allocations_left == 0) {
        return true;
    }
    allocations_left--;
    return false;
}

/* calloc rather than aligned_alloc and memset: large blocks come as untouched pages, which the system places
 * on the NUMA node of the thread that first writes to them, not of the one that allocates. */
void *tw_alloc(size_t bytes)
{
    unsigned char *base, *block;
    struct header *header;

    if (bytes > (size_t)PTRDIFF_MAX - OVERHEAD || refused_on_purpose()) {
        return tw_fail_null(TW_ERROR_MEMORY, "memory: cannot allocate %zu bytes", bytes);
    }
    base = calloc(1, bytes + OVERHEAD);
    if (base == NULL) {
        return tw_fail_null(TW_ERROR_MEMORY, "memory: cannot allocate %zu bytes", bytes);
    }
    block = base + TW_ALIGNMENT;
    block += tw_align_up((uintptr_t)block) - (uintptr_t)block;
    header = (struct header *)(void *)(block - TW_ALIGNMENT);
    header->base = base;
    header->bytes = bytes;
    account_for(bytes);
    POISON(base, (size_t)(block - base));
    POISON(block + bytes, OVERHEAD - (size_t)(block - base));
    return block;
}

void *tw_alloc_array(size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        return tw_fail_null(TW_ERROR_MEMORY, "memory: cannot allocate %zu elements of %zu bytes", count,
                            size);
    }
    return tw_alloc(bytes);
}

void tw_free(void *block)
{
    struct header *header;
    void *base;

    if (block == NULL) {
        return;
    }
    header = (struct header *)(void *)((unsigned char *)block - TW_ALIGNMENT);
    UNPOISON(header, sizeof *header);
    base = header->base;
    atomic_fetch_sub(&live_bytes, header->bytes);
    atomic_fetch_sub(&live_blocks, 1);
    free(base);
}

char *tw_strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = tw_alloc(bytes);

    if (copy != NULL) {
        memcpy(copy, text, bytes);
    }
    return copy;
}

char *tw_sprintf(const char *format, ...)
{
    va_list arguments, again;
    char *text = NULL;
    int length;

    va_start(arguments, format);
    va_copy(again, arguments);
    length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0) {
        tw_fail(TW_ERROR_MEMORY, "memory: cannot format \"%s\"", format);
    } else {
        text = tw_alloc((size_t)length + 1);
    }
    if (text != NULL) {
        vsnprintf(text, (size_t)length + 1, format, again);
    }
    va_end(again);
    va_end(arguments);
    return text;
}

void *tw_array_grow(void *array, size_t *capacity, size_t count, size_t size)
{
    size_t grown = *capacity < 4 ? 4 : *capacity;
    void *larger;

    if (array != NULL && count <= *capacity) {
        return array;
    }
    do {
        if (__builtin_mul_overflow(grown, (size_t)2, &grown)) {
            return tw_fail_null(TW_ERROR_MEMORY, "memory: cannot allocate %zu elements of %zu bytes", count,
                                size);
        }
    } while (grown < count);
    larger = tw_alloc_array(grown, size);
    if (larger == NULL) {
        return NULL;
    }
    if (array != NULL) {
        memcpy(larger, array, *capacity * size);
    }
    tw_free(array);
    *capacity = grown;
    return larger;
}

struct tw_memory_usage tw_memory_usage(void)
{
    return (struct tw_memory_usage){
        .live_bytes = atomic_load(&live_bytes),
        .peak_bytes = atomic_load(&peak_bytes),
        .live_blocks = atomic_load(&live_blocks),
        .calls = atomic_load(&calls),
    };
}

void tw_memory_reset_peak(void)
{
    atomic_store(&peak_bytes, atomic_load(&live_bytes));
}

void tw_memory_fail_after(long countdown)
{
    allocations_left = countdown < 0 ? -1 : countdown;
}

enum tw_status tw_arena_init(struct tw_arena *arena, size_t capacity)
{
    *arena = (struct tw_arena){.base = tw_alloc(capacity)};
    if (arena->base == NULL) {
        return TW_ERROR_MEMORY;
    }
    arena->capacity = capacity;
    POISON(arena->base, capacity);
    return TW_OK;
}

void *tw_arena_take(struct tw_arena *arena, size_t bytes)
{
    size_t left = arena->capacity - arena->used;
    unsigned char *piece = arena->base + arena->used;

    if (bytes > left) {
        return tw_fail_null(TW_ERROR_MEMORY, "memory: arena has %zu of %zu bytes left, %zu asked for", left,
                            arena->capacity, bytes);
    }
    arena->used += tw_align_up(bytes) < left ? tw_align_up(bytes) : left;
    UNPOISON(piece, bytes);
    return piece;
}

void tw_arena_reset(struct tw_arena *arena)
{
    arena->used = 0;
    POISON(arena->base, arena->capacity);
}

void tw_arena_release(struct tw_arena *arena)
{
    UNPOISON(arena->base, arena->capacity);
    tw_free(arena->base);
    *arena = (struct tw_arena){0};
}
