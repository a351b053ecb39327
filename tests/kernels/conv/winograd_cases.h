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

/* The reference's input gradient of a convolution is the convolution of dy by the weights turned by half a turn, channels exchanged,
 * to the bit. One group, a padding of at most two. */
static inline void check_input_gradient(struct tw_rng *rng, const struct tw_conv2d_shape *shape,
                                        ptrdiff_t samples, ptrdiff_t tile_rows)
{
    const ptrdiff_t in = shape->in_channels, out = shape->out_channels;
    const struct tw_conv2d_shape turned = shape_of(out, in, 1, shape->out_height, shape->out_width,
                                                   2 - shape->padding[0], 2 - shape->padding[1]);
    struct conv_data data = new_data(rng, shape, samples);
    float *w = new_floats(data.w_count), *dx = new_floats(data.x_count);

    assert_true(tw_conv2d_is_winograd(shape, TW_CONV2D_INPUT_GRADIENT));
    assert_true(tw_conv2d_is_winograd(&turned, TW_CONV2D_FORWARD));
    assert_int_equal(tw_conv2d_winograd_rows(shape, TW_CONV2D_INPUT_GRADIENT), tile_rows);
    assert_int_equal(tw_conv2d_winograd_rows(&turned, TW_CONV2D_FORWARD), tile_rows);
    for (ptrdiff_t j = 0; j < data.w_count; j++)
        w[(j / 9 % in * out + j / 9 / in) * 9 + 8 - j % 9] = data.w[j];
    tw_f32_conv2d_input_gradient__reference(shape, samples, data.dy, data.w, data.dx, NULL);
    tw_f32_conv2d_forward__reference(&turned, samples, data.dy, w, NULL, dx, NULL);
    assert_bits_equal_f32(dx, data.dx, data.x_count);
    free(w);
    free(dx);
    end_data(&data);
}

#endif
