/* What the max and the average pooling bodies share; included after an ISA's words header.
 *
 * Two shapes are worth lanes, sixteen output columns at a time:
 *   halving   2 x 2 windows, stride 2, no padding (halving_lanes.h): the columns of a window are split or merged by
 *             shuffles
 *   stride 1  forward only: taps (u, v) of neighbouring outputs are neighbours
 *
 * Everything else is the reference, which the results equal anyway.
 */
#ifndef TOWER_KERNELS_POOL_POOL_LANES_H
#define TOWER_KERNELS_POOL_POOL_LANES_H

#include "kernels/elementwise/elementwise.h"
#include "kernels/pool/pool.h"

/* Taps first … last-1 of a window in one direction lie inside the image. */
struct taps {
    ptrdiff_t first, last;
};

static inline struct taps taps_inside(ptrdiff_t out, ptrdiff_t stride, ptrdiff_t padding, ptrdiff_t kernel,
                                      ptrdiff_t in)
{
    const ptrdiff_t begin = out * stride - padding;

    return (struct taps){begin < 0 ? -begin : 0, in - begin < kernel ? in - begin : kernel};
}

/* How many neighbouring outputs from column *c on take the same taps, at most 16. With stride 1 those are the
 * columns whose window lies inside the image; at its edges each column is on its own. The last group of a
 * long enough row steps back to be a whole one: its first columns are written twice, with the same values. */
static inline int columns_alike(const struct tw_pool2d_shape *s, ptrdiff_t *c)
{
    const ptrdiff_t begin = s->padding[1];
    const ptrdiff_t inside = s->in_width - s->kernel_width + s->padding[1] + 1;
    const ptrdiff_t end = inside < s->out_width ? inside : s->out_width;

    if (*c < begin || *c >= end) {
        return 1;
    }
    if (end - *c < TW_LANES && end - begin >= TW_LANES) {
        *c = end - TW_LANES;
    }
    return end - *c < TW_LANES ? (int)(end - *c) : TW_LANES;
}

static inline struct tw_lanes load_columns(const float *x, int count)
{
    return count == TW_LANES ? tw_lanes_load(x) : tw_lanes_load_part(x, count);
}

static inline void store_columns(float *y, int count, struct tw_lanes a)
{
    if (count == TW_LANES) {
        tw_lanes_store(y, a);
    } else {
        tw_lanes_store_part(y, count, a);
    }
}

#endif
