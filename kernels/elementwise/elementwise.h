/* Operations on vectors of `count` floats, and the two fixed-order reductions everything else uses.
 *
 * No alignment needed. Of relu, add, scale, dropout and their gradients the output may be the same array as an input
 * (in place); otherwise outputs must not overlap inputs, not even partially. `count`, `rows` and `columns` may be 0:
 * nothing is written then, but a sum of nothing is +0. Elementwise results are the formula, each operation rounded
 * once, in every variant bit for bit.
 *
 * Kernels check nothing and allocate nothing; any number of threads may run them on results that do not overlap
 * (kernels.h).
 *
 * The 16-lane sum of v[0 … count-1]: lane l (0 … 15) adds v[l], v[l+16], v[l+32], … in this order, starting
 * from +0 (lanes beyond the end add nothing); then lanes fold: l += l+8 for l < 8, l += l+4 for l < 4,
 * l += l+2 for l < 2, l += l+1 for l < 1. One zmm, two ymm, four NEON vectors or sixteen scalars all keep it.
 *
 * Gradient slots: a batch of `samples` contributes to a small parameter's gradient through TW_GRADIENT_SLOTS
 * partial gradients; slot s takes samples [s*samples/SLOTS, (s+1)*samples/SLOTS) (integer division),
 * whichever thread runs it. The slots fold as the lanes do: s += s+8, then +4, +2, +1. So gradients do not
 * depend on the thread count.
 */
#ifndef TOWER_KERNELS_ELEMENTWISE_ELEMENTWISE_H
#define TOWER_KERNELS_ELEMENTWISE_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

#define TW_LANES          16
#define TW_GRADIENT_SLOTS 16

/* First sample of slot `slot`; slot TW_GRADIENT_SLOTS gives `samples`. */
static inline ptrdiff_t tw_slot_begin(ptrdiff_t samples, int slot)
{
    return samples * slot / TW_GRADIENT_SLOTS;
}

/* y = 0 where x <= 0, else x (NaN stays NaN, -0 becomes +0). */
typedef void tw_f32_relu_forward_fn(ptrdiff_t count, const float *x, float *y);
/* dx = 0 where y <= 0, else dy; y is relu's output (or its input: the same signs). */
typedef void tw_f32_relu_gradient_fn(ptrdiff_t count, const float *y, const float *dy, float *dx);
/* y = a + b. */
typedef void tw_f32_add_fn(ptrdiff_t count, const float *a, const float *b, float *y);
/* y = x * factor. */
typedef void tw_f32_scale_fn(ptrdiff_t count, const float *x, float factor, float *y);
/* y[r][c] = bias[c] for every row: what linear's GEMM then accumulates on. y rows `y_row` elements apart. */
typedef void tw_f32_fill_rows_fn(ptrdiff_t rows, ptrdiff_t columns, const float *bias, float *y,
                                 ptrdiff_t y_row);
/* y[c] = sum over r of x[r][c], one chain of additions per column, r ascending from +0: linear's bias
 * gradient. x rows `x_row` elements apart. */
typedef void tw_f32_sum_rows_fn(ptrdiff_t rows, ptrdiff_t columns, const float *x, ptrdiff_t x_row, float *y);
/* y = ((x / 255) - mean) / standard_deviation, in float, each step rounded: torchvision's ToTensor and
 * Normalize. */
typedef void tw_f32_normalize_u8_fn(ptrdiff_t count, const uint8_t *x, float mean, float standard_deviation,
                                    float *y);
/* y[i] = the fold of the TW_GRADIENT_SLOTS slots at slots[s*slot_stride + i]. */
typedef void tw_f32_fold_slots_fn(ptrdiff_t count, const float *slots, ptrdiff_t slot_stride, float *y);
/* Inverted dropout. Element i of the whole tensor is kept when word (i + first) % 4 of
 * Philox(key, (i + first) / 4, 0) is at least `threshold` = round(p * 2^32); y = kept ? x * scale : 0. The
 * gradient is the same function on dy. `first` is the position of x[0] in the whole tensor, so any split
 * gives the same mask. */
typedef void tw_f32_dropout_fn(ptrdiff_t count, ptrdiff_t first, uint64_t key, uint32_t threshold,
                               float scale, const float *x, float *y);
/* The 16-lane sum of x[i]; of fma(x[i], x[i], lane). */
typedef float tw_f32_sum_fn(ptrdiff_t count, const float *x);
typedef float tw_f32_sum_of_squares_fn(ptrdiff_t count, const float *x);

#define TW_DECLARE_ELEMENTWISE(isa)                      \
    tw_f32_relu_forward_fn tw_f32_relu_forward__##isa;   \
    tw_f32_relu_gradient_fn tw_f32_relu_gradient__##isa; \
    tw_f32_add_fn tw_f32_add__##isa;                     \
    tw_f32_scale_fn tw_f32_scale__##isa;                 \
    tw_f32_fill_rows_fn tw_f32_fill_rows__##isa;         \
    tw_f32_sum_rows_fn tw_f32_sum_rows__##isa;           \
    tw_f32_normalize_u8_fn tw_f32_normalize_u8__##isa;   \
    tw_f32_fold_slots_fn tw_f32_fold_slots__##isa;       \
    tw_f32_dropout_fn tw_f32_dropout__##isa;             \
    tw_f32_sum_fn tw_f32_sum__##isa;                     \
    tw_f32_sum_of_squares_fn tw_f32_sum_of_squares__##isa

TW_DECLARE_ELEMENTWISE(reference);
TW_DECLARE_ELEMENTWISE(avx2);
TW_DECLARE_ELEMENTWISE(avx512);
TW_DECLARE_ELEMENTWISE(neon);

#endif
