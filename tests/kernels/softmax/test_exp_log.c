/* exp and log of kernels/softmax: at most 2 units in the last place over the whole range, special values, and
 * the same bits in every variant. A prime stride through all bit patterns, and every neighbour of the places
 * where the algorithm changes. */
#include "tests/kernels/kernel_test.h"

#include <stdlib.h>

#define STRIDE    9973u
#define NEIGHBOUR 64 /* floats looked at on either side of a boundary */

static const float boundaries[] = {0.0f,     FLT_MIN, 0x1p-149f, 1.0f,     0x1.6a09e6p-1f, 0x1.6a09e6p+0f,
                                   2.0f,     FLT_MAX, INFINITY,  NAN,      0x1.62e430p-2f, 0x1.62e430p-1f,
                                   88.7228f, 89.0f,   87.3365f,  103.279f, 103.9721f,      104.0f};

struct inputs {
    float *x;
    ptrdiff_t count;
};

/* The same for all tests; freed by the caller. */
static struct inputs inputs(void)
{
    const ptrdiff_t near_boundaries =
        2 * (2 * NEIGHBOUR + 1) * (ptrdiff_t)(sizeof boundaries / sizeof(float));
    struct inputs in = {.count = 0};

    in.x = malloc(((size_t)UINT32_MAX / STRIDE + 1 + (size_t)near_boundaries) * sizeof(float));
    assert_non_null(in.x);
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += STRIDE)
        in.x[in.count++] = float_of_bits((uint32_t)bits);
    for (size_t i = 0; i < sizeof boundaries / sizeof(float); i++)
        for (int d = -NEIGHBOUR; d <= NEIGHBOUR; d++) {
            in.x[in.count++] = float_of_bits(bits_of_float(boundaries[i]) + (uint32_t)d);
            in.x[in.count++] = float_of_bits(bits_of_float(-boundaries[i]) + (uint32_t)d);
        }
    return in;
}

/* Spacing of floats at `value`; that of the subnormals below the smallest normal number. */
static double unit_in_last_place(double value)
{
    int exponent;

    if (fabs(value) < (double)FLT_MIN)
        return 0x1p-149;
    frexp(value, &exponent);
    return ldexp(1.0, exponent - 24);
}

static void assert_within_2_ulp(float x, float got, double exact)
{
    const float nearest = (float)exact;

    if (isnan(exact)                   ? isnan(got)
        : isinf(nearest) || isinf(got) ? got == nearest
                                       : fabs((double)got - exact) <= 2.0 * unit_in_last_place(exact))
        return;
    print_error("of %a: expected %a, got %a\n", (double)x, exact, (double)got);
    fail();
}

static void check_accuracy(tw_f32_map_fn *map, double exact(double))
{
    const struct inputs in = inputs();
    float *y = malloc((size_t)in.count * sizeof *y);

    assert_non_null(y);
    map(in.count, in.x, y);
    for (ptrdiff_t i = 0; i < in.count; i++)
        assert_within_2_ulp(in.x[i], y[i], exact((double)in.x[i]));
    assert_true(in.count > 400000);
    free(y);
    free(in.x);
}

static void test_accuracy(void **state)
{
    const struct tw_kernels *k = tw_kernels_of(TW_ISA_REFERENCE);

    (void)state;
    check_accuracy(k->f32_exp, exp);
    check_accuracy(k->f32_log, log);
}

static void test_special_values(void **state)
{
    const float x[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, -104.0f, 89.0f, -103.0f, 1.0f};
    const float exp_x[] = {1.0f, 1.0f, INFINITY, 0.0f, NAN, 0.0f, INFINITY, 0x1p-149f, 0x1.5bf0a8p+1f};
    const float z[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, -1.0f, 1.0f, -0x1p-149f, -FLT_MAX};
    const float log_z[] = {-INFINITY, -INFINITY, INFINITY, NAN, NAN, NAN, 0.0f, NAN, NAN};
    float y[9];

    (void)state;
    for (int isa = 0; isa < TW_ISA_COUNT; isa++) {
        if (!tw_isa_available((enum tw_isa)isa))
            continue;
        tw_kernels_of((enum tw_isa)isa)->f32_exp(9, x, y);
        assert_same_floats(exp_x, y, 9, "exp");
        tw_kernels_of((enum tw_isa)isa)->f32_log(9, z, y);
        assert_same_floats(log_z, y, 9, "log");
    }
}

static void compare(const struct tw_kernels *k, ptrdiff_t count, const float *x)
{
    const struct tw_kernels *reference = tw_kernels_of(TW_ISA_REFERENCE);
    struct buffers b = {.count = 0};
    float *in = take_copy(&b, x, count), *expected = take(&b, count), *y = take(&b, count);

    reference->f32_exp(count, in, expected);
    k->f32_exp(count, in, y);
    assert_same_floats(expected, y, count, "exp");
    reference->f32_log(count, in, expected);
    k->f32_log(count, in, y);
    assert_same_floats(expected, y, count, "log");
    k->f32_log(count, in, in);
    assert_same_floats(expected, in, count, "log in place");
    release(&b);
}

static void test_variants(void **state)
{
    const struct variants variants = variants_here();
    const struct inputs in = inputs();

    (void)state;
    for (int v = 0; v < variants.count; v++) {
        compare(variants.table[v], in.count, in.x);
        for (ptrdiff_t n = 0; n < 70; n++)
            compare(variants.table[v], n, in.x + 1000 * n);
    }
    free(in.x);
    if (variants.count == 0)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_special_values),
        cmocka_unit_test(test_variants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
