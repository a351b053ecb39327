#include <float.h>
#include <math.h>

#include "kernels/conv/conv_depthwise.h"
#include "tests/kernels/conv/conv_cases.h"

/* Algorithm "along rows" on every ISA this machine can run against the reference, bit for bit, on shapes that
 * the selector would give to it and on some that it would not. Every buffer ends at a page without access. */

struct rows_variant {
    enum tw_isa isa;
    const struct tw_conv_depthwise *bodies;
};

#if defined(__x86_64__)
static const struct rows_variant variants[] = {{TW_ISA_AVX2, &tw_conv_depthwise__avx2},
                                               {TW_ISA_AVX512, &tw_conv_depthwise__avx512}};
#define VARIANTS ((int)(sizeof variants / sizeof *variants))

static void check_forward(const struct rows_variant *variant, const struct tw_conv2d_shape *shape,
                          ptrdiff_t samples, struct conv_data *data, const struct conv_expected *expected)
{
    struct tw_guard workspace = tw_guard_page(tw_conv_depthwise_passes_workspace(shape, false));

    spoil(data);
    tw_conv_depthwise_forward(variant->bodies, shape, samples, data->x, data->w, data->bias, data->y,
                              workspace.data);
    assert_same(expected->y, data->y, data->y_count);
    tw_conv_depthwise_forward(variant->bodies, shape, samples, data->x, data->w, NULL, data->y,
                              workspace.data);
    assert_same(expected->plain_y, data->y, data->y_count);
    tw_guard_release(&workspace);
}

static void check_input_gradient(const struct rows_variant *variant, const struct tw_conv2d_shape *shape,
                                 ptrdiff_t samples, struct conv_data *data,
                                 const struct conv_expected *expected)
{
    struct tw_guard workspace = tw_guard_page(tw_conv_depthwise_passes_workspace(shape, true));

    spoil(data);
    tw_conv_depthwise_input_gradient(variant->bodies, shape, samples, data->dy, data->w, data->dx,
                                     workspace.data);
    assert_same(expected->dx, data->dx, data->x_count);
    tw_guard_release(&workspace);
}

static void check_weight_gradient(const struct rows_variant *variant, const struct tw_conv2d_shape *shape,
                                  ptrdiff_t samples, struct conv_data *data,
                                  const struct conv_expected *expected)
{
    struct tw_guard workspace = tw_guard_page(tw_conv_depthwise_weight_gradient_workspace(shape));

    spoil(data);
    tw_conv_depthwise_weight_gradient(variant->bodies, shape, samples, data->x, data->dy, data->dw, data->db,
                                      workspace.data);
    assert_same(expected->dw, data->dw, data->w_count);
    assert_same(expected->db, data->db, data->channels);
    tw_conv_depthwise_weight_gradient(variant->bodies, shape, samples, data->x, data->dy, data->dw, NULL,
                                      workspace.data);
    assert_same(expected->dw, data->dw, data->w_count);
    tw_guard_release(&workspace);
}
#endif

static void strew(struct tw_rng *rng, float *values, ptrdiff_t count)
{
    static const float special[] = {NAN, INFINITY, -INFINITY, -0.0f, 0.0f, FLT_MAX, FLT_TRUE_MIN};

    for (size_t i = 0; i < sizeof special / sizeof *special && count > 0; i++) {
        values[tw_test_integer(rng, 0, count - 1)] = special[i];
    }
}

/* Returns how many variants ran. */
static int check(struct tw_rng *rng, const struct tw_conv2d_shape *shape, ptrdiff_t samples, bool special)
{
    struct conv_data data = new_data(rng, shape, samples);
    struct conv_expected expected;
    int ran = 0;

    if (special) {
        strew(rng, data.x, data.x_count);
        strew(rng, data.dy, data.y_count);
        data.w[tw_test_integer(rng, 0, data.w_count - 1)] = INFINITY;
        data.bias[tw_test_integer(rng, 0, data.channels - 1)] = -0.0f;
    }
    expected = expect(shape, samples, &data);
#if defined(__x86_64__)
    for (int v = 0; v < VARIANTS; v++) {
        if (!tw_isa_available(variants[v].isa)) {
            continue;
        }
        check_forward(&variants[v], shape, samples, &data, &expected);
        if (shape->stride[0] <= 2 && shape->stride[1] <= 2) {
            check_input_gradient(&variants[v], shape, samples, &data, &expected);
        }
        if (tw_conv2d_is_depthwise(shape)) {
            check_weight_gradient(&variants[v], shape, samples, &data, &expected);
        }
        ran++;
    }
#endif
    end_expected(&expected);
    end_data(&data);
    return ran;
}

/* Products of one sample that are enough to meet every path: emulators take a microsecond for each. */
#define PRODUCTS_MOST 20000

static ptrdiff_t products(const struct tw_conv2d_shape *shape)
{
    return shape->out_channels * shape->out_height * shape->out_width * shape->in_channels / shape->groups *
           shape->kernel_height * shape->kernel_width;
}

/* Kernels with bodies of their own (3x3, 5x5, 7x7, steps 1 and 2) half of the time, any other otherwise; widths
 * 1 … 70, padding beyond the kernel, channel multipliers, and groups of up to eight channels. */
static struct tw_conv2d_shape rows_shape(struct tw_rng *rng)
{
    struct tw_conv2d_shape shape;

    do {
        const ptrdiff_t square = 1 + 2 * tw_test_integer(rng, 1, 3);
        const bool any = tw_test_integer(rng, 0, 1) == 0;
        const ptrdiff_t ipg = tw_test_integer(rng, 0, 2) == 0 ? tw_test_integer(rng, 2, 7) : 1;

        shape = (struct tw_conv2d_shape){
            .in_height = tw_test_integer(rng, 1, 24),
            .in_width = tw_test_integer(rng, 1, 70),
            .kernel_height = any ? tw_test_integer(rng, 1, 5) : square,
            .kernel_width = any ? tw_test_integer(rng, 1, 6) : square,
            .stride = {tw_test_integer(rng, 1, any ? 3 : 2), tw_test_integer(rng, 1, any ? 4 : 2)},
            .padding = {tw_test_integer(rng, 0, 8), tw_test_integer(rng, 0, 8)},
            .dilation = {tw_test_integer(rng, 1, any ? 3 : 2), tw_test_integer(rng, 1, 3)},
            .groups = tw_test_integer(rng, 1, ipg > 1 ? 3 : 6),
        };
        shape.in_channels = shape.groups * ipg;
        shape.out_channels = shape.groups * tw_test_integer(rng, 1, 3);
        set_output(&shape);
    } while (shape.out_height < 1 || shape.out_width < 1 || products(&shape) > PRODUCTS_MOST);
    return shape;
}

static void random_shapes_equal_the_reference(void **state)
{
    const ptrdiff_t cases = tw_test_cases(600);
    struct tw_rng rng = tw_test_rng(1);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        const struct tw_conv2d_shape shape = rows_shape(&rng);

        check(&rng, &shape, tw_test_integer(&rng, 0, 2), false);
    }
}

static void special_values_flow(void **state)
{
    const ptrdiff_t cases = tw_test_cases(300);
    struct tw_rng rng = tw_test_rng(2);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        const struct tw_conv2d_shape shape = rows_shape(&rng);

        check(&rng, &shape, 2, true);
    }
}

/* 3 x 3 and 5 x 5 in steps of 1 and 2 without dilation, whose rows are read in place: results of 1 … 70 columns and up to
 * 30 rows, padding up to beyond the kernel, several planes. */
static void kernels_in_place_equal_the_reference(void **state)
{
    const ptrdiff_t cases = tw_test_cases(600);
    struct tw_rng rng = tw_test_rng(5);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
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
            check(&rng, &shape, tw_test_integer(&rng, 1, 3), i % 4 == 3);
        }
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
    struct tw_rng rng = tw_test_rng(3);

    (void)state;
    for (size_t i = 0; i < sizeof planes / sizeof *planes; i++) {
        const ptrdiff_t kernel = planes[i].kernel, stride = planes[i].stride;
        struct tw_conv2d_shape shape = {.in_channels = planes[i].groups * planes[i].in,
                                        .in_height = planes[i].height,
                                        .in_width = planes[i].width,
                                        .out_channels = planes[i].groups * planes[i].out,
                                        .kernel_height = kernel,
                                        .kernel_width = kernel,
                                        .stride = {stride, stride},
                                        .padding = {kernel / 2, kernel / 2},
                                        .dilation = {1, 1},
                                        .groups = planes[i].groups};

        set_output(&shape);
        check(&rng, &shape, 2, false);
    }
}

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
    struct tw_rng rng = tw_test_rng(6);

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
            }
        }
#endif
        end_expected(&expected);
        end_data(&data);
    }
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
    shape.out_channels = 7;
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
        cmocka_unit_test(bands_equal_the_reference),
        cmocka_unit_test(chains_fold_as_stated),
        cmocka_unit_test(sums_of_minus_zero_stay),
        cmocka_unit_test(weight_gradient_is_the_sum),
        cmocka_unit_test(selector_takes_it_for_few_results),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
