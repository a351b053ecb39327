/* The bodies of softmax.h in lanes; included by softmax_<isa>.c after exp_log_lanes.h. */
#ifndef TOWER_KERNELS_SOFTMAX_SOFTMAX_LANES_H
#define TOWER_KERNELS_SOFTMAX_SOFTMAX_LANES_H

#include <math.h>
#include <string.h>

#include "kernels/elementwise/elementwise.h"
#include "kernels/softmax/softmax.h"

/* The largest element that is not NaN. A NaN in the row needs no care here: its exp makes the sum NaN, and
 * with it the whole row, as the contract's maximum would. */
static inline float row_maximum(ptrdiff_t columns, const float *x)
{
    const struct tw_lanes lowest = tw_lanes_set(-INFINITY);
    struct tw_lanes maximum = lowest;
    ptrdiff_t c = 0;

    for (; columns - c >= TW_LANES; c += TW_LANES) {
        maximum = tw_lanes_max(tw_lanes_load(x + c), maximum);
    }
    if (c < columns) {
        const int rest = (int)(columns - c);
        const struct tw_lanes value =
            tw_lanes_select(tw_mask_first(rest), tw_lanes_load_part(x + c, rest), lowest);

        maximum = tw_lanes_max(value, maximum);
    }
    return tw_lanes_fold_max(maximum);
}

/* The 16-lane sum of exp(x - maximum). Those of whole vectors also go to y, unless that is NULL; the rest of a row stays in
 * `rest` (anything if there is none): to load it again would be to wait for a store of parts. */
static inline float sum_of_exp(ptrdiff_t columns, const float *x, float maximum, float *y,
                               struct tw_lanes *rest)
{
    const struct tw_lanes maxima = tw_lanes_set(maximum);
    struct tw_lanes sum = tw_lanes_set(0.0f);
    ptrdiff_t c = 0;

    for (; columns - c >= TW_LANES; c += TW_LANES) {
        const struct tw_lanes e = tw_lanes_exp(tw_lanes_sub(tw_lanes_load(x + c), maxima));

        sum = tw_lanes_add(sum, e);
        if (y) {
            tw_lanes_store(y + c, e);
        }
    }
    *rest = sum;
    if (c < columns) {
        const int count = (int)(columns - c);

        *rest = tw_lanes_exp(tw_lanes_sub(tw_lanes_load_part(x + c, count), maxima));
        sum = tw_lanes_add(sum, tw_lanes_keep(tw_mask_first(count), *rest));
    }
    return tw_lanes_fold_add(sum);
}

void TW_VARIANT(tw_f32_softmax_forward)(ptrdiff_t rows, ptrdiff_t columns, const float *x, float *y)
{
    for (ptrdiff_t r = 0; r < rows; r++, x += columns, y += columns) {
        struct tw_lanes rest;
        const struct tw_lanes sum = tw_lanes_set(sum_of_exp(columns, x, row_maximum(columns, x), y, &rest));
        ptrdiff_t c = 0;

        for (; columns - c >= TW_LANES; c += TW_LANES) {
            tw_lanes_store(y + c, tw_lanes_div(tw_lanes_load(y + c), sum));
        }
        if (c < columns) {
            tw_lanes_store_part(y + c, (int)(columns - c), tw_lanes_div(rest, sum));
        }
    }
}

void TW_VARIANT(tw_f32_log_softmax_forward)(ptrdiff_t rows, ptrdiff_t columns, const float *x, float *y)
{
    for (ptrdiff_t r = 0; r < rows; r++, x += columns, y += columns) {
        const float maximum = row_maximum(columns, x);
        const struct tw_lanes maxima = tw_lanes_set(maximum);
        struct tw_lanes ignored;
        const struct tw_lanes log_of_sum =
            tw_lanes_log(tw_lanes_set(sum_of_exp(columns, x, maximum, NULL, &ignored)));
        ptrdiff_t c = 0;

        for (; columns - c >= TW_LANES; c += TW_LANES) {
            tw_lanes_store(y + c, tw_lanes_sub(tw_lanes_sub(tw_lanes_load(x + c), maxima), log_of_sum));
        }
        if (c < columns) {
            const int rest = (int)(columns - c);
            const struct tw_lanes value = tw_lanes_load_part(x + c, rest);

            tw_lanes_store_part(y + c, rest, tw_lanes_sub(tw_lanes_sub(value, maxima), log_of_sum));
        }
    }
}

/* The 16-lane sum of dy, each element times y unless that is NULL. */
static inline float row_total(ptrdiff_t columns, const float *y, const float *dy)
{
    struct tw_lanes sum = tw_lanes_set(0.0f);
    ptrdiff_t c = 0;

    for (; columns - c >= TW_LANES; c += TW_LANES) {
        const struct tw_lanes value = tw_lanes_load(dy + c);

        sum = y ? tw_lanes_fma(value, tw_lanes_load(y + c), sum) : tw_lanes_add(sum, value);
    }
    if (c < columns) {
        const int rest = (int)(columns - c);
        const struct tw_lanes value = tw_lanes_load_part(dy + c, rest);

        sum = y ? tw_lanes_fma(value, tw_lanes_load_part(y + c, rest), sum) : tw_lanes_add(sum, value);
    }
    return tw_lanes_fold_add(sum);
}

void TW_VARIANT(tw_f32_softmax_gradient)(ptrdiff_t rows, ptrdiff_t columns, const float *y, const float *dy,
                                         float *dx)
{
    for (ptrdiff_t r = 0; r < rows; r++, y += columns, dy += columns, dx += columns) {
        const struct tw_lanes total = tw_lanes_set(row_total(columns, y, dy));
        ptrdiff_t c = 0;

        for (; columns - c >= TW_LANES; c += TW_LANES) {
            tw_lanes_store(dx + c,
                           tw_lanes_mul(tw_lanes_load(y + c), tw_lanes_sub(tw_lanes_load(dy + c), total)));
        }
        if (c < columns) {
            const int rest = (int)(columns - c);
            const struct tw_lanes difference = tw_lanes_sub(tw_lanes_load_part(dy + c, rest), total);

            tw_lanes_store_part(dx + c, rest, tw_lanes_mul(tw_lanes_load_part(y + c, rest), difference));
        }
    }
}

/* fma(-exp(y), total, dy); the sign is turned in total, which gives the same product. */
static inline struct tw_lanes log_softmax_gradient(struct tw_lanes y, struct tw_lanes minus_total,
                                                   struct tw_lanes dy)
{
    return tw_lanes_fma(tw_lanes_exp(y), minus_total, dy);
}

void TW_VARIANT(tw_f32_log_softmax_gradient)(ptrdiff_t rows, ptrdiff_t columns, const float *y,
                                             const float *dy, float *dx)
{
    for (ptrdiff_t r = 0; r < rows; r++, y += columns, dy += columns, dx += columns) {
        const struct tw_lanes minus_total = tw_lanes_set(-row_total(columns, NULL, dy));
        ptrdiff_t c = 0;

        for (; columns - c >= TW_LANES; c += TW_LANES) {
            tw_lanes_store(dx + c,
                           log_softmax_gradient(tw_lanes_load(y + c), minus_total, tw_lanes_load(dy + c)));
        }
        if (c < columns) {
            const int rest = (int)(columns - c);

            tw_lanes_store_part(dx + c, rest,
                                log_softmax_gradient(tw_lanes_load_part(y + c, rest), minus_total,
                                                     tw_lanes_load_part(dy + c, rest)));
        }
    }
}

void TW_VARIANT(tw_f32_nll_forward)(ptrdiff_t rows, ptrdiff_t columns, const float *log_probability,
                                    const int32_t *label, float scale, float *total)
{
    struct tw_lanes sum = tw_lanes_set(0.0f);

    for (ptrdiff_t first = 0; first < rows; first += TW_LANES) {
        float loss[TW_LANES] = {0};

        for (ptrdiff_t r = first; r < rows && r < first + TW_LANES; r++) {
            loss[r - first] = -log_probability[r * columns + label[r]];
        }
        sum = tw_lanes_add(sum, tw_lanes_load(loss));
    }
    *total = tw_lanes_fold_add(sum) * scale;
}

void TW_VARIANT(tw_f32_nll_gradient)(ptrdiff_t rows, ptrdiff_t columns, const int32_t *label, float scale,
                                     float dloss, float *dx)
{
    memset(dx, 0, (size_t)rows * (size_t)columns * sizeof *dx);
    for (ptrdiff_t r = 0; r < rows; r++) {
        dx[r * columns + label[r]] = -(dloss * scale);
    }
}

void TW_VARIANT(tw_f32_smoothed_nll_forward)(ptrdiff_t rows, ptrdiff_t columns, const float *log_probability,
                                             const int32_t *label, struct tw_smoothing smoothing, float scale,
                                             float *total)
{
    struct tw_lanes sum = tw_lanes_set(0.0f);

    for (ptrdiff_t first = 0; first < rows; first += TW_LANES) {
        float loss[TW_LANES] = {0};

        for (ptrdiff_t r = first; r < rows && r < first + TW_LANES; r++) {
            const float *row = log_probability + r * columns;

            loss[r - first] =
                -fmaf(smoothing.keep, row[label[r]], smoothing.share * row_total(columns, NULL, row));
        }
        sum = tw_lanes_add(sum, tw_lanes_load(loss));
    }
    *total = tw_lanes_fold_add(sum) * scale;
}

void TW_VARIANT(tw_f32_smoothed_nll_gradient)(ptrdiff_t rows, ptrdiff_t columns, const int32_t *label,
                                              struct tw_smoothing smoothing, float scale, float dloss,
                                              float *dx)
{
    const float g = -(dloss * scale), at_label = g * (smoothing.keep + smoothing.share);
    const struct tw_lanes elsewhere = tw_lanes_set(g * smoothing.share);
    const ptrdiff_t count = rows * columns;
    ptrdiff_t i = 0;

    for (; count - i >= TW_LANES; i += TW_LANES) {
        tw_lanes_store(dx + i, elsewhere);
    }
    if (i < count) {
        tw_lanes_store_part(dx + i, (int)(count - i), elsewhere);
    }
    for (ptrdiff_t r = 0; r < rows; r++) {
        dx[r * columns + label[r]] = at_label;
    }
}

void TW_VARIANT(tw_f32_exp)(ptrdiff_t count, const float *x, float *y)
{
    ptrdiff_t i = 0;

    for (; count - i >= TW_LANES; i += TW_LANES) {
        tw_lanes_store(y + i, tw_lanes_exp(tw_lanes_load(x + i)));
    }
    if (i < count) {
        const int rest = (int)(count - i);

        tw_lanes_store_part(y + i, rest, tw_lanes_exp(tw_lanes_load_part(x + i, rest)));
    }
}

void TW_VARIANT(tw_f32_log)(ptrdiff_t count, const float *x, float *y)
{
    ptrdiff_t i = 0;

    for (; count - i >= TW_LANES; i += TW_LANES) {
        tw_lanes_store(y + i, tw_lanes_log(tw_lanes_load(x + i)));
    }
    if (i < count) {
        const int rest = (int)(count - i);

        tw_lanes_store_part(y + i, rest, tw_lanes_log(tw_lanes_load_part(x + i, rest)));
    }
}

#endif
