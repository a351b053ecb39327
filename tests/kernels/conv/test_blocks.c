#include "tests/kernels/conv/conv_cases.h"

/* Shapes and numbers of samples that are taken in several parts, against the reference, bit for bit. */

/* Shapes that need several blocks of channels, of columns, bands of rows, and stop chains in between; of the last three two
 * need the most workspace for the weight gradient, one on narrow panels, one on wide ones, and bands of the third differ in the
 * taps that they meet alone. Where tests are slow, the first of them. */
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
        {{70, 210}, {9, 5}, {1, 1}, {1, 1}, {0, 0}},    {{6, 64}, {16, 16}, {3, 3}, {1, 1}, {1, 1}},
        {{6, 90}, {31, 31}, {5, 5}, {2, 2}, {2, 2}},    {{40, 56}, {9, 9}, {1, 1}, {2, 1}, {0, 0}},
        {{8, 8}, {1, 700}, {3, 3}, {1, 1}, {2, 1}},
    };
    const ptrdiff_t count = sizeof cases / sizeof *cases, tried = tw_test_cases(3 * count);
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

/* More samples than are taken at a time, of images that are small enough for several; and none, which make zeros. Where tests are
 * slow, the first half of them. */
static void any_number_of_samples_equals_the_reference(void **state)
{
    static const struct {
        ptrdiff_t channels[2], image[2], kernel, stride, samples, groups;
    } cases[] = {
        {{16, 300}, {5, 4}, 3, 1, 40, 1},   {{9, 8}, {5, 4}, 3, 2, 120, 1},
        {{24, 40}, {5, 4}, 3, 1, 40, 1},    {{64, 64}, {8, 4}, 1, 1, 0, 1},
        {{128, 130}, {15, 7}, 1, 2, 0, 1},  {{8, 8}, {9, 9}, 3, 1, 0, 1},
        {{7, 9}, {9, 9}, 3, 1, 0, 1},       {{20, 64}, {7, 7}, 1, 1, 19, 1},
        {{130, 22}, {11, 3}, 1, 1, 9, 2},   {{7, 9}, {3, 3}, 1, 1, 10, 1},
        {{12, 10}, {1, 9}, 1, 1, 8, 2},     {{70, 8}, {7, 7}, 1, 1, 3, 1},
        {{9, 12}, {13, 13}, 1, 1, 2, 3},    {{512, 9}, {7, 7}, 1, 1, 4, 1},
        {{1030, 22}, {13, 15}, 1, 1, 1, 2}, {{520, 10}, {27, 27}, 1, 2, 1, 1},
        {{20, 24}, {14, 14}, 1, 1, 9, 1},   {{70, 9}, {3, 4}, 1, 1, 10, 1},
        {{12, 10}, {2, 5}, 1, 1, 11, 2},    {{9, 40}, {11, 17}, 1, 1, 3, 1},
    };
    const ptrdiff_t count = sizeof cases / sizeof *cases, tried = tw_test_cases(5 * count);
    const int available = conv_variants_to_compare();
    struct tw_rng rng = tw_test_rng(5);

    (void)state;
    for (ptrdiff_t i = 0; i < count && i < tried; i++) {
        const struct tw_conv2d_shape shape = square_shape(cases[i].channels, cases[i].image, cases[i].kernel,
                                                          cases[i].stride, cases[i].groups);

        assert_int_equal(check_shape(&rng, &shape, cases[i].samples, NULL, 0), available);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_equal_the_reference),
        cmocka_unit_test(any_number_of_samples_equals_the_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
