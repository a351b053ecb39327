/* Algorithm "direct rows" of the weight gradient: the sums of "direct", a pixel with all taps along a row at once, for up to sixteen
 * output channels a group. AVX-512 alone has it, whose registers hold that many sums. Private to kernels/conv. */
#ifndef TOWER_KERNELS_CONV_CONV_WEIGHT_ROWS_H
#define TOWER_KERNELS_CONV_CONV_WEIGHT_ROWS_H

#include "kernels/conv/conv_axis.h"
#include "kernels/conv/conv_pass.h"

/* Whether it is the quicker way (rule in conv_weight_rows.c) of a weight gradient that is "direct" elsewhere. */
bool tw_conv_suits_weight_rows(const struct tw_conv2d_shape *shape);

/* As tw_conv_weight_direct (conv_pass.h), and the same bits, for a shape that suits; samples may be 0. `workspace`: aligned to 64, of the bytes below,
 * private to the call. */
void tw_conv_weight_rows__avx512(const struct tw_conv2d_shape *shape, ptrdiff_t samples, const float *x,
                                 const float *dy, float *dw, float *db, void *workspace);

/* Bytes, a multiple of 64, also for shapes that do not suit: 0. */
size_t tw_conv_weight_rows_workspace__avx512(const struct tw_conv2d_shape *shape);

#endif
