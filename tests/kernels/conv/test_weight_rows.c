#include "kernels/conv/conv_weight_rows.h"
#include "tests/kernels/conv/rows_cases.h"

/* Algorithm "direct rows" of the weight gradient, for up to sixteen output channels: its rule, and its sums against the reference. */

/* `otherwise`: what it takes the place of, or what is taken for a shape that does not suit. */
static void assert_named(const struct tw_conv2d_shape *shape, bool does, const char *otherwise)
{
    assert_int_equal(tw_conv_suits_weight_rows(shape), does);
    for (int v = 0; v < CONV_VARIANTS; v++) {
        const bool here = does && conv_variants[v].isa == TW_ISA_AVX512;

        assert_string_equal(conv_variants[v].algorithm(shape, TW_CONV2D_WEIGHT_GRADIENT),
                            here ? "direct rows" : otherwise);
    }
}

/* Ten channels to `out`, in `groups`, with a kernel of three rows, on six rows. */
static struct tw_conv2d_shape few_outputs(ptrdiff_t out, ptrdiff_t kernel, ptrdiff_t padding, ptrdiff_t width,
                                          ptrdiff_t groups)
{
    struct tw_conv2d_shape shape = {.in_channels = groups * 10,
                                    .in_height = 6,
                                    .in_width = width,
                                    .out_channels = groups * out,
                                    .kernel_height = 3,
                                    .kernel_width = kernel,
                                    .stride = {1, 1},
                                    .padding = {1, padding},
                                    .dilation = {1, 1},
                                    .groups = groups};

    set_output(&shape);
    return shape;
}

/* Both sides of every limit. */
static void few_outputs_with_three_or_five_taps_are_taken(void **state)
{
    static const struct {
        ptrdiff_t out, kernel, padding, width, groups;
        bool does;
        const char *otherwise;
    } cases[] = {
        {8, 3, 1, 8, 1, true, "direct"},    {7, 3, 1, 8, 1, false, "windows"},
        {16, 3, 1, 8, 1, true, "direct"},   {17, 3, 1, 8, 1, false, "direct"},
        {16, 3, 1, 7, 1, false, "direct"},  {16, 3, 1, 500, 1, true, "direct"},
        {16, 3, 0, 10, 1, true, "direct"},  {16, 3, 0, 9, 1, false, "direct"},
        {16, 3, 2, 6, 1, true, "direct"},   {16, 3, 2, 5, 1, false, "direct"},
        {16, 3, 3, 30, 1, false, "direct"}, {16, 5, 4, 4, 1, true, "direct"},
        {16, 5, 5, 30, 1, false, "direct"}, {16, 1, 0, 30, 1, false, "direct"},
        {16, 2, 0, 30, 1, false, "direct"}, {16, 4, 1, 30, 1, false, "direct"},
        {16, 6, 1, 30, 1, false, "direct"}, {16, 7, 3, 30, 1, false, "direct"},
        {16, 3, 1, 8, 3, true, "direct"},   {17, 3, 1, 8, 3, false, "direct"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct tw_conv2d_shape shape =
            few_outputs(cases[i].out, cases[i].kernel, cases[i].padding, cases[i].width, cases[i].groups);

        assert_named(&shape, cases[i].does, cases[i].otherwise);
    }
}

/* Along the row; down they do not matter. Winograd's and depthwise sums are others. */
static void steps_and_other_sums_are_not(void **state)
{
    struct tw_conv2d_shape shape = few_outputs(16, 3, 1, 30, 1);

    (void)state;
    shape.stride[0] = 2;
    shape.dilation[0] = 2;
    set_output(&shape);
    assert_named(&shape, true, "direct");
    shape.stride[1] = 2;
    set_output(&shape);
    assert_named(&shape, false, "direct");
    shape.stride[1] = 1;
    shape.dilation[1] = 2;
    set_output(&shape);
    assert_named(&shape, false, "direct");
    shape = few_outputs(16, 3, 1, 30, 1);
    shape.in_channels = 7;
    assert_named(&shape, false, "windows");
    shape.in_channels = 16;
    assert_named(&shape, true, "direct");
    shape.winograd = true;
    assert_named(&shape, false, "winograd");
    shape = few_outputs(1, 3, 1, 30, 8);
    shape.in_channels = 8;
    assert_false(tw_conv_suits_weight_rows(&shape));
}

static struct tw_conv2d_shape random_rows(struct tw_rng *rng, bool far)
{
    struct tw_conv2d_shape shape;

    do {
        const ptrdiff_t groups = tw_test_integer(rng, 0, 3) == 0 ? 2 : 1;

        shape = (struct tw_conv2d_shape){
            .in_channels = groups * tw_test_integer(rng, 8, tw_test_integer(rng, 0, 3) == 0 ? 40 : 14),
            .in_height = tw_test_integer(rng, 1, 24),
            .in_width = tw_test_integer(rng, 4, 40),
            .out_channels = groups * tw_test_integer(rng, 8, 16),
            .kernel_height = tw_test_integer(rng, 1, 7),
            .kernel_width = 3 + 2 * tw_test_integer(rng, 0, 1),
            .stride = {tw_test_integer(rng, 0, 2) == 0 ? tw_test_integer(rng, 2, 6) : 1, 1},
            .padding = {tw_test_integer(rng, 0, 9), tw_test_integer(rng, 0, 4)},
            .dilation = {tw_test_integer(rng, 0, 2) == 0 ? tw_test_integer(rng, 2, 9) : 1, 1},
            .groups = groups,
        };
        if (far && tw_test_integer(rng, 0, 15) == 0)
            shape.padding[0] = shape.dilation[0] = 1 << 12;
        set_output(&shape);
    } while (shape.out_height < 1 || shape.out_height > 30 || shape.out_width < 1 ||
             !tw_conv_suits_weight_rows(&shape));
    return shape;
}

#if defined(__x86_64__)
/* By itself, in memory of the bytes that it asks for; also without a bias gradient. */
static void check_rows(struct tw_rng *rng, const struct tw_conv2d_shape *shape, ptrdiff_t samples,
                       bool special)
{
    const size_t bytes = tw_conv_weight_rows_workspace__avx512(shape);
    struct tw_guard workspace = tw_guard_page(bytes);
    struct conv_data data = new_data(rng, shape, samples);
    struct conv_expected expected;

    assert_true(bytes > 0);
    assert_int_equal(bytes % 64, 0);
    if (special)
        strew(rng, &data);
    expected = expect(shape, samples, &data);
    for (int bias = 0; bias < 2; bias++) {
        memset(workspace.data, 0xff, bytes);
        spoil(&data);
        tw_conv_weight_rows__avx512(shape, samples, data.x, data.dy, data.dw, bias ? data.db : NULL,
                                    workspace.data);
        assert_same(expected.dw, data.dw, data.w_count);
        if (bias)
            assert_same(expected.db, data.db, data.channels);
    }
    end_expected(&expected);
    end_data(&data);
    tw_guard_release(&workspace);
}
#else
static void check_rows(struct tw_rng *rng, const struct tw_conv2d_shape *shape, ptrdiff_t samples,
                       bool special)
{
    (void)rng, (void)shape, (void)samples, (void)special;
}
#endif

static void random_rows_equal_the_reference(void **state)
{
    (void)state;
    check_random_rows(tw_test_cases(100), random_rows, check_rows);
}

static void entry_points_equal_the_reference(void **state)
{
    (void)state;
    check_entry_points(random_rows);
}

/* Every height of a tile, with every padding and every rest of a row. */
static void every_tile_equals_the_reference(void **state)
{
    struct tw_rng rng = tw_test_rng(3);

    (void)state;
    skip_without_avx512();
    for (ptrdiff_t kernel = 3; kernel <= 5; kernel += 2) {
        for (ptrdiff_t channels = 8; channels <= 14; channels++) {
            for (ptrdiff_t padding = 0; padding < kernel; padding++) {
                const ptrdiff_t positions = 8 + (channels + padding) % 5;
                struct tw_conv2d_shape shape =
                    few_outputs(8 + channels % 9, kernel, padding, positions + kernel - 1 - 2 * padding, 1);

                shape.in_channels = channels;
                assert_int_equal(shape.out_width, positions);
                assert_true(tw_conv_suits_weight_rows(&shape));
                check_rows(&rng, &shape, 1, false);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_outputs_with_three_or_five_taps_are_taken),
        cmocka_unit_test(steps_and_other_sums_are_not),
        cmocka_unit_test(random_rows_equal_the_reference),
        cmocka_unit_test(entry_points_equal_the_reference),
        cmocka_unit_test(every_tile_equals_the_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
