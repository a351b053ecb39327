/* The comparing half of graph_check.h. */
#include <float.h>
#include <math.h>

#include "layers/operation/conv_pool.h"
#include "layers/plan/plan_internal.h"
#include "tests/support/graph_check.h"
#include "tests/support/oracle.h"

/* --- running ----------------------------------------------------------------------------------------------
 */

/* One run's output and gradients; entry TW_CHECK_LEAVES is the output. NULL: no gradient. */
struct outcome {
    struct tw_tensor *tensor[TW_CHECK_LEAVES + 1];
    bool fused; /* by convolutions that sum in another order than level 0's */
};

static bool has_gradient(const struct tw_check *check, int i)
{
    return tw_graph_gradient(check->graph, check->leaf[i].value).index != 0;
}

static struct tw_tensor *copy_of(const tw_plan *plan, const tw_graph *graph, tw_value value)
{
    const void *data = tw_plan_data(plan, value);
    struct tw_tensor *tensor;

    if (!data)
        fail_msg("value %u cannot be read: %s", value.index, tw_error_message());
    tensor = tw_tensor_from(TW_F32, tw_graph_value_of(graph, value)->shape, data);
    assert_non_null(tensor);
    return tensor;
}

static bool has_fused(const tw_plan *plan)
{
    for (size_t i = 1; i < plan->graph->node_count; i++) {
        const struct tw_operation *operation = plan->graph->nodes[i].operation;

        if (operation == &tw_operation_conv_pool || operation == &tw_operation_conv_pool_planar)
            return true;
    }
    return false;
}

static struct outcome collect(const struct tw_check *check, const tw_plan *plan)
{
    struct outcome outcome = {.fused = has_fused(plan)};

    for (int i = 0; i < check->leaves; i++) {
        if (!has_gradient(check, i))
            continue;
        if (check->leaf[i].parameter)
            outcome.tensor[i] = tw_tensor_clone(tw_parameter_gradient(check->leaf[i].parameter));
        else
            outcome.tensor[i] =
                copy_of(plan, check->graph, tw_graph_gradient(check->graph, check->leaf[i].value));
        assert_non_null(outcome.tensor[i]);
    }
    outcome.tensor[TW_CHECK_LEAVES] = copy_of(plan, check->graph, check->out);
    return outcome;
}

static void run_once(const struct tw_check *check, tw_plan *plan)
{
    for (int i = 0; i < check->leaves; i++)
        if (check->leaf[i].parameter)
            tw_parameter_zero_grad(check->leaf[i].parameter);
    assert_ok(tw_plan_run(plan, check->samples, TW_PLAN_BACKWARD));
}

/* These graphs are too small for the plan to share them out; the second run makes it: every thread of the
 * team takes part in every stage. */
static void run_on_all_threads(const struct tw_check *check, tw_plan *plan)
{
    run_once(check, plan);
    for (size_t i = 0; i < plan->stage_count; i++)
        plan->stages[i].active = tw_team_threads(plan->team);
    run_once(check, plan);
}

#define TEAM_MOST 5

/* Teams live as long as the program: making one reads the whole machine, which takes longer than most graphs
 * of these tests. */
static struct tw_team *team_of(int threads)
{
    static struct tw_team *teams[TEAM_MOST + 1];

    assert_in_range(threads, 1, TEAM_MOST);
    if (!teams[threads])
        teams[threads] = tw_team_new(threads, TW_BIND_NONE);
    assert_non_null(teams[threads]);
    return teams[threads];
}

static struct outcome run(const struct tw_check *check, int level, int threads)
{
    tw_plan *plan =
        tw_plan_new(check->graph, &(struct tw_plan_options){.level = level, .team = team_of(threads)});
    struct outcome outcome;

    if (!plan)
        fail_msg("no plan: %s", tw_error_message());
    for (int i = 0; i < check->leaves; i++)
        if (check->leaf[i].data)
            assert_ok(tw_plan_bind(plan, check->leaf[i].value, check->leaf[i].data->data));
    run_on_all_threads(check, plan);
    outcome = collect(check, plan);
    tw_plan_release(plan);
    return outcome;
}

static void release(struct outcome *outcome)
{
    for (int i = 0; i <= TW_CHECK_LEAVES; i++)
        tw_tensor_release(outcome->tensor[i]);
}

/* --- comparing --------------------------------------------------------------------------------------------
 */

static void compare_recorded(const struct tw_check *check, const char *prefix, const char *name, int level,
                             const struct tw_tensor *actual)
{
    struct tw_tensor *recorded = tw_check_load(check, prefix, name);
    ptrdiff_t count = tw_tensor_count(actual);
    const float *value = recorded->data, *bound = value + count, *found = actual->data;

    assert_int_equal(tw_tensor_count(recorded), 2 * count);
    for (ptrdiff_t i = 0; i < count; i++)
        if (!(fabs((double)found[i] - (double)value[i]) <= (double)bound[i]))
            fail_msg("%s: level %d, %s%s[%td] is %.9g, recorded %.9g, may differ by %.3g", check->folder,
                     level, prefix, name, i, (double)found[i], (double)value[i], (double)bound[i]);
    tw_tensor_release(recorded);
}

void tw_check_recorded(const struct tw_check *check)
{
    for (int level = 0; level < TW_PLAN_LEVELS; level++) {
        struct outcome outcome = run(check, level, 2);
        int compared = 0;

        compare_recorded(check, "", "y", level, outcome.tensor[TW_CHECK_LEAVES]);
        for (int i = 0; i < check->leaves; i++)
            if (outcome.tensor[i]) {
                compare_recorded(check, "d", check->leaf[i].name, level, outcome.tensor[i]);
                compared++;
            }
        assert_true(compared > 0);
        release(&outcome);
    }
}

/* --- differences ------------------------------------------------------------------------------------------
 */

#define STEP     1e-5
#define ELEMENTS 40

static void set_leaves(const struct tw_check *check, struct tw_oracle *oracle)
{
    for (int i = 0; i < check->leaves; i++) {
        const struct tw_check_leaf *leaf = &check->leaf[i];

        tw_oracle_set(oracle, leaf->value, leaf->parameter ? leaf->parameter->data->data : leaf->data->data);
    }
}

/* No decision may fall differently in float, or within the step of a difference, which moves values by the
 * step times what the layers in between multiply it with. */
static bool is_clear(const struct tw_check *check, struct tw_oracle *oracle)
{
    set_leaves(check, oracle);
    tw_oracle_evaluate(oracle, check->loss, false);
    return oracle->margin > 100 * STEP;
}

bool tw_check_is_clear(const struct tw_check *check)
{
    struct tw_oracle oracle = tw_oracle_new(check->graph);
    bool clear = is_clear(check, &oracle);

    tw_oracle_release(&oracle);
    return clear;
}

/* The error of the float gradient is `roundings` units of the magnitude; that of the difference is its
 * truncation, step^2 / 6 times a third derivative of at most magnitude^3 (of log-softmax: those of all other
 * operations are 0), and the cancellation of two doubles. */
static void compare_difference(const struct tw_check *check, struct tw_oracle *oracle, int leaf,
                               ptrdiff_t element, double gradient)
{
    tw_value value = check->leaf[leaf].value;
    double roundings = tw_oracle_roundings(check->graph) + 4;
    double difference = tw_oracle_difference(oracle, check->loss, value, element, STEP, false);
    double magnitude = tw_oracle_difference(oracle, check->loss, value, element, STEP, true);
    double size = tw_oracle_evaluate(oracle, check->loss, true);
    double bound = roundings * (double)FLT_EPSILON / 2 * magnitude + STEP * STEP * pow(magnitude, 3) +
                   roundings * DBL_EPSILON * size / STEP;

    if (!(fabs(gradient - difference) <= bound))
        fail_msg("d loss / d %s[%td] is %.9g, by differences %.9g, may differ by %.3g",
                 check->leaf[leaf].name, element, gradient, difference, bound);
}

void tw_check_differences(const struct tw_check *check, struct tw_rng *rng)
{
    struct outcome outcome = run(check, 0, 2);
    struct tw_oracle oracle = tw_oracle_new(check->graph);
    int compared = 0;

    assert_true(is_clear(check, &oracle));
    for (int i = 0; i < check->leaves; i++) {
        ptrdiff_t count = outcome.tensor[i] ? tw_tensor_count(outcome.tensor[i]) : 0;

        for (ptrdiff_t j = 0; j < count && j < ELEMENTS; j++) {
            ptrdiff_t element = count <= ELEMENTS ? j : tw_test_integer(rng, 0, count - 1);

            compare_difference(check, &oracle, i, element,
                               (double)((const float *)outcome.tensor[i]->data)[element]);
            compared++;
        }
    }
    assert_true(compared > 0);
    tw_oracle_release(&oracle);
    release(&outcome);
}

/* --- plans ------------------------------------------------------------------------------------------------
 */

static void assert_same_bits(const struct outcome *expected, const struct outcome *outcome)
{
    for (int i = 0; i <= TW_CHECK_LEAVES; i++)
        if (expected->tensor[i])
            assert_bits_equal_f32(expected->tensor[i]->data, outcome->tensor[i]->data,
                                  tw_tensor_count(expected->tensor[i]));
}

/* The transforms of Winograd F(2x2, 3x3) have row sums of at most 4 (input), 9/4 (weights) and 9 (output):
 * together they enlarge each rounding of a convolution at most 81 times, relatively to the largest of the
 * values. The gradients of the fused operations only sum in another order. The oracle's majorant would
 * bound this for certain, but it grows beyond the values themselves on the way through a network: some
 * thousandth of the largest element still finds a wrong tap. */
#define WINOGRAD 81.0

static void assert_close(const struct tw_check *check, const struct outcome *expected,
                         const struct outcome *outcome)
{
    double relative = (WINOGRAD + 1) * tw_oracle_roundings(check->graph) * (double)FLT_EPSILON / 2;

    assert_true(relative < 2e-3);
    for (int i = 0; i <= TW_CHECK_LEAVES; i++) {
        const struct tw_tensor *tensor = expected->tensor[i];
        double largest = 0;

        for (ptrdiff_t j = 0; tensor && j < tw_tensor_count(tensor); j++)
            largest = fmax(largest, fabs((double)((const float *)tensor->data)[j]));
        if (tensor)
            assert_close_f32(tensor->data, outcome->tensor[i]->data, tw_tensor_count(tensor),
                             relative * largest, 0);
    }
}

void tw_check_plans_agree(const struct tw_check *check)
{
    static const int threads[] = {1, 2, 3, TEAM_MOST};
    struct outcome expected = run(check, 0, 1), fused = run(check, TW_PLAN_LEVELS - 1, 1);

    if (fused.fused)
        assert_close(check, &expected, &fused);
    else
        assert_same_bits(&expected, &fused);
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++)
        for (int level = 0; level < TW_PLAN_LEVELS; level++) {
            struct outcome outcome = run(check, level, threads[i]);

            assert_same_bits(outcome.fused ? &fused : &expected, &outcome);
            release(&outcome);
        }
    release(&fused);
    release(&expected);
}
