/* Winograd's transform of the input (conv_winograd.h). Four rows of pixels become four transformed rows down the columns, which is
 * a sum or a difference of two of them each, their pixels in even and in odd columns apart; then come the four points of each
 * along the row, where vectors of neighbouring columns are those of pairs before and behind:
 *
 *   columns of tile t, padding 1:    odd of pair t-1 | even of pair t | odd of pair t | even of pair t+1
 *
 * Nothing passes through memory in between: loads of what two stores have just written would wait for both.
 */
#include "kernels/conv/conv_winograd.h"
#include "kernels/simd/unroll.h"
#include "kernels/simd/winograd_lanes.h"

/* The first `count` of sixteen; below 1 none. */
static inline struct tw_lanes load_some(const float *x, ptrdiff_t column, ptrdiff_t count)
{
    if (count >= TW_WINOGRAD_LANES) {
        return tw_lanes_load(x + column);
    }
    return count < 1 ? tw_lanes_set(0.0f) : tw_lanes_load_part(x + column, (int)count);
}

/* Two rows of pixels of a tile, whose sum or difference one of four transformed rows is: d0 - d2, d1 + d2, d2 - d1, d1 - d3. */
struct rows {
    const float *first, *second;
    ptrdiff_t width;
    bool add;
};

/* Pixels of sixteen pairs of columns of a transformed row. */
struct pairs {
    struct tw_lanes even, odd;
};

TW_IN_PLACE struct tw_lanes combine(const struct rows *rows, struct tw_lanes first, struct tw_lanes second)
{
    return rows->add ? tw_lanes_add(first, second) : tw_lanes_sub(first, second);
}

/* Those from `column` on; 0 beyond the last. */
TW_IN_PLACE struct pairs load_pairs(const struct rows *rows, ptrdiff_t column)
{
    const ptrdiff_t rest = rows->width - column, behind = column + TW_WINOGRAD_LANES;
    struct tw_lanes a, b;
    struct pairs pairs;

    if (rest >= 2 * TW_WINOGRAD_LANES) {
        a = combine(rows, tw_lanes_load(rows->first + column), tw_lanes_load(rows->second + column));
        b = combine(rows, tw_lanes_load(rows->first + behind), tw_lanes_load(rows->second + behind));
    } else {
        a = combine(rows, load_some(rows->first, column, rest), load_some(rows->second, column, rest));
        b = combine(rows, load_some(rows->first, behind, rest - TW_WINOGRAD_LANES),
                    load_some(rows->second, behind, rest - TW_WINOGRAD_LANES));
    }
    tw_lanes_split(a, b, &pairs.even, &pairs.odd);
    return pairs;
}

/* A pixel of a transformed row, in all lanes; 0 beyond the last. */
TW_IN_PLACE struct tw_lanes load_pixel(const struct rows *rows, ptrdiff_t column)
{
    if (column >= rows->width) {
        return tw_lanes_set(0.0f);
    }
    return combine(rows, tw_lanes_set(rows->first[column]), tw_lanes_set(rows->second[column]));
}

/* The pair in front of `column`, in the last lanes. */
TW_IN_PLACE struct pairs load_pair_before(const struct rows *rows, ptrdiff_t column)
{
    if (column == 0) {
        return (struct pairs){tw_lanes_set(0.0f), tw_lanes_set(0.0f)};
    }
    return (struct pairs){load_pixel(rows, column - 2), load_pixel(rows, column - 1)};
}

/* The four points of sixteen tiles that come of one transformed row. The first column of a tile is `padding` columns in front of
 * its pair. */
TW_IN_PLACE void row_points(const int padding, const struct pairs *before, const struct pairs *own,
                            const struct pairs *behind, struct tw_lanes points[4])
{
    struct tw_lanes d0, d1, d2, d3;

    if (padding == 0) {
        d0 = own->even;
        d1 = own->odd;
        d2 = tw_lanes_next(own->even, behind->even);
        d3 = tw_lanes_next(own->odd, behind->odd);
    } else if (padding == 1) {
        d0 = tw_lanes_previous(before->odd, own->odd);
        d1 = own->even;
        d2 = own->odd;
        d3 = tw_lanes_next(own->even, behind->even);
    } else {
        d0 = tw_lanes_previous(before->even, own->even);
        d1 = tw_lanes_previous(before->odd, own->odd);
        d2 = own->even;
        d3 = own->odd;
    }
    winograd_input_step(d0, d1, d2, d3, points);
}

/* The four rows of pixels of a run. */
struct window {
    const float *row[4];
    ptrdiff_t width;
};

static inline struct window window_of(const struct tw_conv_winograd_planes *planes,
                                      const struct tw_conv_winograd_run *run, const float *source)
{
    const ptrdiff_t width = planes->source[1], top = 2 * run->row - planes->padding[0];
    struct window window = {.width = width};

    for (int k = 0; k < 4; k++) {
        const bool inside = top + k >= 0 && top + k < planes->source[0];

        window.row[k] = inside ? source + (top + k) * width : planes->zeros;
    }
    return window;
}

TW_IN_PLACE struct rows rows_of(const struct window *window, const int k)
{
    const int first = k == 0 ? 0 : k == 2 ? 2 : 1, second = k == 2 ? 1 : k == 3 ? 3 : 2;

    return (struct rows){window->row[first], window->row[second], window->width, k == 1};
}

TW_IN_PLACE void transform_row(const int padding, const struct rows *rows,
                               const struct tw_conv_winograd_run *run, float *v, ptrdiff_t point_step)
{
    const ptrdiff_t column = 2 * run->column;
    struct pairs before = load_pair_before(rows, column), own = load_pairs(rows, column);

    for (ptrdiff_t t = 0; t < run->tiles; t += TW_WINOGRAD_LANES) {
        const struct pairs behind = load_pairs(rows, column + 2 * (t + TW_WINOGRAD_LANES));
        struct tw_lanes points[4];

        row_points(padding, &before, &own, &behind, points);
        TW_UNROLL
        for (int c = 0; c < 4; c++) {
            tw_lanes_store(v + run->at + t + c * point_step, points[c]);
        }
        before = own;
        own = behind;
    }
}

TW_IN_PLACE void transform_window(const int padding, const struct window *window,
                                  const struct tw_conv_winograd_run *run, float *v, ptrdiff_t point_step)
{
    TW_UNROLL
    for (int k = 0; k < 4; k++) {
        const struct rows rows = rows_of(window, k);

        transform_row(padding, &rows, run, v + 4 * k * point_step, point_step);
    }
}

static void transform_input(const struct tw_conv_winograd_planes *planes,
                            const struct tw_conv_winograd_run *run, const float *source, float *v,
                            ptrdiff_t point_step)
{
    const struct window window = window_of(planes, run, source);

    if (planes->padding[1] == 1) {
        transform_window(1, &window, run, v, point_step);
    } else if (planes->padding[1] == 0) {
        transform_window(0, &window, run, v, point_step);
    } else {
        transform_window(2, &window, run, v, point_step);
    }
}

/* Two runs of up to seven tiles in the halves of a vector. What the last tile of the first one sees of the second is behind its
 * own pixels, and the pair in front of the second is the last of the first: zeros, beyond TW_WINOGRAD_NARROW columns. */
TW_IN_PLACE void transform_two_windows(const int padding, const struct window windows[2],
                                       const struct tw_conv_winograd_run *run, float *v, ptrdiff_t point_step)
{
    const struct pairs outside = {tw_lanes_set(0.0f), tw_lanes_set(0.0f)};

    TW_UNROLL
    for (int k = 0; k < 4; k++) {
        const struct rows a = rows_of(&windows[0], k), b = rows_of(&windows[1], k);
        struct tw_lanes points[4];
        struct pairs own;

        tw_lanes_split(combine(&a, load_some(a.first, 0, a.width), load_some(a.second, 0, a.width)),
                       combine(&b, load_some(b.first, 0, b.width), load_some(b.second, 0, b.width)),
                       &own.even, &own.odd);
        row_points(padding, &outside, &own, &outside, points);
        TW_UNROLL
        for (int c = 0; c < 4; c++) {
            float *to = v + (4 * k + c) * point_step;

            tw_lanes_store_halves(to + run[0].at, to + run[1].at, points[c]);
        }
    }
}

static void transform_two_inputs(const struct tw_conv_winograd_planes *planes,
                                 const struct tw_conv_winograd_run *run, const float *source,
                                 const float *second_source, float *v, ptrdiff_t point_step)
{
    const struct window windows[2] = {window_of(planes, &run[0], source),
                                      window_of(planes, &run[1], second_source)};

    if (planes->padding[1] == 1) {
        transform_two_windows(1, windows, run, v, point_step);
    } else if (planes->padding[1] == 0) {
        transform_two_windows(0, windows, run, v, point_step);
    } else {
        transform_two_windows(2, windows, run, v, point_step);
    }
}
