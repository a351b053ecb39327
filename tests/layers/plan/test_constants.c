/* Constant parameters: what depends on them alone is computed once, and never stale. */
#include <string.h>

#include "layers/graph/functional.h"
#include "layers/models/tower.h"
#include "layers/module/init.h"
#include "layers/module/state_dict.h"
#include "layers/optim/optim.h"
#include "layers/plan/plan.h"
#include "tests/support/test_support.h"

enum { CAPACITY = 3, PIXELS = 28 * 28, CLASSES = 10 };

/* The tower, trained or not, on a few images. */
struct net {
    tw_module *model;
    tw_graph *graph;
    tw_value x, label, logits;
    struct tw_team *team;
    uint8_t images[CAPACITY * PIXELS];
    int32_t labels[CAPACITY];
};

static struct net net_new(uint64_t seed, bool training)
{
    struct net net = {.graph = tw_graph_new(), .team = tw_team_new(2, TW_BIND_NONE), .labels = {3, 1, 4}};
    struct tw_rng rng;

    tw_rng_seed(&rng, seed);
    net.model = tw_tower_new(&rng);
    assert_non_null(net.model);
    for (int i = 0; i < CAPACITY * PIXELS; i++) {
        net.images[i] = (uint8_t)tw_rng_u32(&rng);
    }
    net.x = tw_graph_input(net.graph, "x", TW_U8, TW_SHAPE(CAPACITY, 1, 28, 28), true);
    net.logits = tw_call(net.model, net.graph, tw_normalize(net.graph, net.x, 0.1307, 0.3081));
    tw_graph_keep(net.graph, net.logits);
    if (training) {
        net.label = tw_graph_input(net.graph, "label", TW_I32, TW_SHAPE(CAPACITY), true);
        assert_ok(tw_graph_differentiate(
            net.graph, tw_cross_entropy(net.graph, net.logits, net.label, TW_REDUCTION_MEAN)));
    }
    assert_ok(tw_graph_status(net.graph));
    return net;
}

static void net_release(struct net *net)
{
    tw_team_release(net->team);
    tw_graph_release(net->graph);
    tw_module_release(net->model);
}

static tw_plan *plan_for(struct net *net, int level, bool constant)
{
    tw_plan *plan = tw_plan_new(
        net->graph,
        &(struct tw_plan_options){.level = level, .team = net->team, .constant_parameters = constant});

    assert_non_null(plan);
    assert_ok(tw_plan_bind(plan, net->x, net->images));
    if (net->label.index != 0) {
        assert_ok(tw_plan_bind(plan, net->label, net->labels));
    }
    return plan;
}

static void predict(tw_plan *plan, const struct net *net, ptrdiff_t samples, float *logits)
{
    assert_ok(tw_plan_run(plan, samples, TW_PLAN_FORWARD));
    memcpy(logits, tw_plan_data(plan, net->logits), (size_t)(samples * CLASSES) * sizeof *logits);
}

/* A weight behind a closed relu changes nothing. */
enum change { STAYS, MOVES, MAY_MOVE };

/* What `plan` gives is what a plan made now gives; `change` tells how that compares with `before`, which becomes
 * it. */
static void assert_current(tw_plan *plan, struct net *net, int level, enum change change, float *before)
{
    float expected[CAPACITY * CLASSES], actual[CAPACITY * CLASSES];
    tw_plan *fresh = plan_for(net, level, false);

    predict(fresh, net, CAPACITY, expected);
    predict(plan, net, CAPACITY, actual);
    assert_memory_equal(expected, actual, sizeof expected);
    if (change != MAY_MOVE) {
        assert_int_equal(memcmp(before, actual, sizeof actual) != 0, change == MOVES);
    }
    memcpy(before, actual, sizeof actual);
    tw_plan_release(fresh);
}

static tw_parameter *parameter_of(const struct net *net, size_t index)
{
    struct tw_parameter_list list;
    tw_parameter *parameter;

    assert_ok(tw_module_named_parameters(net->model, &list));
    assert_true(index < list.count);
    parameter = list.items[index].parameter;
    tw_parameter_list_release(&list);
    return parameter;
}

enum { CONV1 = 0, CONV2 = 2, FC1 = 4, FC2 = 6 };

static void every_writer_is_noticed(void **state)
{
    const size_t weights[] = {CONV1, CONV2, FC1, FC2};
    struct net net = net_new(1, false), other = net_new(2, false);
    tw_state_dict dict;

    (void)state;
    for (int level = 1; level < TW_PLAN_LEVELS; level++) {
        float before[CAPACITY * CLASSES] = {0};
        tw_plan *plan = plan_for(&net, level, true);
        struct tw_rng rng;

        tw_rng_seed(&rng, 7);
        assert_current(plan, &net, level, MOVES, before);
        assert_current(plan, &net, level, STAYS, before);
        for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
            struct tw_tensor *data = parameter_of(&net, weights[i])->data, *one, *view;
            ptrdiff_t centre[4] = {5, 0, 1, 1};

            assert_ok(tw_tensor_set(data, centre, 3.0));
            assert_current(plan, &net, level, MAY_MOVE, before);
            view = tw_tensor_select(data, 0, 6);
            tw_tensor_fill(view, 0.5);
            assert_current(plan, &net, level, MOVES, before);
            one = tw_tensor_clone(view);
            assert_ok(tw_tensor_set(one, centre + 1, -2.0));
            assert_ok(tw_tensor_copy(view, one));
            assert_current(plan, &net, level, MAY_MOVE, before);
            tw_tensor_release(one);
            tw_tensor_release(view);
            assert_ok(tw_init_normal(data, &rng, 0.0, 0.1));
            assert_current(plan, &net, level, MOVES, before);
            assert_ok(tw_init_uniform(data, &rng, -0.1, 0.1));
            assert_current(plan, &net, level, MOVES, before);
        }
        assert_ok(tw_module_state_dict(other.model, &dict));
        assert_ok(tw_module_load_state_dict(net.model, &dict, true));
        tw_state_dict_release(&dict);
        assert_current(plan, &net, level, MOVES, before);
        assert_ok(tw_init_module(net.model, "xavier-normal", &rng));
        assert_current(plan, &net, level, MOVES, before);
        tw_plan_release(plan);
    }
    net_release(&other);
    net_release(&net);
}

/* Which also shows that the flag does what it says: without the word of the writer the old weights are in use. */
static void bare_pointers_need_a_word(void **state)
{
    struct net net = net_new(1, false);
    tw_plan *kept = plan_for(&net, 2, true), *careful = plan_for(&net, 2, false);
    float before[CAPACITY * CLASSES], now[CAPACITY * CLASSES];
    struct tw_tensor *weight = parameter_of(&net, CONV2)->data;

    (void)state;
    predict(kept, &net, CAPACITY, before);
    predict(careful, &net, CAPACITY, now);
    assert_memory_equal(before, now, sizeof now);
    for (int i = 0; i < 9 * 32; i++) {
        ((float *)weight->data)[i] += 0.25f;
    }
    predict(kept, &net, CAPACITY, now);
    assert_memory_equal(before, now, sizeof now);
    predict(careful, &net, CAPACITY, now);
    assert_memory_not_equal(before, now, sizeof now);
    tw_tensor_changed(weight);
    predict(kept, &net, CAPACITY, before);
    assert_memory_equal(before, now, sizeof now);
    tw_plan_release(careful);
    tw_plan_release(kept);
    net_release(&net);
}

/* A refused run computes nothing: the next one must. */
static void a_refused_run_keeps_nothing(void **state)
{
    struct net net = net_new(1, false);
    tw_plan *plan = plan_for(&net, 2, true);
    float before[CAPACITY * CLASSES] = {0};

    (void)state;
    assert_int_equal(tw_plan_run(plan, CAPACITY + 1, TW_PLAN_FORWARD), TW_ERROR_ARGUMENT);
    assert_current(plan, &net, 2, MOVES, before);
    tw_tensor_fill(parameter_of(&net, CONV2)->data, 0.125);
    assert_int_equal(tw_plan_run(plan, CAPACITY, TW_PLAN_BACKWARD), TW_ERROR_STATE);
    assert_current(plan, &net, 2, MOVES, before);
    tw_plan_release(plan);
    net_release(&net);
}

/* Another tensor under the same parameter, written long ago. */
static void exchanged_memory_is_noticed(void **state)
{
    struct net net = net_new(1, false);
    tw_parameter *weight = parameter_of(&net, CONV2);
    struct tw_tensor *old = weight->data, *other = tw_tensor_clone(old);
    float before[CAPACITY * CLASSES] = {0};
    tw_plan *plan;

    (void)state;
    tw_tensor_fill(other, 0.0625);
    plan = plan_for(&net, 2, true);
    tw_tensor_changed(parameter_of(&net, CONV1)->data); /* so that no version is later than the plan's */
    assert_current(plan, &net, 2, MOVES, before);
    weight->data = other;
    assert_current(plan, &net, 2, MOVES, before);
    weight->data = old;
    assert_current(plan, &net, 2, MOVES, before);
    tw_tensor_release(other);
    tw_plan_release(plan);
    net_release(&net);
}

/* Losses and weights of a few steps, forward runs and smaller batches in between. */
static void train(bool constant, float *weights, float *logits)
{
    struct net net = net_new(3, true);
    const struct tw_optimizer_options knobs = tw_optimizer_defaults(TW_ADAM);
    tw_optimizer *optimizer = tw_optimizer_new(TW_ADAM, tw_kernels_of(TW_ISA_REFERENCE));
    tw_plan *plan = plan_for(&net, 2, constant);

    assert_non_null(optimizer);
    assert_ok(tw_optimizer_add_module(optimizer, net.model, &knobs));
    for (int step = 0; step < 3; step++) {
        tw_optimizer_zero_grad(optimizer);
        assert_ok(tw_plan_run(plan, CAPACITY - step % 2, TW_PLAN_BACKWARD));
        assert_ok(tw_optimizer_step(optimizer, net.team));
        predict(plan, &net, CAPACITY, logits + step * CAPACITY * CLASSES);
        predict(plan, &net, 1, logits + step * CAPACITY * CLASSES);
    }
    memcpy(weights, parameter_of(&net, CONV2)->data->data, 64 * 32 * 9 * sizeof *weights);
    tw_plan_release(plan);
    tw_optimizer_release(optimizer);
    net_release(&net);
}

static void training_gives_the_same_bits(void **state)
{
    static float weights[2][64 * 32 * 9], logits[2][3 * CAPACITY * CLASSES];

    (void)state;
    train(false, weights[0], logits[0]);
    train(true, weights[1], logits[1]);
    assert_memory_equal(weights[0], weights[1], sizeof weights[0]);
    assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_writer_is_noticed),      cmocka_unit_test(bare_pointers_need_a_word),
        cmocka_unit_test(a_refused_run_keeps_nothing),  cmocka_unit_test(exchanged_memory_is_noticed),
        cmocka_unit_test(training_gives_the_same_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
