/* Plans: the same numbers at every level, on every team, in any memory; gradients that add up; errors that
 * change nothing. */
#include "tests/support/test_support.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "layers/graph/functional.h"
#include "layers/plan/plan.h"

enum { CAPACITY = 7, CHANNELS = 5, SIDE = 9, CLASSES = 4 };

/* A small convolutional network with a residual connection, dropout and shared weights: every way values
 * meet. */
struct net {
    tw_graph *graph;
    tw_parameter
        *parameter[5]; /* convolution weight, bias, a second convolution used twice, linear weight, bias */
    tw_value x, label, hidden, logits, loss;
    float images[CAPACITY * SIDE * SIDE];
    int32_t labels[CAPACITY];
};

static struct tw_shape parameter_shape(int i)
{
    const struct tw_shape shapes[5] = {TW_SHAPE(CHANNELS, 1, 3, 3), TW_SHAPE(CHANNELS),
                                       TW_SHAPE(CHANNELS, CHANNELS, 3, 3), TW_SHAPE(CLASSES, CHANNELS * 16),
                                       TW_SHAPE(CLASSES)};

    return shapes[i];
}

static void record(struct net *net)
{
    tw_graph *g = net->graph;
    tw_value p[5], h, rectified;

    for (int i = 0; i < 5; i++) {
        char name[8];

        snprintf(name, sizeof name, "p%d", i);
        p[i] = tw_graph_parameter(g, name, net->parameter[i]);
    }
    net->x = tw_graph_input(g, "x", TW_F32, TW_SHAPE(CAPACITY, 1, SIDE, SIDE), true);
    net->label = tw_graph_input(g, "label", TW_I32, TW_SHAPE(CAPACITY), true);
    h = tw_relu(g, tw_conv2d(g, net->x, p[0], p[1], (tw_conv2d_geometry){.padding = {1, 1}}));
    net->hidden =
        tw_relu(g, tw_conv2d(g, h, p[2], TW_INVALID_VALUE, (tw_conv2d_geometry){.padding = {1, 1}}));
    h = tw_conv2d(g, net->hidden, p[2], TW_INVALID_VALUE, (tw_conv2d_geometry){.padding = {1, 1}});
    rectified = tw_relu(g, h); /* h is read again below: relu must not overwrite it */
    h = tw_max_pool2d(g, tw_add(g, tw_add(g, h, net->hidden), rectified), 2);
    h = tw_dropout(g, tw_flatten(g, h), 0.25);
    net->logits = tw_linear(g, h, p[3], p[4]);
    net->loss = tw_cross_entropy(g, net->logits, net->label, TW_REDUCTION_MEAN);
}

static struct net *net_new(void)
{
    struct net *net = tw_alloc(sizeof *net);
    struct tw_rng rng;

    assert_non_null(net);
    tw_rng_seed(&rng, 5);
    net->graph = tw_graph_new();
    for (int i = 0; i < 5; i++) {
        net->parameter[i] = tw_parameter_new(parameter_shape(i));
        tw_rng_fill_uniform(&rng, net->parameter[i]->data->data, tw_tensor_count(net->parameter[i]->data),
                            -0.5f, 0.5f);
    }
    tw_rng_fill_uniform(&rng, net->images, CAPACITY * SIDE * SIDE, -1.0f, 1.0f);
    for (int i = 0; i < CAPACITY; i++) {
        net->labels[i] = i % CLASSES;
    }
    record(net);
    assert_ok(tw_graph_differentiate(net->graph, net->loss));
    return net;
}

static void net_release(struct net *net)
{
    tw_graph_release(net->graph);
    for (int i = 0; i < 5; i++) {
        tw_parameter_release(net->parameter[i]);
    }
    tw_free(net);
}

static tw_plan *plan_for(struct net *net, int level, struct tw_team *team)
{
    tw_plan *plan =
        tw_plan_new(net->graph, &(struct tw_plan_options){.level = level, .team = team, .seed = 11});

    assert_non_null(plan);
    assert_ok(tw_plan_bind(plan, net->x, net->images));
    assert_ok(tw_plan_bind(plan, net->label, net->labels));
    return plan;
}

enum {
    GRADIENT_ELEMENTS = 9 * CHANNELS + CHANNELS + 9 * CHANNELS * CHANNELS + CLASSES * CHANNELS * 16 + CLASSES
};

/* Loss of `runs` backward runs of `samples` samples, and all gradients after them. */
static float gradients_of(int level, int threads, ptrdiff_t samples, int runs, float *gradients)
{
    struct net *net = net_new();
    struct tw_team *team = tw_team_new(threads, TW_BIND_NONE);
    tw_plan *plan;
    float loss;

    assert_non_null(team);
    plan = plan_for(net, level, team);
    for (int i = 0; i < runs; i++) {
        assert_ok(tw_plan_run(plan, samples, TW_PLAN_BACKWARD));
    }
    loss = tw_plan_scalar(plan, net->loss);
    for (int i = 0; i < 5; i++) {
        const struct tw_tensor *gradient = tw_parameter_gradient(net->parameter[i]);

        memcpy(gradients, gradient->data, tw_tensor_bytes(gradient));
        gradients += tw_tensor_count(gradient);
    }
    tw_plan_release(plan);
    tw_team_release(team);
    net_release(net);
    return loss;
}

static void levels_and_teams_agree_to_the_bit(void **state)
{
    const ptrdiff_t samples[3] = {1, 4, CAPACITY};
    float expected[GRADIENT_ELEMENTS], actual[GRADIENT_ELEMENTS];

    (void)state;
    for (int s = 0; s < 3; s++) {
        float loss = gradients_of(0, 1, samples[s], 1, expected);

        assert_true(isfinite(loss) && loss > 0.1f);
        for (int level = 0; level <= 1; level++) {
            for (int threads = 1; threads <= 5; threads++) {
                float other = gradients_of(level, threads, samples[s], 1, actual);

                assert_bits_equal_f32(&loss, &other, 1);
                assert_bits_equal_f32(expected, actual, GRADIENT_ELEMENTS);
            }
        }
    }
}

/* Without zero_grad in between, a second run adds; dropout's mask differs from run to run, so the second
 * gradient is not the first one again. */
static void gradients_accumulate(void **state)
{
    struct net *net = net_new();
    struct tw_team *team = tw_team_new(2, TW_BIND_NONE);
    tw_plan *plan = plan_for(net, 1, team);
    float first[CLASSES], second[CLASSES];
    float *gradient = tw_parameter_gradient(net->parameter[4])->data;

    (void)state;
    assert_ok(tw_plan_run(plan, CAPACITY, TW_PLAN_BACKWARD));
    memcpy(first, gradient, sizeof first);
    tw_parameter_zero_grad(net->parameter[4]);
    assert_ok(tw_plan_run(plan, CAPACITY, TW_PLAN_BACKWARD));
    memcpy(second, gradient, sizeof second);
    assert_memory_not_equal(first, second, sizeof first);
    tw_plan_release(plan);

    /* A new plan starts its random streams again, so its two runs are the same two. */
    plan = plan_for(net, 1, team);
    tw_parameter_zero_grad(net->parameter[4]);
    assert_ok(tw_plan_run(plan, CAPACITY, TW_PLAN_BACKWARD));
    assert_ok(tw_plan_run(plan, CAPACITY, TW_PLAN_BACKWARD));
    for (int i = 0; i < CLASSES; i++) {
        float sum = first[i] + second[i];

        assert_bits_equal_f32(&sum, &gradient[i], 1);
    }
    tw_plan_release(plan);
    tw_team_release(team);
    net_release(net);
}

static void zeroed_gradients_read_as_zero(void **state)
{
    struct net *net = net_new();
    struct tw_team *team = tw_team_new(1, TW_BIND_NONE);
    tw_plan *plan = plan_for(net, 1, team);
    const float *gradient;
    float zero[CLASSES] = {0};

    (void)state;
    assert_ok(tw_plan_run(plan, CAPACITY, TW_PLAN_BACKWARD));
    tw_parameter_zero_grad(net->parameter[4]);
    gradient = tw_parameter_gradient(net->parameter[4])->data;
    assert_bits_equal_f32(zero, gradient, CLASSES);
    tw_plan_release(plan);
    tw_team_release(team);
    net_release(net);
}

static void a_run_allocates_nothing(void **state)
{
    struct net *net = net_new();
    struct tw_team *team = tw_team_new(2, TW_BIND_NONE);
    tw_plan *plan = plan_for(net, 1, team);
    uint64_t calls = tw_memory_usage().calls;

    (void)state;
    for (ptrdiff_t samples = 1; samples <= CAPACITY; samples++) {
        assert_ok(tw_plan_run(plan, samples, TW_PLAN_FORWARD));
        assert_ok(tw_plan_run(plan, samples, TW_PLAN_BACKWARD));
    }
    assert_int_equal(tw_memory_usage().calls, calls);
    tw_plan_release(plan);
    tw_team_release(team);
    net_release(net);
}

/* At level 0 everything is readable; at level 1 what was kept is, and it is the same. */
static void intermediates_stay_where_asked(void **state)
{
    struct net *net = net_new();
    struct tw_team *team = tw_team_new(2, TW_BIND_NONE);
    tw_plan *transparent = plan_for(net, 0, team), *dense = plan_for(net, 1, team), *keeping;
    size_t bytes = sizeof(float) * CAPACITY * CHANNELS * SIDE * SIDE;

    (void)state;
    assert_null(tw_plan_data(transparent, net->hidden));
    assert_int_equal(tw_error_status(), TW_ERROR_STATE);
    assert_ok(tw_plan_run(transparent, CAPACITY, TW_PLAN_BACKWARD));
    assert_ok(tw_plan_run(dense, CAPACITY, TW_PLAN_BACKWARD));
    assert_non_null(tw_plan_data(transparent, net->hidden));
    assert_null(tw_plan_data(dense, net->hidden));
    assert_non_null(strstr(tw_error_message(), "reused at level 1"));
    tw_graph_keep(net->graph, net->hidden);
    keeping = plan_for(net, 1, team);
    assert_ok(tw_plan_run(keeping, CAPACITY, TW_PLAN_BACKWARD));
    assert_memory_equal(tw_plan_data(keeping, net->hidden), tw_plan_data(transparent, net->hidden), bytes);
    assert_true(tw_plan_facts(dense).memory_bytes < tw_plan_facts(transparent).memory_bytes);
    tw_plan_release(transparent);
    tw_plan_release(dense);
    tw_plan_release(keeping);
    tw_team_release(team);
    net_release(net);
}

static void a_forward_run_leaves_gradients_alone(void **state)
{
    struct net *net = net_new();
    struct tw_team *team = tw_team_new(1, TW_BIND_NONE);
    tw_plan *plan = plan_for(net, 1, team);
    float before[CLASSES];
    float *gradient;

    (void)state;
    assert_ok(tw_plan_run(plan, CAPACITY, TW_PLAN_BACKWARD));
    gradient = tw_parameter_gradient(net->parameter[4])->data;
    memcpy(before, gradient, sizeof before);
    assert_ok(tw_plan_run(plan, 3, TW_PLAN_FORWARD));
    assert_bits_equal_f32(before, gradient, CLASSES);
    assert_true(isfinite(tw_plan_scalar(plan, net->loss)));
    tw_plan_release(plan);
    tw_team_release(team);
    net_release(net);
}

static void wrong_runs_change_nothing(void **state)
{
    struct net *net = net_new();
    struct tw_team *team = tw_team_new(2, TW_BIND_NONE);
    tw_plan *plan = tw_plan_new(net->graph, &(struct tw_plan_options){.level = 1, .team = team});
    float loss;

    (void)state;
    assert_non_null(plan);
    assert_fails(TW_ERROR_ARGUMENT, "input x is not bound", tw_plan_run(plan, 1, TW_PLAN_FORWARD));
    assert_ok(tw_plan_bind(plan, net->x, net->images));
    assert_ok(tw_plan_bind(plan, net->label, net->labels));
    assert_fails(TW_ERROR_ARGUMENT, "not an input", tw_plan_bind(plan, net->loss, net->images));
    assert_ok(tw_plan_run(plan, CAPACITY, TW_PLAN_FORWARD));
    loss = tw_plan_scalar(plan, net->loss);
    assert_fails(TW_ERROR_ARGUMENT, "a run of 0 samples", tw_plan_run(plan, 0, TW_PLAN_FORWARD));
    assert_fails(TW_ERROR_ARGUMENT, "a run of -3 samples", tw_plan_run(plan, -3, TW_PLAN_FORWARD));
    assert_fails(TW_ERROR_ARGUMENT, "a run of 8 samples, recorded for 1 to 7",
                 tw_plan_run(plan, 8, TW_PLAN_FORWARD));
    net->labels[2] = CLASSES;
    assert_fails(TW_ERROR_ARGUMENT, "label 4 of sample 2, expected 0 to 3",
                 tw_plan_run(plan, 3, TW_PLAN_BACKWARD));
    net->labels[2] = -1;
    assert_fails(TW_ERROR_ARGUMENT, "label -1 of sample 2", tw_plan_run(plan, 3, TW_PLAN_BACKWARD));
    /* The sample with the bad label is not part of this run. */
    assert_ok(tw_plan_run(plan, 2, TW_PLAN_FORWARD));
    net->labels[2] = 2;
    assert_ok(tw_plan_run(plan, CAPACITY, TW_PLAN_FORWARD));
    assert_true(isfinite(loss));
    tw_plan_release(plan);
    tw_team_release(team);
    net_release(net);
}

static void wrong_plans_are_refused(void **state)
{
    struct net *net = net_new();
    struct tw_team *team = tw_team_new(1, TW_BIND_NONE);
    tw_graph *broken = tw_graph_new();

    (void)state;
    assert_null(tw_plan_new(net->graph, &(struct tw_plan_options){.level = 7, .team = team}));
    assert_non_null(strstr(tw_error_message(), "level 7"));
    assert_null(tw_plan_new(net->graph, &(struct tw_plan_options){.level = 1}));
    tw_relu(broken, TW_INVALID_VALUE);
    assert_null(tw_plan_new(broken, &(struct tw_plan_options){.level = 1, .team = team}));
    assert_non_null(strstr(tw_error_message(), "relu"));
    tw_graph_release(broken);
    tw_team_release(team);
    net_release(net);
}

static void text_shows_stages(void **state)
{
    struct net *net = net_new();
    struct tw_team *team = tw_team_new(2, TW_BIND_NONE);
    tw_plan *plan = plan_for(net, 1, team);
    char *text = tw_plan_text(plan);

    (void)state;
    assert_non_null(text);
    assert_non_null(strstr(text, "plan level 1"));
    assert_non_null(strstr(text, "forward stage 1"));
    assert_non_null(strstr(text, "max_pool2d"));
    assert_non_null(strstr(text, "in place of"));
    assert_non_null(strstr(text, "gradient of a parameter"));
    tw_free(text);
    tw_plan_release(plan);
    tw_team_release(team);
    net_release(net);
}

static void out_of_memory_is_an_error(void **state)
{
    struct net *net = net_new();
    struct tw_team *team = tw_team_new(2, TW_BIND_NONE);
    tw_plan *plan = NULL;
    size_t before;

    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_non_null(tw_parameter_gradient(net->parameter[i]));
    }
    before = tw_memory_usage().live_blocks;
    for (long k = 0; !plan; k++) {
        assert_in_range(k, 0, 500);
        assert_int_equal(tw_memory_usage().live_blocks, before);
        tw_memory_fail_after(k);
        plan = tw_plan_new(net->graph, &(struct tw_plan_options){.level = 1, .team = team});
        tw_memory_fail_after(-1);
    }
    tw_plan_release(plan);
    tw_team_release(team);
    net_release(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_and_teams_agree_to_the_bit),
        cmocka_unit_test(gradients_accumulate),
        cmocka_unit_test(zeroed_gradients_read_as_zero),
        cmocka_unit_test(a_run_allocates_nothing),
        cmocka_unit_test(intermediates_stay_where_asked),
        cmocka_unit_test(a_forward_run_leaves_gradients_alone),
        cmocka_unit_test(wrong_runs_change_nothing),
        cmocka_unit_test(wrong_plans_are_refused),
        cmocka_unit_test(text_shows_stages),
        cmocka_unit_test(out_of_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
