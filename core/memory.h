/* Aligned allocation with accounting, and arenas.
 *
 * All heap memory of the libraries comes from here, so that tests and `--print-plan` can tell how many bytes
 * are live, how many were at the peak, and that a training step performs no allocation.
 */
#ifndef TOWER_CORE_MEMORY_H
#define TOWER_CORE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* Every block starts on a cache line; also the widest vector load (64-byte zmm). */
#define TW_ALIGNMENT 64

/* `bytes` zero bytes aligned to TW_ALIGNMENT. NULL with TW_ERROR_MEMORY if there is none, or if `bytes` is
 * above PTRDIFF_MAX. `bytes` 0 gives a distinct block of no usable size. Thread-safe. Released with
 * tw_free. */
void *tw_alloc(size_t bytes);

/* As tw_alloc for `count` elements of `size` bytes; a product that overflows is TW_ERROR_MEMORY. */
void *tw_alloc_array(size_t count, size_t size);

/* Copy of a string; NULL with TW_ERROR_MEMORY. Released with tw_free. */
char *tw_strdup(const char *text);

/* printf into a new string; NULL with TW_ERROR_MEMORY. Released with tw_free. */
char *tw_sprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes room for at least `count` elements of `size` bytes in `array`, which has room for `*capacity` of them
 * (NULL and 0 at first). Returns the array; where it had to grow, it has moved with all its elements, the new
 * ones are zeros, and `*capacity` is higher. Released with tw_free. On failure NULL with TW_ERROR_MEMORY, and
 * `array` and `*capacity` are as they were. */
void *tw_array_grow(void *array, size_t *capacity, size_t count, size_t size);

/* Gives back a block of the functions above; NULL does nothing. Thread-safe. */
void tw_free(void *block);

struct tw_memory_usage {
    size_t live_bytes;  /* asked for and not yet given back, headers and padding not counted */
    size_t peak_bytes;  /* highest live_bytes since the start or tw_memory_reset_peak */
    size_t live_blocks; /* blocks not yet given back */
    uint64_t calls;     /* successful allocations since the start: unchanged over a step means it made none */
};

/* A snapshot for the whole process. Thread-safe; exact when no other thread allocates meanwhile. */
struct tw_memory_usage tw_memory_usage(void);

/* Lowers peak_bytes to live_bytes. */
void tw_memory_reset_peak(void);

/* Test hook: the next `countdown` allocations succeed and every later one fails until it is called again with
 * a negative value (the default: never fail on purpose). For the calling thread only. */
void tw_memory_fail_after(long countdown);

/* An arena: one block, handed out from the front, given back all at once.
 *
 *   base                    base + used              base + capacity
 *   | a | pad | b   | pad | c  |        free                |
 *
 * Every piece is aligned to TW_ALIGNMENT. Not thread-safe: one owner. */
struct tw_arena {
    unsigned char *base;
    size_t capacity; /* bytes */
    size_t used;     /* bytes, padding included */
};

/* Allocates the block. TW_ERROR_MEMORY leaves `*arena` empty. */
enum tw_status tw_arena_init(struct tw_arena *arena, size_t capacity);

/* `bytes` bytes (not zeroed), or NULL with TW_ERROR_MEMORY quoting what was asked and what is left. */
void *tw_arena_take(struct tw_arena *arena, size_t bytes);

/* Forgets every piece; pointers into the arena become dangling. */
void tw_arena_reset(struct tw_arena *arena);

/* Gives the block back; `*arena` is empty after. */
void tw_arena_release(struct tw_arena *arena);

/* `bytes` rounded up to a multiple of TW_ALIGNMENT. */
static inline size_t tw_align_up(size_t bytes)
{
    return (bytes + (TW_ALIGNMENT - 1)) & ~(size_t)(TW_ALIGNMENT - 1);
}

#endif
