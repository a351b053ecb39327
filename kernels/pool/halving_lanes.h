/* How sixteen lanes go over the outputs of 2 x 2 windows in steps of 2; included after an ISA's words header.
 *
 * Rows of at least 16 outputs: sixteen neighbours at a time, the last group stepping back to end with its row
 * (its first columns are made twice, with the same values). Shorter rows: one group, which runs over the end of its
 * row. Rows of at most 8: a pair of them, eight lanes each. What runs over a row's end is written again by a later
 * row, for rows are taken in ascending order; the inputs of it are there as well: a of the outputs in this row have
 * 2 a inputs left in the row, the others, in later rows, 4 each, and 2 a + 4 (16 - a) >= 32. Only at the end of the
 * last plane is there no room for that; a group has fewer lanes there. Masked tails everywhere would be several times
 * slower, and rows of 14 or 7 are nothing but tails.
 */
#ifndef TOWER_KERNELS_POOL_HALVING_LANES_H
#define TOWER_KERNELS_POOL_HALVING_LANES_H

#include <stdbool.h>
#include <string.h>

#include "kernels/pool/pool_lanes.h"
#include "kernels/simd/unroll.h"

#define HALF_LANES (TW_LANES / 2)

static inline bool is_halving(const struct tw_pool2d_shape *s)
{
    return s->kernel_height == 2 && s->kernel_width == 2 && s->stride[0] == 2 && s->stride[1] == 2 &&
           s->padding[0] == 0 && s->padding[1] == 0 && s->in_height >= 2 * s->out_height &&
           s->in_width >= 2 * s->out_width;
}

/* A group: its first output, the first input of that one's window, and how many lanes it has. Where there are
 * sixteen, the upper eight lie out_step and in_step further on. */
struct halving {
    ptrdiff_t out, in, out_step, in_step;
    int count;
    bool pair; /* the upper eight belong to the next row */
};

#define NEIGHBOURS(out, in) ((struct halving){out, in, HALF_LANES, TW_LANES, TW_LANES, false})

typedef void halve_fn(const void *operands, const struct halving *group, ptrdiff_t in_width);

/* The rows of a plane. `room`: outputs from its first row to the end of all planes. */
TW_IN_PLACE void halve_plane(const struct tw_pool2d_shape *s, ptrdiff_t room, halve_fn *halve,
                             const void *operands)
{
    const ptrdiff_t rows = s->out_height, width = s->out_width, in_row = 2 * s->in_width;
    ptrdiff_t r = 0;

    if (width <= HALF_LANES) {
        for (; r + 1 < rows && room - r * width >= width + HALF_LANES; r += 2) {
            halve(operands, &(struct halving){r * width, r * in_row, width, in_row, TW_LANES, true},
                  s->in_width);
        }
    }
    for (; width < TW_LANES && r < rows && room - r * width >= TW_LANES; r++) {
        halve(operands, &NEIGHBOURS(r * width, r * in_row), s->in_width);
    }
    for (; width >= TW_LANES && r < rows; r++) {
        for (ptrdiff_t c = 0; c < width; c += TW_LANES) {
            const ptrdiff_t first = width - c < TW_LANES ? width - TW_LANES : c;

            halve(operands, &NEIGHBOURS(r * width + first, r * in_row + 2 * first), s->in_width);
        }
    }
    for (; r < rows; r++) { /* here a row has fewer than sixteen */
        halve(operands, &(struct halving){.out = r * width, .in = r * in_row, .count = (int)width},
              s->in_width);
    }
}

/* The planes as one, where no row lies between them; then `planes` becomes 1 (or stays 0). */
static inline struct tw_pool2d_shape as_one_plane(const struct tw_pool2d_shape *shape, ptrdiff_t *planes)
{
    struct tw_pool2d_shape s = *shape;

    if (s.in_height == 2 * s.out_height) {
        s.in_height *= *planes;
        s.out_height *= *planes;
        *planes = *planes > 0;
    }
    return s;
}

/* --- what a group loads and stores: of its 2 x count inputs in a row, and of its outputs ------------------- */

static inline void load_split(const struct halving *group, const float *x, struct tw_lanes *even,
                              struct tw_lanes *odd)
{
    const int count = group->count, both = 2 * count;

    if (count == TW_LANES) {
        tw_lanes_split(tw_lanes_load(x), tw_lanes_load(x + group->in_step), even, odd);
        return;
    }
    tw_lanes_split(load_columns(x, both < TW_LANES ? both : TW_LANES),
                   both > TW_LANES ? load_columns(x + TW_LANES, both - TW_LANES) : tw_lanes_set(0.0f), even,
                   odd);
}

static inline struct tw_lanes load_outputs(const struct halving *group, const float *y)
{
    return group->count == TW_LANES ? tw_lanes_load_halves(y, y + group->out_step)
                                    : tw_lanes_load_part(y, group->count);
}

static inline void store_outputs(const struct halving *group, float *y, struct tw_lanes a)
{
    if (group->count == TW_LANES) {
        tw_lanes_store_halves(y, y + group->out_step, a);
    } else {
        tw_lanes_store_part(y, group->count, a);
    }
}

/* Two rows of inputs below the group's outputs, `width` apart, in ascending order where rows are a pair. */
static inline void store_merged(const struct halving *group, float *x, ptrdiff_t width,
                                const struct tw_lanes top[2], const struct tw_lanes bottom[2])
{
    const int both = 2 * group->count;
    struct tw_lanes upper[2], lower[2];

    tw_lanes_merge(top[0], top[1], &upper[0], &upper[1]);
    tw_lanes_merge(bottom[0], bottom[1], &lower[0], &lower[1]);
    if (group->pair) {
        tw_lanes_store(x, upper[0]);
        tw_lanes_store(x + width, lower[0]);
        tw_lanes_store(x + group->in_step, upper[1]);
        tw_lanes_store(x + group->in_step + width, lower[1]);
        return;
    }
    store_columns(x, both < TW_LANES ? both : TW_LANES, upper[0]);
    if (both > TW_LANES) {
        store_columns(x + TW_LANES, both - TW_LANES, upper[1]);
    }
    store_columns(x + width, both < TW_LANES ? both : TW_LANES, lower[0]);
    if (both > TW_LANES) {
        store_columns(x + width + TW_LANES, both - TW_LANES, lower[1]);
    }
}

/* --- the gradients' rest ---------------------------------------------------------------------------------- */

/* Zeros in the inputs of a plane that are in no window. After its groups: they write there too. */
static inline void clear_outside(const struct tw_pool2d_shape *s, float *dx)
{
    const ptrdiff_t rows = 2 * s->out_height, columns = 2 * s->out_width, gap = s->in_width - columns;

    for (ptrdiff_t row = 0; gap > 0 && row < rows; row++) {
        memset(dx + row * s->in_width + columns, 0, (size_t)gap * sizeof *dx);
    }
    memset(dx + rows * s->in_width, 0, (size_t)((s->in_height - rows) * s->in_width) * sizeof *dx);
}

#endif
