/* Softmax, log-softmax and negative log-likelihood over the rows of a (rows, columns) matrix, contiguous.
 *
 * exp and log are polynomials of ours (kernels/simd), written with fma in one fixed order, so that reference,
 * AVX2, AVX-512 and NEON give the same bits; at most 2 units in the last place from the true value over the whole
 * range, exp(-inf) = 0, exp of what underflows = 0 or a subnormal, exp(+inf) = +inf, NaN stays.
 *
 * With m = max of the row (plain comparisons, NaN wins) and s = the 16-lane sum (kernels/elementwise) of
 * exp(x - m):
 *   softmax      y = exp(x - m) / s
 *   log-softmax  y = (x - m) - log(s)
 * Stable for any finite x, +-1e4 included. columns >= 1. A row of -infinity alone gives NaN, as in PyTorch.
 *
 * Gradients, with t = the 16-lane sum over the row of what stands behind it:
 *   softmax      t of dy*y (lane = fma(dy, y, lane));   dx = y * (dy - t)
 *   log-softmax  t of dy;                               dx = dy - exp(y) * t     as fma(-exp(y), t, dy)
 *
 * NLL: loss contribution of row r is -log_probability[r][label[r]]; `total` = the 16-lane sum of the
 * contributions over the rows, times `scale` (1 for sum, 1/rows for mean, rounded to float). Its gradient:
 * dx = 0, but -(dloss * scale) at the label. Labels lie in [0, columns): the caller has checked.
 *
 * Smoothed NLL (label smoothing: Szegedy et al., arXiv 1512.00567; PyTorch's cross_entropy spreads it likewise): the
 * target of a row is `share` at every column and `keep` more at the label. With t = the 16-lane sum over the row of
 * log_probability, the contribution of row r is -fma(keep, log_probability[r][label[r]], share * t); summed and scaled
 * as above. Its gradient, with g = -(dloss * scale): dx = g * share, but g * (keep + share) at the label. For a
 * smoothing e over `columns` classes keep = 1 - e and share = e / columns; each is rounded to float by the caller.
 *
 * No alignment needed. In place (y == x, dx == dy) is allowed; otherwise outputs must not overlap inputs, not even
 * partially. Nothing else is written. `rows` and the maps' `count` may be 0: then nothing is, but `total`, which is
 * +0 * scale.
 *
 * Kernels check nothing and allocate nothing; any number of threads may run them on results that do not overlap
 * (kernels.h): rows are independent, but for `total`.
 */
#ifndef TOWER_KERNELS_SOFTMAX_SOFTMAX_H
#define TOWER_KERNELS_SOFTMAX_SOFTMAX_H

#include <stddef.h>
#include <stdint.h>

typedef void tw_f32_softmax_forward_fn(ptrdiff_t rows, ptrdiff_t columns, const float *x, float *y);
typedef void tw_f32_softmax_gradient_fn(ptrdiff_t rows, ptrdiff_t columns, const float *y, const float *dy,
                                        float *dx);
typedef void tw_f32_nll_forward_fn(ptrdiff_t rows, ptrdiff_t columns, const float *log_probability,
                                   const int32_t *label, float scale, float *total);
typedef void tw_f32_nll_gradient_fn(ptrdiff_t rows, ptrdiff_t columns, const int32_t *label, float scale,
                                    float dloss, float *dx);

/* What a smoothed target gives to the label beyond the others, and to every column. */
struct tw_smoothing {
    float keep, share;
};
typedef void tw_f32_smoothed_nll_forward_fn(ptrdiff_t rows, ptrdiff_t columns, const float *log_probability,
                                            const int32_t *label, struct tw_smoothing smoothing, float scale,
                                            float *total);
typedef void tw_f32_smoothed_nll_gradient_fn(ptrdiff_t rows, ptrdiff_t columns, const int32_t *label,
                                             struct tw_smoothing smoothing, float scale, float dloss,
                                             float *dx);

/* y[i] = exp(x[i]) and log(x[i]) as above, for tests and for operations built on them. */
typedef void tw_f32_map_fn(ptrdiff_t count, const float *x, float *y);

#define TW_DECLARE_SOFTMAX(isa)                                          \
    tw_f32_softmax_forward_fn tw_f32_softmax_forward__##isa;             \
    tw_f32_softmax_gradient_fn tw_f32_softmax_gradient__##isa;           \
    tw_f32_softmax_forward_fn tw_f32_log_softmax_forward__##isa;         \
    tw_f32_softmax_gradient_fn tw_f32_log_softmax_gradient__##isa;       \
    tw_f32_nll_forward_fn tw_f32_nll_forward__##isa;                     \
    tw_f32_nll_gradient_fn tw_f32_nll_gradient__##isa;                   \
    tw_f32_smoothed_nll_forward_fn tw_f32_smoothed_nll_forward__##isa;   \
    tw_f32_smoothed_nll_gradient_fn tw_f32_smoothed_nll_gradient__##isa; \
    tw_f32_map_fn tw_f32_exp__##isa;                                     \
    tw_f32_map_fn tw_f32_log__##isa

TW_DECLARE_SOFTMAX(reference);
TW_DECLARE_SOFTMAX(avx2);
TW_DECLARE_SOFTMAX(avx512);
TW_DECLARE_SOFTMAX(neon);

#endif
