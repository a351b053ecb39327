#include "kernels/gemm/gemm_block.h"
#include "kernels/gemm/gemm_tile.h"
#include "tests/support/test_support.h"

/* The columns of B in panels: which width each number of columns gets. Asking needs no instruction of the ISA. */

static const struct {
    const struct tw_f32_tiles *tiles;
    ptrdiff_t last, half; /* columns of last panels of their own; 0: none */
} variants[] = {
#if defined(__x86_64__)
    {&tw_f32_tiles__avx2, 24, 0},
    {&tw_f32_tiles__avx512, 24, 8},
#elif defined(__aarch64__)
    {&tw_f32_tiles__neon, 0, 0},
#endif
};

#define VARIANTS ((int)(sizeof variants / sizeof *variants))

/* Buffers have the columns that tw_tile_columns tells. */
static void panels_end_inside_the_buffer(void **state)
{
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        for (ptrdiff_t n = 1; n <= 300; n++) {
            ptrdiff_t columns = 0;

            while (columns < n) {
                columns += tw_tile_width(variants[v].tiles, n - columns)->columns;
            }
            assert_in_range(columns, n, tw_tile_columns(variants[v].tiles, n));
        }
    }
}

/* No panel is wider than the rest by as much as the narrowest. */
static void panels_waste_little(void **state)
{
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        const struct tw_f32_tiles *tiles = variants[v].tiles;
        const ptrdiff_t least =
            variants[v].half > 0 ? variants[v].half : tiles->width[tiles->widths - 1].columns;

        for (ptrdiff_t rest = 1; rest <= 300; rest++) {
            assert_true(tw_tile_width(tiles, rest)->columns - rest < least);
        }
    }
}

/* Nor are those of products; fewer rows than six are no reason to split columns so that half a vector takes the last. */
static void products_waste_little(void **state)
{
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        const struct tw_f32_tiles *tiles = variants[v].tiles;
        const ptrdiff_t vector = tiles->strided[tiles->strided_widths - 1].columns;

        for (ptrdiff_t rows = 1; rows <= TW_TILE_ROWS_MAX; rows++) {
            for (ptrdiff_t rest = 1; rest <= 300; rest++) {
                const bool halves = variants[v].half > 0 && (rows >= 6 || rest <= variants[v].half);

                assert_true(tw_gemm_width(tiles, rows, rest)->columns - rest <
                            (halves ? variants[v].half : vector));
            }
        }
    }
#if defined(__x86_64__)
    assert_int_equal(tw_gemm_width(&tw_f32_tiles__avx512, 5, 49)->columns, 64);
    assert_int_equal(tw_gemm_width(&tw_f32_tiles__avx512, 6, 16)->columns, 16);
    assert_int_equal(tw_gemm_width(&tw_f32_tiles__avx512, 6, 17)->columns, 24);
    assert_int_equal(tw_gemm_width(&tw_f32_tiles__avx512, 5, 17)->columns, 32);
    assert_int_equal(tw_gemm_width(&tw_f32_tiles__avx512, 6, 24)->columns, 24);
    assert_int_equal(tw_gemm_width(&tw_f32_tiles__avx512, 6, 25)->columns, 32);
    assert_int_equal(tw_gemm_width(&tw_f32_tiles__avx512, 6, 40)->columns, 32);
    assert_int_equal(tw_gemm_width(&tw_f32_tiles__avx512, 6, 41)->columns, 48);
    assert_int_equal(tw_gemm_width(&tw_f32_tiles__avx512, 6, 49)->columns, 48);
    assert_int_equal(tw_gemm_width(&tw_f32_tiles__avx512, 6, 56)->columns, 48);
    assert_int_equal(tw_gemm_width(&tw_f32_tiles__avx512, 6, 57)->columns, 64);
#endif
}

/* From one column more than the next narrower panel on, up to all columns of the last panel; the first where nothing is
 * narrower. */
static void last_panel_has_a_width_of_its_own(void **state)
{
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        for (ptrdiff_t rest = 1; rest <= 300; rest++) {
            const bool expected = variants[v].last > 0 && rest > 16 && rest <= 24;

            assert_int_equal(tw_tile_width(variants[v].tiles, rest) == variants[v].tiles->last, expected);
            assert_int_equal(tw_tile_width(variants[v].tiles, rest) == variants[v].tiles->last_half,
                             rest <= variants[v].half);
        }
        assert_int_equal(variants[v].tiles->last ? variants[v].tiles->last->columns : 0, variants[v].last);
        assert_int_equal(variants[v].tiles->last_half ? variants[v].tiles->last_half->columns : 0,
                         variants[v].half);
    }
}

/* On AVX-512 41 to 48 columns are a panel of three vectors; behind it up to eight more would be a narrow one, so that two vectors and
 * a panel of 24 take them. */
static void three_vectors_are_a_panel(void **state)
{
    (void)state;
#if defined(__x86_64__)
    for (ptrdiff_t rest = 33; rest <= 72; rest++) {
        const ptrdiff_t expected = rest <= 40 ? 32 : rest <= 48 ? 48 : rest <= 56 ? 32 : 64;

        assert_int_equal(tw_tile_width(&tw_f32_tiles__avx512, rest)->columns, expected);
    }
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(panels_end_inside_the_buffer), cmocka_unit_test(panels_waste_little),
        cmocka_unit_test(products_waste_little),        cmocka_unit_test(last_panel_has_a_width_of_its_own),
        cmocka_unit_test(three_vectors_are_a_panel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
