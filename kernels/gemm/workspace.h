/* Division of a caller's workspace into arrays. The same code counts the bytes and hands out the pointers, so
 * that the two cannot disagree:
 *
 *   base |<- first array ->|padding|<- second array ->|padding| …      every array begins on a cache line
 *
 * Private to kernels/.
 */
#ifndef TOWER_KERNELS_GEMM_WORKSPACE_H
#define TOWER_KERNELS_GEMM_WORKSPACE_H

#include <stddef.h>

struct tw_workspace {
    char *base; /* NULL: only count */
    size_t used;
};

/* The next array, of `count` elements of `size` bytes; NULL when only counting. */
static inline void *tw_workspace_take(struct tw_workspace *workspace, ptrdiff_t count, size_t size)
{
    void *array = workspace->base ? workspace->base + workspace->used : NULL;

    workspace->used += ((size_t)count * size + 63) / 64 * 64;
    return array;
}

#endif
