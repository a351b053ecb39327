/* Optimizers: teams of any size, what is left alone, and what is refused. */
#include <math.h>

#include "layers/optim/optim.h"
#include "tests/layers/optim/pair.h"

/* Large enough for every thread to get a share, with a tail in every parameter. */
static void run_steps(enum tw_optimizer_kind kind, int threads, struct pair *pair)
{
    struct tw_rng rng = tw_test_rng(1);
    struct tw_team *team = tw_team_new(threads, TW_BIND_NONE);
    tw_optimizer *optimizer = tw_optimizer_new(kind, NULL);
    struct tw_optimizer_options options = tw_optimizer_defaults(kind);

    options.momentum = kind == TW_SGD ? 0.9 : 0;
    pair_init(pair, TW_SHAPE(331, 401), TW_SHAPE(5003));
    for (int i = 0; i < 2; i++)
        tw_test_fill(&rng, pair->parameter[i]->data->data, tw_tensor_count(pair->parameter[i]->data), -1, 1);
    assert_ok(tw_optimizer_add_group(optimizer, &pair->list, &options));
    for (int t = 0; t < 3; t++) {
        for (int i = 0; i < 2; i++) {
            struct tw_tensor *gradient = tw_parameter_gradient(pair->parameter[i]);

            tw_test_fill(&rng, gradient->data, tw_tensor_count(gradient), -1, 1);
            pair->parameter[i]->gradient_is_zero = false;
        }
        assert_ok(tw_optimizer_step(optimizer, team));
    }
    tw_optimizer_release(optimizer);
    tw_team_release(team);
}

static void test_any_team_gives_the_same_bits(void **state)
{
    (void)state;
    for (int kind = TW_SGD; kind <= TW_ADAMW; kind++) {
        struct pair alone;

        run_steps((enum tw_optimizer_kind)kind, 1, &alone);
        for (int threads = 2; threads <= 7; threads++) {
            struct pair pair;

            run_steps((enum tw_optimizer_kind)kind, threads, &pair);
            for (int i = 0; i < 2; i++)
                assert_bits_equal_f32(alone.parameter[i]->data->data, pair.parameter[i]->data->data,
                                      tw_tensor_count(pair.parameter[i]->data));
            pair_release(&pair);
        }
        pair_release(&alone);
    }
}

/* Frozen: nothing moves although there is a gradient. Marked zero: stale memory counts as zeros, so Adam's
 * moments decay and momentum goes on. A step allocates nothing. */
static void test_frozen_zero_and_no_allocation(void **state)
{
    struct tw_optimizer_options options = tw_optimizer_defaults(TW_SGD);
    tw_optimizer *optimizer = tw_optimizer_new(TW_SGD, NULL);
    struct tw_team *team = tw_team_new(2, TW_BIND_NONE);
    struct pair pair;
    uint64_t calls;
    const float ones[6] = {1, 1, 1, 1, 1, 1};

    (void)state;
    options.learning_rate = 0.5;
    options.momentum = 0.5;
    pair_init(&pair, TW_SHAPE(2, 3), TW_SHAPE(2));
    assert_ok(tw_optimizer_add_group(optimizer, &pair.list, &options));
    set_gradient(pair.parameter[0], ones);
    set_gradient(pair.parameter[1], ones);
    pair.parameter[1]->requires_grad = false;
    calls = tw_memory_usage().calls;
    assert_ok(tw_optimizer_step(optimizer, team));
    assert_true(((float *)pair.parameter[0]->data->data)[5] == -0.5F);
    assert_true(((float *)pair.parameter[1]->data->data)[1] == 0);
    tw_optimizer_zero_grad(optimizer);
    assert_ok(tw_optimizer_step(optimizer, team));
    assert_true(((float *)pair.parameter[0]->data->data)[5] == -0.75F);
    assert_int_equal(tw_memory_usage().calls, calls);
    tw_optimizer_release(optimizer);
    tw_team_release(team);
    pair_release(&pair);
}

/* Two groups with knobs of their own; a schedule changes one of them between steps. */
static void test_groups(void **state)
{
    struct tw_optimizer_options options = tw_optimizer_defaults(TW_SGD);
    tw_optimizer *optimizer = tw_optimizer_new(TW_SGD, NULL);
    struct tw_team *team = tw_team_new(1, TW_BIND_NONE);
    const float one = 1;
    struct pair pair;

    (void)state;
    pair_init(&pair, TW_SHAPE(1), TW_SHAPE(1));
    options.learning_rate = 1;
    assert_ok(tw_optimizer_add_group(optimizer, &(struct tw_parameter_list){pair.items, 1}, &options));
    options.learning_rate = 0.25;
    assert_ok(tw_optimizer_add_group(optimizer, &(struct tw_parameter_list){pair.items + 1, 1}, &options));
    assert_int_equal(tw_optimizer_groups(optimizer), 2);
    assert_null(tw_optimizer_group(optimizer, 2));
    set_gradient(pair.parameter[0], &one);
    set_gradient(pair.parameter[1], &one);
    assert_ok(tw_optimizer_step(optimizer, team));
    assert_true(*(float *)pair.parameter[0]->data->data == -1);
    assert_true(*(float *)pair.parameter[1]->data->data == -0.25F);
    tw_optimizer_group(optimizer, 1)->learning_rate = 0.5;
    assert_ok(tw_optimizer_step(optimizer, team));
    assert_true(*(float *)pair.parameter[0]->data->data == -2);
    assert_true(*(float *)pair.parameter[1]->data->data == -0.75F);
    tw_optimizer_release(optimizer);
    tw_team_release(team);
    pair_release(&pair);
}

static void assert_group_refused(enum tw_optimizer_kind kind, struct tw_optimizer_options options,
                                 const char *part)
{
    tw_optimizer *optimizer = tw_optimizer_new(kind, NULL);
    struct pair pair;

    pair_init(&pair, TW_SHAPE(2, 2), TW_SHAPE(2));
    assert_fails(TW_ERROR_ARGUMENT, part, tw_optimizer_add_group(optimizer, &pair.list, &options));
    assert_int_equal(tw_optimizer_groups(optimizer), 0);
    tw_optimizer_release(optimizer);
    pair_release(&pair);
}

#define ASSERT_OPTION_REFUSED(kind, option, value, part)                   \
    do {                                                                   \
        struct tw_optimizer_options options = tw_optimizer_defaults(kind); \
        options.option = value;                                            \
        assert_group_refused(kind, options, part);                         \
    } while (0)

static void test_options_refused(void **state)
{
    (void)state;
    ASSERT_OPTION_REFUSED(TW_SGD, learning_rate, -1, "sgd: learning_rate is -1, expected");
    ASSERT_OPTION_REFUSED(TW_ADAM, learning_rate, NAN, "adam: learning_rate is nan");
    ASSERT_OPTION_REFUSED(TW_ADAM, learning_rate, INFINITY, "adam: learning_rate is inf");
    ASSERT_OPTION_REFUSED(TW_ADAMW, weight_decay, -0.5, "adamw: weight_decay is -0.5");
    ASSERT_OPTION_REFUSED(TW_ADAM, beta1, 1, "adam: beta1 is 1, expected a number in [0, 1)");
    ASSERT_OPTION_REFUSED(TW_ADAM, beta2, -0.1, "adam: beta2 is -0.1");
    ASSERT_OPTION_REFUSED(TW_ADAM, epsilon, -1e-8, "adam: epsilon is -1e-08");
    ASSERT_OPTION_REFUSED(TW_SGD, momentum, -0.9, "sgd: momentum is -0.9");
    ASSERT_OPTION_REFUSED(TW_SGD, nesterov, true, "nesterov needs momentum above 0 and dampening 0");
}

static void test_taken_parameter_refused(void **state)
{
    struct tw_optimizer_options options = tw_optimizer_defaults(TW_ADAM);
    tw_optimizer *optimizer = tw_optimizer_new(TW_ADAM, NULL);
    struct pair pair;

    (void)state;
    pair_init(&pair, TW_SHAPE(2, 2), TW_SHAPE(2));
    assert_ok(tw_optimizer_add_group(optimizer, &(struct tw_parameter_list){pair.items + 1, 1}, &options));
    assert_fails(TW_ERROR_ARGUMENT, "\"fc.bias\" is in group 0 already",
                 tw_optimizer_add_group(optimizer, &pair.list, &options));
    /* Nothing of the refused group stays: the weight can still be added. */
    assert_ok(tw_optimizer_add_group(optimizer, &(struct tw_parameter_list){pair.items, 1}, &options));
    assert_int_equal(tw_optimizer_groups(optimizer), 2);
    tw_optimizer_release(optimizer);
    pair_release(&pair);
}

/* An option changed to nonsense between steps: refused, and no parameter moves. */
static void test_bad_step_changes_nothing(void **state)
{
    struct tw_optimizer_options options = tw_optimizer_defaults(TW_SGD);
    tw_optimizer *optimizer = tw_optimizer_new(TW_SGD, NULL);
    struct tw_team *team = tw_team_new(1, TW_BIND_NONE);
    const float ones[4] = {1, 1, 1, 1};
    struct pair pair;

    (void)state;
    pair_init(&pair, TW_SHAPE(2, 2), TW_SHAPE(2));
    assert_ok(tw_optimizer_add_group(optimizer, &pair.list, &options));
    set_gradient(pair.parameter[0], ones);
    tw_optimizer_group(optimizer, 0)->learning_rate = NAN;
    assert_fails(TW_ERROR_ARGUMENT, "learning_rate is nan", tw_optimizer_step(optimizer, team));
    tw_optimizer_group(optimizer, 0)->learning_rate = 1;
    tw_optimizer_group(optimizer, 0)->momentum = 0.9;
    assert_fails(TW_ERROR_STATE, "\"fc.weight\" has no velocity", tw_optimizer_step(optimizer, team));
    assert_true(((float *)pair.parameter[0]->data->data)[0] == 0);
    tw_optimizer_release(optimizer);
    tw_team_release(team);
    pair_release(&pair);
}

/* Whichever allocation fails: an error, nothing leaked, and the optimizer still takes the group afterwards.
 */
static void test_without_memory(void **state)
{
    struct tw_optimizer_options options = tw_optimizer_defaults(TW_ADAM);
    size_t live = tw_memory_usage().live_blocks;
    bool done = false;

    (void)state;
    for (long countdown = 0; !done; countdown++) {
        struct pair pair;
        tw_optimizer *optimizer;

        assert_in_range(countdown, 0, 30);
        pair_init(&pair, TW_SHAPE(2, 2), TW_SHAPE(2));
        optimizer = tw_optimizer_new(TW_ADAM, NULL);
        tw_memory_fail_after(countdown);
        done = tw_optimizer_add_group(optimizer, &pair.list, &options) == TW_OK;
        tw_memory_fail_after(-1);
        if (!done) {
            assert_int_equal(tw_error_status(), TW_ERROR_MEMORY);
            assert_int_equal(tw_optimizer_groups(optimizer), 0);
            assert_ok(tw_optimizer_add_group(optimizer, &pair.list, &options));
        }
        tw_optimizer_release(optimizer);
        pair_release(&pair);
    }
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

static void test_names(void **state)
{
    enum tw_optimizer_kind kind;

    (void)state;
    for (int i = TW_SGD; i <= TW_ADAMW; i++) {
        assert_ok(tw_optimizer_parse(tw_optimizer_name((enum tw_optimizer_kind)i), &kind));
        assert_int_equal(kind, i);
    }
    assert_fails(TW_ERROR_ARGUMENT, "\"Adam\": expected sgd, adam or adamw",
                 tw_optimizer_parse("Adam", &kind));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_team_gives_the_same_bits),
        cmocka_unit_test(test_frozen_zero_and_no_allocation),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_options_refused),
        cmocka_unit_test(test_taken_parameter_refused),
        cmocka_unit_test(test_bad_step_changes_nothing),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
