/* Winograd's transform of the input (conv_winograd.h). Four rows of pixels become four transformed rows down the columns, which is
 * a sum or a difference of two of them each (six become six, of three or four each), their pixels in even and in odd columns apart;
 * then come the four points of each along the row, where vectors of neighbouring columns are those of pairs before and behind:
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

/* Rows of pixels of a tile, and which transformed row is made of them: the sum or difference of two, or, of tiles of four rows, what
 * conv.h says of V's first and last row, of three, and of the rows between, of four from the second on. */
enum kind { DIFFERENCE, SUM, OUTER, AT_A, AT_MINUS_A, AT_B, AT_MINUS_B };

struct rows {
    const float *row[4];
    ptrdiff_t width;
    enum kind kind;
};

/* Pixels of sixteen pairs of columns of a transformed row. */
struct pairs {
    struct tw_lanes even, odd;
};

/* Columns of a row of pixels: sixteen, the first of them, one in all lanes. */
enum span { WHOLE, SOME, ONE };

TW_IN_PLACE struct tw_lanes take(const float *row, enum span span, ptrdiff_t column, ptrdiff_t count)
{
    return span == WHOLE  ? tw_lanes_load(row + column)
           : span == SOME ? load_some(row, column, count)
                          : tw_lanes_set(row[column]);
}

/* (d3 - c d1) p + (d4 - c d2) */
TW_IN_PLACE struct tw_lanes at_point(float c, float p, const struct tw_lanes d[4])
{
    const struct tw_lanes minus = tw_lanes_set(-c), even = tw_lanes_fma(minus, d[1], d[3]);

    return tw_lanes_fma(tw_lanes_set(p), tw_lanes_fma(minus, d[0], d[2]), even);
}

/* (d2 - s d1) + q d0 */
TW_IN_PLACE struct tw_lanes outermost(const struct tw_lanes d[4])
{
    return tw_lanes_fma(tw_lanes_set(TW_WINOGRAD_Q), d[0],
                        tw_lanes_fma(tw_lanes_set(-TW_WINOGRAD_S), d[1], d[2]));
}

TW_IN_PLACE struct tw_lanes combine(const struct rows *rows, enum span span, ptrdiff_t column,
                                    ptrdiff_t count)
{
    const int used = rows->kind <= SUM ? 2 : rows->kind == OUTER ? 3 : 4;
    struct tw_lanes d[4];

    TW_UNROLL
    for (int i = 0; i < used; i++) {
        d[i] = take(rows->row[i], span, column, count);
    }
    switch (rows->kind) {
    case DIFFERENCE:
        return tw_lanes_sub(d[0], d[1]);
    case SUM:
        return tw_lanes_add(d[0], d[1]);
    case OUTER:
        return outermost(d);
    case AT_A:
        return at_point(TW_WINOGRAD_B2, TW_WINOGRAD_A, d);
    case AT_MINUS_A:
        return at_point(TW_WINOGRAD_B2, -TW_WINOGRAD_A, d);
    case AT_B:
        return at_point(TW_WINOGRAD_A2, TW_WINOGRAD_B, d);
    default:
        return at_point(TW_WINOGRAD_A2, -TW_WINOGRAD_B, d);
    }
}

/* Those from `column` on; 0 beyond the last. */
TW_IN_PLACE struct pairs load_pairs(const struct rows *rows, ptrdiff_t column)
{
    const ptrdiff_t rest = rows->width - column, behind = column + TW_WINOGRAD_LANES;
    struct tw_lanes a, b;
    struct pairs pairs;

    if (rest >= 2 * TW_WINOGRAD_LANES) {
        a = combine(rows, WHOLE, column, 0);
        b = combine(rows, WHOLE, behind, 0);
    } else {
        a = combine(rows, SOME, column, rest);
        b = combine(rows, SOME, behind, rest - TW_WINOGRAD_LANES);
    }
    tw_lanes_split(a, b, &pairs.even, &pairs.odd);
    return pairs;
}

/* A pixel of a transformed row, in all lanes; 0 beyond the last. */
TW_IN_PLACE struct tw_lanes load_pixel(const struct rows *rows, ptrdiff_t column)
{
    return column < rows->width ? combine(rows, ONE, column, 0) : tw_lanes_set(0.0f);
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

/* The four or six rows of pixels of a run. */
struct window {
    const float *row[6];
    ptrdiff_t width;
};

TW_IN_PLACE struct window window_of(const ptrdiff_t tile_rows, const struct tw_conv_winograd_planes *planes,
                                    const struct tw_conv_winograd_run *run, const float *source)
{
    const ptrdiff_t width = planes->source[1], top = tile_rows * run->row - planes->padding[0];
    struct window window = {.width = width};

    for (int k = 0; k < tile_rows + 2; k++) {
        const bool inside = top + k >= 0 && top + k < planes->source[0];

        window.row[k] = inside ? source + (top + k) * width : planes->zeros;
    }
    return window;
}

/* What transformed row k of tiles of two rows is made of: d0 - d2, d1 + d2, d2 - d1, d1 - d3. */
TW_IN_PLACE struct rows rows_of(const struct window *window, const int k)
{
    const int first = k == 0 ? 0 : k == 2 ? 2 : 1, second = k == 2 ? 1 : k == 3 ? 3 : 2;

    return (struct rows){{window->row[first], window->row[second]}, window->width, k == 1 ? SUM : DIFFERENCE};
}

/* The same of tiles of four rows. */
TW_IN_PLACE struct rows tall_rows_of(const struct window *window, const int k)
{
    const int first = k == 0 ? 0 : 1;

    if (k == 0 || k == 5) {
        return (struct rows){
            {window->row[first], window->row[first + 2], window->row[first + 4]}, window->width, OUTER};
    }
    return (struct rows){{window->row[1], window->row[2], window->row[3], window->row[4]},
                         window->width,
                         (enum kind)(AT_A + k - 1)};
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

TW_IN_PLACE void transform_window(const int padding, const ptrdiff_t tile_rows, const struct window *window,
                                  const struct tw_conv_winograd_run *run, float *v, ptrdiff_t point_step)
{
    TW_UNROLL
    for (int k = 0; k < tile_rows + 2; k++) {
        const struct rows rows = tile_rows == 4 ? tall_rows_of(window, k) : rows_of(window, k);

        transform_row(padding, &rows, run, v + 4 * k * point_step, point_step);
    }
}

TW_IN_PLACE void transform_run(const ptrdiff_t tile_rows, const struct tw_conv_winograd_planes *planes,
                               const struct tw_conv_winograd_run *run, const float *source, float *v,
                               ptrdiff_t point_step)
{
    const struct window window = window_of(tile_rows, planes, run, source);

    if (planes->padding[1] == 1) {
        transform_window(1, tile_rows, &window, run, v, point_step);
    } else if (planes->padding[1] == 0) {
        transform_window(0, tile_rows, &window, run, v, point_step);
    } else if (tile_rows == 2) { /* tall ones have no padding of two */
        transform_window(2, tile_rows, &window, run, v, point_step);
    }
}

static void transform_input(const struct tw_conv_winograd_planes *planes,
                            const struct tw_conv_winograd_run *run, const float *source, float *v,
                            ptrdiff_t point_step)
{
    transform_run(2, planes, run, source, v, point_step);
}

static void transform_tall_input(const struct tw_conv_winograd_planes *planes,
                                 const struct tw_conv_winograd_run *run, const float *source, float *v,
                                 ptrdiff_t point_step)
{
    transform_run(4, planes, run, source, v, point_step);
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

        tw_lanes_split(combine(&a, SOME, 0, a.width), combine(&b, SOME, 0, b.width), &own.even, &own.odd);
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
    const struct window windows[2] = {window_of(2, planes, &run[0], source),
                                      window_of(2, planes, &run[1], second_source)};

    if (planes->padding[1] == 1) {
        transform_two_windows(1, windows, run, v, point_step);
    } else if (planes->padding[1] == 0) {
        transform_two_windows(0, windows, run, v, point_step);
    } else {
        transform_two_windows(2, windows, run, v, point_step);
    }
}
