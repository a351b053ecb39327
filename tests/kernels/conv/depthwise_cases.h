/* What the tests of algorithm "along rows" share.
 */
#ifndef TOWER_TESTS_KERNELS_CONV_DEPTHWISE_CASES_H
#define TOWER_TESTS_KERNELS_CONV_DEPTHWISE_CASES_H

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

static inline void check_forward(const struct rows_variant *variant, const struct tw_conv2d_shape *shape,
                                 ptrdiff_t samples, struct conv_data *data,
                                 const struct conv_expected *expected)
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

static inline void check_input_gradient(const struct rows_variant *variant,
                                        const struct tw_conv2d_shape *shape, ptrdiff_t samples,
                                        struct conv_data *data, const struct conv_expected *expected)
{
    struct tw_guard workspace = tw_guard_page(tw_conv_depthwise_passes_workspace(shape, true));

    spoil(data);
    tw_conv_depthwise_input_gradient(variant->bodies, shape, samples, data->dy, data->w, data->dx,
                                     workspace.data);
    assert_same(expected->dx, data->dx, data->x_count);
    tw_guard_release(&workspace);
}

static inline void check_weight_gradient(const struct rows_variant *variant,
                                         const struct tw_conv2d_shape *shape, ptrdiff_t samples,
                                         struct conv_data *data, const struct conv_expected *expected)
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

/* How many variants this machine can run; without any there is nothing to compare. */
static inline int variants_to_compare(void)
{
    int count = 0;

#if defined(__x86_64__)
    for (int v = 0; v < VARIANTS; v++) {
        count += tw_isa_available(variants[v].isa);
    }
#endif
    if (count == 0) {
        skip();
    }
    return count;
}

static inline void strew(struct tw_rng *rng, float *values, ptrdiff_t count)
{
    static const float special[] = {NAN, INFINITY, -INFINITY, -0.0f, 0.0f, FLT_MAX, FLT_TRUE_MIN};

    for (size_t i = 0; i < sizeof special / sizeof *special && count > 0; i++) {
        values[tw_test_integer(rng, 0, count - 1)] = special[i];
    }
}

/* Returns how many variants ran. */
static inline int check(struct tw_rng *rng, const struct tw_conv2d_shape *shape, ptrdiff_t samples,
                        bool special)
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

static inline ptrdiff_t products(const struct tw_conv2d_shape *shape)
{
    return shape->out_channels * shape->out_height * shape->out_width * shape->in_channels / shape->groups *
           shape->kernel_height * shape->kernel_width;
}

/* Kernels with bodies of their own (3x3, 5x5, 7x7, steps 1 and 2) half of the time, any other otherwise; widths
 * 1 … 70, padding beyond the kernel, channel multipliers, and groups of up to eight channels. */
static inline struct tw_conv2d_shape rows_shape(struct tw_rng *rng)
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

#endif
