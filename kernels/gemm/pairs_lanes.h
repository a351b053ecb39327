/* The bodies of pairs.h in lanes; included after the lanes of an ISA.
 *
 * Rows are taken in ascending order, sixteen lanes at a time, and what a vector has beyond the end of a row is written again by the
 * next one: only at the end of all rows is it a part.
 */
#ifndef TOWER_KERNELS_GEMM_PAIRS_LANES_H
#define TOWER_KERNELS_GEMM_PAIRS_LANES_H

#include "kernels/elementwise/elementwise.h"
#include "kernels/gemm/pairs.h"

/* As far as there are numbers before `end`; the other lanes are 0. */
static inline struct tw_lanes pairs_load(const float *x, ptrdiff_t rest)
{
    return rest >= TW_LANES ? tw_lanes_load(x)
           : rest > 0       ? tw_lanes_load_part(x, (int)rest)
                            : tw_lanes_set(0.0f);
}

/* As far as there is room. */
static inline void pairs_store(float *y, ptrdiff_t room, struct tw_lanes a)
{
    if (room >= TW_LANES) {
        tw_lanes_store(y, a);
    } else if (room > 0) {
        tw_lanes_store_part(y, (int)room, a);
    }
}

void TW_VARIANT(tw_f32_take_pairs)(ptrdiff_t rows, ptrdiff_t count, const float *src, ptrdiff_t src_row,
                                   float *dst)
{
    ptrdiff_t there = (rows - 1) * src_row + 2 * count - 1, room = rows * count;

    for (ptrdiff_t r = 0; r < rows; r++, src += src_row, there -= src_row, dst += count, room -= count) {
        for (ptrdiff_t j = 0; j < count; j += TW_LANES) {
            struct tw_lanes even, odd;

            tw_lanes_split(pairs_load(src + 2 * j, there - 2 * j),
                           pairs_load(src + 2 * j + TW_LANES, there - 2 * j - TW_LANES), &even, &odd);
            pairs_store(dst + j, room - j, even);
        }
    }
}

void TW_VARIANT(tw_f32_put_pairs)(ptrdiff_t rows, ptrdiff_t count, const float *src, ptrdiff_t zeros,
                                  float *dst)
{
    const struct tw_lanes zero = tw_lanes_set(0.0f);
    const ptrdiff_t row = 2 * count + zeros;
    ptrdiff_t room = rows * row;

    for (ptrdiff_t r = 0; r < rows; r++, src += count, dst += row, room -= row) {
        ptrdiff_t at = 0;

        for (ptrdiff_t j = 0; j < count; j += TW_LANES, at += 2 * TW_LANES) {
            struct tw_lanes first, second;

            tw_lanes_merge(pairs_load(src + j, count - j), zero, &first, &second);
            pairs_store(dst + at, room - at, first);
            pairs_store(dst + at + TW_LANES, room - at - TW_LANES, second);
        }
        for (; at < row; at += TW_LANES) {
            pairs_store(dst + at, room - at, zero);
        }
    }
}

#endif
