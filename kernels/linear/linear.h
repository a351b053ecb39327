/* A linear layer on weights packed once: what prediction runs, where the same weights meet many small batches.
 *
 *   y[n][o] = start + sum over p = 0 … in-1 of x[n][p] w[o][p],   then relu if asked for
 *
 * Summation order (all variants, bit for bit): one chain acc = fma(x, w, acc) per output, p ascending, starting from
 * bias[o], or from +0 without a bias: kernels/gemm's accumulated on kernels/elementwise's filled rows. Then relu as in
 * kernels/elementwise. So a packed layer gives the bits of a plain one for any number of samples.
 *
 * x comes plain, (samples, in), or, with `plane` pixels per channel, blocked without a halo (kernels/conv_pool):
 * p = channel * plane + pixel then lies at [channel / 16][pixel][channel % 16] of its sample, and flattening costs
 * nothing. `in` is a multiple of `plane`.
 *
 * packed   [out/16, rounded up][in][16 out]     outputs beyond the last are 0
 *
 * A thread streams the blocks of 16 outputs it is given. NaN and infinity flow as in the formula. `samples` may be 0:
 * nothing is written; `in` may be 0: the sums stay where they start. No alignment is required.
 *
 * Kernels check nothing and allocate nothing; any number of threads may run them on blocks that do not overlap
 * (kernels.h).
 */
#ifndef TOWER_KERNELS_LINEAR_LINEAR_H
#define TOWER_KERNELS_LINEAR_LINEAR_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/conv_pool/conv_pool.h"

struct tw_linear_shape {
    ptrdiff_t in, out;
    ptrdiff_t plane; /* 0: x is plain */
    bool relu;
};

/* Floats from one sample of x to the next. */
static inline ptrdiff_t tw_linear_x_size(const struct tw_linear_shape *shape)
{
    return shape->plane > 0 ? tw_blocks(shape->in / shape->plane) * TW_BLOCK * shape->plane : shape->in;
}

/* Where element p of a sample of x lies. */
static inline ptrdiff_t tw_linear_x_at(const struct tw_linear_shape *shape, ptrdiff_t p)
{
    ptrdiff_t channel;

    if (shape->plane == 0) {
        return p;
    }
    channel = p / shape->plane;
    return (channel / TW_BLOCK * shape->plane + p % shape->plane) * TW_BLOCK + channel % TW_BLOCK;
}

/* Weights (out, in) to packed, which must not overlap them: blocks [begin, end) of tw_blocks(out) are written. Portable,
 * run once per change of the weights. */
void tw_f32_pack_linear_weights(const struct tw_linear_shape *shape, const float *w, float *packed,
                                ptrdiff_t begin, ptrdiff_t end);

/* Writes y (samples, out) in the columns of blocks [begin, end), and nothing else of it. `bias` (out) may be NULL. y
 * must not overlap x, packed or bias; these are only read and may overlap as they like. */
typedef void tw_f32_linear_forward_fn(const struct tw_linear_shape *shape, ptrdiff_t samples, const float *x,
                                      const float *packed, const float *bias, float *y, ptrdiff_t begin,
                                      ptrdiff_t end);

tw_f32_linear_forward_fn tw_f32_linear_forward__reference;
tw_f32_linear_forward_fn tw_f32_linear_forward__avx2;
tw_f32_linear_forward_fn tw_f32_linear_forward__avx512;
tw_f32_linear_forward_fn tw_f32_linear_forward__neon;

#endif
