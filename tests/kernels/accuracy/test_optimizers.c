/* Errors of the optimizers: asserted to keep their bounds, and printed (docs/numerics.md has the table). Length
 * 1: nothing is summed over. */
#include "tests/kernels/accuracy/accuracy.h"

static const struct tw_kernels *kernels;
static struct tw_rng rng;

static int choose_kernels(void **state)
{
    (void)state;
    kernels = measured_kernels();
    rng = tw_test_rng(1);
    accuracy_heading();
    return 0;
}

/* Velocity: two roundings of each of its terms; then one of the parameter. */
static void test_sgd(void **state)
{
    const struct tw_sgd_coefficients c = {.learning_rate = 0.05f, .momentum = 0.9f, .one_minus_dampening = 1};
    const ptrdiff_t count = 4000;
    struct accuracy accuracy = accuracy_of("SGD with momentum, parameter", 1);
    float *g = new_uniform(&rng, count, -1, 1), *p = new_uniform(&rng, count, -1, 1),
          *v = new_uniform(&rng, count, -1, 1);
    double *exact = new_bytes((size_t)count * sizeof *exact), *size = new_bytes((size_t)count * sizeof *size);

    (void)state;
    for (ptrdiff_t i = 0; i < count; i++) {
        const double rate = (double)c.learning_rate, kept = (double)c.momentum * (double)v[i];

        exact[i] = (double)p[i] - rate * (kept + (double)g[i]);
        size[i] = fabs((double)p[i]) + rate * (fabs(kept) + fabs((double)g[i]));
    }
    kernels->f32_sgd(count, &c, g, p, v);
    for (ptrdiff_t i = 0; i < count; i++) {
        accuracy_add(&accuracy, p[i], exact[i], size[i], bound_of(3, size[i]));
    }
    accuracy_report(&accuracy);
    free(g);
    free(p);
    free(v);
    free(exact);
    free(size);
}

/* m: two roundings of each term; v the same, and the root halves them; root, sum, quotient and parameter: one
 * each. The terms of m, divided by the root, and p are what the result is made of. */
static void test_adam(void **state)
{
    const struct tw_adam_coefficients c = {.beta1 = 0.9f,
                                           .one_minus_beta1 = 0.1f,
                                           .beta2 = 0.999f,
                                           .one_minus_beta2 = 0.001f,
                                           .step_size = 1e-3f,
                                           .epsilon = 1e-8f,
                                           .decay_factor = 1};
    const ptrdiff_t count = 4000;
    struct accuracy accuracy = accuracy_of("Adam, parameter", 1);
    float *g = new_uniform(&rng, count, -1, 1), *p = new_uniform(&rng, count, -1, 1),
          *m = new_uniform(&rng, count, -1, 1);
    float *v = new_uniform(&rng, count, 0, 1);
    double *exact = new_bytes((size_t)count * sizeof *exact), *size = new_bytes((size_t)count * sizeof *size);

    (void)state;
    for (ptrdiff_t i = 0; i < count; i++) {
        const double now = (double)c.one_minus_beta1 * (double)g[i], kept = (double)c.beta1 * (double)m[i];
        const double second =
            (double)c.one_minus_beta2 * (double)g[i] * (double)g[i] + (double)c.beta2 * (double)v[i];
        const double factor = (double)c.step_size / (sqrt(second) + (double)c.epsilon);

        exact[i] = (double)p[i] - factor * (now + kept);
        size[i] = fabs((double)p[i]) + factor * (fabs(now) + fabs(kept));
    }
    kernels->f32_adam(count, &c, g, p, m, v);
    for (ptrdiff_t i = 0; i < count; i++) {
        accuracy_add(&accuracy, p[i], exact[i], size[i], bound_of(7, size[i]));
    }
    accuracy_report(&accuracy);
    free(g);
    free(p);
    free(m);
    free(v);
    free(exact);
    free(size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_adam),
    };

    return cmocka_run_group_tests(tests, choose_kernels, NULL);
}
