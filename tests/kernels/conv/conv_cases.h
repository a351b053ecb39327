/* Random convolutions, and the check of every variant and algorithm on one of them. */
#ifndef TOWER_TESTS_KERNELS_CONV_CONV_CASES_H
#define TOWER_TESTS_KERNELS_CONV_CONV_CASES_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu.h"
#include "kernels/conv/conv_pass.h"
#include "tests/support/test_support.h"

static inline float *new_floats(ptrdiff_t count)
{
    float *values = malloc(((size_t)count + 1) * sizeof *values);

    assert_non_null(values);
    return values;
}

static inline void set_output(struct tw_conv2d_shape *shape)
{
    shape->out_height = tw_conv2d_output_extent(shape->in_height, shape->kernel_height, shape->stride[0],
                                                shape->padding[0], shape->dilation[0]);
    shape->out_width = tw_conv2d_output_extent(shape->in_width, shape->kernel_width, shape->stride[1],
                                               shape->padding[1], shape->dilation[1]);
}

/* A square kernel, padded by half of it, in equal steps both ways; channels: in, out; image: height, width. */
static inline struct tw_conv2d_shape square_shape(const ptrdiff_t channels[2], const ptrdiff_t image[2],
                                                  ptrdiff_t kernel, ptrdiff_t stride, ptrdiff_t groups)
{
    struct tw_conv2d_shape shape = {.in_channels = channels[0],
                                    .in_height = image[0],
                                    .in_width = image[1],
                                    .out_channels = channels[1],
                                    .kernel_height = kernel,
                                    .kernel_width = kernel,
                                    .stride = {stride, stride},
                                    .padding = {kernel / 2, kernel / 2},
                                    .dilation = {1, 1},
                                    .groups = groups};

    set_output(&shape);
    return shape;
}

/* Strides and dilations with and without common divisors, padding beyond the kernel, one to 70 channels,
 * groups up to depthwise; every eighth is 1 x 1 without padding. */
static inline struct tw_conv2d_shape random_shape(struct tw_rng *rng)
{
    struct tw_conv2d_shape shape;
    const ptrdiff_t most = tw_test_integer(rng, 0, 3) == 0 ? 70 : 12;

    do {
        shape = (struct tw_conv2d_shape){
            .in_height = tw_test_integer(rng, 1, 14),
            .in_width = tw_test_integer(rng, 1, 20),
            .kernel_height = tw_test_integer(rng, 1, 4),
            .kernel_width = tw_test_integer(rng, 1, 5),
            .stride = {tw_test_integer(rng, 1, 3), tw_test_integer(rng, 1, 4)},
            .padding = {tw_test_integer(rng, 0, 5), tw_test_integer(rng, 0, 4)},
            .dilation = {tw_test_integer(rng, 1, 3), tw_test_integer(rng, 1, 4)},
            .groups = tw_test_integer(rng, 0, 2) == 0 ? tw_test_integer(rng, 2, 9) : 1,
        };
        if (tw_test_integer(rng, 0, 1) == 0)
            shape.stride[0] = shape.stride[1] = 1;
        if (tw_test_integer(rng, 0, 7) == 0) {
            shape.kernel_height = shape.kernel_width = 1;
            shape.padding[0] = shape.padding[1] = 0;
        }
        shape.in_channels = shape.groups * tw_test_integer(rng, 1, most / shape.groups);
        shape.out_channels = shape.groups * tw_test_integer(rng, 1, most / shape.groups);
        set_output(&shape);
    } while (shape.out_height < 1 || shape.out_width < 1);
    return shape;
}

/* Inputs and outputs of all three functions, each in a buffer that is watched (tests/support). */
struct conv_data {
    ptrdiff_t x_count, y_count, w_count, channels;
    struct tw_guard guard[8];
    float *x, *dy, *w, *bias, *y, *dx, *dw, *db;
};

static inline float *guarded(struct tw_guard *guard, ptrdiff_t count)
{
    *guard = tw_guard_floats(count);
    return guard->data;
}

static inline struct conv_data new_data(struct tw_rng *rng, const struct tw_conv2d_shape *shape,
                                        ptrdiff_t samples)
{
    struct conv_data data = {
        .x_count = samples * shape->in_channels * shape->in_height * shape->in_width,
        .y_count = samples * shape->out_channels * shape->out_height * shape->out_width,
        .w_count = shape->out_channels * (shape->in_channels / shape->groups) * shape->kernel_height *
                   shape->kernel_width,
        .channels = shape->out_channels,
    };

    data.x = guarded(&data.guard[0], data.x_count);
    data.dy = guarded(&data.guard[1], data.y_count);
    data.w = guarded(&data.guard[2], data.w_count);
    data.bias = guarded(&data.guard[3], data.channels);
    data.y = guarded(&data.guard[4], data.y_count);
    data.dx = guarded(&data.guard[5], data.x_count);
    data.dw = guarded(&data.guard[6], data.w_count);
    data.db = guarded(&data.guard[7], data.channels);
    tw_test_fill(rng, data.x, data.x_count, -1.0f, 1.0f);
    tw_test_fill(rng, data.dy, data.y_count, -1.0f, 1.0f);
    tw_test_fill(rng, data.w, data.w_count, -1.0f, 1.0f);
    tw_test_fill(rng, data.bias, data.channels, -1.0f, 1.0f);
    return data;
}

static inline void end_data(struct conv_data *data)
{
    for (int i = 0; i < 8; i++)
        tw_guard_release(&data->guard[i]);
}

/* Outputs back to NaN, so that what is not written shows. */
static inline void spoil(struct conv_data *data)
{
    for (int i = 4; i < 8; i++)
        memset(data->guard[i].data, 0xff, data->guard[i].bytes);
}

/* Equal bits, or both NaN (which NaN is not promised). */
static inline void assert_same(const float *expected, const float *actual, ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count; i++)
        if (!isnan(expected[i]) || !isnan(actual[i]))
            assert_bits_equal_f32(expected + i, actual + i, 1);
}

static inline float *copy_floats(const float *values, ptrdiff_t count)
{
    float *copy = new_floats(count);

    memcpy(copy, values, (size_t)count * sizeof *copy);
    return copy;
}

/* What the reference makes of the data. */
struct conv_expected {
    float *y, *plain_y, *dx, *dw, *db;
};

static inline struct conv_expected expect(const struct tw_conv2d_shape *shape, ptrdiff_t samples,
                                          struct conv_data *data)
{
    struct conv_expected expected;

    assert_int_equal(tw_f32_conv2d_workspace__reference(shape), 0);
    spoil(data);
    tw_f32_conv2d_forward__reference(shape, samples, data->x, data->w, data->bias, data->y, NULL);
    tw_f32_conv2d_input_gradient__reference(shape, samples, data->dy, data->w, data->dx, NULL);
    tw_f32_conv2d_weight_gradient__reference(shape, samples, data->x, data->dy, data->dw, data->db, NULL);
    expected = (struct conv_expected){.y = copy_floats(data->y, data->y_count),
                                      .dx = copy_floats(data->dx, data->x_count),
                                      .dw = copy_floats(data->dw, data->w_count),
                                      .db = copy_floats(data->db, data->channels)};
    tw_f32_conv2d_forward__reference(shape, samples, data->x, data->w, NULL, data->y, NULL);
    expected.plain_y = copy_floats(data->y, data->y_count);
    return expected;
}

static inline void end_expected(struct conv_expected *expected)
{
    free(expected->y);
    free(expected->plain_y);
    free(expected->dx);
    free(expected->dw);
    free(expected->db);
}

/* The public entry points of an ISA other than the reference. */
struct conv_variant {
    enum tw_isa isa;
    tw_f32_conv2d_forward_fn *forward;
    tw_f32_conv2d_input_gradient_fn *input_gradient;
    tw_f32_conv2d_weight_gradient_fn *weight_gradient;
    tw_f32_conv2d_workspace_fn *workspace;
    tw_f32_conv2d_algorithm_fn *algorithm;
    const struct tw_f32_tiles *tiles;
};

#define CONV_VARIANT(which, suffix)                                                     \
    {                                                                                   \
        which, tw_f32_conv2d_forward__##suffix, tw_f32_conv2d_input_gradient__##suffix, \
            tw_f32_conv2d_weight_gradient__##suffix, tw_f32_conv2d_workspace__##suffix, \
            tw_f32_conv2d_algorithm__##suffix, &tw_f32_tiles__##suffix                  \
    }

static const struct conv_variant conv_variants[] = {
#if defined(__x86_64__)
    CONV_VARIANT(TW_ISA_AVX2, avx2),
    CONV_VARIANT(TW_ISA_AVX512, avx512),
#elif defined(__aarch64__)
    CONV_VARIANT(TW_ISA_NEON, neon),
#endif
};

#define CONV_VARIANTS ((int)(sizeof conv_variants / sizeof *conv_variants))

/* How many of them this machine can run; without any there is nothing to compare with the reference. */
static inline int conv_variants_to_compare(void)
{
    int count = 0;

    for (int v = 0; v < CONV_VARIANTS; v++)
        count += tw_isa_available(conv_variants[v].isa);
    if (count == 0)
        skip();
    return count;
}

static inline void check_variant(const struct conv_variant *variant, const struct tw_conv2d_shape *shape,
                                 ptrdiff_t samples, struct conv_data *data,
                                 const struct conv_expected *expected)
{
    const size_t bytes = variant->workspace(shape);
    struct tw_guard workspace = tw_guard_page(bytes);

    spoil(data);
    variant->forward(shape, samples, data->x, data->w, data->bias, data->y, workspace.data);
    variant->input_gradient(shape, samples, data->dy, data->w, data->dx, workspace.data);
    variant->weight_gradient(shape, samples, data->x, data->dy, data->dw, data->db, workspace.data);
    assert_same(expected->y, data->y, data->y_count);
    assert_same(expected->dx, data->dx, data->x_count);
    assert_same(expected->dw, data->dw, data->w_count);
    assert_same(expected->db, data->db, data->channels);
    tw_guard_release(&workspace);
}

/* One tap, no padding. */
static inline bool is_product(const struct tw_conv2d_shape *s)
{
    return s->kernel_height == 1 && s->kernel_width == 1 && s->padding[0] == 0 && s->padding[1] == 0;
}

/* Whether an algorithm has the chains of the contract for this pass, and treats steps outside the image as it says. */
static inline bool suits(enum tw_conv_algorithm algorithm, const struct tw_conv2d_shape *shape,
                         enum tw_conv2d_pass pass)
{
    return algorithm == TW_CONV_GEMM
               ? is_product(shape)
               : !tw_conv2d_is_winograd(shape, pass) &&
                     (algorithm == TW_CONV_DIRECT) == tw_conv2d_leaves_out_padding(shape, pass);
}

/* The weight gradient as a matrix product, also where the selector takes another way. */
static inline void check_weight_product(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                                        ptrdiff_t samples, struct conv_data *data,
                                        const struct conv_expected *expected)
{
    struct tw_guard workspace = tw_guard_page(tw_conv_gemm_workspace(tiles, shape));

    spoil(data);
    tw_conv_gemm_weight_gradient(tiles, shape, samples, data->x, data->dy, data->dw, data->db,
                                 workspace.data);
    assert_same(expected->dw, data->dw, data->w_count);
    assert_same(expected->db, data->db, data->channels);
    spoil(data);
    tw_conv_gemm_weight_gradient(tiles, shape, samples, data->x, data->dy, data->dw, NULL, workspace.data);
    assert_same(expected->dw, data->dw, data->w_count);
    tw_guard_release(&workspace);
}

/* One algorithm on one ISA's tiles, the passes that it suits. */
static inline void check_algorithm(const struct tw_f32_tiles *tiles, enum tw_conv_algorithm algorithm,
                                   const struct tw_conv2d_shape *shape, ptrdiff_t samples,
                                   struct conv_data *data, const struct conv_expected *expected)
{
    const size_t bytes = tw_conv_workspace(tiles, algorithm, shape);
    struct tw_guard workspace = tw_guard_page(bytes);

    assert_int_equal(bytes % 64, 0);
    if (suits(algorithm, shape, TW_CONV2D_FORWARD)) {
        spoil(data);
        tw_conv_forward(tiles, algorithm, shape, samples, data->x, data->w, data->bias, data->y,
                        workspace.data);
        assert_same(expected->y, data->y, data->y_count);
        spoil(data);
        tw_conv_forward(tiles, algorithm, shape, samples, data->x, data->w, NULL, data->y, workspace.data);
        assert_same(expected->plain_y, data->y, data->y_count);
    }
    if (suits(algorithm, shape, TW_CONV2D_INPUT_GRADIENT)) {
        spoil(data);
        tw_conv_input_gradient(tiles, algorithm, shape, samples, data->dy, data->w, data->dx, workspace.data);
        assert_same(expected->dx, data->dx, data->x_count);
    }
    if (!tw_conv2d_is_depthwise(shape) && !tw_conv2d_is_winograd(shape, TW_CONV2D_WEIGHT_GRADIENT)) {
        spoil(data);
        tw_conv_weight_gradient(tiles, shape, samples, data->x, data->dy, data->dw, data->db, workspace.data);
        assert_same(expected->dw, data->dw, data->w_count);
        assert_same(expected->db, data->db, data->channels);
        spoil(data);
        tw_conv_weight_gradient(tiles, shape, samples, data->x, data->dy, data->dw, NULL, workspace.data);
        assert_same(expected->dw, data->dw, data->w_count);
        if (algorithm == TW_CONV_GEMM && samples > 0)
            check_weight_product(tiles, shape, samples, data, expected);
    }
    tw_guard_release(&workspace);
}

/* All entry points and all algorithms on all available ISAs, with `specials` of the values in `special`
 * strewn over the inputs if there are any. Returns how many ISAs ran. */
static inline int check_shape(struct tw_rng *rng, const struct tw_conv2d_shape *shape, ptrdiff_t samples,
                              const float *special, int specials)
{
    struct conv_data data = new_data(rng, shape, samples);
    struct conv_expected expected;
    int ran = 0;

    for (int i = 0; i < specials; i++) {
        data.x[tw_test_integer(rng, 0, data.x_count - 1)] = special[i];
        data.w[tw_test_integer(rng, 0, data.w_count - 1)] = special[tw_test_integer(rng, 0, specials - 1)];
        data.dy[tw_test_integer(rng, 0, data.y_count - 1)] = special[tw_test_integer(rng, 0, specials - 1)];
    }
    expected = expect(shape, samples, &data);
    for (int v = 0; v < CONV_VARIANTS; v++) {
        if (!tw_isa_available(conv_variants[v].isa))
            continue;
        check_variant(&conv_variants[v], shape, samples, &data, &expected);
        ran++;
        for (int algorithm = TW_CONV_DIRECT; algorithm <= TW_CONV_GEMM; algorithm++) {
            if (!suits((enum tw_conv_algorithm)algorithm, shape, TW_CONV2D_FORWARD) &&
                !suits((enum tw_conv_algorithm)algorithm, shape, TW_CONV2D_INPUT_GRADIENT))
                continue;
            check_algorithm(conv_variants[v].tiles, (enum tw_conv_algorithm)algorithm, shape, samples, &data,
                            &expected);
        }
    }
    end_expected(&expected);
    end_data(&data);
    return ran;
}

#endif
