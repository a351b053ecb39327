/* The bodies of algorithm "along rows", included by the file of each ISA after its vectors. See
 * conv_depthwise.h.
 */
#include <string.h>

#include "kernels/conv/conv_depthwise.h"
#include "kernels/simd/unroll.h"

#define IN_PLACE     TW_IN_PLACE
#define NOT_IN_PLACE __attribute__((noinline)) /* bodies stay apart, and compile times short */
#define LANES        TW_VECTOR_LANES

/* Taps of the largest body of `descend`. */
#define TAPS_MAX 13

/* --- the zero-padded copy ------------------------------------------------------------------------------- */

/* The last vector is flush with the end of the row. */
IN_PLACE void copy_row(ptrdiff_t width, const float *from, float *to)
{
    ptrdiff_t c = 0;

    for (; c + LANES <= width; c += LANES) {
        tw_vector_store(to + c, tw_vector_load(from + c));
    }
    if (c < width) {
        tw_vector_store(to + width - LANES, tw_vector_load(from + width - LANES));
    }
}

/* Rows shorter than a vector: what is written too much are zeros of the padding. */
static void copy_short_rows(const struct tw_conv_padded *p, ptrdiff_t rows, const float *from, float *to)
{
    const ptrdiff_t width = p->source[1], row = p->row;
    const tw_some some = tw_some_first(width);

    for (ptrdiff_t r = 0; r < rows; r++, from += width, to += row) {
        tw_vector_store(to, tw_vector_load_some(from, some));
    }
}

/* Columns c … c + 2 LANES - 1. */
IN_PLACE void split_columns(ptrdiff_t c, const float *from, float *even_to, float *odd_to)
{
    tw_vector even, odd;

    tw_vector_split(tw_vector_load(from + c), tw_vector_load(from + c + LANES), &even, &odd);
    tw_vector_store(even_to + c / 2, even);
    tw_vector_store(odd_to + c / 2, odd);
}

/* The last vectors are flush with the end of the row, if that keeps even columns even. */
IN_PLACE void split_row(ptrdiff_t width, const float *from, float *even_to, float *odd_to)
{
    tw_vector a, b = tw_vector_zero(), even, odd;
    ptrdiff_t c = 0;

    for (; c + 2 * LANES <= width; c += 2 * LANES) {
        split_columns(c, from, even_to, odd_to);
    }
    if (c == width) {
        return;
    }
    if (c > 0 && width % 2 == 0) {
        split_columns(width - 2 * LANES, from, even_to, odd_to);
        return;
    }
    if (c + LANES < width) {
        a = tw_vector_load(from + c);
        b = tw_vector_load_some(from + c + LANES, tw_some_first(width - c - LANES));
    } else if (c + LANES == width) {
        a = tw_vector_load(from + c);
    } else {
        a = tw_vector_load_some(from + c, tw_some_first(width - c));
    }
    tw_vector_split(a, b, &even, &odd);
    tw_vector_store(even_to + c / 2, even);
    tw_vector_store(odd_to + c / 2, odd);
}

/* Source column c goes to element (left + c) / phases of phase (left + c) mod phases. */
static void copy_rows(const struct tw_conv_padded *p, ptrdiff_t rows, const float *from, float *to)
{
    const ptrdiff_t width = p->source[1], left = p->left, row = p->row;

    if (p->phases == 1 && width < LANES) {
        copy_short_rows(p, rows, from, to + left);
        return;
    }
    for (ptrdiff_t r = 0; r < rows; r++, from += width, to += row) {
        if (p->phases == 1) {
            copy_row(width, from, to + left);
        } else if (p->phases == 2) {
            split_row(width, from, to + left / 2 + (left % 2 == 0 ? 0 : p->columns),
                      to + (left + 1) / 2 + (left % 2 == 0 ? p->columns : 0));
        } else {
            for (ptrdiff_t c = 0; c < width; c++) {
                to[(left + c) % p->phases * p->columns + (left + c) / p->phases] = from[c];
            }
        }
    }
}

static void clear_rows(const struct tw_conv_padded *p, ptrdiff_t rows, float *to)
{
    memset(to, 0, (size_t)(rows * p->row) * sizeof *to);
}

static void pad(const struct tw_conv_padded *p, ptrdiff_t planes, ptrdiff_t top, const float *source,
                ptrdiff_t stride, float *copy)
{
    const ptrdiff_t first = top < 0 ? 0 : tw_conv_smaller(top, p->rows); /* row of the copy with a source */
    const ptrdiff_t end = tw_conv_smaller(top + p->source[0], p->rows);
    const ptrdiff_t rows = end > first ? end - first : 0;

    for (ptrdiff_t i = 0; i < planes; i++, source += stride, copy += p->plane) {
        if (rows > 0) {
            copy_rows(p, rows, source + (first - top) * p->source[1], copy + first * p->row);
        }
        if (!p->whole) {
            clear_rows(p, first, copy);
            clear_rows(p, p->rows - first - rows, copy + (first + rows) * p->row);
        }
    }
}

/* Results c … c + 2 LANES - 1. */
IN_PLACE void join_columns(ptrdiff_t c, const float *const half[2], float *result)
{
    tw_vector a, b;

    tw_vector_join(tw_vector_load(half[0] + c / 2), tw_vector_load(half[1] + c / 2), &a, &b);
    tw_vector_store(result + c, a);
    tw_vector_store(result + c + LANES, b);
}

/* As above. */
static void interleave(ptrdiff_t width, const float *const half[2], float *result)
{
    tw_vector a, b;
    ptrdiff_t c = 0;

    for (; c + 2 * LANES <= width; c += 2 * LANES) {
        join_columns(c, half, result);
    }
    if (c == width) {
        return;
    }
    if (c > 0 && width % 2 == 0) {
        join_columns(width - 2 * LANES, half, result);
        return;
    }
    tw_vector_join(tw_vector_load(half[0] + c / 2), tw_vector_load(half[1] + c / 2), &a, &b);
    if (c + LANES <= width) {
        tw_vector_store(result + c, a);
        c += LANES;
        a = b;
    }
    if (c < width) {
        tw_vector_store_some(result + c, width - c, a);
    }
}

#include "kernels/conv/conv_depthwise_strip_lanes.h"

#include "kernels/conv/conv_depthwise_stream_lanes.h"
#include "kernels/conv/conv_depthwise_stream_planes_lanes.h"

#include "kernels/conv/conv_depthwise_in_place_lanes.h"

#include "kernels/conv/conv_depthwise_pairs_lanes.h"

#include "kernels/conv/conv_depthwise_in_place_gradient_lanes.h"

/* --- weight gradient ------------------------------------------------------------------------------------ */

IN_PLACE void store_sums(const struct tw_conv_descent *d, ptrdiff_t first, const int taps, tw_vector bias,
                         const tw_vector sum[TAPS_MAX])
{
    TW_UNROLL
    for (int t = 0; t < taps; t++) {
        tw_vector_store(d->sums + t * TW_CONV_CHAINS + first, sum[t]);
    }
    tw_vector_store(d->bias + first, bias);
}

/* Down one vector of columns of one sample. */
IN_PLACE void descend_columns(const struct tw_conv_descent *d, const float *x, const float *dy,
                              const int taps, tw_vector *bias, tw_vector sum[TAPS_MAX])
{
    for (ptrdiff_t r = 0; r < d->rows; r++, x += d->x_row, dy += d->width) {
        const tw_vector gradient = tw_vector_load(dy);

        *bias = tw_vector_add(*bias, gradient);
        TW_UNROLL
        for (int t = 0; t < taps; t++) {
            sum[t] = tw_vector_fma(tw_vector_load(x + d->tap[t]), gradient, sum[t]);
        }
    }
}

/* The last vector of the rows, if it has only `columns` columns: the other lanes keep the sums that they had, which
 * wait in memory. */
IN_PLACE void descend_some_columns(const struct tw_conv_descent *d, ptrdiff_t first, ptrdiff_t columns,
                                   const float *x, const float *dy, const int taps, tw_vector *bias,
                                   tw_vector sum[TAPS_MAX])
{
    const tw_some some = tw_some_first(columns);

    store_sums(d, first, taps, *bias, sum);
    for (ptrdiff_t r = 0; r < d->rows; r++, x += d->x_row, dy += d->width) {
        const tw_vector gradient = tw_vector_load_some(dy, some);

        *bias = tw_vector_add(*bias, gradient);
        TW_UNROLL
        for (int t = 0; t < taps; t++) {
            sum[t] = tw_vector_fma(tw_vector_load(x + d->tap[t]), gradient, sum[t]);
        }
    }
    *bias = tw_vector_choose(some, *bias, tw_vector_load(d->bias + first));
    TW_UNROLL
    for (int t = 0; t < taps; t++) {
        sum[t] = tw_vector_choose(some, sum[t], tw_vector_load(d->sums + t * TW_CONV_CHAINS + first));
    }
}

/* The chains `first` … first + LANES - 1 of all samples. */
IN_PLACE void descend_chains(const struct tw_conv_descent *d, ptrdiff_t first, const int taps)
{
    tw_vector bias = tw_vector_load(d->bias + first), sum[TAPS_MAX];

    TW_UNROLL
    for (int t = 0; t < taps; t++) {
        sum[t] = tw_vector_load(d->sums + t * TW_CONV_CHAINS + first);
    }
    for (ptrdiff_t n = 0; n < d->samples; n++) {
        const float *x = d->x + n * d->x_sample, *dy = d->dy + n * d->dy_sample;
        ptrdiff_t c = first;

        for (; c + LANES <= d->width; c += TW_CONV_CHAINS) {
            descend_columns(d, x + c, dy + c, taps, &bias, sum);
        }
        if (c < d->width) {
            descend_some_columns(d, first, d->width - c, x + c, dy + c, taps, &bias, sum);
        }
    }
    store_sums(d, first, taps, bias, sum);
}

IN_PLACE void descend_taps(const struct tw_conv_descent *d, const int taps)
{
    for (ptrdiff_t l = 0; l < TW_CONV_CHAINS && l < d->width; l += LANES) {
        descend_chains(d, l, taps);
    }
}

static NOT_IN_PLACE void descend_5(const struct tw_conv_descent *d)
{
    descend_taps(d, 5);
}

static NOT_IN_PLACE void descend_9(const struct tw_conv_descent *d)
{
    descend_taps(d, 9);
}

static NOT_IN_PLACE void descend_13(const struct tw_conv_descent *d)
{
    descend_taps(d, 13);
}

static float fold(const float *chains)
{
    return tw_lanes_fold_add(tw_lanes_load(chains));
}

const struct tw_conv_depthwise TW_VARIANT(tw_conv_depthwise) = {
    .pad = pad,
    .strip = strip,
    .in_place = in_place,
    .pairs_in_place = {pairs_3x3_in_place, pairs_5x5_in_place},
    .in_place_5x5 = TW_CONV_5X5,
    .interleave = interleave,
    .descend = {descend_5, descend_9, descend_13},
    .fold = fold,
    .descend_in_place = descend_in_place};

#undef IN_PLACE
#undef NOT_IN_PLACE
#undef LANES
#undef ROWS_FEW
#undef ROWS_MANY
#undef TAPS_MAX
#undef SOURCES
#undef ROWS_CROSSED
#undef SOURCES_CROSSED
#undef STREAM
#undef STREAM_ACROSS
#undef STREAM_LOADS
#undef STREAM_TAPS
#undef WALKS
#undef WALK_CHAINS
