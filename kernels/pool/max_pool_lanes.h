/* Max pooling in lanes; included by pool_<isa>.c after the ISA's words header. */
#ifndef TOWER_KERNELS_POOL_MAX_POOL_LANES_H
#define TOWER_KERNELS_POOL_MAX_POOL_LANES_H

#include "kernels/pool/pool_lanes.h"

struct best {
    struct tw_lanes value;
    struct tw_words tap;
};

/* Takes the candidate where it is larger or NaN. */
static inline struct best better(struct best best, struct tw_lanes value, ptrdiff_t tap)
{
    const struct tw_mask take = tw_mask_or(tw_lanes_greater(value, best.value), tw_lanes_is_nan(value));

    best.value = tw_lanes_select(take, value, best.value);
    best.tap = tw_words_select(take, tw_words_set((uint32_t)tap), best.tap);
    return best;
}

static inline void store_best(float *y, uint16_t *winner, int count, struct best best)
{
    store_columns(y, count, best.value);
    if (count == TW_LANES) {
        tw_words_store_u16(winner, best.tap);
    } else {
        tw_words_store_u16_part(winner, count, best.tap);
    }
}

static inline void max_halving(const float *top, const float *bottom, int count, float *y, uint16_t *winner)
{
    struct best best = {.tap = tw_words_set(0)};
    struct tw_lanes top_right, bottom_left, bottom_right;

    load_split(top, count, &best.value, &top_right);
    load_split(bottom, count, &bottom_left, &bottom_right);
    best = better(best, top_right, 1);
    best = better(best, bottom_left, 2);
    best = better(best, bottom_right, 3);
    store_best(y, winner, count, best);
}

static void max_halving_planes(const struct tw_pool2d_shape *s, ptrdiff_t planes, const float *x, float *y,
                               uint16_t *winner)
{
    ptrdiff_t room = planes * s->out_height * s->out_width;

    for (ptrdiff_t plane = 0; plane < planes; plane++) {
        for (ptrdiff_t r = 0; r < s->out_height; r++) {
            const ptrdiff_t bottom = (2 * r + 1) * s->in_width;

            for (ptrdiff_t c = 0; c < s->out_width; c += TW_LANES) {
                const int count = columns_to_take(s->out_width - c, room - c);
                const float *left = x + bottom + 2 * c;

                if (count == TW_LANES) { /* a constant for the inlined body */
                    max_halving(left - s->in_width, left, TW_LANES, y + c, winner + c);
                } else {
                    max_halving(left - s->in_width, left, count, y + c, winner + c);
                }
            }
            y += s->out_width;
            winner += s->out_width;
            room -= s->out_width;
        }
        x += s->in_height * s->in_width;
    }
}

/* `count` neighbouring outputs with the same taps; x points at the (virtual) tap (0, 0) of the first. */
static inline void max_columns(const struct tw_pool2d_shape *s, const float *x, ptrdiff_t origin,
                               struct taps rows, struct taps columns, int count, float *y, uint16_t *winner)
{
    struct best best = {.tap = tw_words_set((uint32_t)(rows.first * s->kernel_width + columns.first))};

    best.value = load_columns(x + origin + rows.first * s->in_width + columns.first, count);
    for (ptrdiff_t u = rows.first; u < rows.last; u++) {
        for (ptrdiff_t v = columns.first + (u == rows.first); v < columns.last; v++) {
            best =
                better(best, load_columns(x + origin + u * s->in_width + v, count), u * s->kernel_width + v);
        }
    }
    store_best(y, winner, count, best);
}

static void max_stride1_plane(const struct tw_pool2d_shape *s, const float *x, float *y, uint16_t *winner)
{
    for (ptrdiff_t r = 0; r < s->out_height; r++) {
        const struct taps rows = taps_inside(r, s->stride[0], s->padding[0], s->kernel_height, s->in_height);
        const ptrdiff_t row = (r * s->stride[0] - s->padding[0]) * s->in_width;
        int count;

        for (ptrdiff_t c = 0; c < s->out_width; c += count) {
            const struct taps columns = taps_inside(c, 1, s->padding[1], s->kernel_width, s->in_width);

            count = columns_alike(s, &c);
            max_columns(s, x, row + c - s->padding[1], rows, columns, count, y + c, winner + c);
        }
        y += s->out_width;
        winner += s->out_width;
    }
}

void TW_VARIANT(tw_f32_max_pool2d_forward)(const struct tw_pool2d_shape *shape, ptrdiff_t planes,
                                           const float *x, float *y, uint16_t *winner)
{
    const ptrdiff_t in = shape->in_height * shape->in_width, out = shape->out_height * shape->out_width;

    if (is_halving(shape)) {
        max_halving_planes(shape, planes, x, y, winner);
    } else if (shape->stride[1] == 1) {
        for (ptrdiff_t plane = 0; plane < planes; plane++) {
            max_stride1_plane(shape, x + plane * in, y + plane * out, winner + plane * out);
        }
    } else {
        tw_f32_max_pool2d_forward__reference(shape, planes, x, y, winner);
    }
}

/* One row of dx below taps `left` and left + 1. The addition of +0 is the contract's: it turns -0 into +0. */
static inline void max_halving_gradient(const float *dy, const uint16_t *winner, ptrdiff_t left, int count,
                                        float *dx)
{
    const struct tw_lanes zero = tw_lanes_set(0.0f);
    const struct tw_lanes value = tw_lanes_add(zero, load_columns(dy, count));
    const struct tw_words tap =
        count == TW_LANES ? tw_words_load_u16(winner) : tw_words_load_u16_part(winner, count);
    const struct tw_mask is_left = tw_words_equal(tap, tw_words_set((uint32_t)left));
    const struct tw_mask is_right = tw_words_equal(tap, tw_words_set((uint32_t)left + 1));

    store_merged(dx, count, tw_lanes_keep(is_left, value), tw_lanes_keep(is_right, value));
}

static void max_halving_gradient_plane(const struct tw_pool2d_shape *s, const float *dy,
                                       const uint16_t *winner, float *dx, ptrdiff_t room)
{
    for (ptrdiff_t row = 0; row < s->in_height; row++) {
        const ptrdiff_t r = row / 2, out_row = r * s->out_width, in_row = row * s->in_width;
        ptrdiff_t column = 0;

        for (ptrdiff_t c = 0; r < s->out_height && c < s->out_width; c += TW_LANES) {
            const int count = columns_to_take(s->out_width - c, room - out_row - c);
            const ptrdiff_t out = out_row + c, left = row % 2 * 2;

            if (count == TW_LANES) { /* a constant for the inlined body */
                max_halving_gradient(dy + out, winner + out, left, TW_LANES, dx + in_row + 2 * c);
            } else {
                max_halving_gradient(dy + out, winner + out, left, count, dx + in_row + 2 * c);
            }
        }
        if (r < s->out_height) {
            column = 2 * s->out_width;
        }
        for (; column < s->in_width; column++) {
            dx[in_row + column] = 0.0f;
        }
    }
}

void TW_VARIANT(tw_f32_max_pool2d_gradient)(const struct tw_pool2d_shape *shape, ptrdiff_t planes,
                                            const float *dy, const uint16_t *winner, float *dx)
{
    const ptrdiff_t in = shape->in_height * shape->in_width, out = shape->out_height * shape->out_width;

    if (!is_halving(shape)) {
        tw_f32_max_pool2d_gradient__reference(shape, planes, dy, winner, dx);
        return;
    }
    for (ptrdiff_t plane = 0; plane < planes; plane++) {
        max_halving_gradient_plane(shape, dy + plane * out, winner + plane * out, dx + plane * in,
                                   (planes - plane) * out);
    }
}

#endif
