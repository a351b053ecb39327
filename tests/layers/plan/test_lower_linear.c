/* Lowering of linear layers with constant parameters: what becomes one, what does not, and the same bits. */
#include <string.h>

#include "core/memory.h"
#include "layers/graph/functional.h"
#include "layers/operation/conv_pool.h"
#include "layers/operation/linear.h"
#include "layers/operation/linear_packed.h"
#include "layers/operation/operations.h"
#include "layers/plan/lower.h"
#include "layers/plan/plan.h"
#include "tests/layers/plan/graph_parts.h"
#include "tests/support/test_support.h"

enum { CAPACITY = 20, CHANNELS = 19, SIDE = 10, HIDDEN = 37, CLASSES = 5, PLANE = SIDE / 2 * (SIDE / 2) };

struct options {
    bool keeps_pool, keeps_hidden, reads_hidden_twice, reads_pool_twice, differentiates;
};

/* conv2d -> relu -> max_pool2d -> view -> linear -> relu -> linear, with variations. */
struct net {
    tw_graph *graph;
    tw_parameter *parameters[6];
    tw_value x, out;
    float images[CAPACITY * SIDE * SIDE];
};

static tw_value parameter(struct net *net, int i, struct tw_shape shape, struct tw_rng *rng)
{
    net->parameters[i] = tw_parameter_new(shape);
    assert_non_null(net->parameters[i]);
    tw_test_fill(rng, net->parameters[i]->data->data, tw_shape_count(&shape), -0.2f, 0.2f);
    return tw_graph_parameter(net->graph, "parameter", net->parameters[i]);
}

static tw_value hidden_layers(struct net *net, const struct options *o, tw_value flat, struct tw_rng *rng)
{
    tw_value weight = parameter(net, 2, TW_SHAPE(HIDDEN, CHANNELS * PLANE), rng);
    tw_value hidden = tw_linear(net->graph, flat, weight, parameter(net, 3, TW_SHAPE(HIDDEN), rng));
    tw_value y = tw_relu(net->graph, hidden);

    if (o->keeps_hidden) {
        tw_graph_keep(net->graph, hidden);
    }
    if (o->reads_hidden_twice) {
        y = tw_add(net->graph, y, hidden);
    }
    return tw_linear(net->graph, y, parameter(net, 4, TW_SHAPE(CLASSES, HIDDEN), rng), TW_INVALID_VALUE);
}

static struct net *net_new(const struct options *o)
{
    const tw_conv2d_geometry same = {.kernel = {3, 3}, .padding = {1, 1}};
    struct net *net = tw_alloc(sizeof *net);
    struct tw_rng rng;
    tw_value y, flat;

    assert_non_null(net);
    tw_rng_seed(&rng, 5);
    net->graph = tw_graph_new();
    tw_test_fill(&rng, net->images, CAPACITY * SIDE * SIDE, -1.0f, 1.0f);
    net->x = tw_graph_input(net->graph, "x", TW_F32, TW_SHAPE(CAPACITY, 1, SIDE, SIDE), true);
    y = tw_conv2d(net->graph, net->x, parameter(net, 0, TW_SHAPE(CHANNELS, 1, 3, 3), &rng),
                  parameter(net, 1, TW_SHAPE(CHANNELS), &rng), same);
    y = tw_max_pool2d(net->graph, tw_relu(net->graph, y), 2);
    if (o->keeps_pool) {
        tw_graph_keep(net->graph, y);
    }
    flat = tw_flatten(net->graph, o->reads_pool_twice ? tw_add(net->graph, y, y) : y);
    net->out = hidden_layers(net, o, flat, &rng);
    tw_graph_keep(net->graph, net->out);
    if (o->differentiates) {
        tw_value label = tw_graph_input(net->graph, "label", TW_I32, TW_SHAPE(CAPACITY), true);

        assert_ok(tw_graph_differentiate(net->graph,
                                         tw_cross_entropy(net->graph, net->out, label, TW_REDUCTION_MEAN)));
    }
    assert_ok(tw_graph_status(net->graph));
    return net;
}

static void net_release(struct net *net)
{
    tw_graph_release(net->graph);
    for (int i = 0; i < 6; i++) {
        if (net->parameters[i]) {
            tw_parameter_release(net->parameters[i]);
        }
    }
    tw_free(net);
}

/* Numbers of layers on packed weights with relu and without, of plain layers of few weights, of relus, of unblocks.
 * A plain layer of many weights takes its relu in. */
static void assert_lowered(const struct options *options, bool constant, const int expected[5])
{
    const struct tw_operation *operations[5] = {&tw_operation_linear_relu_packed, &tw_operation_linear_packed,
                                                &tw_operation_linear_samples, &tw_operation_relu,
                                                &tw_operation_unblock};
    struct net *net = net_new(options);
    uint32_t *map = NULL;
    tw_graph *lowered = tw_graph_lower(net->graph, constant, false, &map);

    assert_non_null(lowered);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(count_nodes(lowered, operations[i]), expected[i]);
    }
    assert_int_not_equal(map[net->out.index], 0);
    tw_graph_release(lowered);
    tw_free(map);
    net_release(net);
}

static void rules_pack_what_they_may(void **state)
{
    (void)state;
    assert_lowered(&(struct options){.keeps_pool = false}, true, (int[]){1, 1, 0, 0, 0});
    assert_lowered(&(struct options){.keeps_pool = false}, false, (int[]){0, 0, 1, 0, 1});
    assert_lowered(&(struct options){.differentiates = true}, true, (int[]){0, 0, 1, 0, 1});
    assert_lowered(&(struct options){.keeps_pool = true}, true, (int[]){1, 1, 0, 0, 1});
    assert_lowered(&(struct options){.reads_pool_twice = true}, true, (int[]){1, 1, 0, 0, 1});
    assert_lowered(&(struct options){.keeps_hidden = true}, true, (int[]){0, 2, 0, 1, 0});
    assert_lowered(&(struct options){.reads_hidden_twice = true}, true, (int[]){0, 2, 0, 1, 0});
}

static void run(struct net *net, int threads, bool constant, ptrdiff_t samples, float *out)
{
    struct tw_team *team = tw_team_new(threads, TW_BIND_NONE);
    tw_plan *plan = tw_plan_new(
        net->graph, &(struct tw_plan_options){.level = 2, .team = team, .constant_parameters = constant});

    assert_non_null(plan);
    assert_ok(tw_plan_bind(plan, net->x, net->images));
    assert_ok(tw_plan_run(plan, samples, TW_PLAN_FORWARD));
    memcpy(out, tw_plan_data(plan, net->out), (size_t)(samples * CLASSES) * sizeof *out);
    tw_plan_release(plan);
    tw_team_release(team);
}

/* For every number of samples (tiles of every height) and several teams. */
static void packed_layers_give_the_same_bits(void **state)
{
    const struct options variations[] = {{.keeps_pool = false}, {.keeps_pool = true}, {.keeps_hidden = true}};

    (void)state;
    for (size_t i = 0; i < sizeof variations / sizeof *variations; i++) {
        struct net *net = net_new(&variations[i]);

        for (ptrdiff_t samples = 1; samples <= CAPACITY; samples += 1 + (ptrdiff_t)i * 5) {
            float expected[CAPACITY * CLASSES], actual[CAPACITY * CLASSES];

            run(net, 1, false, samples, expected);
            for (int threads = 1; threads <= 3; threads++) {
                run(net, threads, true, samples, actual);
                assert_bits_equal_f32(expected, actual, samples * CLASSES);
            }
        }
        net_release(net);
    }
}

static void out_of_memory_is_an_error(void **state)
{
    struct net *net = net_new(&(struct options){.keeps_pool = false});
    tw_graph *lowered = NULL;
    uint32_t *map = NULL;
    size_t before = tw_memory_usage().live_blocks;

    (void)state;
    for (long k = 0; !lowered; k++) {
        assert_in_range(k, 0, 1000);
        assert_int_equal(tw_memory_usage().live_blocks, before);
        tw_memory_fail_after(k);
        lowered = tw_graph_lower(net->graph, true, false, &map);
        tw_memory_fail_after(-1);
    }
    tw_graph_release(lowered);
    tw_free(map);
    net_release(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_pack_what_they_may),
        cmocka_unit_test(packed_layers_give_the_same_bits),
        cmocka_unit_test(out_of_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
