#include <string.h>

#include "core/tensor.h"
#include "tests/support/test_support.h"

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, tw_test_note_blocks, tw_test_no_block_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shapes_count_their_elements),
        TEST(shapes_compare_and_print),
        TEST(an_open_extent_is_resolved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
