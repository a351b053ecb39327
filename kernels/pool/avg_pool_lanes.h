/* Average pooling in lanes; included by pool_<isa>.c after the ISA's words header. */
#ifndef TOWER_KERNELS_POOL_AVG_POOL_LANES_H
#define TOWER_KERNELS_POOL_AVG_POOL_LANES_H

#include "kernels/pool/halving_lanes.h"

struct avg_halving {
    const float *x;
    float *y;
};

TW_IN_PLACE void avg_halve(const void *operands, const struct halving *group, ptrdiff_t in_width)
{
    const struct avg_halving *o = operands;
    const float *x = o->x + group->in;
    struct tw_lanes left, right, sum = tw_lanes_set(0.0f);

    load_split(group, x, &left, &right);
    sum = tw_lanes_add(tw_lanes_add(sum, left), right);
    load_split(group, x + in_width, &left, &right);
    sum = tw_lanes_add(tw_lanes_add(sum, left), right);
    store_outputs(group, o->y + group->out, tw_lanes_div(sum, tw_lanes_set(4.0f)));
}

static void avg_halving_planes(const struct tw_pool2d_shape *shape, ptrdiff_t planes, struct avg_halving o)
{
    const struct tw_pool2d_shape s = as_one_plane(shape, &planes);
    const ptrdiff_t out = s.out_height * s.out_width;

    for (; planes > 0; planes--) {
        halve_plane(&s, planes * out, avg_halve, &o);
        o = (struct avg_halving){o.x + s.in_height * s.in_width, o.y + out};
    }
}

/* `count` neighbouring outputs with the same taps, the (virtual) tap (0, 0) of the first at x[origin]. */
static inline void avg_columns(const struct tw_pool2d_shape *s, const float *x, ptrdiff_t origin,
                               struct taps rows, struct taps columns, int count, float *y)
{
    const ptrdiff_t inside = (rows.last - rows.first) * (columns.last - columns.first);
    const ptrdiff_t divisor = s->count_include_pad ? s->kernel_height * s->kernel_width : inside;
    struct tw_lanes sum = tw_lanes_set(0.0f);

    for (ptrdiff_t u = rows.first; u < rows.last; u++) {
        for (ptrdiff_t v = columns.first; v < columns.last; v++) {
            sum = tw_lanes_add(sum, load_columns(x + origin + u * s->in_width + v, count));
        }
    }
    store_columns(y, count, tw_lanes_div(sum, tw_lanes_set((float)divisor)));
}

static void avg_stride1_plane(const struct tw_pool2d_shape *s, const float *x, float *y)
{
    for (ptrdiff_t r = 0; r < s->out_height; r++) {
        const struct taps rows = taps_inside(r, s->stride[0], s->padding[0], s->kernel_height, s->in_height);
        const ptrdiff_t row = (r * s->stride[0] - s->padding[0]) * s->in_width;
        int count;

        for (ptrdiff_t c = 0; c < s->out_width; c += count) {
            const struct taps columns = taps_inside(c, 1, s->padding[1], s->kernel_width, s->in_width);

            count = columns_alike(s, &c);
            avg_columns(s, x, row + c - s->padding[1], rows, columns, count, y + c);
        }
        y += s->out_width;
    }
}

void TW_VARIANT(tw_f32_avg_pool2d_forward)(const struct tw_pool2d_shape *shape, ptrdiff_t planes,
                                           const float *x, float *y)
{
    const ptrdiff_t in = shape->in_height * shape->in_width, out = shape->out_height * shape->out_width;

    if (is_halving(shape)) {
        avg_halving_planes(shape, planes, (struct avg_halving){x, y});
    } else if (shape->stride[1] == 1) {
        for (ptrdiff_t plane = 0; plane < planes; plane++) {
            avg_stride1_plane(shape, x + plane * in, y + plane * out);
        }
    } else {
        tw_f32_avg_pool2d_forward__reference(shape, planes, x, y);
    }
}

struct avg_halving_gradient {
    const float *dy;
    float *dx;
};

TW_IN_PLACE void avg_halve_gradient(const void *operands, const struct halving *group, ptrdiff_t in_width)
{
    const struct avg_halving_gradient *o = operands;
    const struct tw_lanes quarter = tw_lanes_div(load_outputs(group, o->dy + group->out), tw_lanes_set(4.0f));
    const struct tw_lanes value = tw_lanes_add(tw_lanes_set(0.0f), quarter);
    const struct tw_lanes dx[2] = {value, value};

    store_merged(group, o->dx + group->in, in_width, dx, dx);
}

void TW_VARIANT(tw_f32_avg_pool2d_gradient)(const struct tw_pool2d_shape *shape, ptrdiff_t planes,
                                            const float *dy, float *dx)
{
    ptrdiff_t planes_left = planes;
    struct tw_pool2d_shape s;
    struct avg_halving_gradient o = {dy, dx};

    if (!is_halving(shape)) {
        tw_f32_avg_pool2d_gradient__reference(shape, planes, dy, dx);
        return;
    }
    s = as_one_plane(shape, &planes_left);
    for (; planes_left > 0; planes_left--) {
        const ptrdiff_t out = s.out_height * s.out_width;

        halve_plane(&s, planes_left * out, avg_halve_gradient, &o);
        clear_outside(&s, o.dx);
        o = (struct avg_halving_gradient){o.dy + out, o.dx + s.in_height * s.in_width};
    }
}

#endif
