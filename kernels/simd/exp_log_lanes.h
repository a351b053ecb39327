/* exp and log of sixteen lanes; included after a words header. The scalar text of the same operations, in the
 * same order, is in kernels/softmax/softmax_reference.c. */
#ifndef TOWER_KERNELS_SIMD_EXP_LOG_LANES_H
#define TOWER_KERNELS_SIMD_EXP_LOG_LANES_H

#include <math.h>

#include "kernels/simd/exp_log_constants.h"

static inline struct tw_lanes tw_lanes_exp(struct tw_lanes x)
{
    const struct tw_lanes one = tw_lanes_set(1.0f);
    const struct tw_lanes magic = tw_lanes_set(TW_ROUND_MAGIC);
    /* In this order of arguments NaN passes through both. */
    const struct tw_lanes inside =
        tw_lanes_max(tw_lanes_set(TW_EXP_SMALLEST), tw_lanes_min(tw_lanes_set(TW_EXP_LARGEST), x));
    const struct tw_lanes shifted = tw_lanes_fma(inside, tw_lanes_set(TW_LOG2_E), magic);
    const struct tw_lanes n = tw_lanes_sub(shifted, magic);
    struct tw_lanes r = tw_lanes_fma(n, tw_lanes_set(-TW_LN2_HIGH), inside);
    struct tw_lanes p = tw_lanes_set(TW_EXP_P4);

    r = tw_lanes_fma(n, tw_lanes_set(-TW_LN2_LOW), r);
    p = tw_lanes_fma(p, r, tw_lanes_set(TW_EXP_P3));
    p = tw_lanes_fma(p, r, tw_lanes_set(TW_EXP_P2));
    p = tw_lanes_fma(p, r, tw_lanes_set(TW_EXP_P1));
    p = tw_lanes_fma(p, r, tw_lanes_set(TW_EXP_P0));
    p = tw_lanes_fma(p, r, one);
    p = tw_lanes_fma(p, r, one);

    const struct tw_words biased =
        tw_words_add(tw_words_of(shifted), tw_words_set(TW_EXP_HALVING_BIAS - TW_ROUND_MAGIC_BITS));
    const struct tw_words first = tw_words_half(biased);
    const struct tw_words second = tw_words_sub(biased, first);
    const struct tw_words bias = tw_words_set(TW_EXP_FACTOR_BIAS);

    p = tw_lanes_mul(p, tw_lanes_of(tw_words_to_exponent(tw_words_sub(first, bias))));
    return tw_lanes_mul(p, tw_lanes_of(tw_words_to_exponent(tw_words_sub(second, bias))));
}

static inline struct tw_lanes tw_lanes_log(struct tw_lanes x)
{
    const struct tw_lanes zero = tw_lanes_set(0.0f);
    const struct tw_lanes infinity = tw_lanes_set(INFINITY);
    const struct tw_mask small = tw_lanes_greater(tw_lanes_set(TW_SMALLEST_NORMAL), x);
    const struct tw_words bits =
        tw_words_of(tw_lanes_select(small, tw_lanes_mul(x, tw_lanes_set(TW_LOG_SCALE)), x));
    const struct tw_words field =
        tw_words_from_exponent(tw_words_add(bits, tw_words_set(TW_LOG_OFFSET - TW_SQRT_HALF_BITS)));
    const struct tw_words fraction =
        tw_words_sub(tw_words_add(bits, tw_words_set(TW_LOG_OFFSET)), tw_words_to_exponent(field));
    const struct tw_lanes f = tw_lanes_sub(tw_lanes_of(fraction), tw_lanes_set(1.0f));
    const struct tw_lanes e =
        tw_lanes_sub(tw_lanes_from_words(field),
                     tw_lanes_select(small, tw_lanes_set(TW_LOG_OFFSET_FIELD + TW_LOG_SCALE_LOG2),
                                     tw_lanes_set(TW_LOG_OFFSET_FIELD)));
    const struct tw_lanes square = tw_lanes_mul(f, f);
    struct tw_lanes q = tw_lanes_set(TW_LOG_Q8);

    q = tw_lanes_fma(q, f, tw_lanes_set(TW_LOG_Q7));
    q = tw_lanes_fma(q, f, tw_lanes_set(TW_LOG_Q6));
    q = tw_lanes_fma(q, f, tw_lanes_set(TW_LOG_Q5));
    q = tw_lanes_fma(q, f, tw_lanes_set(TW_LOG_Q4));
    q = tw_lanes_fma(q, f, tw_lanes_set(TW_LOG_Q3));
    q = tw_lanes_fma(q, f, tw_lanes_set(TW_LOG_Q2));
    q = tw_lanes_fma(q, f, tw_lanes_set(TW_LOG_Q1));
    q = tw_lanes_fma(q, f, tw_lanes_set(TW_LOG_Q0));
    q = tw_lanes_mul(q, tw_lanes_mul(square, f));
    q = tw_lanes_fma(e, tw_lanes_set(TW_LN2_LOW), q);
    q = tw_lanes_fma(square, tw_lanes_set(-0.5f), q);

    const struct tw_lanes y = tw_lanes_fma(e, tw_lanes_set(TW_LN2_HIGH), tw_lanes_add(f, q));
    const struct tw_lanes not_positive =
        tw_lanes_select(tw_lanes_equal(x, zero), tw_lanes_set(-INFINITY), tw_lanes_set(NAN));
    const struct tw_lanes finite = tw_lanes_select(tw_lanes_greater(x, zero), y, not_positive);

    return tw_lanes_select(tw_lanes_equal(x, infinity), infinity, finite);
}

#endif
