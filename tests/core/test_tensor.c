#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/tensor.h"
#include "tests/support/test_support.h"

static const enum tw_dtype every_dtype[] = {TW_F32, TW_F64, TW_U8, TW_I32, TW_I64};

/* A tensor that counts 0, 1, 2, … in row-major order. */
static struct tw_tensor *counting(enum tw_dtype dtype, struct tw_shape shape)
{
    struct tw_tensor *line, *tensor = tw_tensor_new(dtype, shape);

    assert_non_null(tensor);
    line = tw_tensor_reshape(tensor, TW_SHAPE(-1));
    assert_non_null(line);
    for (ptrdiff_t i = 0; i < tw_tensor_count(tensor); i++)
        assert_ok(tw_tensor_set(line, &i, (double)i));
    tw_tensor_release(line);
    return tensor;
}

static double at(const struct tw_tensor *tensor, ptrdiff_t i, ptrdiff_t j, ptrdiff_t k)
{
    double value = -1;

    assert_ok(tw_tensor_get(tensor, (ptrdiff_t[]){i, j, k}, &value));
    return value;
}

static int leave_no_block(void **state)
{
    static size_t live = SIZE_MAX;
    size_t now = tw_memory_usage().live_blocks;

    (void)state;
    tw_memory_fail_after(-1);
    live = live == SIZE_MAX ? now : live;
    return now == live ? 0 : -1;
}

static void shapes_count_their_elements(void **state)
{
    struct tw_shape scalar = tw_scalar_shape(), shape = TW_SHAPE(64, 1, 28, 28);
    struct tw_shape bad = TW_SHAPE(2, -1), huge = TW_SHAPE(PTRDIFF_MAX, 2), empty = TW_SHAPE(3, 0, 5);
    struct tw_shape empty_huge = TW_SHAPE(0, PTRDIFF_MAX, 2), many = {.ndim = TW_MAX_DIMS + 1};

    (void)state;
    assert_int_equal(tw_shape_count(&scalar), 1);
    assert_int_equal(tw_shape_count(&shape), 64 * 28 * 28);
    assert_int_equal(tw_shape_count(&empty), 0);
    assert_int_equal(tw_shape_count(&bad), -1);
    assert_int_equal(tw_shape_count(&huge), -1);
    assert_int_equal(tw_shape_count(&empty_huge), -1);
    assert_int_equal(tw_shape_count(&many), -1);
    assert_int_equal(tw_shape_count(&(struct tw_shape){.ndim = -1}), -1);
}

static void shapes_compare_and_print(void **state)
{
    struct tw_shape a = TW_SHAPE(64, 1, 28, 28), b = TW_SHAPE(64, 1, 28), vector = TW_SHAPE(10);
    struct tw_shape scalar = tw_scalar_shape(), widest = {.ndim = TW_MAX_DIMS};
    char text[TW_SHAPE_TEXT_BYTES];

    (void)state;
    assert_true(tw_shape_equal(&a, &a));
    assert_false(tw_shape_equal(&a, &b));
    assert_false(tw_shape_equal(&b, &TW_SHAPE(64, 1, 27)));
    assert_string_equal(tw_shape_text(&a, text), "(64, 1, 28, 28)");
    assert_string_equal(tw_shape_text(&vector, text), "(10,)");
    assert_string_equal(tw_shape_text(&scalar, text), "()");
    for (int dim = 0; dim < TW_MAX_DIMS; dim++)
        widest.extent[dim] = PTRDIFF_MIN;
    assert_int_equal(strlen(tw_shape_text(&widest, text)), 8 * 20 + 7 * 2 + 2);
}

static void an_open_extent_is_resolved(void **state)
{
    struct tw_shape shape = TW_SHAPE(4, -1, 2), closed = TW_SHAPE(6, 4), empty = TW_SHAPE(-1, 5);

    (void)state;
    assert_ok(tw_shape_resolve(&shape, 24));
    assert_true(tw_shape_equal(&shape, &TW_SHAPE(4, 3, 2)));
    assert_ok(tw_shape_resolve(&closed, 24));
    assert_ok(tw_shape_resolve(&empty, 0));
    assert_true(tw_shape_equal(&empty, &TW_SHAPE(0, 5)));
    assert_fails(TW_ERROR_SHAPE, "more than one", tw_shape_resolve(&TW_SHAPE(-1, -1), 24));
    assert_fails(TW_ERROR_SHAPE, "(5, -1) cannot hold 24", tw_shape_resolve(&TW_SHAPE(5, -1), 24));
    assert_fails(TW_ERROR_SHAPE, "(5, 5) cannot hold 24", tw_shape_resolve(&TW_SHAPE(5, 5), 24));
    assert_fails(TW_ERROR_SHAPE, "(0, -1) cannot hold 0", tw_shape_resolve(&TW_SHAPE(0, -1), 0));
    assert_fails(TW_ERROR_SHAPE, "(-2, -1)", tw_shape_resolve(&TW_SHAPE(-2, -1), 24));
    assert_fails(TW_ERROR_SHAPE, "cannot hold -1", tw_shape_resolve(&TW_SHAPE(PTRDIFF_MAX, 2), -1));
    assert_fails(TW_ERROR_SHAPE, "9 dimensions", tw_shape_resolve(&(struct tw_shape){.ndim = 9}, 1));
}

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
    struct tw_tensor *source = counting(TW_F32, TW_SHAPE(2, 3));

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
    assert_true(at(copy, 0, 1, 0) == 2);
    assert_true(at(wrapper, 1, 0, 0) == 20);
    assert_ptr_equal(wrapper->data, data);
    tw_tensor_release(copy);
    tw_tensor_release(wrapper);
    assert_true(data[3] == 4);
}

static void a_view_outlives_its_source(void **state)
{
    struct tw_tensor *source = counting(TW_I64, TW_SHAPE(5)), *alias = tw_tensor_alias(source);
    struct tw_tensor *view = tw_tensor_slice(source, 0, 3, 5, 1), *other = tw_tensor_clone(source);

    (void)state;
    assert_true(tw_tensor_shares_storage(source, view));
    assert_true(tw_tensor_shares_storage(alias, view));
    assert_false(tw_tensor_shares_storage(source, other));
    tw_tensor_release(source);
    tw_tensor_release(alias);
    assert_true(at(view, 1, 0, 0) == 4);
    tw_tensor_release(view);
    tw_tensor_release(other);
}

static void reshape_keeps_row_major_order(void **state)
{
    struct tw_tensor *source = counting(TW_F32, TW_SHAPE(2, 3, 4)), *view, *scalar, *one;

    (void)state;
    view = tw_tensor_reshape(source, TW_SHAPE(4, -1));
    assert_true(tw_shape_equal(&view->shape, &TW_SHAPE(4, 6)));
    assert_true(at(view, 2, 1, 0) == 13);
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
    struct tw_tensor *source = counting(TW_F32, TW_SHAPE(2, 3, 4)),
                     *view = tw_tensor_transpose(source, 0, -1);

    (void)state;
    assert_true(tw_shape_equal(&view->shape, &TW_SHAPE(4, 3, 2)));
    assert_false(tw_tensor_is_contiguous(view));
    for (ptrdiff_t i = 0; i < 4; i++)
        for (ptrdiff_t j = 0; j < 3; j++)
            for (ptrdiff_t k = 0; k < 2; k++)
                assert_true(at(view, i, j, k) == at(source, k, j, i));
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
    struct tw_tensor *source = counting(TW_F32, TW_SHAPE(3, 7)), *view = tw_tensor_slice(source, -1, 1, 7, 3);
    struct tw_tensor *again, *empty, *wide;

    (void)state;
    assert_true(tw_shape_equal(&view->shape, &TW_SHAPE(3, 2)));
    assert_true(at(view, 2, 1, 0) == 2 * 7 + 4);
    again = tw_tensor_slice(view, 0, 2, 3, 1);
    assert_true(at(again, 0, 0, 0) == 2 * 7 + 1);
    empty = tw_tensor_slice(source, 1, 7, 7, 1);
    assert_int_equal(tw_tensor_count(empty), 0);
    wide = tw_tensor_slice(source, 0, 1, 3, PTRDIFF_MAX);
    assert_true(tw_shape_equal(&wide->shape, &TW_SHAPE(1, 7)));
    assert_true(at(wide, 0, 6, 0) == 13);
    tw_tensor_release(source);
    tw_tensor_release(view);
    tw_tensor_release(again);
    tw_tensor_release(empty);
    tw_tensor_release(wide);
}

static void bad_slices_and_selections_are_refused(void **state)
{
    static const ptrdiff_t bad[][3] = {{-1, 2, 1}, {2, 1, 1}, {0, 8, 1}, {0, 7, 0}, {0, 7, -1}};
    struct tw_tensor *source = counting(TW_F32, TW_SHAPE(3, 7)),
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
    struct tw_tensor *source = counting(TW_F32, TW_SHAPE(2, 3, 4)), *view = tw_tensor_select(source, 1, 2);

    (void)state;
    assert_true(tw_shape_equal(&view->shape, &TW_SHAPE(2, 4)));
    assert_int_equal(view->shape.extent[2], 0);
    for (ptrdiff_t i = 0; i < 2; i++)
        for (ptrdiff_t k = 0; k < 4; k++)
            assert_true(at(view, i, k, 0) == at(source, i, 2, k));
    tw_tensor_release(source);
    tw_tensor_release(view);
}

static void contiguity_ignores_extents_of_one(void **state)
{
    struct tw_tensor *source = counting(TW_F32, TW_SHAPE(4, 1, 3)), *view = tw_tensor_transpose(source, 0, 1);
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

static void copies_go_through_strides_and_dtypes(void **state)
{
    struct tw_rng rng = tw_test_rng(2);
    int pairs = 0;

    (void)state;
    for (size_t from = 0; from < 5; from++)
        for (size_t to = 0; to < 5; to++, pairs++) {
            struct tw_tensor *base = counting(every_dtype[from], TW_SHAPE(4, 3, 5));
            ptrdiff_t start = tw_test_integer(&rng, 0, 2), step = tw_test_integer(&rng, 1, 2);
            struct tw_tensor *sliced = tw_tensor_slice(base, 2, start, 5, step);
            struct tw_tensor *source = tw_tensor_transpose(sliced, 0, 1);
            struct tw_tensor *target = tw_tensor_new(every_dtype[to], source->shape);

            assert_ok(tw_tensor_copy(target, source));
            for (ptrdiff_t i = 0; i < 3; i++)
                for (ptrdiff_t j = 0; j < 4; j++)
                    for (ptrdiff_t k = 0; k < source->shape.extent[2]; k++)
                        assert_true(at(target, i, j, k) == (double)(j * 15 + i * 5 + start + k * step));
            tw_tensor_release(base);
            tw_tensor_release(sliced);
            tw_tensor_release(source);
            tw_tensor_release(target);
        }
    assert_int_equal(pairs, 25);
}

static void copying_into_a_view_leaves_the_rest(void **state)
{
    struct tw_tensor *base = tw_tensor_new(TW_F32, TW_SHAPE(3, 4)), *column = tw_tensor_select(base, 1, 2);
    struct tw_tensor *source = counting(TW_U8, TW_SHAPE(3));

    (void)state;
    tw_tensor_fill(base, -1);
    assert_ok(tw_tensor_copy(column, source));
    for (ptrdiff_t i = 0; i < 3; i++)
        for (ptrdiff_t j = 0; j < 4; j++)
            assert_true(at(base, i, j, 0) == (j == 2 ? (double)i : -1));
    tw_tensor_fill(column, 9);
    assert_true(at(base, 1, 1, 0) == -1 && at(base, 1, 2, 0) == 9);
    assert_fails(TW_ERROR_SHAPE, "copy: source has shape (3, 4), target (3,)", tw_tensor_copy(column, base));
    assert_ok(tw_tensor_copy(base, base));
    tw_tensor_release(base);
    tw_tensor_release(column);
    tw_tensor_release(source);
}

static void conversions_follow_c_and_end_at_the_limits(void **state)
{
    static const struct {
        double real;
        uint8_t u8;
        int32_t i32;
        int64_t i64;
    } cases[] = {
        {1.9, 1, 1, 1},
        {-1.9, 0, -1, -1},
        {255.5, 255, 255, 255},
        {3e9, 255, INT32_MAX, 3000000000},
        {-1e300, 0, INT32_MIN, INT64_MIN},
        {INFINITY, 255, INT32_MAX, INT64_MAX},
        {0x1p63, 255, INT32_MAX, INT64_MAX},
        {NAN, 0, 0, 0},
    };
    struct tw_tensor *u8 = tw_tensor_new(TW_U8, tw_scalar_shape()),
                     *i32 = tw_tensor_new(TW_I32, tw_scalar_shape());
    struct tw_tensor *i64 = tw_tensor_new(TW_I64, tw_scalar_shape()),
                     *f32 = tw_tensor_new(TW_F32, tw_scalar_shape());

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tw_tensor_fill(u8, cases[i].real);
        tw_tensor_fill(i32, cases[i].real);
        tw_tensor_fill(i64, cases[i].real);
        assert_int_equal(*(uint8_t *)u8->data, cases[i].u8);
        assert_int_equal(*(int32_t *)i32->data, cases[i].i32);
        assert_int_equal(*(int64_t *)i64->data, cases[i].i64);
    }
    /* Integers do not pass through double: 2^53 + 1 survives, 2^60 + 2^36 + 1 is rounded to float once (via
     * double it would first become a tie, then go down). */
    *(int64_t *)i64->data = (1LL << 53) + 1;
    assert_ok(tw_tensor_copy(i32, i64));
    assert_int_equal(*(int32_t *)i32->data, 1);
    *(int64_t *)i64->data = (1LL << 60) + (1LL << 36) + 1;
    assert_ok(tw_tensor_copy(f32, i64));
    assert_true(*(float *)f32->data == 0x1.000002p60f);
    tw_tensor_release(u8);
    tw_tensor_release(i32);
    tw_tensor_release(i64);
    tw_tensor_release(f32);
}

static void indices_outside_are_refused(void **state)
{
    struct tw_tensor *tensor = counting(TW_F32, TW_SHAPE(2, 3));
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, leave_no_block, leave_no_block)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shapes_count_their_elements),
        TEST(shapes_compare_and_print),
        TEST(an_open_extent_is_resolved),
        TEST(dtypes_have_sizes_and_names),
        TEST(a_new_tensor_is_contiguous_and_zero),
        TEST(impossible_tensors_are_refused),
        TEST(every_failed_allocation_is_cleaned_up),
        TEST(a_copy_or_a_wrapper_takes_the_callers_data),
        TEST(a_view_outlives_its_source),
        TEST(reshape_keeps_row_major_order),
        TEST(transpose_swaps_two_dimensions),
        TEST(slice_keeps_every_step_th),
        TEST(bad_slices_and_selections_are_refused),
        TEST(select_drops_a_dimension),
        TEST(contiguity_ignores_extents_of_one),
        TEST(copies_go_through_strides_and_dtypes),
        TEST(copying_into_a_view_leaves_the_rest),
        TEST(conversions_follow_c_and_end_at_the_limits),
        TEST(indices_outside_are_refused),
        TEST(empty_tensors_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
