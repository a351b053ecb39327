/* Winograd's convolution in tiles of four rows: every variant against the reference, bit for bit, where the rule takes such tiles,
 * and the rule. Tiles of two rows: test_winograd.c. */
#include <float.h>

#include "tests/kernels/conv/winograd_cases.h"

/* Winograd's, in tiles of four rows. */
static bool is_tall(const struct tw_conv2d_shape *shape, enum tw_conv2d_pass pass)
{
    return tw_conv2d_is_winograd(shape, pass) && tw_conv2d_winograd_rows(shape, pass) == 4;
}

/* From just below the limits up to many rows of tiles, and more columns than two vectors of them have; few channels, because images are
 * large. */
static struct tw_conv2d_shape random_tall(struct tw_rng *rng)
{
    struct tw_conv2d_shape shape;

    do {
        const ptrdiff_t groups = tw_test_integer(rng, 0, 4) == 0 ? tw_test_integer(rng, 2, 3) : 1;
        const ptrdiff_t most = groups > 1 ? 34 : 42;

        shape = shape_of(tw_test_integer(rng, 8, most), tw_test_integer(rng, 8, most), groups,
                         tw_test_integer(rng, 14, tw_test_integer(rng, 0, 2) == 0 ? 60 : 22),
                         tw_test_integer(rng, 14, tw_test_integer(rng, 0, 2) == 0 ? 72 : 24),
                         tw_test_integer(rng, 0, 2), tw_test_integer(rng, 0, 2));
    } while (!is_tall(&shape, TW_CONV2D_FORWARD) && !is_tall(&shape, TW_CONV2D_INPUT_GRADIENT));
    return shape;
}

static void random_shapes_equal_the_reference(void **state)
{
    const int cases = (int)tw_test_cases(20), available = conv_variants_to_compare();
    struct tw_rng rng = tw_test_rng(1);
    int ran = 0, forward = 0, gradient = 0;

    (void)state;
    for (int i = 0; i < cases; i++) {
        const struct tw_conv2d_shape shape = random_tall(&rng);

        ran += check_shape(&rng, &shape, tw_test_integer(&rng, 0, 3), NULL, 0);
        forward += is_tall(&shape, TW_CONV2D_FORWARD);
        gradient += is_tall(&shape, TW_CONV2D_INPUT_GRADIENT);
    }
    assert_int_equal(ran, cases * available);
    assert_true(cases < 20 || (forward > 0 && gradient > 0));
}

/* NaN and infinity, which make NaN of much of their tile, and numbers whose sums overflow or are subnormal. */
static void special_values_flow(void **state)
{
    static const float special[] = {NAN, INFINITY, -INFINITY, -0.0f, 0.0f, FLT_MAX, FLT_TRUE_MIN};
    const int cases = (int)tw_test_cases(6), available = conv_variants_to_compare();
    struct tw_rng rng = tw_test_rng(2);
    int ran = 0;

    (void)state;
    for (int i = 0; i < cases; i++) {
        const struct tw_conv2d_shape shape = random_tall(&rng);

        ran += check_shape(&rng, &shape, 2, special, (int)(sizeof special / sizeof *special));
    }
    assert_int_equal(ran, cases * available);
}

/* Results are finite but where their tile sees (row, column) of a source padded by one: six rows and four columns. */
static void assert_finite_elsewhere(const struct tw_conv2d_shape *shape, const float *y, ptrdiff_t row,
                                    ptrdiff_t column)
{
    const ptrdiff_t width = shape->out_width;

    for (ptrdiff_t i = 0; i < shape->out_height * width; i++) {
        const ptrdiff_t top = i / width / 4 * 4 - 1, left = i % width / 2 * 2 - 1;

        if (row < top || row >= top + 6 || column < left || column >= left + 4)
            assert_true(isfinite(y[i]));
    }
}

/* Not even a product with zero leads from a pixel to tiles that do not see it; one in every row of an image that ends within a
 * tile. */
static void infinity_stays_in_its_tiles(void **state)
{
    const struct tw_conv2d_shape shape = shape_of(32, 12, 1, 21, 35, 1, 1);
    struct tw_rng rng = tw_test_rng(3);
    struct conv_data data = new_data(&rng, &shape, 1);

    (void)state;
    assert_true(is_tall(&shape, TW_CONV2D_FORWARD));
    for (ptrdiff_t row = 0; row < shape.in_height; row++) {
        const ptrdiff_t column = tw_test_integer(&rng, 0, shape.in_width - 1);
        float *pixel = data.x + row * shape.in_width + column;

        *pixel = INFINITY;
        tw_f32_conv2d_forward__reference(&shape, 1, data.x, data.w, NULL, data.y, NULL);
        assert_finite_elsewhere(&shape, data.y, row, column);
        for (int v = 0; v < CONV_VARIANTS; v++) {
            struct tw_guard workspace = tw_guard_page(conv_variants[v].workspace(&shape));

            if (tw_isa_available(conv_variants[v].isa))
                conv_variants[v].forward(&shape, 1, data.x, data.w, NULL, data.y, workspace.data);
            assert_finite_elsewhere(&shape, data.y, row, column);
            tw_guard_release(&workspace);
        }
        *pixel = 0.5f;
    }
    end_data(&data);
}

/* Groups of runs that end within a sample, within a run of samples, and with the last of them; rows of tiles that are divided, at
 * both paddings, the last part of a single tile of a single column; fewer tiles at a time, of many channels, whose rows are divided
 * sooner; several blocks of results, the last one smaller, of one pass and of the other. Where tests are slow, the first of them. */
static void runs_and_blocks_equal_the_reference(void **state)
{
    static const struct {
        ptrdiff_t channels[3], image[2], padding[2], samples;
    } cases[] = {
        {{32, 33, 1}, {20, 16}, {1, 1}, 5},   {{33, 8, 1}, {17, 194}, {1, 1}, 1},
        {{32, 10, 2}, {18, 33}, {1, 1}, 7},   {{8, 32, 1}, {18, 195}, {1, 1}, 2},
        {{9, 35, 1}, {59, 31}, {1, 1}, 2},    {{34, 8, 1}, {16, 192}, {1, 1}, 2},
        {{32, 8, 1}, {17, 961}, {1, 1}, 1},   {{257, 9, 1}, {18, 33}, {1, 1}, 2},
        {{9, 257, 1}, {17, 31}, {1, 1}, 2},   {{257, 8, 1}, {16, 129}, {1, 1}, 1},
        {{8, 32, 1}, {17, 961}, {1, 1}, 1},   {{300, 147, 1}, {16, 16}, {1, 1}, 1},
        {{147, 300, 1}, {16, 16}, {1, 1}, 1},
    };
    const int available = conv_variants_to_compare();
    const ptrdiff_t count = sizeof cases / sizeof *cases, tried = tw_test_cases(2 * count);
    struct tw_rng rng = tw_test_rng(4);

    (void)state;
    for (ptrdiff_t i = 0; i < count && i < tried; i++) {
        const struct tw_conv2d_shape shape =
            shape_of(cases[i].channels[0], cases[i].channels[1], cases[i].channels[2], cases[i].image[0],
                     cases[i].image[1], cases[i].padding[0], cases[i].padding[1]);

        assert_true(is_tall(&shape, TW_CONV2D_FORWARD) || cases[i].channels[0] < TW_CONV2D_TALL_CHANNELS);
        assert_true(is_tall(&shape, TW_CONV2D_INPUT_GRADIENT) ||
                    cases[i].channels[1] < TW_CONV2D_TALL_CHANNELS);
        assert_int_equal(check_shape(&rng, &shape, cases[i].samples, NULL, 0), available);
    }
}

/* Without padding, and with two, of which the gradient makes none: rows and columns of either, divided ones, too. */
static void paddings_equal_the_reference(void **state)
{
    const int available = conv_variants_to_compare();
    struct tw_rng rng = tw_test_rng(5);

    (void)state;
    for (ptrdiff_t i = 0; i < 8; i++) {
        const bool gradient = i % 2 == 1, wide = i == 0 || i == 7;
        const ptrdiff_t none = gradient ? 2 : 0, above = i / 2 % 3 == 0 ? 1 : none,
                        beside = i / 2 % 3 == 1 ? 1 : none;
        const struct tw_conv2d_shape shape =
            shape_of(gradient ? 9 : 32, gradient ? 32 : 9, 1, 18 + i, wide ? 197 + i : 21 + i, above, beside);

        assert_true(is_tall(&shape, gradient ? TW_CONV2D_INPUT_GRADIENT : TW_CONV2D_FORWARD));
        assert_int_equal(check_shape(&rng, &shape, 2, NULL, 0), available);
    }
}

static void input_gradient_is_a_convolution(void **state)
{
    const struct tw_conv2d_shape shape = shape_of(18, 33, 1, 19, 22, 2, 1);
    struct tw_rng rng = tw_test_rng(6);

    (void)state;
    check_input_gradient(&rng, &shape, 2, 4);
}

/* Both sides of the rule's limits, for forward and input gradient, whose paddings are 2 - those of the convolution. */
static void rule_is_kept(void **state)
{
    static const struct {
        ptrdiff_t channels[3], image[2], padding[2], expected[2];
    } cases[] = {
        {{32, 32, 1}, {16, 16}, {1, 1}, {4, 4}}, {{32, 32, 1}, {15, 16}, {1, 1}, {2, 2}},
        {{32, 32, 1}, {16, 15}, {1, 1}, {2, 2}}, {{31, 32, 1}, {16, 16}, {1, 1}, {2, 4}},
        {{32, 31, 1}, {16, 16}, {1, 1}, {4, 2}}, {{32, 32, 3}, {16, 16}, {1, 1}, {4, 4}},
        {{31, 32, 3}, {16, 16}, {1, 1}, {2, 4}}, {{32, 31, 3}, {16, 16}, {1, 1}, {4, 2}},
        {{32, 32, 1}, {18, 16}, {0, 1}, {4, 2}}, {{32, 32, 1}, {17, 16}, {0, 1}, {2, 2}},
        {{32, 32, 1}, {16, 18}, {1, 0}, {4, 2}}, {{32, 32, 1}, {16, 17}, {1, 0}, {2, 2}},
        {{32, 32, 1}, {18, 18}, {0, 0}, {4, 2}}, {{32, 32, 1}, {18, 17}, {0, 0}, {2, 2}},
        {{32, 32, 1}, {16, 16}, {2, 1}, {2, 4}}, {{32, 32, 1}, {15, 16}, {2, 1}, {2, 2}},
        {{32, 32, 1}, {16, 16}, {1, 2}, {2, 4}}, {{32, 32, 1}, {16, 15}, {1, 2}, {2, 2}},
        {{32, 32, 1}, {16, 16}, {2, 2}, {2, 4}}, {{32, 32, 1}, {15, 15}, {2, 2}, {2, 2}},
        {{32, 32, 1}, {20, 20}, {0, 2}, {2, 2}}, {{32, 32, 1}, {20, 20}, {2, 0}, {2, 2}},
        {{64, 64, 1}, {8, 512}, {1, 1}, {2, 2}}, {{64, 64, 1}, {512, 8}, {1, 1}, {2, 2}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct tw_conv2d_shape shape =
            shape_of(cases[i].channels[0], cases[i].channels[1], cases[i].channels[2], cases[i].image[0],
                     cases[i].image[1], cases[i].padding[0], cases[i].padding[1]);

        for (int pass = 0; pass < 2; pass++) {
            const enum tw_conv2d_pass which = (enum tw_conv2d_pass)pass;

            assert_int_equal(tw_conv2d_winograd_rows(&shape, which), cases[i].expected[pass]);
            assert_true(cases[i].expected[pass] == 2 || tw_conv2d_is_winograd(&shape, which));
        }
        assert_int_equal(tw_conv2d_winograd_rows(&shape, TW_CONV2D_WEIGHT_GRADIENT), 2);
    }
}

/* All combinations of 31 and 32 channels, of 15 and 16 rows and columns, at paddings that give these to the forward pass or the
 * gradient. */
static void limits_equal_the_reference(void **state)
{
    const int available = conv_variants_to_compare();
    struct tw_rng rng = tw_test_rng(7);

    (void)state;
    for (ptrdiff_t i = 0; i < 8; i++) {
        const ptrdiff_t rows = 15 + i % 2, columns = 15 + i / 2 % 2, channels = 31 + i / 4;
        const struct tw_conv2d_shape forward = shape_of(channels, 9, 1, rows + 2, columns, 0, 1),
                                     gradient = shape_of(9, channels, 1, rows, columns, 1, 2);

        assert_true(is_tall(&forward, TW_CONV2D_FORWARD) == (i == 7));
        assert_true(is_tall(&gradient, TW_CONV2D_INPUT_GRADIENT) == (i == 7));
        assert_int_equal(check_shape(&rng, &forward, 2, NULL, 0), available);
        assert_int_equal(check_shape(&rng, &gradient, 2, NULL, 0), available);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_shapes_equal_the_reference),
        cmocka_unit_test(special_values_flow),
        cmocka_unit_test(infinity_stays_in_its_tiles),
        cmocka_unit_test(runs_and_blocks_equal_the_reference),
        cmocka_unit_test(paddings_equal_the_reference),
        cmocka_unit_test(input_gradient_is_a_convolution),
        cmocka_unit_test(limits_equal_the_reference),
        cmocka_unit_test(rule_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
