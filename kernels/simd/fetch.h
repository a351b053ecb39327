/* Lines asked for ahead of their use. */
#ifndef TOWER_KERNELS_SIMD_FETCH_H
#define TOWER_KERNELS_SIMD_FETCH_H

#include <stddef.h>
#include <stdint.h>

/* Asks for the line `floats` behind `from`. An address of any value, since nothing need be there: a pointer goes no further than
 * behind the last element. */
static inline __attribute__((always_inline)) void tw_fetch(const float *from, ptrdiff_t floats)
{
    __builtin_prefetch((const void *)((uintptr_t)from + (uintptr_t)floats * sizeof *from));
}

/* The same of a line that will be written: other cores give up their copies of it meanwhile. */
static inline __attribute__((always_inline)) void tw_fetch_to_write(const float *from, ptrdiff_t floats)
{
    __builtin_prefetch((const void *)((uintptr_t)from + (uintptr_t)floats * sizeof *from), 1);
}

#endif
