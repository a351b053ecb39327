/* Ten steps of every optimizer against PyTorch's. */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "layers/optim/optim.h"
#include "tests/layers/optim/pair.h"

#define STEPS 10

/* The rounding error of ten steps. A step adds to p, of size P, an update of size U: two roundings of p and,
 * since the update of step t is a sum of at most t products through the moments, 2 t + 8 of the update. */
static double bound_of(const float *trajectory, double update)
{
    double size = 0;

    for (int i = 0; i < STEPS * 38; i++)
        size = fmax(size, fabs((double)trajectory[i]));
    return STEPS * ((double)FLT_EPSILON * size + (2 * STEPS + 8) * (double)FLT_EPSILON / 2 * update);
}

/* `update`: the largest sum of absolute terms that one step adds to an element. */
static void check_trajectory(const char *name, enum tw_optimizer_kind kind,
                             struct tw_optimizer_options options, double update, int second_from)
{
    struct tw_tensor *start = tw_test_load_npy("optimizers/start.npy");
    struct tw_tensor *gradients = tw_test_load_npy("optimizers/gradients.npy"), *recorded;
    struct tw_team *team = tw_team_new(2, TW_BIND_NONE);
    tw_optimizer *optimizer = tw_optimizer_new(kind, NULL);
    char path[256];
    struct pair pair;

    snprintf(path, sizeof path, "optimizers/%s.npy", name);
    recorded = tw_test_load_npy(path);
    pair_init(&pair, TW_SHAPE(5, 7), TW_SHAPE(3));
    memcpy(pair.parameter[0]->data->data, start->data, 35 * sizeof(float));
    memcpy(pair.parameter[1]->data->data, (float *)start->data + 35, 3 * sizeof(float));
    assert_ok(tw_optimizer_add_group(optimizer, &pair.list, &options));
    for (int t = 0; t < STEPS; t++) {
        const float *expected = (const float *)recorded->data + 38 * t;
        const float *gradient = (const float *)gradients->data + 38 * t;
        double bound = bound_of(recorded->data, update);

        set_gradient(pair.parameter[0], gradient);
        if (t >= second_from)
            set_gradient(pair.parameter[1], gradient + 35);
        assert_ok(tw_optimizer_step(optimizer, team));
        assert_close_f32(expected, pair.parameter[0]->data->data, 35, bound, 0);
        assert_close_f32(expected + 35, pair.parameter[1]->data->data, 3, bound, 0);
    }
    tw_optimizer_release(optimizer);
    tw_team_release(team);
    pair_release(&pair);
    tw_tensor_release(recorded);
    tw_tensor_release(gradients);
    tw_tensor_release(start);
}

/* |gradient| stays below 4 and |p| below 8 in the recorded runs; momentum adds up to 1 / (1 - momentum) of
 * them. */
static void test_sgd(void **state)
{
    struct tw_optimizer_options options = tw_optimizer_defaults(TW_SGD);

    (void)state;
    options.learning_rate = 0.1;
    check_trajectory("sgd", TW_SGD, options, 0.1 * 4, 0);
    options.weight_decay = 0.2;
    check_trajectory("sgd_weight_decay", TW_SGD, options, 0.1 * (4 + 0.2 * 8), 0);
    options.weight_decay = 0.1;
    options.momentum = 0.8;
    options.dampening = 0.3;
    check_trajectory("sgd_dampening", TW_SGD, options, 0.1 * (4 + 0.1 * 8) / 0.2, 0);
    options.weight_decay = options.dampening = 0;
    options.momentum = 0.9;
    check_trajectory("sgd_momentum", TW_SGD, options, 0.1 * 4 / 0.1, 0);
    check_trajectory("sgd_momentum_late", TW_SGD, options, 0.1 * 4 / 0.1, 3);
    options.nesterov = true;
    check_trajectory("sgd_nesterov", TW_SGD, options, 0.1 * 4 / 0.1 * 2, 0);
}

/* The update is at most learning_rate * m / sqrt(v) with m and v made of at most ten gradients; by Cauchy and
 * Schwarz |m| / sqrt(v) <= sqrt(sum of w_i^2 / u_i) for the weights w of m and u of v: below 2 here. */
static void test_adam(void **state)
{
    struct tw_optimizer_options options = tw_optimizer_defaults(TW_ADAM);

    (void)state;
    check_trajectory("adam", TW_ADAM, options, 1e-3 * 2, 0);
    check_trajectory("adam_late", TW_ADAM, options, 1e-3 * 2, 3);
    options.learning_rate = 0.05;
    options.beta1 = 0.8;
    options.beta2 = 0.95;
    options.epsilon = 0.01;
    options.weight_decay = 0.1;
    check_trajectory("adam_options", TW_ADAM, options, 0.05 * 2, 0);
}

static void test_adamw(void **state)
{
    struct tw_optimizer_options options = tw_optimizer_defaults(TW_ADAMW);

    (void)state;
    check_trajectory("adamw", TW_ADAMW, options, 1e-3 * 2, 0);
    options.learning_rate = 0.05;
    options.beta1 = 0.8;
    options.beta2 = 0.95;
    options.epsilon = 0.01;
    options.weight_decay = 0.3;
    check_trajectory("adamw_options", TW_ADAMW, options, 0.05 * 2, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_adamw),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
