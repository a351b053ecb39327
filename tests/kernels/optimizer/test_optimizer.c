/* kernels/optimizer: every variant against the reference, bit for bit; the reference against the formulas in
 * double, with bounds from the roundings, and against steps worked out by hand. */
#include "tests/kernels/kernel_test.h"

static const struct tw_kernels *reference(void)
{
    return tw_kernels_of(TW_ISA_REFERENCE);
}

static bool coin(struct tw_rng *rng)
{
    return tw_test_integer(rng, 0, 1) == 1;
}

static struct tw_sgd_coefficients random_sgd(struct tw_rng *rng)
{
    return (struct tw_sgd_coefficients){
        .learning_rate = tw_rng_uniform_f32(rng, 1e-4f, 1.0f),
        .momentum = coin(rng) ? tw_rng_uniform_f32(rng, 0.1f, 0.99f) : 0.0f,
        .one_minus_dampening = coin(rng) ? 1.0f : tw_rng_uniform_f32(rng, 0.1f, 1.0f),
        .weight_decay = coin(rng) ? tw_rng_uniform_f32(rng, 1e-5f, 0.1f) : 0.0f,
        .nesterov = coin(rng),
        .first_step = coin(rng),
    };
}

static struct tw_adam_coefficients random_adam(struct tw_rng *rng)
{
    const double step = (double)tw_test_integer(rng, 1, 1000);
    const double correction2_sqrt = sqrt(1.0 - pow(0.999, step));
    const bool decoupled = coin(rng);

    return (struct tw_adam_coefficients){
        .beta1 = 0.9f,
        .one_minus_beta1 = (float)(1.0 - 0.9),
        .beta2 = 0.999f,
        .one_minus_beta2 = (float)(1.0 - 0.999),
        .step_size = (float)(1e-3 * correction2_sqrt / (1.0 - pow(0.9, step))),
        .epsilon = (float)(1e-8 * correction2_sqrt),
        .weight_decay = !decoupled && coin(rng) ? 0.01f : 0.0f,
        .decay_factor = decoupled && coin(rng) ? (float)(1.0 - 1e-3 * 0.01) : 1.0f,
    };
}

static void sgd_case(const struct tw_kernels *k, struct tw_rng *rng, ptrdiff_t n, struct buffers *b)
{
    const struct tw_sgd_coefficients c = random_sgd(rng);
    const float *g = take_any(b, rng, n), *p = take_any(b, rng, n), *v = take_any(b, rng, n);
    float *expected_p = take_copy(b, p, n), *expected_v = take_copy(b, v, n);
    float *got_p = take_copy(b, p, n), *got_v = take_copy(b, v, n);
    const bool has_velocity = c.momentum != 0.0f;

    reference()->f32_sgd(n, &c, g, expected_p, has_velocity ? expected_v : NULL);
    k->f32_sgd(n, &c, g, got_p, has_velocity ? got_v : NULL);
    assert_same_floats(expected_p, got_p, n, "sgd parameter");
    assert_same_floats(expected_v, got_v, n, "sgd velocity");
}

static void adam_case(const struct tw_kernels *k, struct tw_rng *rng, ptrdiff_t n, struct buffers *b)
{
    const struct tw_adam_coefficients c = random_adam(rng);
    const float *g = take_any(b, rng, n), *p = take_any(b, rng, n);
    const float *m = take_any(b, rng, n), *v = take_any(b, rng, n);
    float *expected_p = take_copy(b, p, n), *expected_m = take_copy(b, m, n),
          *expected_v = take_copy(b, v, n);
    float *got_p = take_copy(b, p, n), *got_m = take_copy(b, m, n), *got_v = take_copy(b, v, n);

    reference()->f32_adam(n, &c, g, expected_p, expected_m, expected_v);
    k->f32_adam(n, &c, g, got_p, got_m, got_v);
    assert_same_floats(expected_p, got_p, n, "adam parameter");
    assert_same_floats(expected_m, got_m, n, "adam first moment");
    assert_same_floats(expected_v, got_v, n, "adam second moment");
}

static void test_variants(void **state)
{
    const struct variants variants = variants_here();
    struct tw_rng rng = tw_test_rng(1);
    int cases = 0;

    (void)state;
    if (variants.count == 0)
        skip();
    for (int v = 0; v < variants.count; v++)
        for (ptrdiff_t which = 0; which < TW_TEST_LENGTHS; which++, cases++) {
            struct buffers b = {.count = 0};

            sgd_case(variants.table[v], &rng, test_length(which), &b);
            release(&b);
            adam_case(variants.table[v], &rng, test_length(which), &b);
            release(&b);
        }
    assert_int_equal(cases, variants.count * TW_TEST_LENGTHS);
}

/* |d - exact| <= 3 u (sum of the terms' sizes), the last fma adds u |p|; 1.01 covers the second order. */
static void test_sgd_formula(void **state)
{
    const ptrdiff_t cases = tw_test_cases(20000);
    struct tw_rng rng = tw_test_rng(2);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        const struct tw_sgd_coefficients c = random_sgd(&rng);
        const float g = tw_rng_uniform_f32(&rng, -1, 1), p = tw_rng_uniform_f32(&rng, -1, 1);
        const float v = tw_rng_uniform_f32(&rng, -1, 1);
        const double decay = (double)c.weight_decay * (double)p, momentum = (double)c.momentum;
        double d = (double)g + decay, size = fabs((double)g) + fabs(decay), velocity;
        float new_p = p, new_v = v;

        reference()->f32_sgd(1, &c, &g, &new_p, momentum != 0.0 ? &new_v : NULL);
        if (momentum != 0.0) {
            velocity = c.first_step ? d : momentum * (double)v + (double)c.one_minus_dampening * d;
            size += fabs((double)v);
            assert_true(fabs((double)new_v - velocity) <= 3 * TW_UNIT_ROUNDOFF * 1.01 * size);
            d = c.nesterov ? d + momentum * velocity : velocity;
            size *= 2;
        }
        const double exact = (double)p - (double)c.learning_rate * d;
        const double bound = TW_UNIT_ROUNDOFF * 1.01 * (4 * (double)c.learning_rate * size + fabs(exact));

        assert_true(fabs((double)new_p - exact) <= bound);
    }
}

/* m: two roundings of terms of size |beta1 m| + |(1 - beta1) g|; v: three, all terms positive; the square
 * root halves v's error and rounds once, as do the sum and the division. Weight decay: g and p carry one rounding each. */
static void test_adam_formula(void **state)
{
    struct tw_rng rng = tw_test_rng(3);
    const double u = TW_UNIT_ROUNDOFF * 1.01;
    const ptrdiff_t cases = tw_test_cases(20000);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        const struct tw_adam_coefficients c = random_adam(&rng);
        const float g = tw_rng_uniform_f32(&rng, -1, 1), p = tw_rng_uniform_f32(&rng, -1, 1);
        const float m = tw_rng_uniform_f32(&rng, -1, 1), v = tw_rng_uniform_f32(&rng, 0.0f, 1.0f);
        float new_p = p, new_m = m, new_v = v;
        const double decayed = (double)p * (double)c.decay_factor;
        const double d = (double)g + (double)c.weight_decay * decayed;
        const double d_size = fabs((double)g) + (double)c.weight_decay; /* |p| < 1 */
        const double first = (double)c.one_minus_beta1 * d + (double)c.beta1 * (double)m;
        const double first_size = (double)c.one_minus_beta1 * d_size + (double)c.beta1 * fabs((double)m);
        const double second = (double)c.one_minus_beta2 * d * d + (double)c.beta2 * (double)v;
        const double second_size = (double)c.one_minus_beta2 * d_size * d_size + (double)c.beta2 * (double)v;
        const double below = sqrt(second) + (double)c.epsilon;
        const double step = (double)c.step_size * first / below, exact = decayed - step;
        double step_bound;

        reference()->f32_adam(1, &c, &g, &new_p, &new_m, &new_v);
        assert_true(fabs((double)new_m - first) <= 3 * u * first_size);
        assert_true(fabs((double)new_v - second) <= 5 * u * second_size);
        step_bound = (double)c.step_size / below * 3 * u * first_size +
                     fabs(step) * u * (2.5 * second_size / second + 3);
        assert_true(fabs((double)new_p - exact) <= step_bound + 2 * u * (fabs(exact) + fabs(decayed)));
    }
}

static void test_by_hand(void **state)
{
    const struct tw_sgd_coefficients plain = {.learning_rate = 0.5f};
    const struct tw_sgd_coefficients first = {
        .learning_rate = 0.5f, .momentum = 0.5f, .one_minus_dampening = 0.25f, .first_step = true};
    const struct tw_sgd_coefficients later = {.learning_rate = 0.5f,
                                              .momentum = 0.5f,
                                              .one_minus_dampening = 0.25f,
                                              .nesterov = true,
                                              .weight_decay = 2.0f};
    const struct tw_adam_coefficients adam = {.beta1 = 0.5f,
                                              .one_minus_beta1 = 0.5f,
                                              .beta2 = 0.75f,
                                              .one_minus_beta2 = 0.25f,
                                              .step_size = 0.25f,
                                              .epsilon = 2.0f,
                                              .decay_factor = 0.5f};
    const float g = 4.0f;
    float p = 10.0f, v = NAN, m = 0.0f;

    (void)state;
    reference()->f32_sgd(1, &plain, &g, &p, NULL);
    assert_true(p == 8.0f);
    reference()->f32_sgd(1, &first, &g, &p, &v); /* what the velocity held does not matter */
    assert_true(p == 6.0f && v == 4.0f);
    reference()->f32_sgd(1, &later, &g, &p, &v); /* d = 16; v = 2 + 4 = 6; d = 16 + 3 */
    assert_true(v == 6.0f && p == 6.0f - 9.5f);
    p = 10.0f;
    v = 0.0f;
    reference()->f32_adam(1, &adam, &g, &p, &m, &v); /* q = 2 / (sqrt(4) + 2) */
    assert_true(m == 2.0f && v == 4.0f && p == 5.0f - 0.25f * 0.5f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_sgd_formula),
        cmocka_unit_test(test_adam_formula),
        cmocka_unit_test(test_variants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
