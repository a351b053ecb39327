/* The reference of kernels/elementwise against the contract: formulas in double, values worked out by hand,
 * and orders of summation that show in the result.
 *
 * A float sum, difference, product or quotient equals the double one rounded to float (53 >= 2 * 24 + 2:
 * Figueroa, "When is double rounding innocuous?", 1995), so single operations are compared exactly. */
#include "tests/kernels/kernel_test.h"

#define COUNT 1000

static const struct tw_kernels *reference(void)
{
    return tw_kernels_of(TW_ISA_REFERENCE);
}

static void test_relu_by_hand(void **state)
{
    const float x[] = {-1.0f, -0.0f, 0.0f, 2.5f, INFINITY, -INFINITY, NAN, -0x1p-149f, 0x1p-149f};
    const float expected[] = {0.0f, 0.0f, 0.0f, 2.5f, INFINITY, 0.0f, NAN, 0.0f, 0x1p-149f};
    const float dy[] = {1, 2, 3, 4, 5, 6, 7, 8, -0.0f}, dx[] = {0, 0, 0, 4, 5, 0, 7, 0, -0.0f};
    float y[9];

    (void)state;
    reference()->f32_relu_forward(9, x, y);
    assert_same_floats(expected, y, 9, "relu");
    reference()->f32_relu_gradient(9, x, dy, y);
    assert_same_floats(dx, y, 9, "relu gradient from the input");
    reference()->f32_relu_gradient(9, expected, dy, y);
    assert_same_floats(dx, y, 9, "relu gradient from the output");
}

static void test_single_operations(void **state)
{
    struct tw_rng rng = tw_test_rng(1);
    float a[COUNT], b[COUNT], y[COUNT], expected[COUNT];

    (void)state;
    tw_test_fill(&rng, a, COUNT, -10.0f, 10.0f);
    tw_test_fill(&rng, b, COUNT, -1.0f, 1.0f);
    for (int i = 0; i < COUNT; i++)
        expected[i] = (float)((double)a[i] + (double)b[i]);
    reference()->f32_add(COUNT, a, b, y);
    assert_same_floats(expected, y, COUNT, "add");
    for (int i = 0; i < COUNT; i++)
        expected[i] = (float)((double)a[i] * (double)b[0]);
    reference()->f32_scale(COUNT, a, b[0], y);
    assert_same_floats(expected, y, COUNT, "scale");
}

static void test_normalize_all_bytes(void **state)
{
    const double mean = (double)0.1307f, deviation = (double)0.3081f;
    uint8_t x[256];
    float y[256], expected[256];

    (void)state;
    for (int i = 0; i < 256; i++) {
        const float unit = (float)(i / 255.0);
        const float centred = (float)((double)unit - mean);

        x[i] = (uint8_t)i;
        expected[i] = (float)((double)centred / deviation);
    }
    reference()->f32_normalize_u8(256, x, 0.1307f, 0.3081f, y);
    assert_same_floats(expected, y, 256, "normalize_u8");
}

/* What slot or lane l holds when the fold has come down to `width` of them, by recursion from the top. */
static float folded(const float *lane, int l, int width)
{
    if (width == TW_LANES)
        return lane[l];
    return folded(lane, l, 2 * width) + folded(lane, l + width, 2 * width);
}

static void test_fold_order_by_hand(void **state)
{
    /* 2^24 + 1 is not a float: the 1 survives only if the large numbers meet before it. */
    const float large = 0x1p+24f;
    const float eight_first[TW_LANES] = {[0] = large, [1] = 1.0f, [8] = -large};
    const float four_second[TW_LANES] = {[0] = large, [2] = 1.0f, [4] = -large};
    const float two_third[TW_LANES] = {[0] = large, [1] = 1.0f, [2] = -large};
    const float one_last[TW_LANES] = {[0] = large, [1] = -large, [2] = 1.0f};
    float y;

    (void)state;
    assert_true(reference()->f32_sum(TW_LANES, eight_first) == 1.0f);
    assert_true(reference()->f32_sum(TW_LANES, four_second) == 1.0f);
    assert_true(reference()->f32_sum(TW_LANES, two_third) == 1.0f);
    assert_true(reference()->f32_sum(TW_LANES, one_last) == 0.0f);
    reference()->f32_fold_slots(1, eight_first, 1, &y);
    assert_true(y == 1.0f);
    reference()->f32_fold_slots(1, four_second, 1, &y);
    assert_true(y == 1.0f);
    reference()->f32_fold_slots(1, two_third, 1, &y);
    assert_true(y == 1.0f);
    reference()->f32_fold_slots(1, one_last, 1, &y);
    assert_true(y == 0.0f);
}

static void test_sum_order(void **state)
{
    struct tw_rng rng = tw_test_rng(2);
    int sensitive = 0;

    (void)state;
    for (ptrdiff_t n = 0; n <= COUNT; n++) {
        float x[COUNT], lane[TW_LANES], straight = 0.0f, expected;

        tw_test_fill(&rng, x, n, -1.0f, 1.0f);
        for (int l = 0; l < TW_LANES; l++) {
            lane[l] = 0.0f;
            for (ptrdiff_t i = l; i < n; i += TW_LANES)
                lane[l] += x[i];
        }
        expected = folded(lane, 0, 1);
        for (ptrdiff_t i = 0; i < n; i++)
            straight += x[i];
        sensitive += straight != expected;
        assert_true(same_float(reference()->f32_sum(n, x), expected));
    }
    assert_in_range(sensitive, COUNT / 2, COUNT);
}

/* |error| <= gamma(chain) sum of |terms|, the chain being n / 16 terms and four folds (Higham, "Accuracy and
 * Stability of Numerical Algorithms", 4.2). */
static void test_sums_against_double(void **state)
{
    struct tw_rng rng = tw_test_rng(3);
    float x[COUNT];
    double sum = 0.0, squares = 0.0, size = 0.0;
    const double gamma = (COUNT / 16 + 5) * TW_UNIT_ROUNDOFF * 1.01;

    (void)state;
    tw_test_fill(&rng, x, COUNT, -1.0f, 1.0f);
    for (int i = 0; i < COUNT; i++) {
        sum += (double)x[i];
        size += fabs((double)x[i]);
        squares += (double)x[i] * (double)x[i];
    }
    assert_true(fabs((double)reference()->f32_sum(COUNT, x) - sum) <= gamma * size);
    assert_true(fabs((double)reference()->f32_sum_of_squares(COUNT, x) - squares) <= gamma * squares);
}

/* fma: 1 + 2^-12 squared is 1 + 2^-11 + 2^-24, and only an unrounded product keeps the last term. */
static void test_squares_are_fused(void **state)
{
    float x[32] = {0};

    (void)state;
    x[0] = 1.0f;
    x[16] = 1.0f + 0x1p-12f;
    x[1] = -0.0f;
    assert_true(reference()->f32_sum_of_squares(17, x) == fmaf(x[16], x[16], 1.0f));
    x[0] = 0x1p-13f;
    assert_true(reference()->f32_sum_of_squares(17, x) == 1.0f + 0x1p-11f + 0x1p-23f);
    assert_true(0x1p-26f + x[16] * x[16] != 1.0f + 0x1p-11f + 0x1p-23f);
}

static void test_rows(void **state)
{
    const float x[] = {0x1p+24f, 1, -1, 1.0f, 2, -1, -0x1p+24f, 3, -1}; /* 3 rows of 2, 3 apart */
    const float bias[] = {5, -6}, filled[] = {5, -6, -1, 5, -6, -1, 5, -6, -1};
    float sum[2], y[9];

    (void)state;
    reference()->f32_sum_rows(3, 2, x, 3, sum);
    assert_true(sum[0] == 0.0f && sum[1] == 6.0f); /* row order: (2^24 + 1) - 2^24 loses the 1 */
    reference()->f32_sum_rows(0, 2, x, 3, sum);
    assert_true(sum[0] == 0.0f && sum[1] == 0.0f);
    memcpy(y, x, sizeof y);
    reference()->f32_fill_rows(3, 2, bias, y, 3);
    assert_same_floats(filled, y, 9, "fill_rows");
}

static void test_slots_cover_the_batch(void **state)
{
    (void)state;
    for (ptrdiff_t samples = 0; samples < 300; samples++) {
        assert_int_equal(tw_slot_begin(samples, 0), 0);
        assert_int_equal(tw_slot_begin(samples, TW_GRADIENT_SLOTS), samples);
        for (int slot = 0; slot < TW_GRADIENT_SLOTS; slot++) {
            const ptrdiff_t size = tw_slot_begin(samples, slot + 1) - tw_slot_begin(samples, slot);

            assert_in_range(size, samples / TW_GRADIENT_SLOTS, samples / TW_GRADIENT_SLOTS + 1);
        }
    }
}

static void test_dropout_mask(void **state)
{
    const uint64_t key = 0x123456789abcdef0u;
    float x[COUNT], whole[COUNT], pieces[COUNT];
    int kept = 0;

    (void)state;
    for (int i = 0; i < COUNT; i++)
        x[i] = (float)(i + 1);
    reference()->f32_dropout(COUNT, 3, key, 0x40000000u, 0.5f, x, whole); /* p = 1/4 */
    for (int i = 0; i < COUNT; i++) {
        uint32_t word[4];

        tw_philox4x32(key, (uint64_t)(i + 3) / 4, 0, word);
        assert_true(whole[i] == (word[(i + 3) % 4] < 0x40000000u ? 0.0f : 0.5f * (float)(i + 1)));
        kept += whole[i] != 0.0f;
    }
    /* Six standard deviations, sqrt(1000 * 3/16) each. */
    assert_in_range(kept, 750 - 83, 750 + 83);
    for (int i = 0, n = 1; i < COUNT; i += n, n = n * 2 % 97) {
        n = n < COUNT - i ? n : COUNT - i;
        reference()->f32_dropout(n, 3 + i, key, 0x40000000u, 0.5f, x + i, pieces + i);
    }
    assert_same_floats(whole, pieces, COUNT, "dropout in pieces");
    reference()->f32_dropout(COUNT, 0, key, 0, 1.0f, x, whole);
    assert_same_floats(x, whole, COUNT, "dropout with p = 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relu_by_hand),
        cmocka_unit_test(test_single_operations),
        cmocka_unit_test(test_normalize_all_bytes),
        cmocka_unit_test(test_fold_order_by_hand),
        cmocka_unit_test(test_sum_order),
        cmocka_unit_test(test_sums_against_double),
        cmocka_unit_test(test_squares_are_fused),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_slots_cover_the_batch),
        cmocka_unit_test(test_dropout_mask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
