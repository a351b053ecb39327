/* Errors of convolutions by Winograd in tiles of four rows, F(4x2, 3x3), as in test_winograd.c; and the rule that keeps those tiles
 * to shapes where single results stay below four times the direct sums' errors. */
#include "tests/kernels/accuracy/winograd_errors.h"

static void measure(const struct size *sizes, ptrdiff_t count, enum tw_conv2d_pass pass)
{
    for (ptrdiff_t i = 0; i < tw_test_cases(count); i++) {
        const struct tw_conv2d_shape shape = shape_of(&sizes[i]);

        assert_int_equal(tw_conv2d_winograd_rows(&shape, pass), 4);
        compare_size(&sizes[i], 1, pass == TW_CONV2D_FORWARD ? compare_forward : compare_input_gradient);
    }
}

/* The least image and channels, where errors are largest, and more of both; last tiles of one to four rows and of one column; every
 * padding that has such tiles. */
static void tall_forward(void **state)
{
    static const struct size sizes[] = {
        {32, 16, 16, 16, {1, 1}}, {32, 24, 19, 21, {1, 0}}, {40, 16, 20, 23, {0, 1}},
        {32, 16, 18, 18, {0, 0}}, {512, 8, 19, 18, {0, 0}}, {32, 16, 56, 17, {1, 1}},
        {33, 33, 18, 31, {1, 1}}, {128, 8, 30, 29, {0, 1}}, {64, 8, 33, 33, {1, 1}},
    };

    (void)state;
    measure(sizes, sizeof sizes / sizeof *sizes, TW_CONV2D_FORWARD);
}

/* The gradient has the padding that is left to two, and sums the output's channels. */
static void tall_input_gradient(void **state)
{
    static const struct size sizes[] = {
        {16, 32, 16, 16, {1, 1}}, {24, 32, 19, 19, {1, 2}}, {16, 40, 18, 23, {2, 1}},
        {16, 32, 16, 16, {2, 2}}, {8, 512, 17, 16, {2, 2}}, {16, 32, 56, 17, {1, 1}},
        {33, 33, 18, 31, {1, 1}}, {8, 128, 28, 29, {2, 1}}, {8, 64, 33, 33, {1, 1}},
    };

    (void)state;
    measure(sizes, sizeof sizes / sizeof *sizes, TW_CONV2D_INPUT_GRADIENT);
}

/* Both sides of each limit, by turns: a padding of two above or beside, fewer than 32 channels, than 16 rows or columns, each alone. The
 * gradient's shape is that of the same results, sums and paddings. */
static void rows_of_tiles(void **state)
{
    static const struct {
        struct size forward;
        ptrdiff_t rows;
    } cases[] = {
        {{32, 24, 16, 16, {1, 1}}, 4}, {{16, 24, 16, 16, {1, 1}}, 2}, {{31, 24, 16, 16, {1, 1}}, 2},
        {{32, 24, 15, 16, {1, 1}}, 2}, {{32, 24, 16, 15, {1, 1}}, 2}, {{32, 24, 18, 18, {0, 0}}, 4},
        {{32, 24, 17, 18, {0, 0}}, 2}, {{32, 24, 18, 17, {0, 0}}, 2}, {{64, 64, 28, 28, {1, 0}}, 4},
        {{64, 64, 28, 28, {2, 1}}, 2}, {{64, 64, 28, 28, {1, 2}}, 2}, {{64, 64, 28, 28, {2, 0}}, 2},
        {{64, 64, 28, 28, {0, 2}}, 2}, {{64, 12, 28, 28, {1, 1}}, 4}, {{12, 64, 28, 28, {1, 1}}, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct size *f = &cases[i].forward;
        const struct tw_conv2d_shape shape = shape_of(f);
        const struct size backward = {
            f->out, f->in, shape.out_height, shape.out_width, {2 - f->padding[0], 2 - f->padding[1]}};
        const struct tw_conv2d_shape turned_shape = shape_of(&backward);

        assert_int_equal(tw_conv2d_winograd_rows(&shape, TW_CONV2D_FORWARD), cases[i].rows);
        assert_int_equal(tw_conv2d_winograd_rows(&turned_shape, TW_CONV2D_INPUT_GRADIENT), cases[i].rows);
        assert_int_equal(tw_conv2d_winograd_rows(&shape, TW_CONV2D_WEIGHT_GRADIENT), 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_tiles),
        cmocka_unit_test(tall_forward),
        cmocka_unit_test(tall_input_gradient),
    };

    return cmocka_run_group_tests(tests, choose_kernels, NULL);
}
