/* Convolutions that no pooling follows: Winograd's at level 2, direct ones below, and what is the same. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "layers/graph/functional.h"
#include "layers/plan/plan.h"
#include "layers/plan/plan_profile.h"
#include "tests/support/test_support.h"

/* Images of the second side have tiles of four rows, but for the weight gradient; the last of them is half empty. */
enum { SAMPLES = 5, IN = 32, HIDDEN = 40, OUT = 33, SIDES = 2, CLASSES = 3, PARAMETERS = 5, WIDEST = 18 };

static const int sides[SIDES] = {12, WIDEST};

/* conv2d -> relu -> conv2d -> relu -> linear -> loss, all 3 x 3 with padding. */
struct net {
    tw_graph *graph;
    tw_parameter *parameters[PARAMETERS];
    tw_value x, label, loss;
    float images[SAMPLES * IN * WIDEST * WIDEST];
    int32_t labels[SAMPLES];
};

static tw_value parameter(struct net *net, int i, struct tw_shape shape, struct tw_rng *rng)
{
    net->parameters[i] = tw_parameter_new(shape);
    assert_non_null(net->parameters[i]);
    tw_test_fill(rng, net->parameters[i]->data->data, tw_shape_count(&shape), -0.1f, 0.1f);
    return tw_graph_parameter(net->graph, "parameter", net->parameters[i]);
}

static void net_open(struct net *net, int side)
{
    const tw_conv2d_geometry same = {.kernel = {3, 3}, .padding = {1, 1}};
    struct tw_rng rng;
    tw_value y;

    tw_rng_seed(&rng, 7);
    net->graph = tw_graph_new();
    tw_test_fill(&rng, net->images, SAMPLES * IN * side * side, -1.0f, 1.0f);
    for (int i = 0; i < SAMPLES; i++)
        net->labels[i] = i % CLASSES;
    net->x = tw_graph_input(net->graph, "x", TW_F32, TW_SHAPE(SAMPLES, IN, side, side), true);
    net->label = tw_graph_input(net->graph, "label", TW_I32, TW_SHAPE(SAMPLES), true);
    y = tw_conv2d(net->graph, net->x, parameter(net, 0, TW_SHAPE(HIDDEN, IN, 3, 3), &rng),
                  parameter(net, 1, TW_SHAPE(HIDDEN), &rng), same);
    y = tw_conv2d(net->graph, tw_relu(net->graph, y), parameter(net, 2, TW_SHAPE(OUT, HIDDEN, 3, 3), &rng),
                  parameter(net, 3, TW_SHAPE(OUT), &rng), same);
    y = tw_linear(net->graph, tw_flatten(net->graph, tw_relu(net->graph, y)),
                  parameter(net, 4, TW_SHAPE(CLASSES, OUT * side * side), &rng), TW_INVALID_VALUE);
    net->loss = tw_cross_entropy(net->graph, y, net->label, TW_REDUCTION_MEAN);
    assert_ok(tw_graph_differentiate(net->graph, net->loss));
    assert_ok(tw_graph_status(net->graph));
}

static void net_close(struct net *net)
{
    tw_graph_release(net->graph);
    for (int i = 0; i < PARAMETERS; i++)
        tw_parameter_release(net->parameters[i]);
}

enum { ELEMENTS = 9 * HIDDEN * IN + HIDDEN + 9 * OUT * HIDDEN + OUT + CLASSES * OUT * WIDEST * WIDEST };

/* Of them a net has, with its loss in front. */
static int results_of(int side)
{
    return 1 + ELEMENTS - CLASSES * OUT * (WIDEST * WIDEST - side * side);
}

/* The loss, and behind it all gradients, by kernels of `isa`; the plan's text must have `algorithms` if that is not NULL. */
static void run(int side, int level, enum tw_isa isa, int threads, const char *const algorithms[3],
                float results[1 + ELEMENTS])
{
    static struct net net;
    struct tw_team *team = tw_team_new(threads, TW_BIND_NONE);
    tw_plan *plan;

    net_open(&net, side);
    plan = tw_plan_new(
        net.graph, &(struct tw_plan_options){.level = level, .kernels = tw_kernels_of(isa), .team = team});
    assert_non_null(plan);
    if (algorithms) {
        char *text = tw_plan_text(plan);

        for (int i = 0; i < 3; i++)
            assert_non_null(strstr(text, algorithms[i]));
        tw_free(text);
    }
    assert_ok(tw_plan_bind(plan, net.x, net.images));
    assert_ok(tw_plan_bind(plan, net.label, net.labels));
    assert_ok(tw_plan_run(plan, SAMPLES, TW_PLAN_BACKWARD));
    *results++ = tw_plan_scalar(plan, net.loss);
    for (int i = 0; i < PARAMETERS; i++) {
        const struct tw_tensor *gradient = tw_parameter_gradient(net.parameters[i]);

        memcpy(results, gradient->data, tw_tensor_bytes(gradient));
        results += tw_tensor_count(gradient);
    }
    tw_plan_release(plan);
    tw_team_release(team);
    net_close(&net);
}

static const char *const winograd[3] = {"conv2d (winograd)", "conv2d_weight_gradient (winograd)",
                                        "conv2d_input_gradient (winograd)"};
static const char *const direct[3] = {"conv2d (direct)", "conv2d_weight_gradient (direct)",
                                      "conv2d_input_gradient (direct)"};

/* On every ISA, any number of threads. */
static void compare_variants(int side, int level)
{
    static float expected[1 + ELEMENTS], found[1 + ELEMENTS];

    run(side, level, TW_ISA_REFERENCE, 1, NULL, expected);
    for (int isa = TW_ISA_REFERENCE + 1; isa < TW_ISA_COUNT; isa++) {
        if (!tw_isa_available((enum tw_isa)isa))
            continue;
        for (int threads = 1; threads <= 3; threads += 2) {
            run(side, level, (enum tw_isa)isa, threads, level == 2 ? winograd : direct, found);
            assert_bits_equal_f32(expected, found, results_of(side));
        }
    }
}

/* The same bits at level 2, and, others, at level 1. */
static void levels_keep_their_bits(void **state)
{
    (void)state;
    for (int i = 0; i < SIDES; i++)
        for (int level = 1; level <= 2; level++)
            compare_variants(sides[i], level);
}

/* Further apart than 64 roundings of the largest result nothing is: sums have up to 1620 terms, whose roundings cancel. */
static void levels_agree_to_rounding(void **state)
{
    static float plain[1 + ELEMENTS], fast[1 + ELEMENTS];

    (void)state;
    for (int s = 0; s < SIDES; s++) {
        const int count = results_of(sides[s]);
        double largest = 0;
        int different = 0;

        run(sides[s], 1, TW_ISA_REFERENCE, 1, NULL, plain);
        run(sides[s], 2, TW_ISA_REFERENCE, 1, NULL, fast);
        for (int i = 0; i < count; i++) {
            largest = fmax(largest, fabs((double)plain[i]));
            different += memcmp(&plain[i], &fast[i], sizeof plain[i]) != 0;
        }
        for (int i = 0; i < count; i++)
            assert_true(fabs((double)plain[i] - (double)fast[i]) <= 64 * (double)FLT_EPSILON * largest);
        assert_true(different > count / 100);
    }
}

/* What is left of a convolution's products. Even sides: of 36 for four results 16, in each pass. With tiles of four rows 24 of 72,
 * for rows that are not there as well. */
static double share(const char *operation, int level, int side)
{
    const bool tall = side > 12 && !strstr(operation, "weight");

    return level < 2 ? 1.0 : !tall ? 16.0 / 36.0 : 24.0 / 72.0 * ((side + 3) / 4 * 4) / side;
}

static void count_work(int level, int side)
{
    static struct net net;
    struct tw_team *team = tw_team_new(1, TW_BIND_NONE);
    tw_plan *plan;
    int convolutions = 0;

    net_open(&net, side);
    plan = tw_plan_new(net.graph, &(struct tw_plan_options){.level = level, .team = team});
    assert_non_null(plan);
    for (size_t i = 0; i < tw_plan_profile_nodes(plan); i++) {
        struct tw_plan_node_profile node;

        assert_ok(tw_plan_profile_node(plan, i, &node));
        if (strncmp(node.operation, "conv2d", 6) != 0)
            continue;
        convolutions++;
        assert_true(node.work.dense > 0);
        assert_float_equal(node.work.done, node.work.dense * share(node.operation, level, side), 1e-3);
    }
    assert_int_equal(convolutions, 2 + 1 + 2); /* forward, input gradient of the second, weight gradients */
    tw_plan_release(plan);
    tw_team_release(team);
    net_close(&net);
}

static void work_is_counted(void **state)
{
    (void)state;
    for (int i = 0; i < SIDES; i++)
        for (int level = 0; level <= 2; level++)
            count_work(level, sides[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_keep_their_bits),
        cmocka_unit_test(levels_agree_to_rounding),
        cmocka_unit_test(work_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
