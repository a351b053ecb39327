/* linear: against PyTorch, against differences, between plans, and what it says about shapes. */
#include "tests/support/graph_check.h"

#include "layers/module/module.h"
#include "layers/nn/nn.h"

static void check_recorded(const char *folder, bool bias)
{
    struct tw_check check = tw_check_begin(folder);
    tw_value x = tw_check_recorded_input(&check, "x");
    tw_value weight = tw_check_recorded_parameter(&check, "weight");
    tw_value b = bias ? tw_check_recorded_parameter(&check, "bias") : TW_INVALID_VALUE;

    tw_check_project(&check, tw_linear(check.graph, x, weight, b), NULL);
    tw_check_recorded(&check);
    tw_check_plans_agree(&check);
    tw_check_end(&check);
}

static void test_recorded(void **state)
{
    (void)state;
    check_recorded(TOWER_GOLDEN_DIR "/operations/linear", true);
    check_recorded(TOWER_GOLDEN_DIR "/operations/linear_no_bias", false);
    check_recorded(TOWER_GOLDEN_DIR "/operations/linear_many_samples", true);
    check_recorded(TOWER_GOLDEN_DIR "/operations/linear_one", true);
}

static void check_random_shape(struct tw_rng *rng)
{
    struct tw_check check = tw_check_begin(NULL);
    ptrdiff_t samples = tw_test_integer(rng, 1, 19), in = tw_test_integer(rng, 1, 23);
    ptrdiff_t out = tw_test_integer(rng, 1, 17);
    tw_value x = tw_check_input(&check, "x", tw_check_uniform(rng, TW_SHAPE(samples, in), 1));
    tw_value weight = tw_check_parameter(&check, "weight", tw_check_uniform(rng, TW_SHAPE(out, in), 1));
    tw_value bias = tw_check_parameter(&check, "bias", tw_check_uniform(rng, TW_SHAPE(out), 1));
    tw_value label = tw_check_input(&check, "label", tw_check_labels(rng, samples, out));

    x = tw_linear(check.graph, x, weight, bias);
    tw_check_loss(&check, tw_cross_entropy(check.graph, x, label, TW_REDUCTION_MEAN));
    tw_check_differences(&check, rng);
    tw_check_plans_agree(&check);
    tw_check_end(&check);
}

static void test_differences(void **state)
{
    struct tw_rng rng = tw_test_rng(1);

    (void)state;
    for (int i = 0; i < 12; i++)
        check_random_shape(&rng);
}

/* One weight used twice: its two contributions add up. */
static void test_shared_weight(void **state)
{
    struct tw_rng rng = tw_test_rng(2);
    struct tw_check check = tw_check_begin(NULL);
    tw_value x = tw_check_input(&check, "x", tw_check_uniform(&rng, TW_SHAPE(6, 5), 1));
    tw_value weight = tw_check_parameter(&check, "weight", tw_check_uniform(&rng, TW_SHAPE(5, 5), 1));
    tw_value bias = tw_check_parameter(&check, "bias", tw_check_uniform(&rng, TW_SHAPE(5), 1));
    tw_value label = tw_check_input(&check, "label", tw_check_labels(&rng, 6, 5));

    (void)state;
    x = tw_linear(check.graph, tw_linear(check.graph, x, weight, bias), weight, bias);
    tw_check_loss(&check, tw_cross_entropy(check.graph, x, label, TW_REDUCTION_SUM));
    tw_check_differences(&check, &rng);
    tw_check_plans_agree(&check);
    tw_check_end(&check);
}

static void assert_refused(struct tw_shape x, struct tw_shape weight, struct tw_shape bias, const char *part)
{
    tw_graph *graph = tw_graph_new();
    tw_parameter *w = tw_parameter_new(weight), *b = tw_parameter_new(bias);

    assert_non_null(graph);
    assert_non_null(w);
    assert_non_null(b);
    assert_int_equal(tw_linear(graph, tw_graph_input(graph, "x", TW_F32, x, true),
                               tw_graph_parameter(graph, "weight", w), tw_graph_parameter(graph, "bias", b))
                         .index,
                     0);
    assert_fails(TW_ERROR_SHAPE, part, tw_graph_status(graph));
    tw_parameter_release(w);
    tw_parameter_release(b);
    tw_graph_release(graph);
}

static void test_refuses(void **state)
{
    (void)state;
    assert_refused(TW_SHAPE(64, 3137), TW_SHAPE(128, 3136), TW_SHAPE(128),
                   "linear: input (64, 3137) has 3137 features, weight (128, 3136) expects 3136");
    assert_refused(TW_SHAPE(64, 3136), TW_SHAPE(128, 3136), TW_SHAPE(127),
                   "linear: bias has shape (127,), weight (128, 3136) expects (128,)");
    assert_refused(TW_SHAPE(64, 2, 3), TW_SHAPE(5, 3), TW_SHAPE(5), "linear: input has shape (64, 2, 3)");
}

/* What all samples read comes with a batch of its own, as in x x^T. */
static void test_refuses_batched_weights(void **state)
{
    (void)state;
    for (int bias = 0; bias < 2; bias++) {
        tw_graph *graph = tw_graph_new();
        tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(16, 8), true);
        tw_value weight = bias ? tw_graph_input(graph, "weight", TW_F32, TW_SHAPE(16, 8), false) : x;
        tw_value b = tw_graph_input(graph, "bias", TW_F32, TW_SHAPE(16), bias);

        assert_int_equal(tw_linear(graph, x, weight, b).index, 0);
        assert_fails(TW_ERROR_SHAPE,
                     bias ? "linear bias: (16,) is a batch of 16, expected the same for every sample"
                          : "linear weight: (16, 8) is a batch of 16, expected the same for every sample",
                     tw_graph_status(graph));
        tw_graph_release(graph);
    }
}

static void test_refusal_names_the_module(void **state)
{
    tw_graph *graph = tw_graph_new();
    tw_module *inner[2] = {tw_nn_flatten(), tw_nn_linear(NULL, 12, 2, true)};
    tw_module *outer[1] = {tw_nn_sequential(inner, 2)};
    tw_module *chain = tw_nn_sequential(outer, 1);
    tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(7, 1, 2, 5), true);

    (void)state;
    assert_non_null(chain);
    assert_int_equal(tw_call(chain, graph, x).index, 0);
    assert_fails(TW_ERROR_SHAPE, "0.1: linear: input (7, 10) has 10 features, weight (2, 12) expects 12",
                 tw_graph_status(graph));
    tw_module_release(chain);
    tw_graph_release(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_shared_weight),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_refuses_batched_weights),
        cmocka_unit_test(test_refusal_names_the_module),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
