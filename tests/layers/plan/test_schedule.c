/* Level 2's rules for linear layers, the order of nodes, and shares that are claimed piece by piece. */
#include <string.h>

#include "core/memory.h"
#include "layers/graph/functional.h"
#include "layers/models/tower.h"
#include "layers/operation/linear.h"
#include "layers/operation/linear_nonzeros.h"
#include "layers/operation/operations.h"
#include "layers/plan/lower.h"
#include "layers/plan/plan_internal.h"
#include "tests/layers/plan/graph_parts.h"
#include "tests/support/test_support.h"

enum { CAPACITY = 37, FEATURES = 70, HIDDEN = 130, CLASSES = 5, PARAMETERS = 6 };
enum { ELEMENTS = HIDDEN * FEATURES + HIDDEN + HIDDEN * HIDDEN + HIDDEN + CLASSES * HIDDEN + CLASSES };

/* linear -> relu -> linear -> relu -> linear: two of many weights, one of few. */
struct net {
    tw_graph *graph;
    tw_parameter *parameter[PARAMETERS];
    tw_value x, label, before, after, loss; /* before and after the first relu */
    float inputs[CAPACITY * FEATURES];
    int32_t labels[CAPACITY];
};

static struct net *net_new(bool keeps_before, bool keeps_after)
{
    const struct tw_shape shapes[PARAMETERS] = {TW_SHAPE(HIDDEN, FEATURES), TW_SHAPE(HIDDEN),
                                                TW_SHAPE(HIDDEN, HIDDEN),   TW_SHAPE(HIDDEN),
                                                TW_SHAPE(CLASSES, HIDDEN),  TW_SHAPE(CLASSES)};
    struct net *net = tw_alloc(sizeof *net);
    struct tw_rng rng;
    tw_value p[PARAMETERS];
    tw_graph *g;

    assert_non_null(net);
    tw_rng_seed(&rng, 5);
    g = net->graph = tw_graph_new();
    for (int i = 0; i < PARAMETERS; i++) {
        net->parameter[i] = tw_parameter_new(shapes[i]);
        tw_rng_fill_uniform(&rng, net->parameter[i]->data->data, tw_tensor_count(net->parameter[i]->data),
                            -0.2f, 0.2f);
        p[i] = tw_graph_parameter(g, "p", net->parameter[i]);
    }
    tw_rng_fill_uniform(&rng, net->inputs, CAPACITY * FEATURES, -1.0f, 1.0f);
    for (int i = 0; i < CAPACITY; i++) {
        net->labels[i] = i % CLASSES;
    }
    net->x = tw_graph_input(g, "x", TW_F32, TW_SHAPE(CAPACITY, FEATURES), true);
    net->label = tw_graph_input(g, "label", TW_I32, TW_SHAPE(CAPACITY), true);
    net->before = tw_linear(g, net->x, p[0], p[1]);
    net->after = tw_relu(g, net->before);
    net->loss =
        tw_cross_entropy(g, tw_linear(g, tw_relu(g, tw_linear(g, net->after, p[2], p[3])), p[4], p[5]),
                         net->label, TW_REDUCTION_MEAN);
    assert_ok(tw_graph_differentiate(g, net->loss));
    if (keeps_before) {
        tw_graph_keep(g, net->before);
    }
    if (keeps_after) {
        tw_graph_keep(g, net->after);
    }
    return net;
}

static void net_release(struct net *net)
{
    tw_graph_release(net->graph);
    for (int i = 0; i < PARAMETERS; i++) {
        tw_parameter_release(net->parameter[i]);
    }
    tw_free(net);
}

static tw_plan *plan_for(struct net *net, int level, struct tw_team *team)
{
    tw_plan *plan = tw_plan_new(net->graph, &(struct tw_plan_options){.level = level, .team = team});

    assert_non_null(plan);
    assert_ok(tw_plan_bind(plan, net->x, net->inputs));
    assert_ok(tw_plan_bind(plan, net->label, net->labels));
    return plan;
}

/* Copies loss and gradients of a backward run. */
static void take_results(struct net *net, tw_plan *plan, ptrdiff_t samples, float *results)
{
    for (int i = 0; i < PARAMETERS; i++) {
        tw_parameter_zero_grad(net->parameter[i]);
    }
    assert_ok(tw_plan_run(plan, samples, TW_PLAN_BACKWARD));
    *results++ = tw_plan_scalar(plan, net->loss);
    for (int i = 0; i < PARAMETERS; i++) {
        const struct tw_tensor *gradient = tw_parameter_gradient(net->parameter[i]);

        memcpy(results, gradient->data, tw_tensor_bytes(gradient));
        results += tw_tensor_count(gradient);
    }
}

/* No rule here changes an order of summation: level 2 has the bits of level 1, for every team and batch, and also
 * when the runs before were of other sizes or forward only. */
static void linear_networks_have_the_bits_of_level_1(void **state)
{
    static const int teams[] = {1, 2, 3, 7, 40};
    static const ptrdiff_t batches[] = {CAPACITY, 1, 2, 16, CAPACITY};
    static float expected[1 + ELEMENTS], actual[1 + ELEMENTS];
    struct net *net = net_new(false, false);

    (void)state;
    for (size_t t = 0; t < sizeof teams / sizeof *teams; t++) {
        struct tw_team *team = tw_team_new(teams[t], TW_BIND_NONE);
        tw_plan *plain = plan_for(net, 1, team), *plan = plan_for(net, 2, team);

        for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
            take_results(net, plain, batches[b], expected);
            take_results(net, plan, batches[b], actual);
            assert_bits_equal_f32(expected, actual, 1 + ELEMENTS);
            assert_ok(tw_plan_run(plan, batches[b], TW_PLAN_FORWARD));
            assert_true(tw_plan_scalar(plan, net->loss) == expected[0]);
        }
        tw_plan_release(plain);
        tw_plan_release(plan);
        tw_team_release(team);
    }
    net_release(net);
}

static void rules_follow_weights_and_readers(void **state)
{
    struct net *net = net_new(false, false), *kept = net_new(true, true);
    uint32_t *map = NULL;
    tw_graph *lowered = tw_graph_lower(net->graph, false, false, &map);

    (void)state;
    assert_non_null(lowered);
    assert_int_equal(count_nodes(lowered, &tw_operation_linear_relu), 1);
    assert_int_equal(count_nodes(lowered, &tw_operation_linear_relu_nonzeros), 1);
    assert_int_equal(count_nodes(lowered, &tw_operation_linear_samples), 1);
    assert_int_equal(count_nodes(lowered, &tw_operation_linear_input_gradient_samples), 1);
    assert_int_equal(count_nodes(lowered, &tw_operation_linear_input_gradient_nonzeros), 1);
    assert_int_equal(count_nodes(lowered, &tw_operation_linear_weight_gradient_nonzeros), 2);
    assert_int_equal(count_nodes(lowered, &tw_operation_linear_weight_gradient), 1);
    assert_int_equal(count_nodes(lowered, &tw_operation_cross_entropy_gradient), 1);
    assert_int_equal(count_nodes(lowered, &tw_operation_nll_loss_gradient), 0);
    assert_int_equal(count_nodes(lowered, &tw_operation_log_softmax_gradient), 0);
    assert_int_equal(count_nodes(lowered, &tw_operation_relu), 0);
    assert_int_equal(count_nodes(lowered, &tw_operation_linear), 0);
    assert_int_equal(map[net->before.index], 0);
    assert_int_not_equal(map[net->after.index], 0);
    tw_graph_release(lowered);
    tw_free(map);
    lowered = tw_graph_lower(kept->graph, false, false, &map);
    assert_non_null(lowered);
    assert_int_equal(count_nodes(lowered, &tw_operation_linear_relu), 0);
    assert_int_equal(count_nodes(lowered, &tw_operation_linear_relu_nonzeros), 1);
    assert_int_equal(count_nodes(lowered, &tw_operation_relu), 1);
    assert_int_equal(count_nodes(lowered, &tw_operation_linear), 1);
    tw_graph_release(lowered);
    tw_free(map);
    net_release(net);
    net_release(kept);
}

/* What is kept on either side of a relu is what level 0 has there. */
static void kept_values_are_those_of_level_0(void **state)
{
    struct tw_team *team = tw_team_new(2, TW_BIND_NONE);

    (void)state;
    for (int keeps = 0; keeps < 4; keeps++) {
        struct net *net = net_new(keeps & 1, keeps & 2);
        tw_plan *all = plan_for(net, 0, team), *plan = plan_for(net, 2, team);
        const tw_value values[2] = {net->before, net->after};

        assert_ok(tw_plan_run(all, CAPACITY, TW_PLAN_BACKWARD));
        assert_ok(tw_plan_run(plan, CAPACITY, TW_PLAN_BACKWARD));
        for (int i = 0; i < 2; i++) {
            if (keeps & 1 << i) {
                assert_bits_equal_f32(tw_plan_data(all, values[i]), tw_plan_data(plan, values[i]),
                                      CAPACITY * HIDDEN);
            } else {
                assert_null(tw_plan_data(plan, values[i]));
            }
        }
        tw_plan_release(all);
        tw_plan_release(plan);
        net_release(net);
    }
    tw_team_release(team);
}

/* Inputs before their readers, the forward half before the backward one; and for the tower as few stages as there
 * are changes between samples and sums over the batch. */
static void order_is_valid_and_stages_are_few(void **state)
{
    struct tw_team *team = tw_team_new(2, TW_BIND_NONE);
    struct tw_rng rng;
    tw_module *tower;
    tw_graph *g = tw_graph_new();
    tw_value labels = tw_graph_input(g, "labels", TW_I32, TW_SHAPE(64), true),
             images = tw_graph_input(g, "images", TW_U8, TW_SHAPE(64, 1, 28, 28), true);
    tw_plan *plan;

    (void)state;
    tw_rng_seed(&rng, 1);
    tower = tw_tower_new(&rng);
    assert_ok(
        tw_graph_differentiate(g, tw_cross_entropy(g, tw_call(tower, g, tw_normalize(g, images, 0.5, 0.25)),
                                                   labels, TW_REDUCTION_MEAN)));
    plan = tw_plan_new(g, &(struct tw_plan_options){.level = 2, .team = team});
    assert_non_null(plan);
    for (uint32_t i = 1; i < plan->graph->node_count; i++) {
        const struct tw_graph_node *node = &plan->graph->nodes[i];

        assert_true(i == 1 || !plan->graph->nodes[i - 1].backward || node->backward);
        for (int j = 0; j < node->inputs; j++) {
            assert_true(plan->graph->values[node->input[j]].producer < i);
        }
        for (int j = 0; j < node->outputs; j++) {
            assert_true(node->output[j] == 0 || plan->graph->values[node->output[j]].producer == i);
        }
    }
    assert_int_equal(tw_plan_facts(plan).stages, 10);
    assert_int_equal(tw_plan_facts(plan).barriers, 8);
    tw_plan_release(plan);
    tw_graph_release(g);
    tw_module_release(tower);
    tw_team_release(team);
}

struct claims {
    tw_plan *plan;
    size_t stage;
    _Atomic int taken[256]; /* times that a unit was claimed */
};

static void claim_all(void *context, int rank, int threads)
{
    struct claims *claims = context;
    ptrdiff_t begin, end;

    tw_plan_reset_shares(claims->plan, rank, threads);
    while (rank < claims->plan->stages[claims->stage].active &&
           tw_plan_claim(claims->plan, claims->stage, rank, &begin, &end)) {
        for (ptrdiff_t unit = begin; unit < end; unit++) {
            claims->taken[unit]++;
        }
    }
}

/* Whoever comes first: a team whose members take from each other, and a single member that finds all shares. */
static void every_unit_is_claimed_once(void **state)
{
    struct tw_team *team = tw_team_new(4, TW_BIND_NONE), *alone = tw_team_new(1, TW_BIND_NONE);
    struct net *net = net_new(false, false);
    tw_plan *plan = plan_for(net, 2, team);

    (void)state;
    assert_ok(tw_plan_run(plan, CAPACITY, TW_PLAN_BACKWARD));
    for (int run = 0; run < 6; run++) {
        plan->runs++;
        for (size_t s = 0; s < plan->stage_count; s++) {
            struct claims claims = {.plan = plan, .stage = s};

            assert_true(plan->stages[s].units <= 256);
            tw_team_run(run % 3 == 2 ? alone : team, claim_all, &claims);
            for (ptrdiff_t unit = 0; unit < 256; unit++) {
                assert_int_equal(claims.taken[unit], unit < plan->stages[s].units);
            }
        }
    }
    tw_plan_release(plan);
    net_release(net);
    tw_team_release(team);
    tw_team_release(alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_networks_have_the_bits_of_level_1),
        cmocka_unit_test(rules_follow_weights_and_readers),
        cmocka_unit_test(kept_values_are_those_of_level_0),
        cmocka_unit_test(order_is_valid_and_stages_are_few),
        cmocka_unit_test(every_unit_is_claimed_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
