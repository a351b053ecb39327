/* Level 2: what is fused and what is not, and that it computes what the other levels compute. */
#include "tests/support/test_support.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "layers/graph/functional.h"
#include "layers/operation/conv_pool.h"
#include "layers/operation/operations.h"
#include "layers/plan/lower.h"
#include "layers/plan/plan.h"
#include "tests/layers/plan/graph_parts.h"

enum { CAPACITY = 6, HEIGHT = 13, WIDTH = 18, FIRST = 13, SECOND = 19, CLASSES = 4, PARAMETERS = 6 };
enum { FEATURES = SECOND * (HEIGHT / 4) * (WIDTH / 4) };

/* What a case changes about the network. */
struct options {
    bool float_input;    /* no pixels, no normalize */
    bool wants_input;    /* the gradient of the input is wanted */
    bool keeps_first;    /* the first relu's output is kept */
    bool freezes_second; /* the second convolution's weight is frozen */
    bool reads_between;  /* the first pool's output is read by something else too */
    bool no_bias;
};

struct net {
    tw_graph *graph;
    tw_parameter *parameter[PARAMETERS]; /* weight and bias of two convolutions and a linear */
    tw_value x, label, first, loss;
    uint8_t pixels[CAPACITY * HEIGHT * WIDTH];
    float floats[CAPACITY * HEIGHT * WIDTH];
    int32_t labels[CAPACITY];
};

static struct tw_shape parameter_shape(int i)
{
    const struct tw_shape shapes[PARAMETERS] = {TW_SHAPE(FIRST, 1, 3, 3),      TW_SHAPE(FIRST),
                                                TW_SHAPE(SECOND, FIRST, 3, 3), TW_SHAPE(SECOND),
                                                TW_SHAPE(CLASSES, FEATURES),   TW_SHAPE(CLASSES)};

    return shapes[i];
}

static void record(struct net *net, const struct options *options)
{
    const tw_conv2d_geometry padded = {.padding = {1, 1}};
    tw_graph *g = net->graph;
    tw_value p[PARAMETERS], h;

    for (int i = 0; i < PARAMETERS; i++) {
        p[i] =
            i % 2 == 1 && options->no_bias ? TW_INVALID_VALUE : tw_graph_parameter(g, "p", net->parameter[i]);
    }
    net->label = tw_graph_input(g, "label", TW_I32, TW_SHAPE(CAPACITY), true);
    net->x = tw_graph_input(g, "x", options->float_input ? TW_F32 : TW_U8,
                            TW_SHAPE(CAPACITY, 1, HEIGHT, WIDTH), true);
    if (options->wants_input) {
        tw_graph_require_grad(g, net->x);
    }
    h = options->float_input ? net->x : tw_normalize(g, net->x, 0.5, 0.25);
    net->first = tw_relu(g, tw_conv2d(g, h, p[0], p[1], padded));
    if (options->keeps_first) {
        tw_graph_keep(g, net->first);
    }
    h = tw_max_pool2d(g, net->first, 2);
    if (options->reads_between) {
        tw_graph_keep(g, tw_relu(g, h));
    }
    h = tw_max_pool2d(g, tw_relu(g, tw_conv2d(g, h, p[2], p[3], padded)), 2);
    h = tw_linear(g, tw_flatten(g, h), p[4], p[5]);
    net->loss = tw_cross_entropy(g, h, net->label, TW_REDUCTION_MEAN);
    assert_ok(tw_graph_differentiate(g, net->loss));
}

static struct net *net_new(const struct options *options)
{
    struct net *net = tw_alloc(sizeof *net);
    struct tw_rng rng;

    assert_non_null(net);
    tw_rng_seed(&rng, 21);
    net->graph = tw_graph_new();
    for (int i = 0; i < PARAMETERS; i++) {
        net->parameter[i] = tw_parameter_new(parameter_shape(i));
        tw_rng_fill_uniform(&rng, net->parameter[i]->data->data, tw_tensor_count(net->parameter[i]->data),
                            -0.3f, 0.3f);
    }
    net->parameter[2]->requires_grad = !options->freezes_second;
    for (int i = 0; i < CAPACITY * HEIGHT * WIDTH; i++) {
        net->pixels[i] = (uint8_t)tw_rng_u32(&rng);
        net->floats[i] = (net->pixels[i] / 255.0f - 0.5f) / 0.25f;
    }
    for (int i = 0; i < CAPACITY; i++) {
        net->labels[i] = i % CLASSES;
    }
    record(net, options);
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

static tw_plan *plan_for(struct net *net, const struct options *options, int level, struct tw_team *team,
                         const struct tw_kernels *kernels)
{
    tw_plan *plan =
        tw_plan_new(net->graph, &(struct tw_plan_options){.level = level, .team = team, .kernels = kernels});

    assert_non_null(plan);
    assert_ok(tw_plan_bind(plan, net->x, options->float_input ? (const void *)net->floats : net->pixels));
    assert_ok(tw_plan_bind(plan, net->label, net->labels));
    return plan;
}

enum { ELEMENTS = 9 * FIRST + FIRST + 9 * FIRST * SECOND + SECOND + CLASSES * FEATURES + CLASSES };

/* Everything a run yields. */
struct results {
    float loss, gradients[ELEMENTS], input[CAPACITY * HEIGHT * WIDTH];
};

static void run(const struct options *options, int level, int threads, const struct tw_kernels *kernels,
                ptrdiff_t samples, struct results *results)
{
    struct net *net = net_new(options);
    struct tw_team *team = tw_team_new(threads, TW_BIND_NONE);
    float *gradients = results->gradients;
    tw_plan *plan;

    assert_non_null(team);
    tw_graph_keep(net->graph, tw_graph_gradient(net->graph, net->x));
    plan = plan_for(net, options, level, team, kernels);
    memset(results, 0, sizeof *results);
    assert_ok(tw_plan_run(plan, samples, TW_PLAN_BACKWARD));
    results->loss = tw_plan_scalar(plan, net->loss);
    for (int i = 0; i < PARAMETERS; i++) {
        const struct tw_tensor *gradient = tw_parameter_gradient(net->parameter[i]);

        memcpy(gradients, gradient->data, tw_tensor_bytes(gradient));
        gradients += tw_tensor_count(gradient);
    }
    if (options->wants_input) {
        const float *dx = tw_plan_data(plan, tw_graph_gradient(net->graph, net->x));

        assert_non_null(dx);
        memcpy(results->input, dx, (size_t)(samples * HEIGHT * WIDTH) * sizeof(float));
    }
    tw_plan_release(plan);
    tw_team_release(team);
    net_release(net);
}

static const struct options cases[] = {
    {.no_bias = false},      {.no_bias = true},
    {.float_input = true},   {.float_input = true, .wants_input = true},
    {.keeps_first = true},   {.freezes_second = true},
    {.reads_between = true},
};

enum { CASES = sizeof cases / sizeof *cases };

static double largest(const float *values, size_t count)
{
    double most = 0.0;

    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fabs((double)values[i]));
    }
    return most;
}

/* Winograd's rounding error is at most some 40 times the direct one's (tests/kernels/conv_pool), the longest chain has 100
 * products, so values and gradients agree to 4000 units of roundoff of the largest, in either direction. */
static void level_2_agrees_with_level_0(void **state)
{
    const double tolerance = 4000.0 * 0x1p-24;
    static struct results expected, actual;

    (void)state;
    for (int i = 0; i < CASES; i++) {
        for (ptrdiff_t samples = 1; samples <= CAPACITY; samples += CAPACITY - 1) {
            run(&cases[i], 0, 1, NULL, samples, &expected);
            run(&cases[i], 2, 2, NULL, samples, &actual);
            assert_close_f32(&expected.loss, &actual.loss, 1, 0.0, tolerance);
            assert_true(largest(expected.gradients, ELEMENTS) > 1e-3);
            assert_close_f32(expected.gradients, actual.gradients, ELEMENTS,
                             tolerance * largest(expected.gradients, ELEMENTS), 0.0);
            assert_close_f32(expected.input, actual.input, CAPACITY * HEIGHT * WIDTH,
                             tolerance * largest(expected.input, CAPACITY * HEIGHT * WIDTH), 0.0);
        }
    }
}

static void level_2_is_the_same_for_every_team_and_isa(void **state)
{
    static struct results expected, actual;

    (void)state;
    for (int i = 0; i < CASES; i++) {
        run(&cases[i], 2, 1, tw_kernels_of(TW_ISA_REFERENCE), CAPACITY, &expected);
        for (int isa = 0; isa < TW_ISA_COUNT; isa++) {
            for (int threads = 1; threads <= 5 && tw_isa_available((enum tw_isa)isa); threads += 2) {
                run(&cases[i], 2, threads, tw_kernels_of((enum tw_isa)isa), CAPACITY, &actual);
                assert_bits_equal_f32(&expected.loss, &actual.loss, 1);
                assert_bits_equal_f32(expected.gradients, actual.gradients, ELEMENTS);
                assert_bits_equal_f32(expected.input, actual.input, CAPACITY * HEIGHT * WIDTH);
            }
        }
    }
}

/* Numbers of fused forwards (planar, blocked), of their gradients, of separate convolutions, of block and unblock. */
static void assert_lowered(const struct options *options, const int expected[7])
{
    const struct tw_operation *operations[7] = {&tw_operation_conv_pool_planar,
                                                &tw_operation_conv_pool,
                                                &tw_operation_conv_pool_planar_gradient,
                                                &tw_operation_conv_pool_gradient,
                                                &tw_operation_conv2d,
                                                &tw_operation_block,
                                                &tw_operation_unblock};
    struct net *net = net_new(options);
    uint32_t *map = NULL;
    tw_graph *lowered = tw_graph_lower(net->graph, false, false, &map);

    assert_non_null(lowered);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(count_nodes(lowered, operations[i]), expected[i]);
    }
    assert_int_not_equal(map[net->loss.index], 0);
    tw_graph_release(lowered);
    tw_free(map);
    net_release(net);
}

static void rules_fuse_what_they_may(void **state)
{
    (void)state;
    /* Both fused and chained: activations are converted only before and after the linear. */
    assert_lowered(&(struct options){.no_bias = false}, (int[]){1, 1, 1, 1, 0, 1, 1});
    assert_lowered(&(struct options){.float_input = true}, (int[]){1, 1, 1, 1, 0, 1, 1});
    /* An input gradient needs the blocked kernels, which one input channel does not repay. */
    assert_lowered(&(struct options){.float_input = true, .wants_input = true}, (int[]){0, 1, 0, 1, 1, 2, 2});
    /* A kept or shared value is not fused away. */
    assert_lowered(&(struct options){.keeps_first = true}, (int[]){0, 1, 0, 1, 1, 2, 2});
    assert_lowered(&(struct options){.reads_between = true}, (int[]){1, 1, 1, 1, 0, 3, 3});
    /* Without the weight's gradient the second one stays as recorded. */
    assert_lowered(&(struct options){.freezes_second = true}, (int[]){1, 0, 1, 0, 1, 1, 1});
}

/* Images whose blocked planes outgrow the kernels' 32-bit offsets stay with the separate operations. */
static void huge_images_are_not_fused(void **state)
{
    const tw_conv2d_geometry padded = {.padding = {1, 1}};
    tw_parameter *weight = tw_parameter_new(TW_SHAPE(12, 1, 3, 3));

    (void)state;
    for (int huge = 0; huge <= 1; huge++) {
        ptrdiff_t side = huge ? 12000 : 11000;
        tw_graph *graph = tw_graph_new(), *lowered;
        tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(2, 1, side, side), true);
        uint32_t *map = NULL;

        x = tw_conv2d(graph, x, tw_graph_parameter(graph, "weight", weight), TW_INVALID_VALUE, padded);
        tw_max_pool2d(graph, tw_relu(graph, x), 2);
        lowered = tw_graph_lower(graph, false, false, &map);
        assert_non_null(lowered);
        assert_int_equal(count_nodes(lowered, &tw_operation_conv2d), huge);
        assert_int_equal(count_nodes(lowered, &tw_operation_conv_pool_planar), !huge);
        tw_graph_release(lowered);
        tw_graph_release(graph);
        tw_free(map);
    }
    tw_parameter_release(weight);
}

static void fused_values_say_so(void **state)
{
    const struct options options = {.no_bias = false};
    struct net *net = net_new(&options);
    struct tw_team *team = tw_team_new(1, TW_BIND_NONE);
    tw_plan *plan = plan_for(net, &options, 2, team, NULL);

    (void)state;
    assert_ok(tw_plan_run(plan, CAPACITY, TW_PLAN_BACKWARD));
    assert_null(tw_plan_data(plan, net->first));
    assert_non_null(strstr(tw_error_message(), "fused away at level 2"));
    assert_null(tw_plan_data(plan, (tw_value){100000}));
    assert_non_null(strstr(tw_error_message(), "not a value"));
    assert_fails(TW_ERROR_ARGUMENT, "not an input", tw_plan_bind(plan, net->first, net->floats));
    tw_plan_release(plan);
    tw_team_release(team);
    net_release(net);
}

static void a_run_allocates_nothing(void **state)
{
    const struct options options = {.no_bias = false};
    struct net *net = net_new(&options);
    struct tw_team *team = tw_team_new(2, TW_BIND_NONE);
    tw_plan *plan = plan_for(net, &options, 2, team, NULL);
    uint64_t calls = tw_memory_usage().calls;

    (void)state;
    for (ptrdiff_t samples = 1; samples <= CAPACITY; samples++) {
        assert_ok(tw_plan_run(plan, samples, TW_PLAN_BACKWARD));
    }
    assert_int_equal(tw_memory_usage().calls, calls);
    tw_plan_release(plan);
    tw_team_release(team);
    net_release(net);
}

static void out_of_memory_is_an_error(void **state)
{
    const struct options options = {.no_bias = false};
    struct net *net = net_new(&options);
    tw_graph *lowered = NULL;
    uint32_t *map = NULL;
    size_t before = tw_memory_usage().live_blocks;

    (void)state;
    for (long k = 0; !lowered; k++) {
        assert_in_range(k, 0, 1000);
        assert_int_equal(tw_memory_usage().live_blocks, before);
        tw_memory_fail_after(k);
        lowered = tw_graph_lower(net->graph, false, false, &map);
        tw_memory_fail_after(-1);
    }
    tw_graph_release(lowered);
    tw_free(map);
    net_release(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(level_2_agrees_with_level_0),
        cmocka_unit_test(level_2_is_the_same_for_every_team_and_isa),
        cmocka_unit_test(rules_fuse_what_they_may),
        cmocka_unit_test(huge_images_are_not_fused),
        cmocka_unit_test(fused_values_say_so),
        cmocka_unit_test(a_run_allocates_nothing),
        cmocka_unit_test(out_of_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
