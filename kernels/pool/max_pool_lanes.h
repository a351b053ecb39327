/* Max pooling in lanes; included by pool_<isa>.c after the ISA's words header and MAX_POOL_FETCHES. */
#ifndef TOWER_KERNELS_POOL_MAX_POOL_LANES_H
#define TOWER_KERNELS_POOL_MAX_POOL_LANES_H

#include "kernels/pool/halving_lanes.h"
#include "kernels/simd/fetch.h"

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

/* The same for the four candidates of 2 x 2 windows, in pairs: without NaN a later one must be greater. */
static inline struct best best_of_four(struct tw_lanes top_left, struct tw_lanes top_right,
                                       struct tw_lanes bottom_left, struct tw_lanes bottom_right)
{
    const struct tw_lanes top = tw_lanes_max(top_right, top_left);
    const struct tw_lanes bottom = tw_lanes_max(bottom_right, bottom_left);
    const struct tw_mask below = tw_lanes_greater(bottom, top);
    const struct tw_words top_tap =
        tw_words_select(tw_lanes_greater(top_right, top_left), tw_words_set(1), tw_words_set(0));
    const struct tw_words bottom_tap =
        tw_words_select(tw_lanes_greater(bottom_right, bottom_left), tw_words_set(3), tw_words_set(2));

    if (tw_mask_any(tw_mask_or(tw_lanes_unordered(top_left, top_right),
                               tw_lanes_unordered(bottom_left, bottom_right)))) {
        struct best best = {.value = top_left, .tap = tw_words_set(0)};

        best = better(best, top_right, 1);
        best = better(best, bottom_left, 2);
        return better(best, bottom_right, 3);
    }
    return (struct best){tw_lanes_max(bottom, top), tw_words_select(below, bottom_tap, top_tap)};
}

struct max_halving {
    const float *x;
    float *y;
    uint16_t *winner;
};

/* What groups further on load, four lines each, where the including file has it so. */
TW_IN_PLACE void fetch_ahead(const float *x)
{
    TW_UNROLL
    for (int line = 0; line < 4 * MAX_POOL_FETCHES; line++) {
        tw_fetch(x, 1024 + 16 * line);
    }
}

TW_IN_PLACE void max_halve(const void *operands, const struct halving *group, ptrdiff_t in_width)
{
    const struct max_halving *o = operands;
    const float *x = o->x + group->in;
    uint16_t *winner = o->winner + group->out;
    struct tw_lanes top_left, top_right, bottom_left, bottom_right;
    struct best best;

    fetch_ahead(x);
    load_split(group, x, &top_left, &top_right);
    load_split(group, x + in_width, &bottom_left, &bottom_right);
    best = best_of_four(top_left, top_right, bottom_left, bottom_right);
    store_outputs(group, o->y + group->out, best.value);
    if (group->count == TW_LANES) {
        tw_words_store_u16_halves(winner, winner + group->out_step, best.tap);
    } else {
        tw_words_store_u16_part(winner, group->count, best.tap);
    }
}

static void max_halving_planes(const struct tw_pool2d_shape *shape, ptrdiff_t planes, struct max_halving o)
{
    const struct tw_pool2d_shape s = as_one_plane(shape, &planes);
    const ptrdiff_t out = s.out_height * s.out_width;

    for (; planes > 0; planes--) {
        halve_plane(&s, planes * out, max_halve, &o);
        o = (struct max_halving){o.x + s.in_height * s.in_width, o.y + out, o.winner + out};
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
        max_halving_planes(shape, planes, (struct max_halving){x, y, winner});
    } else if (shape->stride[1] == 1) {
        for (ptrdiff_t plane = 0; plane < planes; plane++) {
            max_stride1_plane(shape, x + plane * in, y + plane * out, winner + plane * out);
        }
    } else {
        tw_f32_max_pool2d_forward__reference(shape, planes, x, y, winner);
    }
}

struct max_halving_gradient {
    const float *dy;
    const uint16_t *winner;
    float *dx;
};

/* The addition of +0 is the contract's: it turns -0 into +0. */
TW_IN_PLACE void max_halve_gradient(const void *operands, const struct halving *group, ptrdiff_t in_width)
{
    const struct max_halving_gradient *o = operands;
    const uint16_t *winner = o->winner + group->out;
    const struct tw_lanes value = tw_lanes_add(tw_lanes_set(0.0f), load_outputs(group, o->dy + group->out));
    const struct tw_words tap = group->count == TW_LANES
                                    ? tw_words_load_u16_halves(winner, winner + group->out_step)
                                    : tw_words_load_u16_part(winner, group->count);
    struct tw_lanes dx[4];

    TW_UNROLL
    for (uint32_t t = 0; t < 4; t++) {
        dx[t] = tw_lanes_keep(tw_words_equal(tap, tw_words_set(t)), value);
    }
    store_merged(group, o->dx + group->in, in_width, dx, dx + 2);
}

void TW_VARIANT(tw_f32_max_pool2d_gradient)(const struct tw_pool2d_shape *shape, ptrdiff_t planes,
                                            const float *dy, const uint16_t *winner, float *dx)
{
    ptrdiff_t planes_left = planes;
    struct tw_pool2d_shape s;
    struct max_halving_gradient o = {dy, winner, dx};

    if (!is_halving(shape)) {
        tw_f32_max_pool2d_gradient__reference(shape, planes, dy, winner, dx);
        return;
    }
    s = as_one_plane(shape, &planes_left);
    for (; planes_left > 0; planes_left--) {
        const ptrdiff_t out = s.out_height * s.out_width;

        halve_plane(&s, planes_left * out, max_halve_gradient, &o);
        clear_outside(&s, o.dx);
        o = (struct max_halving_gradient){o.dy + out, o.winner + out, o.dx + s.in_height * s.in_width};
    }
}

#endif
