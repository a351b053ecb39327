/* layers/module/parameter.h */
#include "layers/module/parameter.h"
#include "tests/layers/module/module_test.h"

static void starts_as_trainable_zeros_without_gradient(void **state)
{
    tw_parameter *parameter = tw_parameter_new(TW_SHAPE(3, 5));
    const float zeros[15] = {0};

    (void)state;
    assert_non_null(parameter);
    assert_int_equal(parameter->data->dtype, TW_F32);
    assert_true(tw_shape_equal(&parameter->data->shape, &TW_SHAPE(3, 5)));
    assert_bits_equal_f32(zeros, parameter->data->data, 15);
    assert_true(parameter->requires_grad);
    assert_null(parameter->gradient);
    tw_parameter_release(parameter);
}

static void the_last_reference_frees_it(void **state)
{
    size_t live = tw_memory_usage().live_blocks;
    tw_parameter *parameter = tw_parameter_new(TW_SHAPE(4));

    (void)state;
    assert_non_null(tw_parameter_gradient(parameter));
    assert_ptr_equal(tw_parameter_retain(parameter), parameter);
    tw_parameter_release(parameter);
    assert_int_equal(tw_tensor_count(parameter->data), 4);
    tw_parameter_release(parameter);
    assert_int_equal(tw_memory_usage().live_blocks, live);
    assert_null(tw_parameter_retain(NULL));
    tw_parameter_release(NULL);
}

/* Zeroing only marks; whoever reads finds zeros; what a reader then writes is not wiped out by the next
 * reader. */
static void zeroing_touches_memory_when_somebody_reads(void **state)
{
    const float ones[3] = {1, 1, 1}, zeros[3] = {0};
    tw_parameter *parameter = tw_parameter_new(TW_SHAPE(3));
    struct tw_tensor *gradient;

    (void)state;
    tw_parameter_zero_grad(parameter);
    assert_null(parameter->gradient);
    gradient = tw_parameter_gradient(parameter);
    assert_true(tw_shape_equal(&gradient->shape, &parameter->data->shape));
    tw_tensor_fill(gradient, 1);
    assert_ptr_equal(tw_parameter_gradient(parameter), gradient);
    assert_bits_equal_f32(ones, gradient->data, 3);

    tw_parameter_zero_grad(parameter);
    assert_true(parameter->gradient_is_zero);
    assert_bits_equal_f32(ones, gradient->data, 3);
    assert_ptr_equal(tw_parameter_gradient(parameter), gradient);
    assert_bits_equal_f32(zeros, gradient->data, 3);
    assert_false(parameter->gradient_is_zero);
    tw_parameter_release(parameter);
}

static enum tw_status attempt(void *context)
{
    tw_parameter **parameter = context;

    *parameter = tw_parameter_new(TW_SHAPE(2, 2));
    if (*parameter != NULL && tw_parameter_gradient(*parameter) == NULL) {
        tw_parameter_release(*parameter);
        *parameter = NULL;
    }
    return *parameter != NULL ? TW_OK : tw_error_status();
}

static void undo(void *context)
{
    tw_parameter_release(*(tw_parameter **)context);
}

static void survives_lack_of_memory(void **state)
{
    tw_parameter *parameter = NULL;

    (void)state;
    assert_survives_lack_of_memory(attempt, undo, &parameter);
    assert_null(tw_parameter_new(TW_SHAPE(2, -1)));
    assert_int_equal(tw_error_status(), TW_ERROR_SHAPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_as_trainable_zeros_without_gradient),
        cmocka_unit_test(the_last_reference_frees_it),
        cmocka_unit_test(zeroing_touches_memory_when_somebody_reads),
        cmocka_unit_test(survives_lack_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
