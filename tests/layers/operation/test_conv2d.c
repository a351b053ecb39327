/* conv2d: against PyTorch, against differences, between plans, and what it says about shapes. */
#include "tests/support/graph_check.h"

#include "layers/module/module.h"
#include "layers/nn/nn.h"

/* From the file of a case: kernel, stride, padding, dilation (two each), groups. */
static tw_conv2d_geometry recorded_geometry(const char *folder)
{
    char path[4096];
    struct tw_tensor *tensor;
    const int64_t *number;
    tw_conv2d_geometry geometry;

    snprintf(path, sizeof path, "%s/geometry.npy", folder);
    tensor = tw_test_read_npy(path);
    number = tensor->data;
    geometry = (tw_conv2d_geometry){.kernel = {number[0], number[1]},
                                    .stride = {number[2], number[3]},
                                    .padding = {number[4], number[5]},
                                    .dilation = {number[6], number[7]},
                                    .groups = number[8]};
    tw_tensor_release(tensor);
    return geometry;
}

static void check_recorded(const char *folder, bool bias)
{
    struct tw_check check = tw_check_begin(folder);
    tw_value x = tw_check_recorded_input(&check, "x");
    tw_value weight = tw_check_recorded_parameter(&check, "weight");
    tw_value b = bias ? tw_check_recorded_parameter(&check, "bias") : TW_INVALID_VALUE;

    tw_check_project(&check, tw_conv2d(check.graph, x, weight, b, recorded_geometry(folder)), NULL);
    tw_check_recorded(&check);
    tw_check_plans_agree(&check);
    tw_check_end(&check);
}

#define CASE(name) TOWER_GOLDEN_DIR "/operations/conv2d_" name

static void test_recorded(void **state)
{
    (void)state;
    check_recorded(CASE("same"), true);
    check_recorded(CASE("tower"), true);
    check_recorded(CASE("rectangular"), true);
    check_recorded(CASE("stride"), true);
    check_recorded(CASE("dilation"), true);
    check_recorded(CASE("groups"), true);
    check_recorded(CASE("depthwise"), false);
    check_recorded(CASE("pointwise"), true);
    check_recorded(CASE("no_bias"), false);
    check_recorded(CASE("many_samples"), true);
    check_recorded(CASE("whole_image"), true);
}

static ptrdiff_t extent_that_fits(struct tw_rng *rng, ptrdiff_t kernel, ptrdiff_t dilation, ptrdiff_t padding)
{
    ptrdiff_t least = dilation * (kernel - 1) + 1 - 2 * padding;

    return tw_test_integer(rng, least > 1 ? least : 1, (least > 1 ? least : 1) + 5);
}

static void check_random_geometry(struct tw_rng *rng)
{
    struct tw_check check = tw_check_begin(NULL);
    tw_conv2d_geometry geometry = {.groups = tw_test_integer(rng, 1, 3)};
    ptrdiff_t in = geometry.groups * tw_test_integer(rng, 1, 2);
    ptrdiff_t out = geometry.groups * tw_test_integer(rng, 1, 3), extent[2];
    tw_value x, weight, bias = TW_INVALID_VALUE;

    for (int i = 0; i < 2; i++) {
        geometry.kernel[i] = tw_test_integer(rng, 1, 4);
        geometry.stride[i] = tw_test_integer(rng, 1, 3);
        geometry.padding[i] = tw_test_integer(rng, 0, 2);
        geometry.dilation[i] = tw_test_integer(rng, 1, 3);
        extent[i] = extent_that_fits(rng, geometry.kernel[i], geometry.dilation[i], geometry.padding[i]);
    }
    x = tw_check_input(
        &check, "x",
        tw_check_uniform(rng, TW_SHAPE(tw_test_integer(rng, 1, 5), in, extent[0], extent[1]), 1));
    weight = tw_check_parameter(
        &check, "weight",
        tw_check_uniform(rng, TW_SHAPE(out, in / geometry.groups, geometry.kernel[0], geometry.kernel[1]),
                         1));
    if (tw_test_integer(rng, 0, 2) > 0)
        bias = tw_check_parameter(&check, "bias", tw_check_uniform(rng, TW_SHAPE(out), 1));
    x = tw_flatten(check.graph, tw_conv2d(check.graph, x, weight, bias, geometry));
    assert_ok(tw_graph_status(check.graph));
    tw_check_loss(
        &check,
        tw_cross_entropy(check.graph, x,
                         tw_check_input(&check, "label",
                                        tw_check_labels(rng, check.samples,
                                                        tw_graph_value_of(check.graph, x)->shape.extent[1])),
                         TW_REDUCTION_MEAN));
    tw_check_differences(&check, rng);
    tw_check_plans_agree(&check);
    tw_check_end(&check);
}

static void test_differences(void **state)
{
    struct tw_rng rng = tw_test_rng(1);

    (void)state;
    for (int i = 0; i < 12; i++)
        check_random_geometry(&rng);
}

/* Records one conv2d of shapes that do not fit. */
static void assert_refused(struct tw_shape x, struct tw_shape weight, tw_conv2d_geometry geometry,
                           enum tw_status status, const char *part)
{
    tw_graph *graph = tw_graph_new();
    tw_parameter *parameter = tw_parameter_new(weight);

    assert_non_null(graph);
    assert_non_null(parameter);
    assert_int_equal(tw_conv2d(graph, tw_graph_input(graph, "x", TW_F32, x, true),
                               tw_graph_parameter(graph, "weight", parameter), TW_INVALID_VALUE, geometry)
                         .index,
                     0);
    assert_fails(status, part, tw_graph_status(graph));
    tw_parameter_release(parameter);
    tw_graph_release(graph);
}

static void test_refuses(void **state)
{
    (void)state;
    assert_refused(TW_SHAPE(2, 3, 8, 8), TW_SHAPE(4, 2, 3, 3), (tw_conv2d_geometry){0}, TW_ERROR_SHAPE,
                   "conv2d: input (2, 3, 8, 8) has 3 channels, weight (4, 2, 3, 3) with 1 groups expects 2");
    assert_refused(TW_SHAPE(2, 4, 8, 8), TW_SHAPE(5, 2, 3, 3), (tw_conv2d_geometry){.groups = 2},
                   TW_ERROR_SHAPE,
                   "conv2d: weight (5, 2, 3, 3) has 5 output channels, expected a multiple of its 2 groups");
    assert_refused(TW_SHAPE(2, 2, 8, 8), TW_SHAPE(3, 1, 3, 3), (tw_conv2d_geometry){.groups = 2},
                   TW_ERROR_SHAPE,
                   "conv2d: weight (3, 1, 3, 3) has 3 output channels, expected a multiple of its 2 groups");
    assert_refused(TW_SHAPE(2, 2, 8, 8), TW_SHAPE(3, 2, 3, 3), (tw_conv2d_geometry){.groups = PTRDIFF_MAX},
                   TW_ERROR_SHAPE, "has 3 output channels, expected a multiple of its 9223372036854775807");
    assert_refused(TW_SHAPE(2, 3, 8), TW_SHAPE(4, 3, 3, 3), (tw_conv2d_geometry){0}, TW_ERROR_SHAPE,
                   "(2, 3, 8)");
    assert_refused(TW_SHAPE(2, 3, 2, 8), TW_SHAPE(4, 3, 3, 3), (tw_conv2d_geometry){0}, TW_ERROR_SHAPE,
                   "does not fit into input (2, 3, 2, 8)");
    assert_refused(TW_SHAPE(2, 3, 4, 8), TW_SHAPE(4, 3, 3, 3), (tw_conv2d_geometry){.dilation = {2, 2}},
                   TW_ERROR_SHAPE, "with dilation (2, 2) does not fit into input (2, 3, 4, 8)");
    assert_refused(TW_SHAPE(2, 3, 8, 8), TW_SHAPE(4, 3, 3, 3), (tw_conv2d_geometry){.stride = {-1, 1}},
                   TW_ERROR_ARGUMENT, "stride (-1, 1)");
    assert_refused(TW_SHAPE(2, 3, 8, 8), TW_SHAPE(4, 3, 3, 3), (tw_conv2d_geometry){.kernel = {5, 5}},
                   TW_ERROR_SHAPE, "(4, 3, 3, 3)");
}

/* What all samples read comes with a batch of its own, through a node at that. */
static void test_refuses_batched_weights(void **state)
{
    (void)state;
    for (int bias = 0; bias < 2; bias++) {
        tw_graph *graph = tw_graph_new();
        tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(6, 4, 8, 8), true);
        tw_value weight = tw_graph_input(graph, "weight", TW_F32, TW_SHAPE(6, 4, 3, 3), !bias);
        tw_value b = tw_graph_input(graph, "bias", TW_F32, TW_SHAPE(6), bias);

        assert_int_equal(tw_conv2d(graph, x, tw_relu(graph, weight), b, (tw_conv2d_geometry){0}).index, 0);
        assert_fails(TW_ERROR_SHAPE,
                     bias ? "conv2d bias: (6,) is a batch of 6, expected the same for every sample"
                          : "conv2d weight: (6, 4, 3, 3) is a batch of 6, expected the same for every sample",
                     tw_graph_status(graph));
        tw_graph_release(graph);
    }
}

/* Steps of 2^20 on an image of 9 x 9, and groups, which go other ways: one result or two in a direction, as plain as with
 * short steps, and no more memory. */
static void test_long_steps(void **state)
{
    struct tw_rng rng = tw_test_rng(4);

    (void)state;
    for (int i = 0; i < 4; i++) {
        const ptrdiff_t far = i % 2 ? 8 : 1 << 20, groups = i < 2 ? 1 : 4;
        struct tw_check check = tw_check_begin(NULL);
        tw_value x = tw_check_input(&check, "x", tw_check_uniform(&rng, TW_SHAPE(3, 4, 9, 9), 1.0f));
        tw_value w =
            tw_check_parameter(&check, "w", tw_check_uniform(&rng, TW_SHAPE(4, 4 / groups, 3, 3), 1.0f));
        tw_value y =
            tw_conv2d(check.graph, x, w, TW_INVALID_VALUE,
                      (tw_conv2d_geometry){.stride = {1 << 20, far}, .padding = {1, 1}, .groups = groups});
        struct tw_team *team = tw_team_new(1, TW_BIND_NONE);
        tw_plan *plan;

        tw_check_project(&check, y, tw_check_uniform(&rng, TW_SHAPE(3, 4, 1, i % 2 ? 2 : 1), 1.0f));
        plan = tw_plan_new(check.graph, &(struct tw_plan_options){.level = 2, .team = team});
        assert_non_null(plan);
        assert_in_range(tw_plan_facts(plan).workspace_bytes, 0, 1 << 20);
        tw_plan_release(plan);
        tw_team_release(team);
        tw_check_plans_agree(&check);
        tw_check_differences(&check, &rng);
        tw_check_end(&check);
    }
}

/* A chain whose second convolution does not take what the first gives: the message starts with its path. */
static void test_refusal_names_the_module(void **state)
{
    tw_graph *graph = tw_graph_new();
    const tw_conv2d_geometry geometry = {.kernel = {3, 3}};
    tw_module *children[2] = {tw_nn_conv2d(NULL, 1, 4, geometry, true),
                              tw_nn_conv2d(NULL, 3, 2, geometry, true)};
    tw_module *chain = tw_nn_sequential(children, 2);
    tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(2, 1, 9, 9), true);

    (void)state;
    assert_non_null(chain);
    assert_int_equal(tw_call(chain, graph, x).index, 0);
    assert_fails(TW_ERROR_SHAPE,
                 "1: conv2d: input (2, 4, 7, 7) has 4 channels, weight (2, 3, 3, 3) with 1 groups expects 3",
                 tw_graph_status(graph));
    tw_module_release(chain);
    tw_graph_release(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_long_steps),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_refuses_batched_weights),
        cmocka_unit_test(test_refusal_names_the_module),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
