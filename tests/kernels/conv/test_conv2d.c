#include <float.h>
#include <math.h>
#include <string.h>

#include "tests/kernels/conv/conv_cases.h"

/* Every variant and every algorithm this machine can run against the reference, bit for bit. */

static void random_shapes_equal_the_reference(void **state)
{
    const int cases = (int)tw_test_cases(150), available = conv_variants_to_compare();
    struct tw_rng rng = tw_test_rng(1);
    int ran = 0;

    (void)state;
    for (int i = 0; i < cases; i++) {
        const struct tw_conv2d_shape shape = random_shape(&rng);

        ran += check_shape(&rng, &shape, tw_test_integer(&rng, 0, 3), NULL, 0);
    }
    assert_int_equal(ran, cases * available);
}

/* Steps much longer than the image: as many phases of the input gradient as the image has positions, not as the step has. */
static void long_steps_equal_the_reference(void **state)
{
    static const ptrdiff_t channels[][2] = {{4, 4}, {9, 10}, {3, 40}, {20, 2}};
    const int available = conv_variants_to_compare();
    struct tw_rng rng = tw_test_rng(5);

    (void)state;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        struct tw_conv2d_shape shape = {.in_channels = channels[i][0],
                                        .in_height = 5,
                                        .in_width = 7,
                                        .out_channels = channels[i][1],
                                        .kernel_height = 3,
                                        .kernel_width = 3,
                                        .stride = {1 << 20, 1 << 14},
                                        .padding = {1, 1},
                                        .dilation = {1, 1},
                                        .groups = 1};

        set_output(&shape);
        assert_int_equal(check_shape(&rng, &shape, 2, NULL, 0), available);
    }
}

/* Infinity times a zero of the padding is NaN where steps there are not left out, in every variant. */
static void special_values_flow(void **state)
{
    static const float special[] = {NAN, INFINITY, -INFINITY, -0.0f, 0.0f, FLT_MAX, FLT_TRUE_MIN};
    const int cases = (int)tw_test_cases(80), available = conv_variants_to_compare();
    struct tw_rng rng = tw_test_rng(3);
    int ran = 0;

    (void)state;
    for (int i = 0; i < cases; i++) {
        const struct tw_conv2d_shape shape = random_shape(&rng);

        ran += check_shape(&rng, &shape, 2, special, (int)(sizeof special / sizeof *special));
    }
    assert_int_equal(ran, cases * available);
}

/* An infinite weight at the edge of a kernel that meets only the padding, in the first row of outputs, leaves no trace
 * where the rule says so, and makes NaN elsewhere. */
static void padding_is_left_out_where_promised(void **state)
{
    static const struct {
        ptrdiff_t channels[2], width, kernel, groups;
        bool forward, input_gradient, weight_gradient;
    } cases[] = {
        {{8, 8}, 40, 3, 1, true, true, true},      {{7, 8}, 31, 3, 1, true, false, false},
        {{7, 8}, 32, 3, 1, false, false, false},   {{8, 7}, 31, 3, 1, false, true, false},
        {{8, 7}, 32, 3, 1, false, false, false},   {{16, 16}, 40, 3, 2, true, true, true},
        {{16, 16}, 40, 3, 4, false, false, false}, {{8, 8}, 12, 7, 1, true, true, true},
        {{8, 8}, 12, 9, 1, false, false, false},   {{3, 8}, 31, 3, 1, true, false, false},
        {{2, 8}, 31, 3, 1, false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const ptrdiff_t kernel = cases[i].kernel, in = cases[i].channels[0], out = cases[i].channels[1];
        const ptrdiff_t width = cases[i].width, plane = 9 * width;
        struct tw_conv2d_shape shape = {.in_channels = in,
                                        .in_height = 9,
                                        .in_width = width,
                                        .out_channels = out,
                                        .kernel_height = kernel,
                                        .kernel_width = kernel,
                                        .stride = {1, 1},
                                        .padding = {kernel / 2, kernel / 2},
                                        .dilation = {1, 1},
                                        .groups = cases[i].groups};
        const ptrdiff_t weights = out * (in / shape.groups) * kernel * kernel;
        float *x = new_floats(in * plane), *w = new_floats(weights), *y = new_floats(out * plane);

        set_output(&shape);
        for (ptrdiff_t j = 0; j < in * plane; j++)
            x[j] = 1.0f;
        for (ptrdiff_t j = 0; j < weights; j++)
            w[j] = j % (kernel * kernel) < kernel ? INFINITY : 1.0f;
        tw_f32_conv2d_forward__reference(&shape, 1, x, w, NULL, y, NULL);
        for (ptrdiff_t j = 0; j < out; j++) {
            assert_int_equal(isnan(y[j * plane + width / 2]), !cases[i].forward);
            assert_true(isinf(y[j * plane + 4 * width + width / 2]));
        }
        assert_int_equal(tw_conv2d_leaves_out_padding(&shape, TW_CONV2D_FORWARD), cases[i].forward);
        assert_int_equal(tw_conv2d_leaves_out_padding(&shape, TW_CONV2D_INPUT_GRADIENT),
                         cases[i].input_gradient);
        assert_int_equal(tw_conv2d_leaves_out_padding(&shape, TW_CONV2D_WEIGHT_GRADIENT),
                         cases[i].weight_gradient);
        free(x);
        free(w);
        free(y);
    }
}

/* A call's samples are a batch: y and dx of each sample are those of a call with that sample alone. */
static void samples_are_independent(void **state)
{
    const ptrdiff_t cases = tw_test_cases(30);
    struct tw_rng rng = tw_test_rng(4);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        const struct tw_conv2d_shape shape = random_shape(&rng);
        struct conv_data data = new_data(&rng, &shape, 3);
        float *y = new_floats(data.y_count), *dx = new_floats(data.x_count);

        tw_f32_conv2d_forward__reference(&shape, 3, data.x, data.w, data.bias, y, NULL);
        tw_f32_conv2d_input_gradient__reference(&shape, 3, data.dy, data.w, dx, NULL);
        for (int n = 0; n < 3; n++) {
            const ptrdiff_t x_at = n * (data.x_count / 3), y_at = n * (data.y_count / 3);

            tw_f32_conv2d_forward__reference(&shape, 1, data.x + x_at, data.w, data.bias, data.y, NULL);
            assert_bits_equal_f32(y + y_at, data.y, data.y_count / 3);
            tw_f32_conv2d_input_gradient__reference(&shape, 1, data.dy + y_at, data.w, data.dx, NULL);
            assert_bits_equal_f32(dx + x_at, data.dx, data.x_count / 3);
        }
        free(y);
        free(dx);
        end_data(&data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_shapes_equal_the_reference),
        cmocka_unit_test(padding_is_left_out_where_promised),
        cmocka_unit_test(long_steps_equal_the_reference),
        cmocka_unit_test(special_values_flow),
        cmocka_unit_test(samples_are_independent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
