#include <string.h>

#include "core/memory.h"
#include "core/tensor.h"
#include "tests/support/test_support.h"

static const enum tw_dtype every_dtype[] = {TW_F32, TW_F64, TW_U8, TW_I32, TW_I64};

static void dtypes_have_sizes_and_names(void **state)
{
    static const size_t sizes[] = {4, 8, 1, 4, 8};
    static const char *const names[] = {"float32", "float64", "uint8", "int32", "int64"};

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(tw_dtype_size(every_dtype[i]), sizes[i]);
        assert_string_equal(tw_dtype_name(every_dtype[i]), names[i]);
    }
    assert_int_equal(tw_dtype_size((enum tw_dtype)17), 0);
    assert_string_equal(tw_dtype_name((enum tw_dtype)17), "?");
}

static void a_new_tensor_is_contiguous_and_zero(void **state)
{
    struct tw_tensor *tensor = tw_tensor_new(TW_F32, TW_SHAPE(2, 3, 4));

    (void)state;
    assert_memory_equal(tensor->stride, ((ptrdiff_t[TW_MAX_DIMS]){12, 4, 1}), sizeof tensor->stride);
    assert_int_equal(tw_tensor_count(tensor), 24);
    assert_int_equal(tw_tensor_bytes(tensor), 96);
    assert_true(tw_tensor_is_contiguous(tensor));
    assert_int_equal((uintptr_t)tensor->data % TW_ALIGNMENT, 0);
    for (int i = 0; i < 24; i++)
        assert_true(((float *)tensor->data)[i] == 0);
    tw_tensor_release(tensor);
    tw_tensor_release(NULL);
}

static void impossible_tensors_are_refused(void **state)
{
    (void)state;
    assert_null(tw_tensor_new(TW_F32, TW_SHAPE(2, -3)));
    assert_int_equal(tw_error_status(), TW_ERROR_SHAPE);
    assert_non_null(strstr(tw_error_message(), "(2, -3)"));
    assert_null(
        tw_tensor_new(TW_F64, TW_SHAPE(PTRDIFF_MAX / 4))); /* the bytes overflow, the count does not */
    assert_int_equal(tw_error_status(), TW_ERROR_SHAPE);
    assert_null(tw_tensor_new(TW_U8, TW_SHAPE(PTRDIFF_MAX - 1000)));
    assert_int_equal(tw_error_status(), TW_ERROR_MEMORY);
    assert_null(tw_tensor_new((enum tw_dtype)17, TW_SHAPE(1)));
    assert_int_equal(tw_error_status(), TW_ERROR_ARGUMENT);
    assert_null(tw_tensor_wrap(TW_F32, TW_SHAPE(1), NULL));
    assert_int_equal(tw_error_status(), TW_ERROR_ARGUMENT);
}

static void every_failed_allocation_is_cleaned_up(void **state)
{
    struct tw_tensor *source = tw_test_counting(TW_F32, TW_SHAPE(2, 3));

    (void)state;
    for (long allowed = 0; allowed < 3; allowed++) {
        size_t live = tw_memory_usage().live_blocks;

        tw_memory_fail_after(allowed);
        assert_null(tw_tensor_new(TW_F32, TW_SHAPE(2, 3)));
        tw_memory_fail_after(allowed);
        assert_null(tw_tensor_clone(source));
        assert_int_equal(tw_error_status(), TW_ERROR_MEMORY);
        assert_int_equal(tw_memory_usage().live_blocks, live);
    }
    tw_memory_fail_after(0);
    assert_null(tw_tensor_reshape(source, TW_SHAPE(6)));
    assert_null(tw_tensor_transpose(source, 0, 1));
    assert_null(tw_tensor_slice(source, 0, 0, 1, 1));
    assert_null(tw_tensor_select(source, 0, 0));
    assert_null(tw_tensor_alias(source));
    tw_memory_fail_after(-1);
    tw_tensor_release(source);
}

static void a_copy_or_a_wrapper_takes_the_callers_data(void **state)
{
    float data[4] = {1, 2, 3, 4};
    struct tw_tensor *copy = tw_tensor_from(TW_F32, TW_SHAPE(2, 2), data);
    struct tw_tensor *wrapper = tw_tensor_wrap(TW_F32, TW_SHAPE(4), data);

    (void)state;
    data[1] = 20;
    assert_true(tw_test_at(copy, 0, 1, 0) == 2);
    assert_true(tw_test_at(wrapper, 1, 0, 0) == 20);
    assert_ptr_equal(wrapper->data, data);
    tw_tensor_release(copy);
    tw_tensor_release(wrapper);
    assert_true(data[3] == 4);
}

static void indices_outside_are_refused(void **state)
{
    struct tw_tensor *tensor = tw_test_counting(TW_F32, TW_SHAPE(2, 3));
    double value = 7;

    (void)state;
    assert_fails(TW_ERROR_ARGUMENT, "index 3 in dimension 1 of shape (2, 3)",
                 tw_tensor_get(tensor, (ptrdiff_t[]){0, 3}, &value));
    assert_fails(TW_ERROR_ARGUMENT, "index -1 in dimension 0",
                 tw_tensor_set(tensor, (ptrdiff_t[]){-1, 0}, 0));
    assert_true(value == 7);
    tw_tensor_release(tensor);
}

static void empty_tensors_work(void **state)
{
    struct tw_tensor *empty = tw_tensor_new(TW_F32, TW_SHAPE(0, 3)), *clone, *flat, *row;

    (void)state;
    assert_non_null(empty);
    tw_tensor_fill(empty, 1);
    clone = tw_tensor_clone(empty);
    flat = tw_tensor_reshape(empty, TW_SHAPE(-1, 7));
    row = tw_tensor_select(empty, 1, 2);
    assert_true(tw_shape_equal(&flat->shape, &TW_SHAPE(0, 7)));
    assert_ok(tw_tensor_copy(clone, empty));
    assert_int_equal(tw_tensor_bytes(row), 0);
    tw_tensor_release(empty);
    tw_tensor_release(clone);
    tw_tensor_release(flat);
    tw_tensor_release(row);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tw_test_note_blocks, tw_test_no_block_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dtypes_have_sizes_and_names),
        TEST(a_new_tensor_is_contiguous_and_zero),
        TEST(impossible_tensors_are_refused),
        TEST(every_failed_allocation_is_cleaned_up),
        TEST(a_copy_or_a_wrapper_takes_the_callers_data),
        TEST(indices_outside_are_refused),
        TEST(empty_tensors_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
