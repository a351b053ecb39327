/* Every variant of kernels/elementwise against the reference, bit for bit, over lengths that end anywhere in
 * a vector; the reference itself is checked by test_elementwise_reference.c. */
#include "tests/kernels/kernel_test.h"
#include "tests/kernels/matrix.h"

static const struct tw_kernels *reference(void)
{
    return tw_kernels_of(TW_ISA_REFERENCE);
}

/* A test's body for one variant and one length; out of place and in place. */
typedef void case_fn(const struct tw_kernels *k, struct tw_rng *rng, ptrdiff_t n, struct buffers *b);

static void over_lengths(case_fn *run, uint64_t stream)
{
    const struct variants variants = variants_here();
    struct tw_rng rng = tw_test_rng(stream);
    int cases = 0;

    if (variants.count == 0)
        skip();
    for (int v = 0; v < variants.count; v++)
        for (ptrdiff_t which = 0; which < TW_TEST_LENGTHS; which++, cases++) {
            struct buffers b = {.count = 0};

            run(variants.table[v], &rng, test_length(which), &b);
            release(&b);
        }
    assert_int_equal(cases, variants.count * TW_TEST_LENGTHS);
}

static void relu_case(const struct tw_kernels *k, struct tw_rng *rng, ptrdiff_t n, struct buffers *b)
{
    float *x = take_any(b, rng, n), *expected = take(b, n), *y = take(b, n);

    reference()->f32_relu_forward(n, x, expected);
    k->f32_relu_forward(n, x, y);
    assert_same_floats(expected, y, n, "relu");
    k->f32_relu_forward(n, x, x);
    assert_same_floats(expected, x, n, "relu in place");
}

static void relu_gradient_case(const struct tw_kernels *k, struct tw_rng *rng, ptrdiff_t n, struct buffers *b)
{
    float *y = take_any(b, rng, n), *dy = take_any(b, rng, n), *expected = take(b, n), *dx = take(b, n);

    reference()->f32_relu_gradient(n, y, dy, expected);
    k->f32_relu_gradient(n, y, dy, dx);
    assert_same_floats(expected, dx, n, "relu gradient");
    k->f32_relu_gradient(n, y, dy, dy);
    assert_same_floats(expected, dy, n, "relu gradient in place");
}

static void add_case(const struct tw_kernels *k, struct tw_rng *rng, ptrdiff_t n, struct buffers *b)
{
    float *x = take_any(b, rng, n), *z = take_any(b, rng, n), *expected = take(b, n), *y = take(b, n);

    reference()->f32_add(n, x, z, expected);
    k->f32_add(n, x, z, y);
    assert_same_floats(expected, y, n, "add");
    k->f32_add(n, x, z, z);
    assert_same_floats(expected, z, n, "add in place");
}

static void scale_case(const struct tw_kernels *k, struct tw_rng *rng, ptrdiff_t n, struct buffers *b)
{
    float *x = take_any(b, rng, n), *expected = take(b, n), *y = take(b, n);
    const float factor = n % 7 == 0 ? special_value(n) : tw_rng_uniform_f32(rng, -3.0f, 3.0f);

    reference()->f32_scale(n, x, factor, expected);
    k->f32_scale(n, x, factor, y);
    assert_same_floats(expected, y, n, "scale");
    k->f32_scale(n, x, factor, x);
    assert_same_floats(expected, x, n, "scale in place");
}

static void normalize_case(const struct tw_kernels *k, struct tw_rng *rng, ptrdiff_t n, struct buffers *b)
{
    uint8_t *x = take_bytes(b, n);
    float *expected = take(b, n), *y = take(b, n);

    for (ptrdiff_t i = 0; i < n; i++)
        x[i] = (uint8_t)tw_test_integer(rng, 0, 255);
    reference()->f32_normalize_u8(n, x, 0.1307f, 0.3081f, expected);
    k->f32_normalize_u8(n, x, 0.1307f, 0.3081f, y);
    assert_same_floats(expected, y, n, "normalize_u8");
}

static void dropout_case(const struct tw_kernels *k, struct tw_rng *rng, ptrdiff_t n, struct buffers *b)
{
    /* The counter crosses 2^32 in some of the cases. */
    const ptrdiff_t base = n % 3 == 0 ? ((ptrdiff_t)1 << 34) - 40 : 0;
    const ptrdiff_t first = base + tw_test_integer(rng, 0, 70);
    const uint64_t key = tw_rng_u64(rng);
    const uint32_t threshold = n % 5 == 0 ? UINT32_MAX : tw_rng_u32(rng);
    float *x = take_any(b, rng, n), *expected = take(b, n), *y = take(b, n);

    reference()->f32_dropout(n, first, key, threshold, 1.25f, x, expected);
    k->f32_dropout(n, first, key, threshold, 1.25f, x, y);
    assert_same_floats(expected, y, n, "dropout");
    k->f32_dropout(n, first, key, threshold, 1.25f, x, x);
    assert_same_floats(expected, x, n, "dropout in place");
}

static void sums_case(const struct tw_kernels *k, struct tw_rng *rng, ptrdiff_t n, struct buffers *b)
{
    const float *ordinary = take_uniform(b, rng, n, -1.0f, 1.0f), *any = take_any(b, rng, n);
    const float expected[4] = {reference()->f32_sum(n, ordinary), reference()->f32_sum(n, any),
                               reference()->f32_sum_of_squares(n, ordinary),
                               reference()->f32_sum_of_squares(n, any)};
    const float got[4] = {k->f32_sum(n, ordinary), k->f32_sum(n, any), k->f32_sum_of_squares(n, ordinary),
                          k->f32_sum_of_squares(n, any)};

    assert_same_floats(expected, got, 4, "sum, sum_of_squares");
}

static void fold_slots_case(const struct tw_kernels *k, struct tw_rng *rng, ptrdiff_t n, struct buffers *b)
{
    const ptrdiff_t stride = leading_dimension(rng, n + tw_test_integer(rng, 0, 15));
    const float *slots = take_any(b, rng, (TW_GRADIENT_SLOTS - 1) * stride + n);
    float *expected = take(b, n), *y = take(b, n);

    reference()->f32_fold_slots(n, slots, stride, expected);
    k->f32_fold_slots(n, slots, stride, y);
    assert_same_floats(expected, y, n, "fold_slots");
}

/* n columns, rows apart by more than that; what lies between the rows of the output must stay. */
static void rows_case(const struct tw_kernels *k, struct tw_rng *rng, ptrdiff_t n, struct buffers *b)
{
    const ptrdiff_t rows = tw_test_integer(rng, n == 0 ? 1 : 0, 9);
    const ptrdiff_t row = leading_dimension(rng, n + tw_test_integer(rng, 0, 15));
    const ptrdiff_t total = rows == 0 ? 0 : (rows - 1) * row + n;
    const float *x = take_any(b, rng, total), *bias = take_any(b, rng, n);
    float *expected = take_copy(b, x, total), *y = take_copy(b, x, total);
    float *expected_sum = take(b, n), *sum = take(b, n);

    reference()->f32_sum_rows(rows, n, x, row, expected_sum);
    k->f32_sum_rows(rows, n, x, row, sum);
    assert_same_floats(expected_sum, sum, n, "sum_rows");
    reference()->f32_fill_rows(rows, n, bias, expected, row);
    k->f32_fill_rows(rows, n, bias, y, row);
    assert_same_floats(expected, y, total, "fill_rows");
}

#define TEST_OVER_LENGTHS(name, stream)    \
    static void test_##name(void **state)  \
    {                                      \
        (void)state;                       \
        over_lengths(name##_case, stream); \
    }

TEST_OVER_LENGTHS(relu, 1)
TEST_OVER_LENGTHS(relu_gradient, 2)
TEST_OVER_LENGTHS(add, 3)
TEST_OVER_LENGTHS(scale, 4)
TEST_OVER_LENGTHS(normalize, 5)
TEST_OVER_LENGTHS(dropout, 6)
TEST_OVER_LENGTHS(sums, 7)
TEST_OVER_LENGTHS(fold_slots, 8)
TEST_OVER_LENGTHS(rows, 9)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relu),  cmocka_unit_test(test_relu_gradient), cmocka_unit_test(test_add),
        cmocka_unit_test(test_scale), cmocka_unit_test(test_normalize),     cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_sums),  cmocka_unit_test(test_fold_slots),    cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
