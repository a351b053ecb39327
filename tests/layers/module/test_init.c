/* layers/module/init.h, against PyTorch's recorded draws (golden/record_init.py) and against its formulas. */
#include "layers/module/init.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "layers/module/state_dict.h"
#include "layers/nn/nn.h"
#include "tests/layers/module/golden_modules.h"
#include "tests/layers/module/module_test.h"

/* --- recorded ---------------------------------------------------------------------------------------------
 */

struct recorded_call {
    char family[16], mode[16], nonlinearity[16], sha256[TW_TEST_SHA256_BYTES];
    unsigned long long seed;
    double number; /* a or gain */
    struct tw_shape shape;
};

static struct tw_shape parse_shape(const char *text)
{
    struct tw_shape shape = {0};
    char *end = NULL;

    for (; shape.ndim == 0 || *end == 'x'; text = end + 1) {
        assert_true(shape.ndim < TW_MAX_DIMS);
        shape.extent[shape.ndim++] = strtol(text, &end, 10);
    }
    return shape;
}

/* Reads one line; false at the end. The SHA-256 is missing from normal.txt. */
static bool read_call(FILE *file, struct recorded_call *call)
{
    char line[512], shape[64];

    if (fgets(line, sizeof line, file) == NULL) {
        return false;
    }
    call->sha256[0] = '\0';
    assert_true(sscanf(line, "%15s %llu %la %15s %15s %63s %64s", call->family, &call->seed, &call->number,
                       call->mode, call->nonlinearity, shape, call->sha256) >= 6);
    call->shape = parse_shape(shape);
    return true;
}

static enum tw_nonlinearity nonlinearity_named(const char *name)
{
    static const char *const names[] = {
        [TW_NONLINEARITY_LINEAR] = "linear", [TW_NONLINEARITY_TANH] = "tanh",
        [TW_NONLINEARITY_RELU] = "relu",     [TW_NONLINEARITY_LEAKY_RELU] = "leaky_relu",
        [TW_NONLINEARITY_SELU] = "selu",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) {
            return (enum tw_nonlinearity)i;
        }
    }
    fail_msg("nonlinearity %s", name);
    return TW_NONLINEARITY_LINEAR;
}

static struct tw_tensor *repeat(const struct recorded_call *call, bool normal)
{
    struct tw_tensor *tensor = tw_tensor_new(TW_F32, call->shape);
    enum tw_fan_mode mode = strcmp(call->mode, "fan_out") == 0 ? TW_FAN_OUT : TW_FAN_IN;
    struct tw_rng rng;

    tw_rng_seed(&rng, call->seed);
    if (strcmp(call->family, "xavier") == 0) {
        assert_ok(normal ? tw_init_xavier_normal(tensor, &rng, call->number)
                         : tw_init_xavier_uniform(tensor, &rng, call->number));
    } else {
        enum tw_nonlinearity nonlinearity = nonlinearity_named(call->nonlinearity);

        assert_ok(normal ? tw_init_kaiming_normal(tensor, &rng, call->number, mode, nonlinearity)
                         : tw_init_kaiming_uniform(tensor, &rng, call->number, mode, nonlinearity));
    }
    return tensor;
}

static void uniform_draws_are_pytorchs_bit_for_bit(void **state)
{
    FILE *file = tw_test_open_golden("modules/uniform.txt");
    struct recorded_call call;
    int calls = 0;

    (void)state;
    for (; read_call(file, &call); calls++) {
        struct tw_tensor *tensor = repeat(&call, false);
        char sha256[TW_TEST_SHA256_BYTES];

        tw_test_sha256(tensor, sha256);
        if (strcmp(sha256, call.sha256) != 0) {
            fail_msg("%s seed %llu differs from PyTorch's", call.family, call.seed);
        }
        tw_tensor_release(tensor);
    }
    assert_int_equal(calls, 48);
    fclose(file);
}

/* Box-Muller in float: the two sides' libraries differ by at most 20 u r sigma, u = 2^-24 and r < 5.8
 * (derived in tests/core/test_rng.c); the product with sigma and the rounding of sigma itself add 2 u r sigma
 * on each side. */
static void normal_draws_are_pytorchs_to_a_few_ulp(void **state)
{
    FILE *file = tw_test_open_golden("modules/normal.txt");
    struct recorded_call call;
    int calls = 0;

    (void)state;
    for (; read_call(file, &call); calls++) {
        struct tw_tensor *tensor = repeat(&call, true), *recorded;
        ptrdiff_t fan_in, fan_out;
        char name[64];
        double sigma;

        snprintf(name, sizeof name, "modules/normal_%d.npy", calls);
        recorded = tw_test_load_npy(name);
        assert_ok(tw_init_fans(&call.shape, &fan_in, &fan_out));
        sigma = call.family[0] == 'x' ? call.number * sqrt(2.0 / (double)(fan_in + fan_out))
                                      : tw_init_gain(nonlinearity_named(call.nonlinearity), call.number) /
                                            sqrt((double)(call.mode[4] == 'o' ? fan_out : fan_in));
        assert_close_f32(recorded->data, tensor->data, tw_tensor_count(tensor), 24 * 0x1p-24 * 5.8 * sigma,
                         0);
        tw_tensor_release(recorded);
        tw_tensor_release(tensor);
    }
    assert_int_equal(calls, 16);
    fclose(file);
}

/* --- formulas and domains ---------------------------------------------------------------------------------
 */

static void gains_are_pytorchs(void **state)
{
    (void)state;
    assert_true(tw_init_gain(TW_NONLINEARITY_LINEAR, 9) == 1);
    assert_true(tw_init_gain(TW_NONLINEARITY_TANH, 9) == 5.0 / 3);
    assert_true(tw_init_gain(TW_NONLINEARITY_RELU, 9) == sqrt(2));
    assert_true(tw_init_gain(TW_NONLINEARITY_LEAKY_RELU, 0) == sqrt(2));
    assert_true(tw_init_gain(TW_NONLINEARITY_LEAKY_RELU, 1) == 1);
    assert_true(tw_init_gain(TW_NONLINEARITY_SELU, 9) == 0.75);
}

static void fans_count_the_receptive_field(void **state)
{
    ptrdiff_t fan_in, fan_out;

    (void)state;
    assert_ok(tw_init_fans(&TW_SHAPE(64, 32, 3, 5), &fan_in, &fan_out));
    assert_int_equal(fan_in, 32 * 15);
    assert_int_equal(fan_out, 64 * 15);
    assert_fails(TW_ERROR_SHAPE, "1 dimensions", tw_init_fans(&TW_SHAPE(7), &fan_in, &fan_out));
    assert_fails(TW_ERROR_SHAPE, "overflow", tw_init_fans(&TW_SHAPE(0, PTRDIFF_MAX, 3), &fan_in, &fan_out));
}

static void senseless_arguments_are_refused(void **state)
{
    struct tw_tensor *tensor = tw_tensor_new(TW_F32, TW_SHAPE(3, 4)),
                     *turned = tw_tensor_transpose(tensor, 0, 1),
                     *doubles = tw_tensor_new(TW_F64, TW_SHAPE(2, 2)),
                     *vector = tw_tensor_new(TW_F32, TW_SHAPE(4));
    const float zeros[12] = {0};
    struct tw_rng rng = tw_test_rng(0), before = rng;

    (void)state;
    assert_fails(TW_ERROR_ARGUMENT, "non-contiguous float32", tw_init_uniform(turned, &rng, 0, 1));
    assert_fails(TW_ERROR_ARGUMENT, "float64", tw_init_normal(doubles, &rng, 0, 1));
    assert_fails(TW_ERROR_ARGUMENT, "NULL", tw_init_zeros(NULL));
    assert_fails(TW_ERROR_ARGUMENT, "generator is NULL", tw_init_uniform(tensor, NULL, 0, 1));
    assert_fails(TW_ERROR_ARGUMENT, "from 1 to 0", tw_init_uniform(tensor, &rng, 1, 0));
    assert_fails(TW_ERROR_ARGUMENT, "nan", tw_init_uniform(tensor, &rng, NAN, 0));
    assert_fails(TW_ERROR_ARGUMENT, "inf", tw_init_uniform(tensor, &rng, 0, INFINITY));
    assert_fails(TW_ERROR_ARGUMENT, "from", tw_init_uniform(tensor, &rng, -FLT_MAX, FLT_MAX));
    assert_fails(TW_ERROR_ARGUMENT, "deviation -1", tw_init_normal(tensor, &rng, 0, -1));
    assert_fails(TW_ERROR_ARGUMENT, "mean 1e+300", tw_init_normal(tensor, &rng, 1e300, 1));
    assert_fails(TW_ERROR_ARGUMENT, "constant nan", tw_init_constant(tensor, NAN));
    assert_fails(TW_ERROR_SHAPE, "1 dimensions", tw_init_xavier_uniform(vector, &rng, 1));
    assert_fails(TW_ERROR_SHAPE, "1 dimensions",
                 tw_init_kaiming_normal(vector, &rng, 0, TW_FAN_IN, TW_NONLINEARITY_RELU));
    assert_bits_equal_f32(zeros, tensor->data, 12);
    assert_int_equal(tw_rng_u32(&before), tw_rng_u32(&rng));
    tw_tensor_release(tensor);
    tw_tensor_release(turned);
    tw_tensor_release(doubles);
    tw_tensor_release(vector);
}

/* As in PyTorch, where a layer without inputs is a warning: nothing is drawn and nothing divided by zero. */
static void tensors_without_elements_draw_nothing(void **state)
{
    struct tw_tensor *tensor = tw_tensor_new(TW_F32, TW_SHAPE(5, 0));
    struct tw_rng rng = tw_test_rng(0), before = rng;

    (void)state;
    assert_non_null(tensor);
    assert_ok(tw_init_kaiming_uniform(tensor, &rng, 0, TW_FAN_IN, TW_NONLINEARITY_RELU));
    assert_ok(tw_init_xavier_normal(tensor, &rng, 1));
    assert_int_equal(tw_rng_u32(&before), tw_rng_u32(&rng));
    tw_tensor_release(tensor);
}

/* --- schemes ----------------------------------------------------------------------------------------------
 */

static tw_module *new_model(struct tw_rng *rng)
{
    return tw_nn_sequential(
        (tw_module *[]){tw_nn_conv2d(rng, 2, 3, (tw_conv2d_geometry){.kernel = {3, 3}}, true), tw_nn_relu(),
                        tw_nn_linear(rng, 20, 30, true)},
        3);
}

static void schemes_fill_weights_and_zero_biases(void **state)
{
    static const struct {
        const char *scheme;
        double low, high; /* of the linear weight, whose fans are 20 and 30 */
    } cases[] = {
        {"kaiming-uniform", -0.5477225576, 0.5477225576}, /* sqrt(6 / 20) */
        {"kaiming-normal", -6 * 0.3162277661, 6 * 0.3162277661},
        {"xavier-uniform", -0.3464101616, 0.3464101616}, /* sqrt(6 / 50) */
        {"xavier-normal", -6 * 0.2, 6 * 0.2},
        {"uniform:0.01", -0.01, 0.01},
        {"normal:0.01", -6 * 0.01, 6 * 0.01},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tw_rng rng = tw_test_rng(i);
        tw_module *model = new_model(&rng);
        const float *weight = tw_module_find(model, "2")->parameters[0].parameter->data->data;
        const float *bias = tw_module_find(model, "2")->parameters[1].parameter->data->data;
        double least = 0, most = 0;

        assert_ok(tw_init_check(cases[i].scheme));
        assert_ok(tw_init_module(model, cases[i].scheme, &rng));
        for (int j = 0; j < 600; j++) {
            least = fmin(least, weight[j]);
            most = fmax(most, weight[j]);
        }
        /* Six hundred draws reach beyond a tenth of the range on both sides, and never past it. */
        assert_true(least >= cases[i].low * (1 + FLT_EPSILON) && least < cases[i].low / 10);
        assert_true(most <= cases[i].high * (1 + FLT_EPSILON) && most > cases[i].high / 10);
        assert_true(bias[0] == 0 && bias[29] == 0);
        tw_module_release(model);
    }
}

static void constant_schemes_draw_nothing(void **state)
{
    static const char *const schemes[] = {"constant:-2.5", "zeros"};
    struct tw_rng rng = tw_test_rng(0);
    tw_module *model = new_model(&rng);
    const float *bias = tw_module_find(model, "0")->parameters[1].parameter->data->data;
    const float *weight = tw_module_find(model, "0")->parameters[0].parameter->data->data;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_ok(tw_init_module(model, schemes[i], NULL));
        assert_true(weight[53] == (i == 0 ? -2.5f : 0));
        assert_true(bias[2] == (i == 0 ? -2.5f : 0));
    }
    tw_module_release(model);
}

static void the_torch_scheme_changes_nothing(void **state)
{
    struct tw_rng rng = tw_test_rng(0), before;
    tw_module *model = new_model(&rng);
    char a[TW_SHA256_TEXT_BYTES], b[TW_SHA256_TEXT_BYTES];

    (void)state;
    before = rng;
    assert_ok(tw_module_sha256(model, a));
    assert_ok(tw_init_module(model, "torch", &rng));
    assert_ok(tw_init_module(model, "torch", NULL));
    assert_ok(tw_module_sha256(model, b));
    assert_string_equal(a, b);
    assert_int_equal(tw_rng_u32(&before), tw_rng_u32(&rng));
    tw_module_release(model);
}

static void bad_schemes_change_nothing(void **state)
{
    static const struct {
        const char *scheme, *part;
    } cases[] = {
        {NULL, "unknown scheme \"\""},
        {"", "unknown scheme \"\""},
        {"xavier", "\"xavier\", expected torch, kaiming-uniform"},
        {"Torch", "unknown"},
        {"uniform", "uniform:BOUND"},
        {"zeros:1", "unknown"},
        {"torch:", "unknown"},
        {"uniform:", "\"\" in \"uniform:\""},
        {"uniform:-1", "not negative"},
        {"uniform:0.1x", "\"0.1x\""},
        {"normal:nan", "finite"},
        {"normal:inf", "finite"},
        {"constant:1e300", "finite"},
        {"uniform:3e38", "finite"},
        {"constant:1:2", "\"1:2\""},
    };
    struct tw_rng rng = tw_test_rng(0);
    tw_module *model = new_model(&rng);
    char before[TW_SHA256_TEXT_BYTES], after[TW_SHA256_TEXT_BYTES];

    (void)state;
    assert_ok(tw_module_sha256(model, before));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_fails(TW_ERROR_ARGUMENT, cases[i].part, tw_init_check(cases[i].scheme));
        assert_fails(TW_ERROR_ARGUMENT, cases[i].part, tw_init_module(model, cases[i].scheme, &rng));
    }
    assert_fails(TW_ERROR_ARGUMENT, "generator", tw_init_module(model, "normal:1", NULL));
    assert_ok(tw_module_sha256(model, after));
    assert_string_equal(before, after);
    tw_module_release(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_draws_are_pytorchs_bit_for_bit),
        cmocka_unit_test(normal_draws_are_pytorchs_to_a_few_ulp),
        cmocka_unit_test(gains_are_pytorchs),
        cmocka_unit_test(fans_count_the_receptive_field),
        cmocka_unit_test(senseless_arguments_are_refused),
        cmocka_unit_test(tensors_without_elements_draw_nothing),
        cmocka_unit_test(schemes_fill_weights_and_zero_biases),
        cmocka_unit_test(constant_schemes_draw_nothing),
        cmocka_unit_test(the_torch_scheme_changes_nothing),
        cmocka_unit_test(bad_schemes_change_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
