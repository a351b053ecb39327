/* Gradient clipping against PyTorch's. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "layers/optim/optim.h"
#include "tests/support/test_support.h"

static char name[] = "parameter";

static tw_parameter *parameter_of(struct tw_shape shape, const float *gradient)
{
    tw_parameter *parameter = tw_parameter_new(shape);
    struct tw_tensor *tensor;

    assert_non_null(parameter);
    tensor = tw_parameter_gradient(parameter);
    assert_non_null(tensor);
    memcpy(tensor->data, gradient, tw_tensor_bytes(tensor));
    parameter->gradient_is_zero = false;
    return parameter;
}

/* The norm: a sum of 38 squares and a root, then a few roundings more for the elements. */
static void check_recorded(const char *file, double max_norm)
{
    struct tw_tensor *gradients = tw_test_load_npy("optimizers/gradients.npy");
    struct tw_tensor *recorded = tw_test_load_npy(file);
    const float *expected = recorded->data, *gradient = gradients->data;
    tw_parameter *first = parameter_of(TW_SHAPE(5, 7), gradient);
    tw_parameter *second = parameter_of(TW_SHAPE(3), gradient + 35), *none = tw_parameter_new(TW_SHAPE(4));
    struct tw_named_parameter items[3] = {{name, first}, {name, none}, {name, second}};
    struct tw_parameter_list list = {items, 3};
    const double relative = (38 + 8) * (double)FLT_EPSILON / 2;
    double norm;

    assert_ok(tw_clip_gradient_norm(&list, max_norm, NULL, &norm));
    assert_true(fabs(norm - (double)expected[38]) <= relative * (double)expected[38]);
    assert_close_f32(expected, first->gradient->data, 35, 0, relative);
    assert_close_f32(expected + 35, second->gradient->data, 3, 0, relative);
    assert_null(none->gradient);
    tw_parameter_release(first);
    tw_parameter_release(second);
    tw_parameter_release(none);
    tw_tensor_release(recorded);
    tw_tensor_release(gradients);
}

static void test_norm_recorded(void **state)
{
    (void)state;
    check_recorded("optimizers/clip_1.npy", 1);
    check_recorded("optimizers/clip_100.npy", 100);
}

/* Several blocks and a tail: the norm of n equal elements is their size times sqrt(n). */
static void test_norm_of_many(void **state)
{
    ptrdiff_t count = 3 * TW_CLIP_BLOCK + 17;
    tw_parameter *parameter = tw_parameter_new(TW_SHAPE(count));
    struct tw_named_parameter item = {name, parameter};
    double norm;

    (void)state;
    tw_tensor_fill(tw_parameter_gradient(parameter), 0.5);
    parameter->gradient_is_zero = false;
    assert_ok(tw_clip_gradient_norm(&(struct tw_parameter_list){&item, 1}, 1e9, NULL, &norm));
    assert_true(fabs(norm - 0.5 * sqrt((double)count)) < 1e-12 * norm);
    /* Marked zero: the stale memory behind it does not count. */
    tw_parameter_zero_grad(parameter);
    assert_ok(tw_clip_gradient_norm(&(struct tw_parameter_list){&item, 1}, 1, NULL, &norm));
    assert_true(norm == 0);
    tw_parameter_release(parameter);
}

static void test_value(void **state)
{
    const float gradient[6] = {-3, -0.5F, 0, 0.5F, 3, NAN}, expected[5] = {-0.5F, -0.5F, 0, 0.5F, 0.5F};
    tw_parameter *parameter = parameter_of(TW_SHAPE(6), gradient);
    struct tw_named_parameter item = {name, parameter};

    (void)state;
    assert_ok(tw_clip_gradient_value(&(struct tw_parameter_list){&item, 1}, 0.5));
    assert_bits_equal_f32(expected, parameter->gradient->data, 5);
    assert_true(isnan(((float *)parameter->gradient->data)[5]));
    tw_parameter_release(parameter);
}

static void test_refuses(void **state)
{
    const float gradient[2] = {3, 4};
    tw_parameter *parameter = parameter_of(TW_SHAPE(2), gradient);
    struct tw_named_parameter item = {name, parameter};
    struct tw_parameter_list list = {&item, 1};

    (void)state;
    assert_fails(TW_ERROR_ARGUMENT, "max_norm is 0", tw_clip_gradient_norm(&list, 0, NULL, NULL));
    assert_fails(TW_ERROR_ARGUMENT, "max_norm is nan", tw_clip_gradient_norm(&list, NAN, NULL, NULL));
    assert_fails(TW_ERROR_ARGUMENT, "limit is -1", tw_clip_gradient_value(&list, -1));
    assert_bits_equal_f32(gradient, parameter->gradient->data, 2);
    tw_parameter_release(parameter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norm_recorded),
        cmocka_unit_test(test_norm_of_many),
        cmocka_unit_test(test_value),
        cmocka_unit_test(test_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
