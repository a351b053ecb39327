/* The bodies of elementwise.h in lanes; included by elementwise_<isa>.c after the ISA's words header.
 *
 * Every loop takes whole groups of 16 elements and then one part group: elements are independent, or belong
 * to lane (index mod 16), so the grouping cannot be seen in the results.
 */
#ifndef TOWER_KERNELS_ELEMENTWISE_ELEMENTWISE_LANES_H
#define TOWER_KERNELS_ELEMENTWISE_ELEMENTWISE_LANES_H

#include <string.h>

#include "kernels/elementwise/elementwise.h"
#include "kernels/simd/normalize_lanes.h"

/* x where it is not <= 0, else +0: NaN is not <= 0. */
static inline struct tw_lanes where_positive(struct tw_lanes sign, struct tw_lanes x)
{
    return tw_lanes_clear(tw_lanes_less_equal(sign, tw_lanes_set(0.0f)), x);
}

void TW_VARIANT(tw_f32_relu_forward)(ptrdiff_t count, const float *x, float *y)
{
    ptrdiff_t i = 0;

    for (; count - i >= TW_LANES; i += TW_LANES) {
        const struct tw_lanes value = tw_lanes_load(x + i);

        tw_lanes_store(y + i, where_positive(value, value));
    }
    if (i < count) {
        const int rest = (int)(count - i);
        const struct tw_lanes value = tw_lanes_load_part(x + i, rest);

        tw_lanes_store_part(y + i, rest, where_positive(value, value));
    }
}

void TW_VARIANT(tw_f32_relu_gradient)(ptrdiff_t count, const float *y, const float *dy, float *dx)
{
    ptrdiff_t i = 0;

    for (; count - i >= TW_LANES; i += TW_LANES) {
        tw_lanes_store(dx + i, where_positive(tw_lanes_load(y + i), tw_lanes_load(dy + i)));
    }
    if (i < count) {
        const int rest = (int)(count - i);

        tw_lanes_store_part(
            dx + i, rest, where_positive(tw_lanes_load_part(y + i, rest), tw_lanes_load_part(dy + i, rest)));
    }
}

void TW_VARIANT(tw_f32_add)(ptrdiff_t count, const float *a, const float *b, float *y)
{
    ptrdiff_t i = 0;

    for (; count - i >= TW_LANES; i += TW_LANES) {
        tw_lanes_store(y + i, tw_lanes_add(tw_lanes_load(a + i), tw_lanes_load(b + i)));
    }
    if (i < count) {
        const int rest = (int)(count - i);

        tw_lanes_store_part(y + i, rest,
                            tw_lanes_add(tw_lanes_load_part(a + i, rest), tw_lanes_load_part(b + i, rest)));
    }
}

void TW_VARIANT(tw_f32_scale)(ptrdiff_t count, const float *x, float factor, float *y)
{
    const struct tw_lanes factors = tw_lanes_set(factor);
    ptrdiff_t i = 0;

    for (; count - i >= TW_LANES; i += TW_LANES) {
        tw_lanes_store(y + i, tw_lanes_mul(tw_lanes_load(x + i), factors));
    }
    if (i < count) {
        const int rest = (int)(count - i);

        tw_lanes_store_part(y + i, rest, tw_lanes_mul(tw_lanes_load_part(x + i, rest), factors));
    }
}

void TW_VARIANT(tw_f32_fill_rows)(ptrdiff_t rows, ptrdiff_t columns, const float *bias, float *y,
                                  ptrdiff_t y_row)
{
    for (ptrdiff_t r = 0; r < rows; r++) {
        memcpy(y + r * y_row, bias, (size_t)columns * sizeof *y);
    }
}

/* Sums of 64 columns: enough chains in flight to hide the latency of the additions. */
static inline void sum_rows_64(ptrdiff_t rows, const float *x, ptrdiff_t x_row, float *y)
{
    struct tw_lanes sum0 = tw_lanes_set(0.0f), sum1 = sum0, sum2 = sum0, sum3 = sum0;

    for (ptrdiff_t r = 0; r < rows; r++, x += x_row) {
        sum0 = tw_lanes_add(sum0, tw_lanes_load(x));
        sum1 = tw_lanes_add(sum1, tw_lanes_load(x + TW_LANES));
        sum2 = tw_lanes_add(sum2, tw_lanes_load(x + (ptrdiff_t)2 * TW_LANES));
        sum3 = tw_lanes_add(sum3, tw_lanes_load(x + (ptrdiff_t)3 * TW_LANES));
    }
    tw_lanes_store(y, sum0);
    tw_lanes_store(y + TW_LANES, sum1);
    tw_lanes_store(y + (ptrdiff_t)2 * TW_LANES, sum2);
    tw_lanes_store(y + (ptrdiff_t)3 * TW_LANES, sum3);
}

void TW_VARIANT(tw_f32_sum_rows)(ptrdiff_t rows, ptrdiff_t columns, const float *x, ptrdiff_t x_row, float *y)
{
    ptrdiff_t c = 0;

    for (; columns - c >= 4 * TW_LANES; c += 4 * TW_LANES) {
        sum_rows_64(rows, x + c, x_row, y + c);
    }
    for (; columns - c >= TW_LANES; c += TW_LANES) {
        struct tw_lanes sum = tw_lanes_set(0.0f);

        for (ptrdiff_t r = 0; r < rows; r++) {
            sum = tw_lanes_add(sum, tw_lanes_load(x + r * x_row + c));
        }
        tw_lanes_store(y + c, sum);
    }
    if (c < columns) {
        const int rest = (int)(columns - c);
        struct tw_lanes sum = tw_lanes_set(0.0f);

        for (ptrdiff_t r = 0; r < rows; r++) {
            sum = tw_lanes_add(sum, tw_lanes_load_part(x + r * x_row + c, rest));
        }
        tw_lanes_store_part(y + c, rest, sum);
    }
}

void TW_VARIANT(tw_f32_normalize_u8)(ptrdiff_t count, const uint8_t *x, float mean, float standard_deviation,
                                     float *y)
{
    const struct tw_lanes means = tw_lanes_set(mean), deviations = tw_lanes_set(standard_deviation);
    ptrdiff_t i = 0;

    for (; count - i >= TW_LANES; i += TW_LANES) {
        tw_lanes_store(y + i, tw_lanes_normalize(tw_lanes_load_u8(x + i), means, deviations));
    }
    if (i < count) {
        const int rest = (int)(count - i);

        tw_lanes_store_part(y + i, rest,
                            tw_lanes_normalize(tw_lanes_load_u8_part(x + i, rest), means, deviations));
    }
}

static inline struct tw_lanes load_up_to(const float *x, int count)
{
    return count == TW_LANES ? tw_lanes_load(x) : tw_lanes_load_part(x, count);
}

/* Slots s and s+8, then s+4 and s+12, added as the first two steps of the fold do: what is left of slot s. */
static inline struct tw_lanes fold_four(const float *slots, ptrdiff_t stride, int s, int count)
{
    const struct tw_lanes near_half =
        tw_lanes_add(load_up_to(slots + s * stride, count), load_up_to(slots + (s + 8) * stride, count));
    const struct tw_lanes far_half = tw_lanes_add(load_up_to(slots + (s + 4) * stride, count),
                                                  load_up_to(slots + (s + 12) * stride, count));

    return tw_lanes_add(near_half, far_half);
}

static inline struct tw_lanes fold_slots(const float *slots, ptrdiff_t stride, int count)
{
    const struct tw_lanes even =
        tw_lanes_add(fold_four(slots, stride, 0, count), fold_four(slots, stride, 2, count));
    const struct tw_lanes odd =
        tw_lanes_add(fold_four(slots, stride, 1, count), fold_four(slots, stride, 3, count));

    return tw_lanes_add(even, odd);
}

void TW_VARIANT(tw_f32_fold_slots)(ptrdiff_t count, const float *slots, ptrdiff_t slot_stride, float *y)
{
    ptrdiff_t i = 0;

    for (; count - i >= TW_LANES; i += TW_LANES) {
        tw_lanes_store(y + i, fold_slots(slots + i, slot_stride, TW_LANES));
    }
    if (i < count) {
        const int rest = (int)(count - i);

        tw_lanes_store_part(y + i, rest, fold_slots(slots + i, slot_stride, rest));
    }
}

/* Lanes beyond the end hold +0. Adding that changes nothing, since a lane that started at +0 is never -0. */
float TW_VARIANT(tw_f32_sum)(ptrdiff_t count, const float *x)
{
    struct tw_lanes sum = tw_lanes_set(0.0f);
    ptrdiff_t i = 0;

    for (; count - i >= TW_LANES; i += TW_LANES) {
        sum = tw_lanes_add(sum, tw_lanes_load(x + i));
    }
    if (i < count) {
        sum = tw_lanes_add(sum, tw_lanes_load_part(x + i, (int)(count - i)));
    }
    return tw_lanes_fold_add(sum);
}

float TW_VARIANT(tw_f32_sum_of_squares)(ptrdiff_t count, const float *x)
{
    struct tw_lanes sum = tw_lanes_set(0.0f);
    ptrdiff_t i = 0;

    for (; count - i >= TW_LANES; i += TW_LANES) {
        const struct tw_lanes value = tw_lanes_load(x + i);

        sum = tw_lanes_fma(value, value, sum);
    }
    if (i < count) {
        const struct tw_lanes value = tw_lanes_load_part(x + i, (int)(count - i));

        sum = tw_lanes_fma(value, value, sum);
    }
    return tw_lanes_fold_add(sum);
}

#endif
