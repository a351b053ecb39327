/* Algorithm "direct rows": direct sums of a pass that leaves out padding, with vectors along rows of positions, for up to 63 results a
 * group, which are seldom whole tiles of channels. AVX-512 alone has it: its masks leave taps out of single lanes. Private to
 * kernels/conv. */
#ifndef TOWER_KERNELS_CONV_CONV_DIRECT_ROWS_H
#define TOWER_KERNELS_CONV_CONV_DIRECT_ROWS_H

#include "kernels/conv/conv_axis.h"
#include "kernels/conv/conv_pass.h"

/* Whether it is the quicker way (rule in conv_direct_rows.c) of a pass for which tw_conv_select says "direct". */
bool tw_conv_suits_direct_rows(const struct tw_conv2d_shape *shape, bool input_gradient);

/* Columns from a position to what it meets with tap `tap` of its chain along the row; the chains of the input gradient take the kernel's
 * taps from the last to the first. For horizontal strides of 1. */
static inline ptrdiff_t tw_conv_direct_rows_step(const struct tw_conv2d_shape *shape, bool gradient,
                                                 ptrdiff_t tap)
{
    return gradient ? shape->padding[1] - (shape->kernel_width - 1 - tap) * shape->dilation[1]
                    : tap * shape->dilation[1] - shape->padding[1];
}

/* As tw_conv_direct (conv_pass.h), and the same bits, for a pass that suits. `workspace`: aligned to 64, of the bytes below, private
 * to the call. */
void tw_conv_direct_rows__avx512(const struct tw_conv2d_shape *shape, bool gradient, ptrdiff_t samples,
                                 const float *source, const float *w, const float *bias, float *result,
                                 void *workspace);

/* Bytes, a multiple of 64, also for passes that do not suit: 0. */
size_t tw_conv_direct_rows_workspace__avx512(const struct tw_conv2d_shape *shape, bool gradient);

#endif
