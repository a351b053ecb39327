/* Average pooling in lanes; included by pool_<isa>.c after the ISA's words header. */
#ifndef TOWER_KERNELS_POOL_AVG_POOL_LANES_H
#define TOWER_KERNELS_POOL_AVG_POOL_LANES_H

#include "kernels/pool/pool_lanes.h"

static inline void avg_halving(const float *top, const float *bottom, int count, float *y)
{
    struct tw_lanes left, right, sum = tw_lanes_set(0.0f);

    load_split(top, count, &left, &right);
    sum = tw_lanes_add(tw_lanes_add(sum, left), right);
    load_split(bottom, count, &left, &right);
    sum = tw_lanes_add(tw_lanes_add(sum, left), right);
    store_columns(y, count, tw_lanes_div(sum, tw_lanes_set(4.0f)));
}

static void avg_halving_planes(const struct tw_pool2d_shape *s, ptrdiff_t planes, const float *x, float *y)
{
    ptrdiff_t room = planes * s->out_height * s->out_width;

    for (ptrdiff_t plane = 0; plane < planes; plane++) {
        for (ptrdiff_t r = 0; r < s->out_height; r++) {
            const ptrdiff_t bottom = (2 * r + 1) * s->in_width;

            for (ptrdiff_t c = 0; c < s->out_width; c += TW_LANES) {
                const int count = columns_to_take(s->out_width - c, room - c);
                const float *left = x + bottom + 2 * c;

                if (count == TW_LANES) { /* a constant for the inlined body */
                    avg_halving(left - s->in_width, left, TW_LANES, y + c);
                } else {
                    avg_halving(left - s->in_width, left, count, y + c);
                }
            }
            y += s->out_width;
            room -= s->out_width;
        }
        x += s->in_height * s->in_width;
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
        avg_halving_planes(shape, planes, x, y);
    } else if (shape->stride[1] == 1) {
        for (ptrdiff_t plane = 0; plane < planes; plane++) {
            avg_stride1_plane(shape, x + plane * in, y + plane * out);
        }
    } else {
        tw_f32_avg_pool2d_forward__reference(shape, planes, x, y);
    }
}

static void avg_halving_gradient_plane(const struct tw_pool2d_shape *s, const float *dy, float *dx,
                                       ptrdiff_t room)
{
    const struct tw_lanes zero = tw_lanes_set(0.0f), four = tw_lanes_set(4.0f);

    for (ptrdiff_t row = 0; row < s->in_height; row++) {
        const ptrdiff_t r = row / 2, out_row = r * s->out_width, in_row = row * s->in_width;
        ptrdiff_t column = 0;

        for (ptrdiff_t c = 0; r < s->out_height && c < s->out_width; c += TW_LANES) {
            const int count = columns_to_take(s->out_width - c, room - out_row - c);
            const struct tw_lanes value =
                tw_lanes_add(zero, tw_lanes_div(load_columns(dy + out_row + c, count), four));

            store_merged(dx + in_row + 2 * c, count, value, value);
        }
        if (r < s->out_height) {
            column = 2 * s->out_width;
        }
        for (; column < s->in_width; column++) {
            dx[in_row + column] = 0.0f;
        }
    }
}

void TW_VARIANT(tw_f32_avg_pool2d_gradient)(const struct tw_pool2d_shape *shape, ptrdiff_t planes,
                                            const float *dy, float *dx)
{
    const ptrdiff_t in = shape->in_height * shape->in_width, out = shape->out_height * shape->out_width;

    if (!is_halving(shape)) {
        tw_f32_avg_pool2d_gradient__reference(shape, planes, dy, dx);
        return;
    }
    for (ptrdiff_t plane = 0; plane < planes; plane++) {
        avg_halving_gradient_plane(shape, dy + plane * out, dx + plane * in, (planes - plane) * out);
    }
}

#endif
