/* Winograd's convolution on plain planes: every variant against the reference, bit for bit, and the rule that takes it. Tiles of
 * four rows: test_winograd_tall.c. How far results are from the sums that they stand for: tests/kernels/accuracy/test_winograd.c. */
#include <float.h>

#include "tests/kernels/conv/winograd_cases.h"

/* 8 to 70 channels a group; of few channels large images, so that Winograd pays for one pass at least. */
static struct tw_conv2d_shape random_winograd(struct tw_rng *rng)
{
    struct tw_conv2d_shape shape;

    do {
        const ptrdiff_t most = tw_test_integer(rng, 0, 4) == 0 ? 70 : 20;

        shape = shape_of(tw_test_integer(rng, 8, most), tw_test_integer(rng, 8, most),
                         tw_test_integer(rng, 0, 5) == 0 ? tw_test_integer(rng, 2, 3) : 1,
                         tw_test_integer(rng, 2, 18), tw_test_integer(rng, 2, 40), tw_test_integer(rng, 0, 2),
                         tw_test_integer(rng, 0, 2));
    } while (shape.out_height < 1 || shape.out_width < 1 ||
             (!tw_conv2d_is_winograd(&shape, TW_CONV2D_FORWARD) &&
              !tw_conv2d_is_winograd(&shape, TW_CONV2D_INPUT_GRADIENT) &&
              !tw_conv2d_is_winograd(&shape, TW_CONV2D_WEIGHT_GRADIENT)));
    return shape;
}

static void random_shapes_equal_the_reference(void **state)
{
    const int cases = (int)tw_test_cases(30), available = conv_variants_to_compare();
    struct tw_rng rng = tw_test_rng(1);
    int ran = 0, winograd[3] = {0};

    (void)state;
    for (int i = 0; i < cases; i++) {
        const struct tw_conv2d_shape shape = random_winograd(&rng);

        ran += check_shape(&rng, &shape, tw_test_integer(&rng, 0, 3), NULL, 0);
        for (int pass = 0; pass < 3; pass++)
            winograd[pass] += tw_conv2d_is_winograd(&shape, (enum tw_conv2d_pass)pass);
    }
    assert_int_equal(ran, cases * available);
    for (int pass = 0; pass < 3 && cases >= 30; pass++)
        assert_true(winograd[pass] > 0);
}

/* NaN and infinity, which make NaN of much of their tile, and numbers whose sums overflow or are subnormal. */
static void special_values_flow(void **state)
{
    static const float special[] = {NAN, INFINITY, -INFINITY, -0.0f, 0.0f, FLT_MAX, FLT_TRUE_MIN};
    const int cases = (int)tw_test_cases(10), available = conv_variants_to_compare();
    struct tw_rng rng = tw_test_rng(2);
    int ran = 0;

    (void)state;
    for (int i = 0; i < cases; i++) {
        const struct tw_conv2d_shape shape = random_winograd(&rng);

        ran += check_shape(&rng, &shape, 2, special, (int)(sizeof special / sizeof *special));
    }
    assert_int_equal(ran, cases * available);
}

/* Rows of tiles that are divided, at every padding, the last part of a single tile; several blocks of results, the last one smaller,
 * and fewer tiles at a time, of many channels; two rows of tiles in a vector, an odd number of them, of several samples; just too
 * wide for that. Where tests are slow, the first of them. */
static void blocks_equal_the_reference(void **state)
{
    static const struct {
        ptrdiff_t channels[3], image[2], padding[2], samples;
        bool weights; /* Winograd's, too */
    } cases[] = {
        {{9, 16, 1}, {6, 258}, {1, 1}, 1, false},  {{24, 17, 1}, {14, 14}, {1, 1}, 3, true},
        {{24, 24, 1}, {13, 16}, {2, 0}, 3, true},  {{24, 24, 1}, {14, 12}, {0, 2}, 3, true},
        {{16, 24, 1}, {6, 259}, {2, 1}, 1, true},  {{64, 64, 1}, {7, 7}, {1, 1}, 3, true},
        {{24, 24, 1}, {9, 515}, {1, 0}, 1, true},  {{16, 24, 1}, {6, 2047}, {1, 2}, 1, true},
        {{24, 16, 1}, {6, 2049}, {1, 1}, 1, true}, {{40, 33, 2}, {10, 13}, {1, 2}, 5, true},
        {{24, 24, 1}, {13, 15}, {1, 1}, 3, true},  {{64, 64, 1}, {6, 4}, {1, 1}, 23, true},
        {{300, 221, 1}, {6, 6}, {1, 1}, 2, true},  {{221, 300, 1}, {6, 4}, {1, 1}, 1, true},
        {{300, 9, 1}, {14, 20}, {1, 1}, 1, true},  {{280, 235, 2}, {4, 4}, {1, 1}, 1, true},
    };
    const int available = conv_variants_to_compare();
    const ptrdiff_t count = sizeof cases / sizeof *cases, tried = tw_test_cases(4 * count);
    struct tw_rng rng = tw_test_rng(3);

    (void)state;
    for (ptrdiff_t i = 0; i < count && i < tried; i++) {
        const struct tw_conv2d_shape shape =
            shape_of(cases[i].channels[0], cases[i].channels[1], cases[i].channels[2], cases[i].image[0],
                     cases[i].image[1], cases[i].padding[0], cases[i].padding[1]);

        assert_true(tw_conv2d_is_winograd(&shape, TW_CONV2D_FORWARD));
        assert_true(tw_conv2d_is_winograd(&shape, TW_CONV2D_INPUT_GRADIENT));
        assert_int_equal(tw_conv2d_is_winograd(&shape, TW_CONV2D_WEIGHT_GRADIENT), cases[i].weights);
        assert_int_equal(check_shape(&rng, &shape, cases[i].samples, NULL, 0), available);
    }
}

static void input_gradient_is_a_convolution(void **state)
{
    const struct tw_conv2d_shape shape = shape_of(40, 33, 1, 12, 16, 0, 1);
    struct tw_rng rng = tw_test_rng(4);

    (void)state;
    check_input_gradient(&rng, &shape, 2, 2);
}

/* Both sides of the rule's limits, for forward, input gradient and weight gradient. */
static void rule_is_kept(void **state)
{
    static const struct {
        ptrdiff_t channels[3], image[2], padding[2];
        bool expected[3];
    } cases[] = {
        {{64, 64, 1}, {14, 14}, {1, 1}, {true, true, true}},
        {{32, 64, 1}, {14, 14}, {1, 1}, {true, true, true}},
        {{8, 8, 1}, {28, 28}, {1, 1}, {false, false, false}},
        {{8, 12, 1}, {28, 28}, {1, 1}, {true, true, false}},
        {{7, 64, 1}, {28, 28}, {1, 1}, {false, false, false}},
        {{64, 7, 1}, {28, 28}, {1, 1}, {false, false, false}},
        {{16, 16, 1}, {10, 10}, {1, 1}, {false, false, false}},
        {{16, 16, 1}, {12, 12}, {1, 1}, {true, true, true}},
        {{64, 64, 1}, {5, 5}, {1, 1}, {false, false, false}},
        {{64, 64, 1}, {6, 6}, {1, 1}, {true, true, true}},
        {{48, 48, 1}, {7, 7}, {1, 1}, {false, false, false}},
        {{64, 64, 1}, {7, 7}, {1, 1}, {true, true, true}},
        {{64, 64, 1}, {4, 4}, {1, 1}, {false, false, false}},
        {{512, 512, 1}, {4, 4}, {1, 1}, {true, true, true}},
        {{64, 64, 1}, {1, 64}, {1, 1}, {false, false, false}},
        {{64, 64, 1}, {16, 16}, {2, 2}, {false, true, true}},
        {{64, 64, 1}, {16, 16}, {2, 1}, {true, true, true}},
        {{64, 64, 1}, {16, 16}, {1, 2}, {true, true, true}},
        {{64, 64, 1}, {16, 16}, {0, 0}, {true, false, true}},
        {{64, 64, 1}, {16, 16}, {0, 1}, {true, true, true}},
        {{1024, 8, 1}, {40, 40}, {1, 1}, {true, true, true}},
        {{1025, 8, 1}, {40, 40}, {1, 1}, {false, false, false}},
        {{16, 1024, 1}, {28, 28}, {1, 1}, {true, true, true}},
        {{16, 1025, 1}, {28, 28}, {1, 1}, {false, false, false}},
        {{64, 64, 1}, {PTRDIFF_MAX / 4, 64}, {1, 1}, {true, true, true}},
        {{64, 64, 1}, {16, 16}, {3, 0}, {false, false, false}},
        {{64, 64, 1}, {16, 16}, {0, 3}, {false, false, false}},
        {{16, 16, 4}, {16, 16}, {1, 1}, {true, true, true}},
        {{15, 24, 1}, {28, 28}, {1, 1}, {true, true, false}},
        {{16, 24, 1}, {28, 28}, {1, 1}, {true, true, true}},
        {{64, 64, 1}, {4, 100}, {0, 1}, {true, false, true}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tw_conv2d_shape shape =
            shape_of(cases[i].channels[0], cases[i].channels[1], cases[i].channels[2], cases[i].image[0],
                     cases[i].image[1], cases[i].padding[0], cases[i].padding[1]);
        ptrdiff_t *const kept[] = {&shape.stride[0], &shape.stride[1], &shape.dilation[0],
                                   &shape.dilation[1]};

        for (int pass = 0; pass < 3; pass++) {
            const enum tw_conv2d_pass which = (enum tw_conv2d_pass)pass;

            assert_int_equal(tw_conv2d_is_winograd(&shape, which), cases[i].expected[pass]);
            for (int v = 0; v < CONV_VARIANTS; v++)
                assert_int_equal(strcmp(conv_variants[v].algorithm(&shape, which), "winograd") == 0,
                                 cases[i].expected[pass]);
            shape.winograd = false;
            assert_false(tw_conv2d_is_winograd(&shape, which));
            shape.winograd = true;
            for (int k = 0; k < 4; k++) {
                *kept[k] = 2;
                assert_false(tw_conv2d_is_winograd(&shape, which));
                *kept[k] = 1;
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_shapes_equal_the_reference),
        cmocka_unit_test(special_values_flow),
        cmocka_unit_test(blocks_equal_the_reference),
        cmocka_unit_test(input_gradient_is_a_convolution),
        cmocka_unit_test(rule_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
