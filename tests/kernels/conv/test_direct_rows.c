#include "kernels/conv/conv_direct_rows.h"
#include "tests/kernels/conv/conv_cases.h"

/* Algorithm "direct rows", which AVX-512 has for few results in long rows: its rule, and its sums against the reference. */

/* What the forward pass, or the input gradient, is named; NULL where there is no AVX-512 in the program. */
static const char *named(const struct tw_conv2d_shape *shape, enum tw_conv2d_pass pass)
{
    for (int v = 0; v < CONV_VARIANTS; v++)
        if (conv_variants[v].isa == TW_ISA_AVX512)
            return conv_variants[v].algorithm(shape, pass);
    return NULL;
}

static void assert_named(const struct tw_conv2d_shape *shape, enum tw_conv2d_pass pass, bool suits)
{
    const char *name = named(shape, pass);

    assert_int_equal(tw_conv_suits_direct_rows(shape, pass == TW_CONV2D_INPUT_GRADIENT), suits);
    if (name)
        assert_string_equal(name, suits ? "direct rows" : "direct");
    for (int v = 0; v < CONV_VARIANTS; v++)
        if (conv_variants[v].isa != TW_ISA_AVX512)
            assert_string_equal(conv_variants[v].algorithm(shape, pass), "direct");
}

/* Both sides of every limit: so many results, in rows so wide, of which whole vectors leave lanes idle. */
static void few_results_in_long_rows_are_taken(void **state)
{
    static const struct {
        ptrdiff_t results, width;
        bool suits;
    } cases[] = {
        {8, 16, false}, {8, 17, true},   {8, 33, true},  {12, 19, false}, {12, 20, true},   {16, 25, false},
        {16, 26, true}, {16, 38, false}, {16, 39, true}, {17, 18, false}, {17, 19, true},   {20, 22, false},
        {20, 23, true}, {24, 26, false}, {24, 27, true}, {25, 24, false}, {25, 25, true},   {31, 30, false},
        {31, 31, true}, {32, 31, false}, {32, 32, true}, {33, 19, false}, {33, 20, true},   {40, 24, false},
        {40, 25, true}, {48, 28, false}, {48, 29, true}, {49, 25, false}, {49, 26, true},   {57, 27, false},
        {57, 28, true}, {63, 30, false}, {63, 31, true}, {64, 32, false}, {64, 160, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const ptrdiff_t in[] = {9, cases[i].results}, out[] = {cases[i].results, 9},
                        image[] = {6, cases[i].width};
        struct tw_conv2d_shape forward = square_shape(in, image, 3, 1, 1),
                               gradient = square_shape(out, image, 3, 1, 1);

        assert_named(&forward, TW_CONV2D_FORWARD, cases[i].suits);
        assert_named(&gradient, TW_CONV2D_INPUT_GRADIENT, cases[i].suits);
        gradient.stride[0] = 2;
        set_output(&gradient);
        assert_named(&gradient, TW_CONV2D_INPUT_GRADIENT, cases[i].suits);
        gradient.stride[1] = 2;
        set_output(&gradient);
        assert_named(&gradient, TW_CONV2D_INPUT_GRADIENT, false);
    }
}

/* Few results in long rows, padded by more than the kernel reaches or by nothing, with gaps between taps, in steps down. */
static struct tw_conv2d_shape random_rows(struct tw_rng *rng)
{
    struct tw_conv2d_shape shape;

    do {
        const bool gradient = tw_test_integer(rng, 0, 1);
        const ptrdiff_t channels = tw_test_integer(rng, 8, tw_test_integer(rng, 0, 5) == 0 ? 70 : 12);
        const ptrdiff_t results = tw_test_integer(rng, 8, tw_test_integer(rng, 0, 2) == 0 ? 63 : 24);

        shape = (struct tw_conv2d_shape){
            .in_height = tw_test_integer(rng, 1, 8),
            .in_width = tw_test_integer(rng, 16, 110),
            .kernel_height = tw_test_integer(rng, 1, 5),
            .kernel_width = tw_test_integer(rng, 0, 1) == 0 ? tw_test_integer(rng, 1, 7)
                                                            : 3 + 2 * tw_test_integer(rng, 0, 1),
            .stride = {tw_test_integer(rng, 0, 2) == 0 ? 2 : 1, 1},
            .dilation = {tw_test_integer(rng, 1, 3), tw_test_integer(rng, 0, 2) == 0 ? 7 : 1},
            .groups = tw_test_integer(rng, 0, 3) == 0 ? 2 : 1,
        };
        shape.padding[0] = tw_test_integer(rng, 0, 4);
        shape.padding[1] = tw_test_integer(rng, 0, 2) > 0 ? shape.dilation[1] * (shape.kernel_width - 1) / 2
                                                          : tw_test_integer(rng, 0, 25);
        shape.in_channels = shape.groups * (gradient ? results : channels);
        shape.out_channels = shape.groups * (gradient ? channels : results);
        set_output(&shape);
    } while (shape.out_height < 1 || shape.out_width < 1 ||
             (!tw_conv_suits_direct_rows(&shape, false) && !tw_conv_suits_direct_rows(&shape, true)));
    return shape;
}

static void random_rows_equal_the_reference(void **state)
{
    static const float special[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1e38f};
    const ptrdiff_t cases = tw_test_cases(120);
    const int available = conv_variants_to_compare();
    struct tw_rng rng = tw_test_rng(1);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        const struct tw_conv2d_shape shape = random_rows(&rng);
        const int specials = i % 2 == 0 ? 0 : (int)(sizeof special / sizeof *special);

        assert_int_equal(check_shape(&rng, &shape, tw_test_integer(&rng, specials > 0, 2), special, specials),
                         available);
    }
}

/* Chains that stop between blocks of channels; and every height and width of a tile, with few taps and with many. */
static void every_tile_equals_the_reference(void **state)
{
    const ptrdiff_t cases = tw_test_cases(60);
    const int available = conv_variants_to_compare();
    struct tw_rng rng = tw_test_rng(3);
    ptrdiff_t i = 0;

    (void)state;
    for (ptrdiff_t results = 8; results <= 16; results++) {
        for (ptrdiff_t width = 32; width <= 80; width += 16) {
            const ptrdiff_t channels[] = {results == 11 ? 100 : 8, results}, image[] = {3, width};
            const struct tw_conv2d_shape shape = square_shape(channels, image, 3 + 2 * (i % 3), 1, 1);

            if (++i > cases)
                return;
            assert_true(tw_conv_suits_direct_rows(&shape, false));
            assert_int_equal(check_shape(&rng, &shape, 1, NULL, 0), available);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_results_in_long_rows_are_taken),
        cmocka_unit_test(random_rows_equal_the_reference),
        cmocka_unit_test(every_tile_equals_the_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
