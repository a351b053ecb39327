/* The bodies of pairs.h in lanes; included after the lanes of an ISA.
 *
 * Rows are taken in ascending order, sixteen lanes at a time, and what a vector has beyond the end of a row is written again by the
 * next one: only at the end of all rows is it a part.
 */
#ifndef TOWER_KERNELS_GEMM_PAIRS_LANES_H
#define TOWER_KERNELS_GEMM_PAIRS_LANES_H

#include "kernels/elementwise/elementwise.h"
#include "kernels/gemm/pairs.h"

/* Sixteen of `count` numbers, from number `at` on; the lanes behind the last are 0. */
static inline struct tw_lanes pairs_load(const float *x, ptrdiff_t at, ptrdiff_t count)
{
    return count - at >= TW_LANES ? tw_lanes_load(x + at)
           : count > at           ? tw_lanes_load_part(x + at, (int)(count - at))
                                  : tw_lanes_set(0.0f);
}

/* To `at` and behind, as far as there are `count` places. */
static inline void pairs_store(float *y, ptrdiff_t at, ptrdiff_t count, struct tw_lanes a)
{
    if (count - at >= TW_LANES) {
        tw_lanes_store(y + at, a);
    } else if (count > at) {
        tw_lanes_store_part(y + at, (int)(count - at), a);
    }
}

void TW_VARIANT(tw_f32_take_pairs)(ptrdiff_t rows, ptrdiff_t count, const float *src, ptrdiff_t src_row,
                                   float *dst)
{
    const ptrdiff_t numbers = (rows - 1) * src_row + 2 * count - 1;

    for (ptrdiff_t r = 0; r < rows; r++) {
        for (ptrdiff_t j = 0; j < count; j += TW_LANES) {
            const ptrdiff_t from = r * src_row + 2 * j;
            struct tw_lanes even, odd;

            tw_lanes_split(pairs_load(src, from, numbers), pairs_load(src, from + TW_LANES, numbers), &even,
                           &odd);
            pairs_store(dst, r * count + j, rows * count, even);
        }
    }
}

void TW_VARIANT(tw_f32_put_pairs)(ptrdiff_t rows, ptrdiff_t count, const float *src, ptrdiff_t zeros,
                                  float *dst)
{
    const struct tw_lanes zero = tw_lanes_set(0.0f);
    const ptrdiff_t row = 2 * count + zeros, places = rows * row;

    for (ptrdiff_t r = 0; r < rows; r++) {
        const ptrdiff_t end = (r + 1) * row;
        ptrdiff_t at = r * row;

        for (ptrdiff_t j = 0; j < count; j += TW_LANES, at += 2 * TW_LANES) {
            struct tw_lanes first, second;

            tw_lanes_merge(pairs_load(src, r * count + j, (r + 1) * count), zero, &first, &second);
            pairs_store(dst, at, places, first);
            pairs_store(dst, at + TW_LANES, places, second);
        }
        for (; at < end; at += TW_LANES) {
            pairs_store(dst, at, places, zero);
        }
    }
}

#endif
