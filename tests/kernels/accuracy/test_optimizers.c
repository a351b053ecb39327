/* Errors of the optimizers: asserted to keep their bounds, and printed (docs/numerics.md has the table). Length
 * 1: nothing is summed over. */
#include "tests/kernels/accuracy/accuracy_program.h"

#define COUNT 4000

/* What an optimizer keeps; velocity: `first`. */
struct arrays {
    float g[COUNT], p[COUNT], first[COUNT], second[COUNT];
};

static void draw(struct arrays *arrays)
{
    tw_test_fill(&rng, arrays->g, COUNT, -1, 1);
    tw_test_fill(&rng, arrays->p, COUNT, -1, 1);
    tw_test_fill(&rng, arrays->first, COUNT, -1, 1);
    tw_test_fill(&rng, arrays->second, COUNT, 0, 1);
}

/* A sum of few terms in double, and of their absolute values. */
struct sum {
    double value, size;
};

static struct sum plus(struct sum a, double factor, struct sum b)
{
    return (struct sum){a.value + factor * b.value, a.size + fabs(factor) * b.size};
}

static struct sum of(float value)
{
    return (struct sum){(double)value, fabs((double)value)};
}

static void add(struct accuracy *accuracy, float found, struct sum exact, double roundings)
{
    accuracy_add(accuracy, found, exact.value, exact.size, bound_of(roundings, exact.size));
}

/* --- SGD -------------------------------------------------------------------------------------------------- */

/* Weight decay rounds once; the velocity twice what it kept and once more what came; Nesterov's step and the parameter
 * once each. The way of what the velocity kept is the longest. */
static void measure_sgd(const char *what, const struct tw_sgd_coefficients *c)
{
    static struct arrays before, after;
    char parameter_name[64], velocity_name[64];
    struct accuracy parameter = accuracy_of(parameter_name, 1), velocity = accuracy_of(velocity_name, 1);

    snprintf(parameter_name, sizeof parameter_name, "%s, parameter", what);
    snprintf(velocity_name, sizeof velocity_name, "%s, velocity", what);
    draw(&before);
    after = before;
    kernels->f32_sgd(COUNT, c, after.g, after.p, after.first);
    for (ptrdiff_t i = 0; i < COUNT; i++) {
        const struct sum none = {0, 0}, p = of(before.p[i]);
        const struct sum d = plus(of(before.g[i]), (double)c->weight_decay, p);
        const struct sum kept = plus(none, (double)c->momentum, of(before.first[i]));
        const struct sum v = plus(kept, (double)c->one_minus_dampening, d);
        const struct sum step = c->nesterov ? plus(d, (double)c->momentum, v) : v;

        add(&velocity, after.first[i], v, 2);
        add(&parameter, after.p[i], plus(p, -(double)c->learning_rate, step), c->nesterov ? 4 : 3);
    }
    accuracy_report(&parameter);
    accuracy_report(&velocity);
}

static void test_sgd(void **state)
{
    const struct tw_sgd_coefficients momentum = {
        .learning_rate = 0.05f, .momentum = 0.9f, .one_minus_dampening = 1};
    const struct tw_sgd_coefficients nesterov = {.learning_rate = 0.05f,
                                                 .momentum = 0.9f,
                                                 .one_minus_dampening = 1,
                                                 .weight_decay = 0.01f,
                                                 .nesterov = true};

    (void)state;
    measure_sgd("SGD with momentum", &momentum);
    measure_sgd("SGD, Nesterov, decay", &nesterov);
}

/* --- Adam ------------------------------------------------------------------------------------------------- */

/* m: two roundings of each term, one of them the decay's or the product's; v: the same, and two more for a gradient that
 * decay has rounded, since it is squared. The root halves those of v; root, sum, quotient and parameter: one each. The
 * terms of m, divided by the root, and p are what the parameter is made of. */
static void measure_adam(const char *what, const struct tw_adam_coefficients *c)
{
    static struct arrays before, after;
    const double of_second = c->weight_decay != 0.0f ? 4 : 2;
    struct accuracy parameter, first, second;
    char name[3][64];

    snprintf(name[0], sizeof name[0], "%s, parameter", what);
    snprintf(name[1], sizeof name[1], "%s, first moment", what);
    snprintf(name[2], sizeof name[2], "%s, second moment", what);
    parameter = accuracy_of(name[0], 1);
    first = accuracy_of(name[1], 1);
    second = accuracy_of(name[2], 1);
    draw(&before);
    after = before;
    kernels->f32_adam(COUNT, c, after.g, after.p, after.first, after.second);
    for (ptrdiff_t i = 0; i < COUNT; i++) {
        const struct sum none = {0, 0}, p = plus(none, (double)c->decay_factor, of(before.p[i]));
        const struct sum g = plus(of(before.g[i]), (double)c->weight_decay, p);
        const struct sum m =
            plus(plus(none, (double)c->beta1, of(before.first[i])), (double)c->one_minus_beta1, g);
        const struct sum square = {g.value * g.value, g.value * g.value};
        const struct sum v =
            plus(plus(none, (double)c->beta2, of(before.second[i])), (double)c->one_minus_beta2, square);
        const double factor = (double)c->step_size / (sqrt(v.value) + (double)c->epsilon);

        add(&first, after.first[i], m, 2);
        add(&second, after.second[i], v, of_second);
        add(&parameter, after.p[i], plus(p, -factor, m), 2 + of_second / 2 + 4);
    }
    accuracy_report(&parameter);
    accuracy_report(&first);
    accuracy_report(&second);
}

static void test_adam(void **state)
{
    struct tw_adam_coefficients c = {.beta1 = 0.9f,
                                     .one_minus_beta1 = 0.1f,
                                     .beta2 = 0.999f,
                                     .one_minus_beta2 = 0.001f,
                                     .step_size = 1e-3f,
                                     .epsilon = 1e-8f,
                                     .decay_factor = 1};

    (void)state;
    measure_adam("Adam", &c);
    c.weight_decay = 0.01f;
    measure_adam("Adam with decay", &c);
    c.weight_decay = 0;
    c.decay_factor = 1 - 1e-3f * 0.01f;
    measure_adam("AdamW", &c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_adam),
    };

    return cmocka_run_group_tests(tests, choose_kernels, NULL);
}
