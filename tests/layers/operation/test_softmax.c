/* softmax, log_softmax, nll_loss and cross_entropy: against PyTorch, logits of 1e4 included, against
 * differences, between plans, and what they refuse. */
#include <math.h>
#include <string.h>

#include "tests/support/graph_check.h"

#include "layers/module/parameter.h"

#define CASE(name) TOWER_GOLDEN_DIR "/operations/" name

static void check_rows(const char *folder, tw_value (*record)(tw_graph *graph, tw_value x))
{
    struct tw_check check = tw_check_begin(folder);

    tw_check_project(&check, record(check.graph, tw_check_recorded_input(&check, "x")), NULL);
    tw_check_recorded(&check);
    tw_check_plans_agree(&check);
    tw_check_end(&check);
}

static void test_softmax_recorded(void **state)
{
    (void)state;
    check_rows(CASE("softmax"), tw_softmax);
    check_rows(CASE("softmax_one_class"), tw_softmax);
    check_rows(CASE("softmax_extreme"), tw_softmax);
}

static void test_log_softmax_recorded(void **state)
{
    (void)state;
    check_rows(CASE("log_softmax"), tw_log_softmax);
    check_rows(CASE("log_softmax_one_class"), tw_log_softmax);
    check_rows(CASE("log_softmax_extreme"), tw_log_softmax);
}

static void check_smoothed(const char *folder, enum tw_reduction reduction, double smoothing)
{
    struct tw_check check = tw_check_begin(folder);
    tw_value x = tw_check_recorded_input(&check, "x");
    tw_value label = tw_check_recorded_input(&check, "label");

    tw_check_loss(&check, tw_cross_entropy_with(check.graph, x, label, reduction, smoothing));
    tw_check_recorded(&check);
    tw_check_plans_agree(&check);
    tw_check_end(&check);
}

static void test_smoothing_recorded(void **state)
{
    (void)state;
    check_smoothed(CASE("cross_entropy_smoothed_mean"), TW_REDUCTION_MEAN, 0.1);
    check_smoothed(CASE("cross_entropy_smoothed_sum"), TW_REDUCTION_SUM, 0.1);
    check_smoothed(CASE("cross_entropy_smoothed_extreme_mean"), TW_REDUCTION_MEAN, 0.05);
    check_smoothed(CASE("cross_entropy_smoothed_extreme_sum"), TW_REDUCTION_SUM, 0.05);
    check_smoothed(CASE("cross_entropy_smoothed_whole"), TW_REDUCTION_MEAN, 1);
    /* No smoothing is the loss without it. */
    check_smoothed(CASE("cross_entropy_extreme_sum"), TW_REDUCTION_SUM, 0);
}

typedef tw_value loss_fn(tw_graph *graph, tw_value x, tw_value label, enum tw_reduction reduction);

static void check_loss(const char *folder, loss_fn *loss, enum tw_reduction reduction)
{
    struct tw_check check = tw_check_begin(folder);
    tw_value x = tw_check_recorded_input(&check, "x");
    tw_value label = tw_check_recorded_input(&check, "label");

    tw_check_loss(&check, loss(check.graph, x, label, reduction));
    tw_check_recorded(&check);
    tw_check_plans_agree(&check);
    tw_check_end(&check);
}

static void test_losses_recorded(void **state)
{
    (void)state;
    check_loss(CASE("nll_loss_mean"), tw_nll_loss, TW_REDUCTION_MEAN);
    check_loss(CASE("nll_loss_sum"), tw_nll_loss, TW_REDUCTION_SUM);
    check_loss(CASE("cross_entropy_mean"), tw_cross_entropy, TW_REDUCTION_MEAN);
    check_loss(CASE("cross_entropy_sum"), tw_cross_entropy, TW_REDUCTION_SUM);
    check_loss(CASE("cross_entropy_extreme_mean"), tw_cross_entropy, TW_REDUCTION_MEAN);
    check_loss(CASE("cross_entropy_extreme_sum"), tw_cross_entropy, TW_REDUCTION_SUM);
}

static void check_rows_by_differences(struct tw_rng *rng, tw_value (*record)(tw_graph *graph, tw_value x))
{
    struct tw_check check = tw_check_begin(NULL);
    struct tw_shape shape =
        TW_SHAPE(tw_test_integer(rng, 1, 7), tw_test_integer(rng, 1, 3), tw_test_integer(rng, 1, 9));
    tw_value x = tw_check_input(&check, "x", tw_check_uniform(rng, shape, 2));

    tw_check_project(&check, record(check.graph, x), tw_check_uniform(rng, shape, 1));
    tw_check_differences(&check, rng);
    tw_check_plans_agree(&check);
    tw_check_end(&check);
}

static void check_loss_by_differences(struct tw_rng *rng, loss_fn *loss, enum tw_reduction reduction)
{
    struct tw_check check = tw_check_begin(NULL);
    ptrdiff_t samples = tw_test_integer(rng, 1, 37), classes = tw_test_integer(rng, 1, 12);
    tw_value x = tw_check_input(&check, "x", tw_check_uniform(rng, TW_SHAPE(samples, classes), 2));
    tw_value label = tw_check_input(&check, "label", tw_check_labels(rng, samples, classes));

    tw_check_loss(&check, loss(check.graph, x, label, reduction));
    tw_check_differences(&check, rng);
    tw_check_plans_agree(&check);
    tw_check_end(&check);
}

static tw_value smoothed(tw_graph *graph, tw_value x, tw_value label, enum tw_reduction reduction)
{
    return tw_cross_entropy_with(graph, x, label, reduction, 0.3);
}

static void test_differences(void **state)
{
    struct tw_rng rng = tw_test_rng(1);

    (void)state;
    for (int i = 0; i < 6; i++) {
        check_rows_by_differences(&rng, tw_softmax);
        check_rows_by_differences(&rng, tw_log_softmax);
        check_loss_by_differences(&rng, tw_nll_loss, TW_REDUCTION_SUM);
        check_loss_by_differences(&rng, tw_nll_loss, TW_REDUCTION_MEAN);
        check_loss_by_differences(&rng, tw_cross_entropy, TW_REDUCTION_SUM);
        check_loss_by_differences(&rng, tw_cross_entropy, TW_REDUCTION_MEAN);
        check_loss_by_differences(&rng, smoothed, TW_REDUCTION_SUM);
        check_loss_by_differences(&rng, smoothed, TW_REDUCTION_MEAN);
    }
}

/* A mean is over the samples of the run, not over those the graph was recorded for. */
static void test_smaller_batch(void **state)
{
    const float x[8] = {1, 2, 3, 4, 0, 0, 5, 1};
    const int32_t label[2] = {0, 2};
    struct tw_team *team = tw_team_new(2, TW_BIND_NONE);

    (void)state;
    for (int level = 0; level <= 1; level++) {
        float loss[2], *dx[2] = {(float[8]){0}, (float[8]){0}};

        for (int i = 0; i < 2; i++) {
            tw_graph *graph = tw_graph_new();
            ptrdiff_t capacity = i == 0 ? 2 : 5;
            tw_value input = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(capacity, 4), true), total;
            tw_value labels = tw_graph_input(graph, "label", TW_I32, TW_SHAPE(capacity), true);
            tw_plan *plan;

            tw_graph_require_grad(graph, input);
            total = tw_cross_entropy(graph, input, labels, TW_REDUCTION_MEAN);
            assert_ok(tw_graph_differentiate(graph, total));
            tw_graph_keep(graph, tw_graph_gradient(graph, input));
            plan = tw_plan_new(graph, &(struct tw_plan_options){.level = level, .team = team});
            assert_non_null(plan);
            assert_ok(tw_plan_bind(plan, input, x));
            assert_ok(tw_plan_bind(plan, labels, label));
            assert_ok(tw_plan_run(plan, 2, TW_PLAN_BACKWARD));
            loss[i] = tw_plan_scalar(plan, total);
            for (int j = 0; j < 8; j++)
                dx[i][j] = ((const float *)tw_plan_data(plan, tw_graph_gradient(graph, input)))[j];
            tw_plan_release(plan);
            tw_graph_release(graph);
        }
        assert_bits_equal_f32(&loss[0], &loss[1], 1);
        assert_bits_equal_f32(dx[0], dx[1], 8);
    }
    tw_team_release(team);
}

static void assert_refused(tw_value (*record)(tw_graph *graph, tw_value x, tw_value label), struct tw_shape x,
                           enum tw_dtype dtype, struct tw_shape label, enum tw_status status,
                           const char *part)
{
    tw_graph *graph = tw_graph_new();
    tw_value input = tw_graph_input(graph, "x", TW_F32, x, true);

    assert_int_equal(record(graph, input, tw_graph_input(graph, "label", dtype, label, true)).index, 0);
    assert_fails(status, part, tw_graph_status(graph));
    tw_graph_release(graph);
}

static tw_value cross_entropy(tw_graph *graph, tw_value x, tw_value label)
{
    return tw_cross_entropy(graph, x, label, TW_REDUCTION_MEAN);
}

static tw_value nll_loss(tw_graph *graph, tw_value x, tw_value label)
{
    return tw_nll_loss(graph, x, label, TW_REDUCTION_SUM);
}

static tw_value oversmoothed(tw_graph *graph, tw_value x, tw_value label)
{
    return tw_cross_entropy_with(graph, x, label, TW_REDUCTION_MEAN, 1.5);
}

static tw_value undefined(tw_graph *graph, tw_value x, tw_value label)
{
    return tw_cross_entropy_with(graph, x, label, TW_REDUCTION_MEAN, NAN);
}

static tw_value softmax(tw_graph *graph, tw_value x, tw_value label)
{
    (void)label;
    return tw_softmax(graph, x);
}

static void test_refuses(void **state)
{
    (void)state;
    assert_refused(nll_loss, TW_SHAPE(4, 10), TW_I32, TW_SHAPE(5), TW_ERROR_SHAPE,
                   "nll_loss: label is int32 (5,), input (4, 10) expects int32 (4,)");
    assert_refused(cross_entropy, TW_SHAPE(4, 10), TW_F32, TW_SHAPE(4), TW_ERROR_SHAPE,
                   "nll_loss: label is float32 (4,), input (4, 10) expects int32 (4,)");
    assert_refused(nll_loss, TW_SHAPE(4, 10, 2), TW_I32, TW_SHAPE(4), TW_ERROR_SHAPE, "(4, 10, 2)");
    assert_refused(oversmoothed, TW_SHAPE(4, 10), TW_I32, TW_SHAPE(4), TW_ERROR_ARGUMENT,
                   "cross_entropy: label smoothing is 1.5, expected a number in [0, 1]");
    assert_refused(undefined, TW_SHAPE(4, 10), TW_I32, TW_SHAPE(4), TW_ERROR_ARGUMENT,
                   "label smoothing is nan");
    assert_refused(softmax, TW_SHAPE(4), TW_I32, TW_SHAPE(4), TW_ERROR_SHAPE,
                   "softmax: input has shape (4,)");
}

/* A label outside the classes is refused by the run, and nothing is computed. */
static void test_label_out_of_range(void **state)
{
    tw_graph *graph = tw_graph_new();
    tw_parameter *weight = tw_parameter_new(TW_SHAPE(3, 2));
    tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(4, 2), true);
    tw_value label = tw_graph_input(graph, "label", TW_I32, TW_SHAPE(4), true);
    tw_value loss = tw_cross_entropy(
        graph, tw_linear(graph, x, tw_graph_parameter(graph, "weight", weight), TW_INVALID_VALUE), label,
        TW_REDUCTION_MEAN);
    struct tw_team *team = tw_team_new(1, TW_BIND_NONE);
    int32_t labels[4] = {0, 2, 3, 1};
    tw_plan *plan;

    (void)state;
    assert_ok(tw_graph_differentiate(graph, loss));
    plan = tw_plan_new(graph, &(struct tw_plan_options){.team = team});
    assert_non_null(plan);
    assert_ok(tw_plan_bind(plan, x, (float[8]){1, 2, 3, 4, 5, 6, 7, 8}));
    assert_ok(tw_plan_bind(plan, label, labels));
    tw_tensor_fill(tw_parameter_gradient(weight), 7);
    weight->gradient_is_zero = false;
    assert_fails(TW_ERROR_ARGUMENT, "3", tw_plan_run(plan, 4, TW_PLAN_BACKWARD));
    assert_non_null(strstr(tw_error_message(), "label"));
    assert_true(((float *)weight->gradient->data)[0] == 7);
    labels[2] = -1;
    assert_fails(TW_ERROR_ARGUMENT, "-1", tw_plan_run(plan, 4, TW_PLAN_BACKWARD));
    /* The label that is wrong lies behind the samples of this run. */
    assert_ok(tw_plan_run(plan, 2, TW_PLAN_BACKWARD));
    tw_plan_release(plan);
    tw_team_release(team);
    tw_parameter_release(weight);
    tw_graph_release(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax_recorded), cmocka_unit_test(test_log_softmax_recorded),
        cmocka_unit_test(test_losses_recorded),  cmocka_unit_test(test_smoothing_recorded),
        cmocka_unit_test(test_differences),      cmocka_unit_test(test_smaller_batch),
        cmocka_unit_test(test_refuses),          cmocka_unit_test(test_label_out_of_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
