#include "kernels/conv/conv_direct_rows.h"
#include "tests/kernels/conv/rows_cases.h"

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
        {8, 16, false}, {8, 17, true},   {8, 33, true},  {12, 19, false}, {12, 20, true},   {16, 26, false},
        {16, 27, true}, {16, 39, false}, {16, 40, true}, {17, 19, false}, {17, 20, true},   {20, 22, false},
        {20, 23, true}, {24, 27, false}, {24, 28, true}, {25, 24, false}, {25, 25, true},   {31, 30, false},
        {31, 31, true}, {32, 31, false}, {32, 32, true}, {33, 20, false}, {33, 21, true},   {40, 24, false},
        {40, 25, true}, {48, 29, false}, {48, 30, true}, {49, 25, false}, {49, 26, true},   {57, 28, false},
        {57, 29, true}, {63, 31, false}, {63, 32, true}, {64, 32, false}, {64, 160, false},
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

/* Taps that few positions meet, or none, are what "direct" leaves out whole; and a kernel may have a single one along a row. */
static void taps_beside_the_image_count(void **state)
{
    static const struct {
        ptrdiff_t results, width, kernel, dilation, padding;
        bool suits;
    } cases[] = {
        {16, 32, 3, 1, 1, true},    {16, 32, 3, 9, 9, true},
        {16, 32, 3, 10, 10, false}, {8, 32, 3, 28, 28, true},
        {8, 32, 3, 29, 29, false},  {16, 32, 1, 1, 0, false},
        {16, 33, 2, 1, 0, true},    {16, 32, 3, 1, 9, false},
        {16, 32, 3, 1, 2, false},   {16, 32, 3, 1, 15, false},
        {32, 32, 3, 1, 1, true},    {32, 32, 5, 1, 2, false},
        {24, 32, 7, 1, 3, true},    {8, 96, 7, 31, 93, true},
        {8, 96, 7, 32, 96, false},  {8, 96, 7, 1 << 20, 3 << 20, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const ptrdiff_t channels[] = {9, cases[i].results}, image[] = {3, cases[i].width};
        struct tw_conv2d_shape shape = square_shape(channels, image, 1, 1, 1);

        shape.kernel_height = 2;
        shape.kernel_width = cases[i].kernel;
        shape.dilation[1] = cases[i].dilation;
        shape.padding[1] = cases[i].padding;
        set_output(&shape);
        assert_named(&shape, TW_CONV2D_FORWARD, cases[i].suits);
    }
}

/* Few results in long rows, padded by more than the kernel reaches or by nothing, with gaps between taps, in steps down. `far`: some
 * with kernel rows far outside the image, for which other algorithms want gigabytes. */
static struct tw_conv2d_shape random_rows(struct tw_rng *rng, bool far)
{
    struct tw_conv2d_shape shape;

    do {
        const bool gradient = tw_test_integer(rng, 0, 1);
        const ptrdiff_t channels = tw_test_integer(rng, 3, tw_test_integer(rng, 0, 5) == 0 ? 70 : 12);
        const ptrdiff_t results = tw_test_integer(rng, 8, tw_test_integer(rng, 0, 2) == 0 ? 63 : 24);
        const bool long_steps = far && tw_test_integer(rng, 0, 7) == 0;

        shape = (struct tw_conv2d_shape){
            .in_height = tw_test_integer(rng, 1, 8),
            .in_width = tw_test_integer(rng, 16, 110),
            .kernel_height = tw_test_integer(rng, 1, 7),
            .kernel_width = tw_test_integer(rng, 0, 1) == 0 ? tw_test_integer(rng, 2, 7)
                                                            : 3 + 2 * tw_test_integer(rng, 0, 1),
            .stride = {tw_test_integer(rng, 0, 2) == 0 ? tw_test_integer(rng, 2, 6) : 1, 1},
            .dilation = {long_steps ? 1 << 20 : tw_test_integer(rng, 1, 3),
                         tw_test_integer(rng, 0, 2) == 0 ? tw_test_integer(rng, 2, 40) : 1},
            .groups = tw_test_integer(rng, 0, 3) == 0 ? 2 : 1,
        };
        shape.padding[0] =
            long_steps ? shape.dilation[0] * (shape.kernel_height / 2) : tw_test_integer(rng, 0, 4);
        shape.padding[1] = tw_test_integer(rng, 0, 2) > 0 ? shape.dilation[1] * (shape.kernel_width - 1) / 2
                                                          : tw_test_integer(rng, 0, 25);
        shape.in_channels = shape.groups * (gradient ? results : channels);
        shape.out_channels = shape.groups * (gradient ? channels : results);
        set_output(&shape);
    } while (shape.out_height < 1 || shape.out_height > 20 || shape.out_width < 1 ||
             (!tw_conv_suits_direct_rows(&shape, false) && !tw_conv_suits_direct_rows(&shape, true)));
    return shape;
}

#if defined(__x86_64__)
/* By itself, in memory of the bytes that it asks for; the forward pass also without a bias. */
static void check_alone(const struct tw_conv2d_shape *shape, ptrdiff_t samples, bool gradient,
                        struct conv_data *data, const struct conv_expected *expected)
{
    const size_t bytes = tw_conv_direct_rows_workspace__avx512(shape, gradient);
    struct tw_guard workspace = tw_guard_page(bytes);

    assert_true(bytes > 0);
    assert_int_equal(bytes % 64, 0);
    memset(workspace.data, 0xff, bytes);
    spoil(data);
    if (gradient) {
        tw_conv_direct_rows__avx512(shape, true, samples, data->dy, data->w, NULL, data->dx, workspace.data);
        assert_same(expected->dx, data->dx, data->x_count);
    } else {
        tw_conv_direct_rows__avx512(shape, false, samples, data->x, data->w, data->bias, data->y,
                                    workspace.data);
        assert_same(expected->y, data->y, data->y_count);
        spoil(data);
        tw_conv_direct_rows__avx512(shape, false, samples, data->x, data->w, NULL, data->y, workspace.data);
        assert_same(expected->plain_y, data->y, data->y_count);
    }
    tw_guard_release(&workspace);
}

/* What it is taken for; of passes that it is not taken for it wants no memory. */
static void check_rows(struct tw_rng *rng, const struct tw_conv2d_shape *shape, ptrdiff_t samples,
                       bool special)
{
    struct conv_data data = new_data(rng, shape, samples);
    struct conv_expected expected;

    if (special)
        strew(rng, &data);
    expected = expect(shape, samples, &data);
    for (int gradient = 0; gradient < 2; gradient++) {
        if (tw_conv_suits_direct_rows(shape, gradient))
            check_alone(shape, samples, gradient, &data, &expected);
        else
            assert_int_equal(tw_conv_direct_rows_workspace__avx512(shape, gradient), 0);
    }
    end_expected(&expected);
    end_data(&data);
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
    check_random_rows(tw_test_cases(200), random_rows, check_rows);
}

static void entry_points_equal_the_reference(void **state)
{
    (void)state;
    check_entry_points(random_rows);
}

/* Every height and width of a tile, with three, five and seven taps; of 100 channels the chains stop between blocks. */
static void every_tile_equals_the_reference(void **state)
{
    struct tw_rng rng = tw_test_rng(3);

    (void)state;
    skip_without_avx512();
    for (ptrdiff_t kernel = 3; kernel <= 7; kernel += 2) {
        for (ptrdiff_t results = 8; results <= 16; results++) {
            for (ptrdiff_t width = 32; width <= 48; width += 16) {
                const ptrdiff_t channels[] = {results == 11 ? 100 : 8, results}, image[] = {2, width};
                const struct tw_conv2d_shape shape = square_shape(channels, image, kernel, 1, 1);

                assert_true(tw_conv_suits_direct_rows(&shape, false));
                check_rows(&rng, &shape, 1, false);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_results_in_long_rows_are_taken),
        cmocka_unit_test(taps_beside_the_image_count),
        cmocka_unit_test(random_rows_equal_the_reference),
        cmocka_unit_test(entry_points_equal_the_reference),
        cmocka_unit_test(every_tile_equals_the_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
