/* Softmax, log-softmax, NLL and their gradients: the reference against double with bounds from the roundings,
 * stability, rows worked out by hand, and every variant against the reference, bit for bit. */
#include "tests/kernels/kernel_test.h"

#define U (TW_UNIT_ROUNDOFF * 1.01) /* 1.01 covers the terms of second order */

static const struct tw_kernels *reference(void)
{
    return tw_kernels_of(TW_ISA_REFERENCE);
}

/* Relative error of a 16-lane sum of `columns` positive terms: the chain of a lane and four folds. */
static double sum_error(ptrdiff_t columns)
{
    return ((double)columns / 16.0 + 5.0) * U;
}

/* A row in double: maximum, spread, and sum of exponentials. */
struct exact_row {
    double maximum, spread, sum;
};

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static struct exact_row exact_row(ptrdiff_t columns, const float *x)
{
    struct exact_row e = {(double)x[0], 0.0, 0.0};

    for (ptrdiff_t c = 1; c < columns; c++)
        e.maximum = larger(e.maximum, (double)x[c]);
    for (ptrdiff_t c = 0; c < columns; c++) {
        e.spread = larger(e.spread, e.maximum - (double)x[c]);
        e.sum += exp((double)x[c] - e.maximum);
    }
    return e;
}

/* x - m is off by u |x - m|, which exp turns into a relative error; exp itself by 2 units in the last place,
 * 4 u; the sum by that of its terms and its own. A result below the normal numbers is off by spacings. */
static void check_row(ptrdiff_t columns, const float *x, const float *softmax, const float *log_softmax)
{
    const struct exact_row e = exact_row(columns, x);
    const double term = e.spread * U + 4 * U;
    const double log_sum = log(e.sum), sum = term + sum_error(columns);

    for (ptrdiff_t c = 0; c < columns; c++) {
        const double d = (double)x[c] - e.maximum, y = exp(d) / e.sum;

        assert_true(fabs((double)softmax[c] - y) <= (term + sum + U) * y + 3 * 0x1p-149);
        assert_true(fabs((double)log_softmax[c] - (d - log_sum)) <=
                    fabs(d) * U + sum + 4 * U * log_sum + U * fabs(d - log_sum));
    }
}

static void test_forward_against_double(void **state)
{
    struct tw_rng rng = tw_test_rng(1);

    (void)state;
    for (ptrdiff_t columns = 1; columns <= 150; columns++) {
        const float size = columns % 3 == 0 ? 30.0f : 3.0f;
        float x[150], y[150], z[150];

        tw_test_fill(&rng, x, columns, -size, size);
        reference()->f32_softmax_forward(1, columns, x, y);
        reference()->f32_log_softmax_forward(1, columns, x, z);
        check_row(columns, x, y, z);
    }
}

/* The total is off by sum_error times the sum of its terms' sizes, exp(y) by 4 u. */
static void test_gradients_against_double(void **state)
{
    struct tw_rng rng = tw_test_rng(2);

    (void)state;
    for (ptrdiff_t n = 1; n <= 150; n++) {
        float y[150], log_y[150], dy[150], dx[150], log_dx[150];
        double t = 0.0, t_size = 0.0, s = 0.0, s_size = 0.0;

        tw_test_fill(&rng, y, n, 0.0f, 1.0f);
        tw_test_fill(&rng, log_y, n, -5.0f, 0.0f);
        tw_test_fill(&rng, dy, n, -1.0f, 1.0f);
        reference()->f32_softmax_gradient(1, n, y, dy, dx);
        reference()->f32_log_softmax_gradient(1, n, log_y, dy, log_dx);
        for (ptrdiff_t c = 0; c < n; c++) {
            t += (double)dy[c] * (double)y[c];
            t_size += fabs((double)dy[c] * (double)y[c]);
            s += (double)dy[c];
            s_size += fabs((double)dy[c]);
        }
        for (ptrdiff_t c = 0; c < n; c++) {
            const double exact = (double)y[c] * ((double)dy[c] - t), e = exp((double)log_y[c]);
            const double log_exact = (double)dy[c] - e * s;

            assert_true(fabs((double)dx[c] - exact) <=
                        (double)y[c] * sum_error(n) * t_size + 2 * U * fabs(exact) + 0x1p-149);
            assert_true(fabs((double)log_dx[c] - log_exact) <=
                        e * (sum_error(n) * s_size + 4 * U * fabs(s)) + U * fabs(log_exact));
        }
    }
}

static void test_by_hand(void **state)
{
    const float far[] = {1e4f, -1e4f}, far_softmax[] = {1, 0}, far_log[] = {0, -2e4f};
    const float equal[] = {-1e4f, -1e4f, -1e4f, -1e4f}, quarter[] = {0.25f, 0.25f, 0.25f, 0.25f};
    const float hole[] = {1, -INFINITY, 1}, hole_softmax[] = {0.5f, 0, 0.5f};
    const float bad[] = {1, NAN, 2}, lost[] = {-INFINITY, -INFINITY, -INFINITY}, nan[] = {NAN, NAN, NAN};
    const float one = 7.0f, zero = 0.0f, unity = 1.0f;
    float y[4];

    (void)state;
    for (int isa = 0; isa < TW_ISA_COUNT; isa++) {
        const struct tw_kernels *k =
            tw_isa_available((enum tw_isa)isa) ? tw_kernels_of((enum tw_isa)isa) : NULL;

        if (!k)
            continue;
        k->f32_softmax_forward(1, 2, far, y);
        assert_same_floats(far_softmax, y, 2, "softmax, far apart");
        k->f32_log_softmax_forward(1, 2, far, y);
        assert_same_floats(far_log, y, 2, "log-softmax, far apart");
        k->f32_softmax_forward(1, 4, equal, y);
        assert_same_floats(quarter, y, 4, "softmax, equal");
        k->f32_softmax_forward(1, 3, hole, y);
        assert_same_floats(hole_softmax, y, 3, "softmax with -infinity");
        k->f32_softmax_forward(1, 3, bad, y);
        assert_same_floats(nan, y, 3, "softmax with NaN");
        k->f32_log_softmax_forward(1, 3, bad, y);
        assert_same_floats(nan, y, 3, "log-softmax with NaN");
        k->f32_softmax_forward(1, 3, lost, y);
        assert_same_floats(nan, y, 3, "softmax of -infinity alone");
        k->f32_softmax_forward(1, 1, &one, y);
        assert_same_floats(&unity, y, 1, "softmax of one");
        k->f32_log_softmax_forward(1, 1, &one, y);
        assert_same_floats(&zero, y, 1, "log-softmax of one");
    }
}

static void test_nll(void **state)
{
    /* Row 8 meets row 0 in the fold before row 1 does, so the 1 survives. */
    float log_probability[2 * 9] = {0}, total, dx[6];
    const int32_t label[9] = {1, 0, 0, 0, 0, 0, 0, 0, 1};
    const float expected[6] = {0, 0, -1.5f, -1.5f, 0, 0};

    (void)state;
    log_probability[1] = -0x1p+24f;
    log_probability[2] = -1.0f;
    log_probability[17] = 0x1p+24f;
    for (int isa = 0; isa < TW_ISA_COUNT; isa++) {
        const struct tw_kernels *k =
            tw_isa_available((enum tw_isa)isa) ? tw_kernels_of((enum tw_isa)isa) : NULL;
        const int32_t two[2] = {2, 0};

        if (!k)
            continue;
        k->f32_nll_forward(9, 2, log_probability, label, 0.5f, &total);
        assert_true(total == 0.5f);
        k->f32_nll_forward(0, 2, log_probability, label, 0.5f, &total);
        assert_true(bits_of_float(total) == 0);
        k->f32_nll_gradient(2, 3, two, 0.5f, 3.0f, dx);
        assert_same_floats(expected, dx, 6, "nll gradient");
    }
}

/* keep 0.5 and share 0.25 are exact, so the contract's result is one number. */
static void test_smoothed_nll(void **state)
{
    const struct tw_smoothing smoothing = {.keep = 0.5f, .share = 0.25f};
    const float log_probability[4] = {-1.0f, -3.0f, -8.0f, -2.0f}, infinite[2] = {0.0f, -INFINITY};
    const float expected[4] = {-1.125f, -0.375f, -0.375f, -1.125f};
    const int32_t label[2] = {0, 1};
    int tried = 0;

    (void)state;
    for (int isa = 0; isa < TW_ISA_COUNT; isa++) {
        const struct tw_kernels *k =
            tw_isa_available((enum tw_isa)isa) ? tw_kernels_of((enum tw_isa)isa) : NULL;
        float total, dx[4];

        if (!k) {
            continue;
        }
        /* 0.5 * 1 + 0.25 * 4 = 1.5 and 0.5 * 2 + 0.25 * 10 = 3.5. */
        k->f32_smoothed_nll_forward(2, 2, log_probability, label, smoothing, 0.5f, &total);
        assert_true(total == 2.5f);
        k->f32_smoothed_nll_forward(0, 2, log_probability, label, smoothing, 0.5f, &total);
        assert_true(bits_of_float(total) == 0);
        /* A class that is impossible costs, though it is not the label. */
        k->f32_smoothed_nll_forward(1, 2, infinite, label, smoothing, 1.0f, &total);
        assert_true(total == INFINITY);
        k->f32_smoothed_nll_gradient(2, 2, label, smoothing, 0.5f, 3.0f, dx);
        assert_same_floats(expected, dx, 4, "smoothed nll gradient");
        tried++;
    }
    assert_true(tried > 0);
}

static void compare_nll(const struct tw_kernels *k, struct tw_rng *rng, ptrdiff_t rows, ptrdiff_t columns)
{
    struct buffers b = {.count = 0};
    const float *x = take_any(&b, rng, rows * columns);
    float *expected = take(&b, rows * columns + 1), *got = take(&b, rows * columns + 1);
    int32_t *label = take_bytes(&b, rows * (ptrdiff_t)sizeof *label);
    const float scale = 1.0f / (float)(rows + 1), dloss = tw_rng_uniform_f32(rng, -2.0f, 2.0f);
    const struct tw_smoothing smoothing = {.keep = tw_rng_uniform_f32(rng, 0.0f, 1.0f),
                                           .share = tw_rng_uniform_f32(rng, 0.0f, 0.2f)};

    for (ptrdiff_t r = 0; r < rows; r++)
        label[r] = (int32_t)tw_test_integer(rng, 0, columns - 1);
    reference()->f32_nll_forward(rows, columns, x, label, scale, expected);
    k->f32_nll_forward(rows, columns, x, label, scale, got);
    reference()->f32_nll_gradient(rows, columns, label, scale, dloss, expected + 1);
    k->f32_nll_gradient(rows, columns, label, scale, dloss, got + 1);
    assert_same_floats(expected, got, rows * columns + 1, "nll and its gradient");
    reference()->f32_smoothed_nll_forward(rows, columns, x, label, smoothing, scale, expected);
    k->f32_smoothed_nll_forward(rows, columns, x, label, smoothing, scale, got);
    reference()->f32_smoothed_nll_gradient(rows, columns, label, smoothing, scale, dloss, expected + 1);
    k->f32_smoothed_nll_gradient(rows, columns, label, smoothing, scale, dloss, got + 1);
    assert_same_floats(expected, got, rows * columns + 1, "smoothed nll and its gradient");
    release(&b);
}

typedef void row_fn(const struct tw_kernels *k, ptrdiff_t rows, ptrdiff_t columns, const float *x,
                    const float *dy, float *y);

static void softmax(const struct tw_kernels *k, ptrdiff_t rows, ptrdiff_t columns, const float *x,
                    const float *dy, float *y)
{
    (void)dy;
    k->f32_softmax_forward(rows, columns, x, y);
}

static void log_softmax(const struct tw_kernels *k, ptrdiff_t rows, ptrdiff_t columns, const float *x,
                        const float *dy, float *y)
{
    (void)dy;
    k->f32_log_softmax_forward(rows, columns, x, y);
}

static void softmax_gradient(const struct tw_kernels *k, ptrdiff_t rows, ptrdiff_t columns, const float *x,
                             const float *dy, float *dx)
{
    k->f32_softmax_gradient(rows, columns, x, dy, dx);
}

static void log_softmax_gradient(const struct tw_kernels *k, ptrdiff_t rows, ptrdiff_t columns,
                                 const float *x, const float *dy, float *dx)
{
    k->f32_log_softmax_gradient(rows, columns, x, dy, dx);
}

/* `in_place` is the input that the contract allows the output to be: x forward, dy backward. */
static void compare(const struct tw_kernels *k, row_fn *run, bool gradient, struct tw_rng *rng,
                    ptrdiff_t rows, ptrdiff_t columns)
{
    const ptrdiff_t n = rows * columns;
    struct buffers b = {.count = 0};
    float *x = take_uniform(&b, rng, n, -20.0f, 20.0f), *dy = take_uniform(&b, rng, n, -1.0f, 1.0f);
    float *expected = take(&b, n), *y = take(&b, n), *in_place = gradient ? dy : x;

    for (ptrdiff_t r = 0; r < rows; r++) { /* of three rows one takes a special value in x, one in dy */
        const ptrdiff_t at = r * columns + tw_test_integer(rng, 0, columns - 1);
        const float special = special_value(tw_test_integer(rng, 0, 1000));

        if (r % 3 < 2)
            (r % 3 == 0 ? x : dy)[at] = special;
    }
    run(reference(), rows, columns, x, dy, expected);
    run(k, rows, columns, x, dy, y);
    assert_same_floats(expected, y, n, "row kernel");
    run(k, rows, columns, x, dy, in_place);
    assert_same_floats(expected, in_place, n, "row kernel in place");
    release(&b);
}

static void test_variants(void **state)
{
    const struct variants variants = variants_here();
    struct tw_rng rng = tw_test_rng(3);
    int cases = 0;

    (void)state;
    if (variants.count == 0)
        skip();
    for (int v = 0; v < variants.count; v++)
        for (ptrdiff_t columns = 1; columns <= 130; columns++, cases++) {
            const struct tw_kernels *k = variants.table[v];
            const ptrdiff_t rows = tw_test_integer(&rng, 0, 40);

            compare(k, softmax, false, &rng, rows, columns);
            compare(k, log_softmax, false, &rng, rows, columns);
            compare(k, softmax_gradient, true, &rng, rows, columns);
            compare(k, log_softmax_gradient, true, &rng, rows, columns);
            compare_nll(k, &rng, rows, columns);
        }
    assert_int_equal(cases, variants.count * 130);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_nll),
        cmocka_unit_test(test_smoothed_nll),
        cmocka_unit_test(test_forward_against_double),
        cmocka_unit_test(test_gradients_against_double),
        cmocka_unit_test(test_variants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
