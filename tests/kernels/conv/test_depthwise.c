#include "tests/kernels/conv/depthwise_cases.h"

static void random_shapes_equal_the_reference(void **state)
{
    const int cases = (int)tw_test_cases(600), available = variants_to_compare();
    struct tw_rng rng = tw_test_rng(1);
    int ran = 0;

    (void)state;
    for (int i = 0; i < cases; i++) {
        const struct tw_conv2d_shape shape = rows_shape(&rng);

        ran += check(&rng, &shape, tw_test_integer(&rng, 0, 2), false);
    }
    assert_int_equal(ran, cases * available);
}

static void special_values_flow(void **state)
{
    const int cases = (int)tw_test_cases(300), available = variants_to_compare();
    struct tw_rng rng = tw_test_rng(2);
    int ran = 0;

    (void)state;
    for (int i = 0; i < cases; i++) {
        const struct tw_conv2d_shape shape = rows_shape(&rng);

        ran += check(&rng, &shape, 2, true);
    }
    assert_int_equal(ran, cases * available);
}

/* 3 x 3 and 5 x 5 in steps of 1 and 2 without dilation, whose rows are read in place: results of 1 … 70 columns and up to
 * 30 rows, padding up to beyond the kernel, several planes. */
static void kernels_in_place_equal_the_reference(void **state)
{
    const int cases = (int)tw_test_cases(600), available = variants_to_compare();
    struct tw_rng rng = tw_test_rng(5);
    int shapes = 0, ran = 0;

    (void)state;
    for (int i = 0; i < cases; i++) {
        const ptrdiff_t stride = tw_test_integer(&rng, 1, 2), kernel = i % 3 == 2 ? 5 : 3;
        const ptrdiff_t padding = tw_test_integer(&rng, 0, 1) == 0 ? tw_test_integer(&rng, 0, 5) : kernel / 2;
        const ptrdiff_t ipg = tw_test_integer(&rng, 0, 3) == 0 ? tw_test_integer(&rng, 2, 4) : 1;
        struct tw_conv2d_shape shape = {.in_height = tw_test_integer(&rng, 1, 30),
                                        .in_width = tw_test_integer(&rng, 1, i % 2 == 0 ? 20 : 70),
                                        .kernel_height = kernel,
                                        .kernel_width = kernel,
                                        .stride = {stride, stride},
                                        .padding = {padding, tw_test_integer(&rng, 0, 1) + padding},
                                        .dilation = {1, 1},
                                        .groups = tw_test_integer(&rng, 1, 5)};

        shape.in_channels = shape.groups * ipg;
        shape.out_channels = shape.groups * (tw_test_integer(&rng, 0, 2) == 0 ? 2 : 1);
        set_output(&shape);
        if (shape.out_height > 0 && shape.out_width > 0 && products(&shape) <= 2 * PRODUCTS_MOST) {
            ran += check(&rng, &shape, tw_test_integer(&rng, 1, 3), i % 4 == 3);
            shapes++;
        }
    }
    assert_int_equal(ran, shapes * available);
    assert_true(shapes > cases / 4); /* most are not too large */
}

/* As few rows of results as a stream or a block has under way, fewer, and more: where it begins and ends. Columns of which a vector
 * holds two rows, and around those of two, three and four vectors. */
static void streams_of_few_rows_equal_the_reference(void **state)
{
    static const ptrdiff_t columns[] = {5, 6, 7, 8, 9, 16, 17, 24, 32, 33, 48, 64};
    const int available = variants_to_compare();
    struct tw_rng rng = tw_test_rng(6);

    (void)state;
    for (ptrdiff_t rows = 1; rows <= 12; rows++)
        for (int i = 0; i < 4 * 12; i++) {
            const ptrdiff_t kernel = i % 2 == 0 ? 3 : 5, stride = 1 + i / 2 % 2;
            struct tw_conv2d_shape shape = {.in_channels = 2,
                                            .in_height = (rows - 1) * stride + 1,
                                            .in_width = (columns[i / 4] - 1) * stride + 1,
                                            .out_channels = 2,
                                            .kernel_height = kernel,
                                            .kernel_width = kernel,
                                            .stride = {stride, stride},
                                            .padding = {kernel / 2, kernel / 2},
                                            .dilation = {1, 1},
                                            .groups = 2};

            set_output(&shape);
            assert_int_equal(shape.out_height, rows);
            assert_int_equal(check(&rng, &shape, 1, false), available);
        }
}

/* Images of which a vector holds two rows, or a row of each of two channels, with results of their size and of others: from one
 * row on, odd and even, one channel to five, one result of each or four, and values that show where a sum leaves out what is beside
 * the image. */
static void small_images_equal_the_reference(void **state)
{
    const int repeats = (int)tw_test_cases(10), available = variants_to_compare();
    struct tw_rng rng = tw_test_rng(7);

    (void)state;
    for (ptrdiff_t width = 1; width <= 9; width++)
        for (int i = 0; i < 3 * 9 * repeats; i++) {
            const ptrdiff_t image[] = {i / 3 % 9 + 1, width};
            const ptrdiff_t groups = tw_test_integer(&rng, 1, 5),
                            outputs = tw_test_integer(&rng, 0, 3) == 0 ? 4 : 1;
            const ptrdiff_t channels[] = {groups, groups * outputs};
            struct tw_conv2d_shape shape = square_shape(channels, image, 3, 1, groups);

            if (i % 3 == 2) {
                shape.padding[tw_test_integer(&rng, 0, 1)] = 2 * tw_test_integer(&rng, 0, 1);
                set_output(&shape);
            }
            if (shape.out_height > 0) {
                assert_int_equal(check(&rng, &shape, tw_test_integer(&rng, 1, 3), i % 3 == 1), available);
            }
        }
}

/* 5 x 5 in rows of up to one vector of sixteen and of some, with all paddings: columns that only some taps meet lie inside the
 * image or beside it. */
static void fives_of_any_padding_equal_the_reference(void **state)
{
    const int available = variants_to_compare();
    struct tw_rng rng = tw_test_rng(8);

    (void)state;
    for (ptrdiff_t width = 18; width <= 38; width++)
        for (int i = 0; i < 2 * 5; i++) {
            const ptrdiff_t image[] = {tw_test_integer(&rng, 9, 40), width}, channels[] = {2, 2};
            struct tw_conv2d_shape shape = square_shape(channels, image, 5, 1 + i % 2, 2);

            shape.padding[1] = i / 2;
            set_output(&shape);
            assert_int_equal(check(&rng, &shape, 1, false), available);
        }
}

/* 3 x 3 in steps of 2 with so much padding that vectors of results begin on either side of the image's end. */
static void padded_steps_of_two_equal_the_reference(void **state)
{
    const int available = variants_to_compare();
    struct tw_rng rng = tw_test_rng(9);

    (void)state;
    for (ptrdiff_t padding = 3; padding <= 6; padding++)
        for (ptrdiff_t width = 35 - 2 * padding; width <= 32 - padding; width++) {
            const ptrdiff_t image[] = {7, width}, channels[] = {3, 3};
            struct tw_conv2d_shape shape = square_shape(channels, image, 3, 2, 3);

            shape.padding[1] = padding;
            set_output(&shape);
            assert_int_equal(check(&rng, &shape, 2, false), available);
        }
}

/* Planes that do not fit into the copy as a whole, nor into L1: bands, with and without phases, more small planes than
 * the copy holds at a time, and many channels for few results. */
static void bands_equal_the_reference(void **state)
{
    static const struct {
        ptrdiff_t groups, in, out, height, width, kernel, stride;
    } planes[] = {
        {1, 1, 1, 45, 118, 3, 1}, {1, 1, 1, 30, 131, 7, 1}, {1, 1, 1, 61, 134, 5, 2},
        {1, 8, 1, 21, 20, 5, 1},  {2, 5, 1, 23, 61, 3, 2},  {70, 1, 1, 7, 7, 3, 1},
        {1, 40, 3, 13, 20, 3, 1}, {1, 33, 2, 17, 12, 5, 2}, {2, 30, 1, 12, 19, 7, 1},
        {3, 1, 1, 45, 118, 3, 1}, {2, 1, 2, 41, 75, 3, 1},  {2, 1, 1, 90, 67, 3, 2},
    };
    const int available = variants_to_compare();
    struct tw_rng rng = tw_test_rng(3);

    (void)state;
    for (size_t i = 0; i < sizeof planes / sizeof *planes; i++) {
        const ptrdiff_t channels[] = {planes[i].groups * planes[i].in, planes[i].groups * planes[i].out};
        const ptrdiff_t image[] = {planes[i].height, planes[i].width};
        const struct tw_conv2d_shape shape =
            square_shape(channels, image, planes[i].kernel, planes[i].stride, planes[i].groups);

        assert_int_equal(check(&rng, &shape, 2, false), available);
    }
}

static void selector_takes_it_for_few_results(void **state)
{
    struct tw_conv2d_shape shape = {.in_channels = 32,
                                    .in_height = 14,
                                    .in_width = 14,
                                    .out_channels = 32,
                                    .out_height = 14,
                                    .out_width = 14,
                                    .kernel_height = 3,
                                    .kernel_width = 3,
                                    .stride = {1, 1},
                                    .padding = {1, 1},
                                    .dilation = {1, 1},
                                    .groups = 32};

    (void)state;
    assert_int_equal(tw_conv_select(&shape, false), TW_CONV_ALONG_ROWS);
    assert_int_equal(tw_conv_select(&shape, true), TW_CONV_ALONG_ROWS);
    assert_string_equal(tw_conv_algorithm_name(TW_CONV_ALONG_ROWS), "along rows");
    shape.stride[1] = 3;
    assert_int_equal(tw_conv_select(&shape, false), TW_CONV_ALONG_ROWS);
    assert_int_not_equal(tw_conv_select(&shape, true), TW_CONV_ALONG_ROWS);
    shape.stride[1] = 1;
    shape.groups = 8;
    assert_int_equal(tw_conv_select(&shape, false), TW_CONV_ALONG_ROWS);
    assert_false(tw_conv2d_is_depthwise(&shape));
    shape.groups = 4;
    assert_int_equal(tw_conv_select(&shape, false), TW_CONV_DIRECT);
    shape.groups = 1;
    shape.out_channels = 4;
    assert_int_equal(tw_conv_select(&shape, false), TW_CONV_ALONG_ROWS);
    assert_int_not_equal(tw_conv_select(&shape, true), TW_CONV_ALONG_ROWS);
    shape.out_height = 3;
    assert_int_not_equal(tw_conv_select(&shape, false), TW_CONV_ALONG_ROWS);
    shape.out_height = 14;
    shape.out_channels = 8;
    assert_int_not_equal(tw_conv_select(&shape, false), TW_CONV_ALONG_ROWS);
    shape.in_channels = 3;
    assert_int_equal(tw_conv_select(&shape, true), TW_CONV_ALONG_ROWS);
    shape.kernel_height = shape.kernel_width = 1;
    assert_int_not_equal(tw_conv_select(&shape, true), TW_CONV_ALONG_ROWS);
    shape.groups = shape.in_channels = shape.out_channels = 1;
    assert_int_not_equal(tw_conv_select(&shape, false), TW_CONV_ALONG_ROWS);
    assert_false(tw_conv2d_is_depthwise(&shape));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_shapes_equal_the_reference),
        cmocka_unit_test(special_values_flow),
        cmocka_unit_test(kernels_in_place_equal_the_reference),
        cmocka_unit_test(streams_of_few_rows_equal_the_reference),
        cmocka_unit_test(small_images_equal_the_reference),
        cmocka_unit_test(fives_of_any_padding_equal_the_reference),
        cmocka_unit_test(padded_steps_of_two_equal_the_reference),
        cmocka_unit_test(bands_equal_the_reference),
        cmocka_unit_test(selector_takes_it_for_few_results),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
