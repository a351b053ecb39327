#include <string.h>

#include "core/cpu.h"
#include "kernels/gemm/gemm_tile.h"
#include "tests/support/test_support.h"

/* Every second number of rows, and numbers back between zeros, on every ISA, against the formulas of pairs.h. Buffers end at pages
 * without access. */

static const struct {
    enum tw_isa isa;
    const struct tw_f32_tiles *tiles;
} variants[] = {
#if defined(__x86_64__)
    {TW_ISA_AVX2, &tw_f32_tiles__avx2},
    {TW_ISA_AVX512, &tw_f32_tiles__avx512},
#elif defined(__aarch64__)
    {TW_ISA_NEON, &tw_f32_tiles__neon},
#endif
};

#define VARIANTS ((int)(sizeof variants / sizeof *variants))

static void check_take(struct tw_rng *rng, const struct tw_f32_tiles *tiles, ptrdiff_t rows, ptrdiff_t count)
{
    const ptrdiff_t row = 2 * count - 1 + tw_test_integer(rng, 0, 40);
    const ptrdiff_t numbers = rows > 0 ? (rows - 1) * row + 2 * count - 1 : 0;
    struct tw_guard src = tw_guard_floats(numbers), dst = tw_guard_floats(rows * count);
    float *from = src.data, *to = dst.data;

    tw_test_fill(rng, from, numbers, -1.0f, 1.0f);
    memset(to, 0xff, dst.bytes);
    tiles->take_pairs(rows, count, from, row, to);
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t j = 0; j < count; j++)
            assert_bits_equal_f32(from + r * row + 2 * j, to + r * count + j, 1);
    tw_guard_release(&src);
    tw_guard_release(&dst);
}

static void check_put(struct tw_rng *rng, const struct tw_f32_tiles *tiles, ptrdiff_t rows, ptrdiff_t count)
{
    static const float zero = 0.0f;
    const ptrdiff_t zeros = tw_test_integer(rng, -1, tw_test_integer(rng, 0, 1) == 0 ? 3 : 2 * count);
    const ptrdiff_t row = 2 * count + zeros;
    struct tw_guard src = tw_guard_floats(rows * count), dst = tw_guard_floats(rows * row);
    float *from = src.data, *to = dst.data;

    tw_test_fill(rng, from, rows * count, -1.0f, 1.0f);
    memset(to, 0xff, dst.bytes);
    tiles->put_pairs(rows, count, from, zeros, to);
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t i = 0; i < row; i++)
            assert_bits_equal_f32(i % 2 == 0 && i < 2 * count ? from + r * count + i / 2 : &zero,
                                  to + r * row + i, 1);
    tw_guard_release(&src);
    tw_guard_release(&dst);
}

static void pairs_equal_the_formulas(void **state)
{
    struct tw_rng rng = tw_test_rng(1);
    int ran = 0;

    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        for (ptrdiff_t count = 1; count <= 70 && tw_isa_available(variants[v].isa); count++, ran++) {
            for (ptrdiff_t rows = 0; rows <= 5; rows++) {
                check_take(&rng, variants[v].tiles, rows, count);
                check_put(&rng, variants[v].tiles, rows, count);
            }
        }
    }
    if (ran == 0)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pairs_equal_the_formulas)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
