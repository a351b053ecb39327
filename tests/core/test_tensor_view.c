#include <string.h>

#include "core/tensor.h"
#include "tests/support/test_support.h"

static void a_view_outlives_its_source(void **state)
{
    struct tw_tensor *source = tw_test_counting(TW_I64, TW_SHAPE(5)), *alias = tw_tensor_alias(source);
    struct tw_tensor *view = tw_tensor_slice(source, 0, 3, 5, 1), *other = tw_tensor_clone(source);

    (void)state;
    assert_true(tw_tensor_shares_storage(source, view));
    assert_true(tw_tensor_shares_storage(alias, view));
    assert_false(tw_tensor_shares_storage(source, other));
    tw_tensor_release(source);
    tw_tensor_release(alias);
    assert_true(tw_test_at(view, 1, 0, 0) == 4);
    tw_tensor_release(view);
    tw_tensor_release(other);
}

static void reshape_keeps_row_major_order(void **state)
{
    struct tw_tensor *source = tw_test_counting(TW_F32, TW_SHAPE(2, 3, 4)), *view, *scalar, *one;

    (void)state;
    view = tw_tensor_reshape(source, TW_SHAPE(4, -1));
    assert_true(tw_shape_equal(&view->shape, &TW_SHAPE(4, 6)));
    assert_true(tw_test_at(view, 2, 1, 0) == 13);
    assert_int_equal(view->stride[0], 6);
    assert_int_equal(view->stride[2], 0);
    assert_null(tw_tensor_reshape(source, TW_SHAPE(5, 5)));
    assert_int_equal(tw_error_status(), TW_ERROR_SHAPE);
    assert_string_equal(tw_error_message(), "reshape: (2, 3, 4) to (5, 5): element counts differ");
    one = tw_tensor_new(TW_F32, TW_SHAPE(1, 1));
    scalar = tw_tensor_reshape(one, tw_scalar_shape());
    assert_int_equal(scalar->shape.ndim, 0);
    assert_int_equal(tw_tensor_count(scalar), 1);
    tw_tensor_release(source);
    tw_tensor_release(view);
    tw_tensor_release(one);
    tw_tensor_release(scalar);
}

static void transpose_swaps_two_dimensions(void **state)
{
    struct tw_tensor *source = tw_test_counting(TW_F32, TW_SHAPE(2, 3, 4)),
                     *view = tw_tensor_transpose(source, 0, -1);

    (void)state;
    assert_true(tw_shape_equal(&view->shape, &TW_SHAPE(4, 3, 2)));
    assert_false(tw_tensor_is_contiguous(view));
    for (ptrdiff_t i = 0; i < 4; i++)
        for (ptrdiff_t j = 0; j < 3; j++)
            for (ptrdiff_t k = 0; k < 2; k++)
                assert_true(tw_test_at(view, i, j, k) == tw_test_at(source, k, j, i));
    assert_null(tw_tensor_reshape(view, TW_SHAPE(24)));
    assert_int_equal(tw_error_status(), TW_ERROR_ARGUMENT);
    assert_null(tw_tensor_transpose(source, 0, 3));
    assert_int_equal(tw_error_status(), TW_ERROR_ARGUMENT);
    assert_non_null(strstr(tw_error_message(), "dimension 3 of shape (2, 3, 4), expected -3 to 2"));
    assert_null(tw_tensor_transpose(source, -4, 0));
    tw_tensor_release(source);
    tw_tensor_release(view);
}

static void slice_keeps_every_step_th(void **state)
{
    struct tw_tensor *source = tw_test_counting(TW_F32, TW_SHAPE(3, 7)),
                     *view = tw_tensor_slice(source, -1, 1, 7, 3);
    struct tw_tensor *again, *empty, *wide, *none, *far;

    (void)state;
    assert_true(tw_shape_equal(&view->shape, &TW_SHAPE(3, 2)));
    assert_true(tw_test_at(view, 2, 1, 0) == 2 * 7 + 4);
    again = tw_tensor_slice(view, 0, 2, 3, 1);
    assert_true(tw_test_at(again, 0, 0, 0) == 2 * 7 + 1);
    empty = tw_tensor_slice(source, 1, 7, 7, 1);
    assert_int_equal(tw_tensor_count(empty), 0);
    assert_ptr_equal(empty->data, source->data); /* not one row further, which may be outside */
    none = tw_tensor_new(TW_F32, TW_SHAPE(0, (ptrdiff_t)1 << 31, (ptrdiff_t)1 << 31));
    far = tw_tensor_slice(none, 1, (ptrdiff_t)1 << 30, (ptrdiff_t)1 << 31, 1);
    assert_ptr_equal(far->data, none->data); /* nor by a number of bytes that is none */
    wide = tw_tensor_slice(source, 0, 1, 3, PTRDIFF_MAX);
    assert_true(tw_shape_equal(&wide->shape, &TW_SHAPE(1, 7)));
    assert_true(tw_test_at(wide, 0, 6, 0) == 13);
    tw_tensor_release(source);
    tw_tensor_release(view);
    tw_tensor_release(again);
    tw_tensor_release(empty);
    tw_tensor_release(wide);
    tw_tensor_release(none);
    tw_tensor_release(far);
}

static void bad_slices_and_selections_are_refused(void **state)
{
    static const ptrdiff_t bad[][3] = {{-1, 2, 1}, {2, 1, 1}, {0, 8, 1}, {0, 7, 0}, {0, 7, -1}};
    struct tw_tensor *source = tw_test_counting(TW_F32, TW_SHAPE(3, 7)),
                     *scalar = tw_tensor_new(TW_F32, tw_scalar_shape());

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(tw_tensor_slice(source, 1, bad[i][0], bad[i][1], bad[i][2]));
        assert_int_equal(tw_error_status(), TW_ERROR_ARGUMENT);
        assert_non_null(strstr(tw_error_message(), "(3, 7)"));
    }
    assert_null(tw_tensor_slice(source, 2, 0, 1, 1));
    assert_null(tw_tensor_select(source, 0, 3));
    assert_null(tw_tensor_select(source, 0, -1));
    assert_null(tw_tensor_select(scalar, 0, 0));
    assert_int_equal(tw_error_status(), TW_ERROR_ARGUMENT);
    tw_tensor_release(source);
    tw_tensor_release(scalar);
}

static void select_drops_a_dimension(void **state)
{
    struct tw_tensor *source = tw_test_counting(TW_F32, TW_SHAPE(2, 3, 4)),
                     *view = tw_tensor_select(source, 1, 2);

    (void)state;
    assert_true(tw_shape_equal(&view->shape, &TW_SHAPE(2, 4)));
    assert_int_equal(view->shape.extent[2], 0);
    for (ptrdiff_t i = 0; i < 2; i++)
        for (ptrdiff_t k = 0; k < 4; k++)
            assert_true(tw_test_at(view, i, k, 0) == tw_test_at(source, i, 2, k));
    tw_tensor_release(source);
    tw_tensor_release(view);
}

static void contiguity_ignores_extents_of_one(void **state)
{
    struct tw_tensor *source = tw_test_counting(TW_F32, TW_SHAPE(4, 1, 3)),
                     *view = tw_tensor_transpose(source, 0, 1);
    struct tw_tensor *rows = tw_tensor_slice(source, 0, 1, 3, 1),
                     *columns = tw_tensor_slice(source, 2, 0, 2, 1);
    struct tw_tensor *one_row = tw_tensor_slice(source, 0, 0, 3, 3);

    (void)state;
    assert_true(tw_tensor_is_contiguous(view));
    assert_true(tw_tensor_is_contiguous(rows));
    assert_true(tw_tensor_is_contiguous(one_row));
    assert_false(tw_tensor_is_contiguous(columns));
    tw_tensor_release(source);
    tw_tensor_release(view);
    tw_tensor_release(rows);
    tw_tensor_release(columns);
    tw_tensor_release(one_row);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tw_test_note_blocks, tw_test_no_block_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_view_outlives_its_source),
        TEST(reshape_keeps_row_major_order),
        TEST(transpose_swaps_two_dimensions),
        TEST(slice_keeps_every_step_th),
        TEST(bad_slices_and_selections_are_refused),
        TEST(select_drops_a_dimension),
        TEST(contiguity_ignores_extents_of_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
