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

/* Shapes that need several blocks of channels, of columns, bands of rows, and stop chains in between; the last two need the
 * most workspace for the weight gradient, one on narrow panels, one on wide ones. Where tests are slow, the first of them. */
static void blocks_equal_the_reference(void **state)
{
    static const struct {
        ptrdiff_t channels[3], image[2], kernel[2], stride[2], padding[2]; /* in, out, groups (0: 1) */
    } cases[] = {
        {{70, 20}, {6, 5}, {3, 3}, {1, 1}, {1, 1}},     {{9, 300}, {3, 4}, {3, 2}, {1, 1}, {1, 1}},
        {{300, 9}, {3, 4}, {2, 2}, {2, 1}, {1, 1}},     {{8, 8}, {40, 53}, {3, 3}, {1, 1}, {1, 1}},
        {{1, 2}, {9, 1100}, {5, 1}, {1, 1}, {2, 0}},    {{2, 9}, {40, 41}, {17, 19}, {3, 2}, {9, 11}},
        {{3, 40}, {33, 70}, {7, 7}, {2, 2}, {3, 3}},    {{40, 3}, {20, 90}, {3, 5}, {1, 3}, {1, 2}},
        {{330, 70}, {12, 11}, {1, 1}, {1, 1}, {0, 0}},  {{20, 24}, {30, 31}, {7, 5}, {2, 3}, {3, 6}},
        {{6, 16}, {12, 12}, {5, 5}, {1, 1}, {0, 0}},    {{5, 6}, {4, 70}, {3, 3}, {1, 1}, {1, 1}},
        {{5, 30}, {4, 70}, {3, 3}, {1, 1}, {1, 1}},     {{130, 20}, {25, 32}, {1, 1}, {2, 2}, {0, 0}},
        {{9, 12}, {40, 36}, {1, 1}, {3, 2}, {0, 0}},    {{260, 26, 2}, {27, 23}, {1, 1}, {2, 2}, {0, 0}},
        {{150, 9}, {7, 7}, {1, 1}, {1, 1}, {0, 0}},     {{130, 9}, {27, 40}, {1, 1}, {1, 3}, {0, 0}},
        {{66, 70}, {32, 35}, {1, 1}, {1, 1}, {0, 0}},   {{260, 276, 2}, {13, 12}, {1, 1}, {2, 2}, {0, 0}},
        {{40, 90, 2}, {7, 6}, {1, 1}, {1, 1}, {0, 0}},  {{128, 130}, {17, 50}, {1, 1}, {3, 2}, {0, 0}},
        {{144, 144}, {19, 23}, {1, 1}, {2, 2}, {0, 0}}, {{92, 252}, {10, 12}, {1, 1}, {1, 1}, {0, 0}},
        {{3, 24}, {40, 71}, {3, 3}, {1, 1}, {1, 1}},    {{2, 17}, {81, 141}, {3, 3}, {2, 2}, {1, 1}},
        {{3, 25}, {40, 71}, {3, 3}, {1, 1}, {1, 1}},    {{3, 16}, {31, 90}, {3, 3}, {1, 1}, {1, 1}},
        {{10, 39}, {26, 27}, {3, 3}, {1, 1}, {1, 1}},   {{1100, 210}, {5, 9}, {1, 1}, {1, 1}, {0, 0}},
        {{2, 15}, {40, 53}, {17, 19}, {3, 2}, {9, 11}}, {{2, 9}, {40, 75}, {17, 19}, {3, 2}, {9, 11}},
        {{40, 100}, {3, 3}, {1, 1}, {1, 1}, {0, 0}},    {{300, 3}, {6, 7}, {1, 1}, {1, 1}, {0, 0}},
        {{1, 7}, {12, 28}, {3, 3}, {1, 1}, {1, 1}},     {{1100, 19}, {9, 5}, {1, 1}, {1, 1}, {0, 0}},
        {{70, 210}, {9, 5}, {1, 1}, {1, 1}, {0, 0}},
    };
    const ptrdiff_t count = sizeof cases / sizeof *cases, tried = tw_test_cases(6 * count);
    const ptrdiff_t samples = tw_test_cases(2);
    const int available = conv_variants_to_compare();
    struct tw_rng rng = tw_test_rng(2);

    (void)state;
    for (ptrdiff_t i = 0; i < count && i < tried; i++) {
        struct tw_conv2d_shape shape = {.in_channels = cases[i].channels[0],
                                        .in_height = cases[i].image[0],
                                        .in_width = cases[i].image[1],
                                        .out_channels = cases[i].channels[1],
                                        .kernel_height = cases[i].kernel[0],
                                        .kernel_width = cases[i].kernel[1],
                                        .stride = {cases[i].stride[0], cases[i].stride[1]},
                                        .padding = {cases[i].padding[0], cases[i].padding[1]},
                                        .dilation = {1, 1},
                                        .groups = cases[i].channels[2] > 0 ? cases[i].channels[2] : 1};

        set_output(&shape);
        assert_int_equal(check_shape(&rng, &shape, samples, NULL, 0), available);
    }
}

/* More samples than are taken at a time, of images that are small enough for several; and none, which make zeros. */
static void any_number_of_samples_equals_the_reference(void **state)
{
    static const struct {
        ptrdiff_t channels[2], image[2], kernel, stride, samples;
    } cases[] = {
        {{16, 300}, {5, 4}, 3, 1, 40}, {{9, 8}, {5, 4}, 3, 2, 120},    {{24, 40}, {5, 4}, 3, 1, 40},
        {{64, 64}, {8, 4}, 1, 1, 0},   {{128, 130}, {15, 7}, 1, 2, 0}, {{8, 8}, {9, 9}, 3, 1, 0},
        {{7, 9}, {9, 9}, 3, 1, 0},
    };
    const int available = conv_variants_to_compare();
    struct tw_rng rng = tw_test_rng(5);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const ptrdiff_t kernel = cases[i].kernel, stride = cases[i].stride;
        struct tw_conv2d_shape shape = {.in_channels = cases[i].channels[0],
                                        .in_height = cases[i].image[0],
                                        .in_width = cases[i].image[1],
                                        .out_channels = cases[i].channels[1],
                                        .kernel_height = kernel,
                                        .kernel_width = kernel,
                                        .stride = {stride, stride},
                                        .padding = {kernel / 2, kernel / 2},
                                        .dilation = {1, 1},
                                        .groups = 1};

        set_output(&shape);
        assert_int_equal(check_shape(&rng, &shape, cases[i].samples, NULL, 0), available);
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
    shape.in_height = shape.in_width = shape.out_height = shape.out_width = 7;
    assert_algorithms(&shape, "direct", "direct", NULL);
    shape.out_channels = 7;
    assert_algorithms(&shape, "gemm", "gemm", "windows");
    shape.out_channels = 64;
    shape.in_height = shape.in_width = 27;
    shape.out_height = shape.out_width = 14;
    shape.stride[0] = shape.stride[1] = 2;
    assert_algorithms(&shape, "direct", "gemm", "direct");
    shape.in_channels = 127;
    assert_algorithms(&shape, "direct", "gemm", "direct");
    shape.in_channels = 128;
    assert_algorithms(&shape, "gemm", "gemm", NULL);
    assert_string_equal(tw_f32_conv2d_algorithm__reference(NULL, TW_CONV2D_FORWARD), "reference");
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
        cmocka_unit_test(random_shapes_equal_the_reference),
        cmocka_unit_test(blocks_equal_the_reference),
        cmocka_unit_test(any_number_of_samples_equals_the_reference),
        cmocka_unit_test(padding_is_left_out_where_promised),
        cmocka_unit_test(special_values_flow),
        cmocka_unit_test(samples_are_independent),
        cmocka_unit_test(selector_follows_its_rule),
        cmocka_unit_test(weight_gradient_follows_its_rule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
