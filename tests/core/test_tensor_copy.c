#include <math.h>

#include "core/tensor.h"
#include "tests/support/test_support.h"

static const enum tw_dtype every_dtype[] = {TW_F32, TW_F64, TW_U8, TW_I32, TW_I64};

static void copies_go_through_strides_and_dtypes(void **state)
{
    struct tw_rng rng = tw_test_rng(2);
    int pairs = 0;

    (void)state;
    for (size_t from = 0; from < 5; from++)
        for (size_t to = 0; to < 5; to++, pairs++) {
            struct tw_tensor *base = tw_test_counting(every_dtype[from], TW_SHAPE(4, 3, 5));
            ptrdiff_t start = tw_test_integer(&rng, 0, 2), step = tw_test_integer(&rng, 1, 2);
            struct tw_tensor *sliced = tw_tensor_slice(base, 2, start, 5, step);
            struct tw_tensor *source = tw_tensor_transpose(sliced, 0, 1);
            struct tw_tensor *target = tw_tensor_new(every_dtype[to], source->shape);

            assert_ok(tw_tensor_copy(target, source));
            for (ptrdiff_t i = 0; i < 3; i++)
                for (ptrdiff_t j = 0; j < 4; j++)
                    for (ptrdiff_t k = 0; k < source->shape.extent[2]; k++)
                        assert_true(tw_test_at(target, i, j, k) ==
                                    (double)(j * 15 + i * 5 + start + k * step));
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
    struct tw_tensor *source = tw_test_counting(TW_U8, TW_SHAPE(3));

    (void)state;
    tw_tensor_fill(base, -1);
    assert_ok(tw_tensor_copy(column, source));
    for (ptrdiff_t i = 0; i < 3; i++)
        for (ptrdiff_t j = 0; j < 4; j++)
            assert_true(tw_test_at(base, i, j, 0) == (j == 2 ? (double)i : -1));
    tw_tensor_fill(column, 9);
    assert_true(tw_test_at(base, 1, 1, 0) == -1 && tw_test_at(base, 1, 2, 0) == 9);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, tw_test_note_blocks, tw_test_no_block_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(copies_go_through_strides_and_dtypes),
        TEST(copying_into_a_view_leaves_the_rest),
        TEST(conversions_follow_c_and_end_at_the_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
