#include "tests/kernels/conv/conv_cases.h"

/* Which algorithm a shape gets: the rule of conv_select.c. */

/* Every variant's algorithm for the three passes; NULL: not asked for. Naming it needs no instruction of the ISA. */
static void assert_algorithms(const struct tw_conv2d_shape *shape, const char *forward,
                              const char *input_gradient, const char *weight_gradient)
{
    const char *const expected[] = {[TW_CONV2D_FORWARD] = forward,
                                    [TW_CONV2D_INPUT_GRADIENT] = input_gradient,
                                    [TW_CONV2D_WEIGHT_GRADIENT] = weight_gradient};

    for (int v = 0; v < CONV_VARIANTS; v++)
        for (int pass = 0; pass < 3; pass++)
            if (expected[pass])
                assert_string_equal(conv_variants[v].algorithm(shape, (enum tw_conv2d_pass)pass),
                                    expected[pass]);
}

#if defined(__x86_64__)
#define ALONG_ROWS    "along rows"
#define DEPTHWISE_SUM "along rows"
#else
#define ALONG_ROWS    "im2col+gemm"
#define DEPTHWISE_SUM "reference"
#endif

static void selector_follows_its_rule(void **state)
{
    struct tw_conv2d_shape shape = {.in_channels = 32,
                                    .in_height = 14,
                                    .in_width = 14,
                                    .out_height = 14,
                                    .out_width = 14,
                                    .out_channels = 64,
                                    .kernel_height = 3,
                                    .kernel_width = 3,
                                    .stride = {1, 1},
                                    .padding = {1, 1},
                                    .dilation = {1, 1},
                                    .groups = 1};

    (void)state;
    assert_algorithms(&shape, "direct", "direct", "direct");
    shape.groups = 32;
    assert_algorithms(&shape, ALONG_ROWS, ALONG_ROWS, DEPTHWISE_SUM);
    shape.groups = 16;
    assert_algorithms(&shape, ALONG_ROWS, ALONG_ROWS, "windows");
    shape.groups = 1;
    shape.in_channels = 3;
    assert_algorithms(&shape, "direct", ALONG_ROWS, "windows");
    shape.in_width = shape.out_width = 32;
    assert_algorithms(&shape, "im2col+gemm", ALONG_ROWS, "windows");
    shape.in_width = shape.out_width = 14;
    shape.in_channels = 1;
    assert_algorithms(&shape, "im2col+gemm", ALONG_ROWS, "windows");
    shape.kernel_height = shape.kernel_width = 1;
    assert_algorithms(&shape, "im2col+gemm", "im2col+gemm", "windows"); /* padded */
    shape.padding[0] = shape.padding[1] = 0;
    assert_algorithms(&shape, "gemm", "gemm", "windows");
    shape.in_channels = 32;
    assert_algorithms(&shape, "gemm", "gemm", NULL);
    shape.in_height = shape.in_width = shape.out_height = shape.out_width = 10;
    assert_algorithms(&shape, "direct", "direct", NULL);
    shape.out_channels = 7;
    assert_algorithms(&shape, "gemm", "gemm", "windows");
    shape.out_channels = 64;
    shape.in_height = shape.in_width = 27;
    shape.out_height = shape.out_width = 14;
    shape.stride[0] = shape.stride[1] = 2;
    assert_algorithms(&shape, "gemm", "gemm", "direct");
    shape.in_channels = 65;
    assert_algorithms(&shape, "direct", "gemm", "direct");
    shape.in_channels = 127;
    assert_algorithms(&shape, "direct", "gemm", "direct");
    shape.in_channels = 128;
    assert_algorithms(&shape, "gemm", "gemm", NULL);
    assert_string_equal(tw_f32_conv2d_algorithm__reference(NULL, TW_CONV2D_FORWARD), "reference");
}

/* Both sides of every limit of few results that are a product along rows, not sums of their own. */
static void few_results_follow_their_rule(void **state)
{
    static const struct {
        ptrdiff_t channels[2], width, kernel, stride,
            groups; /* in, out; of x, padded to keep it in steps of 1 */
        const char *forward, *input_gradient;
    } cases[] = {
        {{16, 5}, 16, 3, 1, 1, "im2col+gemm", NULL}, {{16, 4}, 16, 3, 1, 1, ALONG_ROWS, NULL},
        {{16, 7}, 13, 3, 1, 1, "im2col+gemm", NULL}, {{16, 7}, 12, 3, 1, 1, ALONG_ROWS, NULL},
        {{4, 5}, 16, 3, 1, 1, "im2col+gemm", NULL},  {{3, 5}, 16, 3, 1, 1, ALONG_ROWS, NULL},
        {{16, 5}, 31, 3, 2, 1, "im2col+gemm", NULL}, {{10, 10}, 16, 3, 1, 2, ALONG_ROWS, ALONG_ROWS},
        {{5, 16}, 16, 3, 1, 1, NULL, "im2col+gemm"}, {{4, 16}, 16, 3, 1, 1, NULL, ALONG_ROWS},
        {{7, 16}, 13, 3, 1, 1, NULL, "im2col+gemm"}, {{7, 16}, 12, 3, 1, 1, NULL, ALONG_ROWS},
        {{5, 4}, 16, 3, 1, 1, NULL, "im2col+gemm"},  {{5, 3}, 16, 3, 1, 1, NULL, ALONG_ROWS},
        {{5, 16}, 31, 3, 2, 1, NULL, ALONG_ROWS},    {{5, 16}, 16, 3, 2, 1, NULL, ALONG_ROWS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const ptrdiff_t image[] = {12, cases[i].width};
        const struct tw_conv2d_shape shape =
            square_shape(cases[i].channels, image, cases[i].kernel, cases[i].stride, cases[i].groups);

        assert_algorithms(&shape, cases[i].forward, cases[i].input_gradient, NULL);
    }
}

/* Rows of results, 16 wide, that a kernel of one row meets whole. */
static struct tw_conv2d_shape row_shape(ptrdiff_t in, ptrdiff_t out, ptrdiff_t groups, ptrdiff_t rows,
                                        ptrdiff_t taps)
{
    return (struct tw_conv2d_shape){.in_channels = in,
                                    .in_height = rows,
                                    .in_width = 15 + taps,
                                    .out_channels = out,
                                    .out_height = rows,
                                    .out_width = 16,
                                    .kernel_height = 1,
                                    .kernel_width = taps,
                                    .stride = {1, 1},
                                    .dilation = {1, 1},
                                    .groups = groups};
}

/* Links of few results, and source channels of a group in images of few rows. */
static void links_and_channels_of_few_results_have_their_limits(void **state)
{
    struct tw_conv2d_shape shape = row_shape(1, 5, 1, 12, 32);

    (void)state;
    assert_algorithms(&shape, "im2col+gemm", NULL, NULL);
    shape = row_shape(1, 5, 1, 12, 31);
    assert_algorithms(&shape, ALONG_ROWS, NULL, NULL);
    shape = row_shape(16, 8, 2, 3, 3);
    assert_algorithms(&shape, ALONG_ROWS, NULL, NULL);
    shape = row_shape(18, 8, 2, 3, 3);
    assert_algorithms(&shape, "im2col+gemm", NULL, NULL);
    shape = row_shape(18, 8, 2, 4, 3);
    assert_algorithms(&shape, ALONG_ROWS, NULL, NULL);
}

/* The links of a chain and the taps of a kernel from which steps outside the image count or not. */
static void chains_and_kernels_without_padding_have_their_limits(void **state)
{
    struct tw_conv2d_shape shape = row_shape(1, 8, 1, 12, 24);

    (void)state;
    shape.kernel_width = 6;
    shape.kernel_height = 4;
    assert_true(tw_conv2d_leaves_out_padding(&shape, TW_CONV2D_FORWARD));
    shape.in_channels = 3; /* there are no 22 or 23 links of so few channels and such kernels */
    shape.kernel_width = 7;
    shape.kernel_height = 1;
    assert_false(tw_conv2d_leaves_out_padding(&shape, TW_CONV2D_FORWARD));
    shape = row_shape(8, 8, 1, 12, 7);
    for (ptrdiff_t height = 6; height < 10; height++)
        for (ptrdiff_t width = 6; width < 10; width++) {
            shape.kernel_height = height;
            shape.kernel_width = width;
            assert_int_equal(tw_conv2d_leaves_out_padding(&shape, TW_CONV2D_FORWARD),
                             height < 8 && width < 8);
        }
}

/* Both sides of every limit of planes whose panels have no gaps. */
static void products_without_gaps_follow_their_rule(void **state)
{
    static const struct {
        ptrdiff_t channels[2], image[2], stride, groups; /* in, out; image of y */
        const char *forward, *input_gradient;
    } cases[] = {
        {{8, 8}, {8, 8}, 1, 1, "gemm", "gemm"},           {{8, 8}, {8, 8}, 2, 1, "direct", "gemm"},
        {{63, 70}, {8, 7}, 1, 1, "direct", "gemm"},       {{64, 8}, {8, 7}, 1, 1, "gemm", "gemm"},
        {{64, 8}, {4, 4}, 1, 1, "gemm", "gemm"},          {{63, 8}, {4, 4}, 1, 1, "direct", "gemm"},
        {{64, 64}, {8, 1}, 1, 1, "direct", "direct"},     {{64, 64}, {3, 3}, 1, 1, "direct", "direct"},
        {{64, 8}, {7, 7}, 1, 1, "gemm", "gemm"},          {{8, 64}, {7, 7}, 1, 1, "gemm", "gemm"},
        {{63, 63}, {7, 7}, 1, 1, "direct", "gemm"},       {{64, 64}, {41, 1}, 1, 1, "direct", "gemm"},
        {{64, 64}, {5, 5}, 1, 1, "direct", "gemm"},       {{64, 64}, {6, 6}, 1, 1, "direct", "direct"},
        {{126, 126}, {7, 7}, 1, 2, "direct", "gemm"},     {{128, 128}, {7, 7}, 1, 2, "gemm", "gemm"},
        {{64, 64}, {7, 7}, 2, 1, "direct", "direct"},     {{64, 64}, {4, 4}, 2, 1, "direct", "gemm"},
        {{64, 64}, {15, 1}, 2, 1, "direct", "direct"},    {{127, 127}, {16, 8}, 2, 1, "gemm", "gemm"},
        {{127, 126}, {16, 8}, 2, 1, "direct", "gemm"},    {{128, 8}, {16, 8}, 2, 1, "gemm", "gemm"},
        {{128, 128}, {127, 1}, 2, 1, "direct", "direct"}, {{64, 64}, {10, 5}, 1, 1, "direct", "direct"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const ptrdiff_t stride = cases[i].stride;
        const ptrdiff_t image[] = {(cases[i].image[0] - 1) * stride + 1,
                                   (cases[i].image[1] - 1) * stride + 1};
        const struct tw_conv2d_shape shape =
            square_shape(cases[i].channels, image, 1, stride, cases[i].groups);

        assert_algorithms(&shape, cases[i].forward, cases[i].input_gradient, NULL);
    }
}

/* Both sides of every limit of the weight gradient's "gemm". Panels of AVX2 and NEON have 16 columns, those of AVX-512 64. */
static void weight_gradient_follows_its_rule(void **state)
{
    static const struct {
        ptrdiff_t channels[2], image[2], kernel[2], stride[2], padding[2], groups; /* in, out; image of dy */
        bool narrow, wide;
    } cases[] = {
        {{16, 64}, {8, 4}, {1, 1}, {1, 1}, {0, 0}, 1, true, false},
        {{15, 64}, {8, 4}, {1, 1}, {1, 1}, {0, 0}, 1, false, false},
        {{64, 64}, {8, 4}, {1, 1}, {1, 1}, {0, 0}, 1, true, true},
        {{63, 64}, {8, 4}, {1, 1}, {1, 1}, {0, 0}, 1, true, false},
        {{64, 64}, {31, 1}, {1, 1}, {1, 1}, {0, 0}, 1, false, false},
        {{64, 63}, {8, 4}, {1, 1}, {1, 1}, {0, 0}, 1, false, false},
        {{128, 128}, {8, 4}, {1, 1}, {1, 1}, {0, 0}, 2, true, true},
        {{126, 126}, {8, 4}, {1, 1}, {1, 1}, {0, 0}, 2, true, false},
        {{30, 64}, {8, 4}, {1, 1}, {1, 1}, {0, 0}, 2, false, false},
        {{64, 64}, {8, 4}, {1, 1}, {1, 1}, {1, 0}, 1, false, false},
        {{64, 64}, {8, 4}, {1, 1}, {1, 1}, {0, 1}, 1, false, false},
        {{64, 64}, {8, 4}, {3, 1}, {1, 1}, {0, 0}, 1, false, false},
        {{64, 64}, {8, 4}, {1, 3}, {1, 1}, {0, 0}, 1, false, false},
        {{64, 64}, {8, 8}, {1, 1}, {2, 1}, {0, 0}, 1, false, false},
        {{128, 128}, {8, 4}, {1, 1}, {2, 1}, {0, 0}, 1, true, false},
        {{128, 128}, {8, 4}, {1, 1}, {1, 2}, {0, 0}, 1, true, false},
        {{127, 128}, {8, 4}, {1, 1}, {1, 2}, {0, 0}, 1, false, false},
        {{256, 256}, {8, 4}, {1, 1}, {2, 2}, {0, 0}, 2, true, false},
        {{254, 254}, {8, 4}, {1, 1}, {2, 2}, {0, 0}, 2, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tw_conv2d_shape shape = {.in_channels = cases[i].channels[0],
                                        .out_channels = cases[i].channels[1],
                                        .out_height = cases[i].image[0],
                                        .out_width = cases[i].image[1],
                                        .kernel_height = cases[i].kernel[0],
                                        .kernel_width = cases[i].kernel[1],
                                        .stride = {cases[i].stride[0], cases[i].stride[1]},
                                        .padding = {cases[i].padding[0], cases[i].padding[1]},
                                        .dilation = {1, 1},
                                        .groups = cases[i].groups};

        shape.in_height =
            (shape.out_height - 1) * shape.stride[0] + shape.kernel_height - 2 * shape.padding[0];
        shape.in_width = (shape.out_width - 1) * shape.stride[1] + shape.kernel_width - 2 * shape.padding[1];
        for (int v = 0; v < CONV_VARIANTS; v++) {
            const bool product = conv_variants[v].isa == TW_ISA_AVX512 ? cases[i].wide : cases[i].narrow;

            assert_string_equal(conv_variants[v].algorithm(&shape, TW_CONV2D_WEIGHT_GRADIENT),
                                product ? "gemm" : "direct");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selector_follows_its_rule),
        cmocka_unit_test(few_results_follow_their_rule),
        cmocka_unit_test(links_and_channels_of_few_results_have_their_limits),
        cmocka_unit_test(chains_and_kernels_without_padding_have_their_limits),
        cmocka_unit_test(products_without_gaps_follow_their_rule),
        cmocka_unit_test(weight_gradient_follows_its_rule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
