/* Where positions and taps meet, in one direction of the image, when steps on the padding are left out. Private to
 * kernels/conv.
 *
 * A position of the result meets some of the taps, in the order of its chain those from `first` on, each `tap_step`
 * after the one before; the sources are `source_step` apart. Position 0 of a forward pass with padding 1, three taps and
 * stride 2 meets taps 1 and 2, all others meet all three:
 *
 *     source       0   1   2   3   4   5            class 0: taps 1, 2        positions 0
 *     position 0   1   2                            class 1: taps 0, 1, 2     positions 1, 2
 *     position 1       0   1   2
 *     position 2               0   1   2
 *
 * For the input gradient positions are elements of dx, sources are elements of dy, and the chain's taps are the kernel's
 * from the last to the first. With a stride most positions meet some of the taps only, and that is all there is to it.
 */
#ifndef TOWER_KERNELS_CONV_CONV_AXIS_H
#define TOWER_KERNELS_CONV_CONV_AXIS_H

#include "kernels/conv/conv.h"

/* Coordinate of the source that a position meets with a tap of the kernel in direction d (0 vertical, 1 horizontal), or -1
 * outside: x on the padding, or no element of dy. */
ptrdiff_t tw_conv_meets(const struct tw_conv2d_shape *shape, int d, bool gradient, ptrdiff_t position,
                        ptrdiff_t tap);

/* First tap and number of taps of a class: no more combinations than this. */
#define TW_CONV_CLASSES_MAX (TW_CONV2D_LISTED_TAPS * (TW_CONV2D_LISTED_TAPS + 1) / 2 + 1)

struct tw_conv_class {
    ptrdiff_t first, taps;
};

struct tw_conv_axis {
    ptrdiff_t positions, sources, kernel;
    ptrdiff_t tap_step, source_step;
    ptrdiff_t *source; /* [positions]: of the first tap; 0 where there is none */
    int *class_of;     /* [positions] */
    int classes;
    struct tw_conv_class class[TW_CONV_CLASSES_MAX];
};

/* Direction d of the forward pass or of the input gradient, if it leaves out padding (tw_conv2d_leaves_out_padding). `source` and `class_of`: memory for as many elements as there are positions,
 * or NULL both where only the classes are wanted. */
struct tw_conv_axis tw_conv_axis(const struct tw_conv2d_shape *shape, int d, bool gradient, ptrdiff_t *source,
                                 int *class_of);

/* Positions, without the tables. */
ptrdiff_t tw_conv_axis_positions(const struct tw_conv2d_shape *shape, int d, bool gradient);

/* Sum of the taps of all classes. */
ptrdiff_t tw_conv_axis_taps(const struct tw_conv_axis *axis);

#endif
