/* What the tests of Winograd's convolution share. */
#ifndef TOWER_TESTS_KERNELS_CONV_WINOGRAD_CASES_H
#define TOWER_TESTS_KERNELS_CONV_WINOGRAD_CASES_H

#include "tests/kernels/conv/conv_cases.h"

/* `in` and `out` channels a group. */
static inline struct tw_conv2d_shape shape_of(ptrdiff_t in, ptrdiff_t out, ptrdiff_t groups, ptrdiff_t height,
                                              ptrdiff_t width, ptrdiff_t padding_above,
                                              ptrdiff_t padding_beside)
{
    struct tw_conv2d_shape shape = {.in_channels = in * groups,
                                    .in_height = height,
                                    .in_width = width,
                                    .out_channels = out * groups,
                                    .kernel_height = 3,
                                    .kernel_width = 3,
                                    .stride = {1, 1},
                                    .padding = {padding_above, padding_beside},
                                    .dilation = {1, 1},
                                    .groups = groups,
                                    .winograd = true};

    set_output(&shape);
    return shape;
}

#endif
