#include "tests/kernels/conv/depthwise_cases.h"

/* The sums of depthwise weight gradients: their order, their signs, and their distance from the exact sum. */

/* The order of conv.h, by an example where it shows. Channel 1: lane 2 holds 2^24 and lanes 0 and 1 hold 1. Lane 2
 * folds into lane 0 first, and 1 + 2^24 rounds to 2^24; so does 2^24 + 1. One chain would give 2^24 + 2. */
static void chains_fold_as_stated(void **state)
{
    const struct tw_conv2d_shape shape = {.in_channels = 2,
                                          .in_height = 1,
                                          .in_width = 3,
                                          .out_channels = 2,
                                          .out_height = 1,
                                          .out_width = 3,
                                          .kernel_height = 1,
                                          .kernel_width = 1,
                                          .stride = {1, 1},
                                          .dilation = {1, 1},
                                          .groups = 2};
    const float x[6] = {1, 1, 1, 1, 1, 1}, dy[6] = {0x1p24f, 1, 1, 1, 1, 0x1p24f};
    float dw[2], db[2];

    (void)state;
    tw_f32_conv2d_weight_gradient__reference(&shape, 1, x, dy, dw, db, NULL);
    assert_true(dw[0] == 0x1p24f && db[0] == 0x1p24f);
    assert_true(dw[1] == 0x1p24f && db[1] == 0x1p24f);
}

/* Every product underflows to -0, and so does every sum: a chain that something is added to beyond the end of a row, even
 * +0, would be +0. Rows of 20 and of 35 columns end within a vector. */
static void sums_of_minus_zero_stay(void **state)
{
    const int available = variants_to_compare();
    struct tw_rng rng = tw_test_rng(6);
    int ran = 0;

    (void)state;
    for (int i = 0; i < 4; i++) {
        const ptrdiff_t stride = 1 + i % 2, columns = i < 2 ? 20 : 35;
        struct tw_conv2d_shape shape = {.in_channels = 3,
                                        .in_height = 5 * stride + 2,
                                        .in_width = columns * stride + 2,
                                        .out_channels = 3,
                                        .kernel_height = 3,
                                        .kernel_width = 3,
                                        .stride = {stride, stride},
                                        .dilation = {1, 1},
                                        .groups = 3};
        struct conv_data data;
        struct conv_expected expected;

        set_output(&shape);
        data = new_data(&rng, &shape, 2);
        for (ptrdiff_t e = 0; e < data.x_count; e++) {
            data.x[e] = -FLT_TRUE_MIN;
        }
        for (ptrdiff_t e = 0; e < data.y_count; e++) {
            data.dy[e] = FLT_MIN;
        }
        expected = expect(&shape, 2, &data);
        assert_true(expected.dw[0] == 0.0f && signbit(expected.dw[0]));
#if defined(__x86_64__)
        for (int v = 0; v < VARIANTS; v++) {
            if (tw_isa_available(variants[v].isa)) {
                check_weight_gradient(&variants[v], &shape, 2, &data, &expected);
                ran++;
            }
        }
#endif
        end_expected(&expected);
        end_data(&data);
    }
    assert_int_equal(ran, 4 * available);
}

/* Against a double sum: a chain of m = samples * rows * ceil(width / 16) fma and four additions, each rounding
 * once: within (m + 4) u of the sum of magnitudes to first order, twice that for the rest (Higham, 4.2). */
static void weight_gradient_is_the_sum(void **state)
{
    const ptrdiff_t cases = tw_test_cases(100);
    struct tw_rng rng = tw_test_rng(4);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        struct tw_conv2d_shape s = rows_shape(&rng);
        struct conv_data data;
        double sum = 0.0, size = 0.0;

        s.groups = s.in_channels = s.groups + 1;
        s.out_channels = s.groups * 2;
        data = new_data(&rng, &s, 2);
        tw_f32_conv2d_weight_gradient__reference(&s, 2, data.x, data.dy, data.dw, data.db, NULL);
        for (ptrdiff_t n = 0; n < 2; n++) {
            for (ptrdiff_t p = 0; p < s.out_height * s.out_width; p++) {
                const ptrdiff_t row = p / s.out_width * s.stride[0] - s.padding[0];
                const ptrdiff_t column = p % s.out_width * s.stride[1] - s.padding[1];

                if (row >= 0 && row < s.in_height && column >= 0 && column < s.in_width) {
                    const double term =
                        (double)data.x[(n * s.in_channels * s.in_height + row) * s.in_width + column] *
                        (double)data.dy[n * s.out_channels * s.out_height * s.out_width + p];

                    sum += term;
                    size += fabs(term);
                }
            }
        }
        assert_true(fabs(sum - (double)data.dw[0]) <=
                    2.0 * (double)(2 * s.out_height * ((s.out_width + 15) / 16) + 4) * 0x1p-24 * size);
        end_data(&data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_fold_as_stated),
        cmocka_unit_test(sums_of_minus_zero_stay),
        cmocka_unit_test(weight_gradient_is_the_sum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
