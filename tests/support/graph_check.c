#include "tests/support/graph_check.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "layers/plan/plan_internal.h"
#include "tests/support/oracle.h"

struct tw_check tw_check_begin(const char *folder)
{
    struct tw_check check = {.folder = folder, .graph = tw_graph_new()};

    assert_non_null(check.graph);
    return check;
}

void tw_check_end(struct tw_check *check)
{
    for (int i = 0; i < check->leaves; i++) {
        tw_tensor_release(check->leaf[i].data);
        tw_parameter_release(check->leaf[i].parameter);
    }
    tw_graph_release(check->graph);
}

static struct tw_check_leaf *new_leaf(struct tw_check *check, const char *name)
{
    struct tw_check_leaf *leaf = &check->leaf[check->leaves++];

    assert_true(check->leaves <= TW_CHECK_LEAVES);
    leaf->name = name;
    return leaf;
}

tw_value tw_check_input(struct tw_check *check, const char *name, struct tw_tensor *data)
{
    struct tw_check_leaf *leaf = new_leaf(check, name);

    assert_non_null(data);
    leaf->data = data;
    leaf->value = tw_graph_input(check->graph, name, data->dtype, data->shape, true);
    if (data->dtype == TW_F32)
        tw_graph_require_grad(check->graph, leaf->value);
    if (check->samples == 0)
        check->samples = data->shape.extent[0];
    return leaf->value;
}

tw_value tw_check_parameter(struct tw_check *check, const char *name, struct tw_tensor *data)
{
    struct tw_check_leaf *leaf = new_leaf(check, name);

    assert_non_null(data);
    leaf->parameter = tw_parameter_new(data->shape);
    assert_non_null(leaf->parameter);
    assert_ok(tw_tensor_copy(leaf->parameter->data, data));
    tw_tensor_release(data);
    leaf->value = tw_graph_parameter(check->graph, name, leaf->parameter);
    return leaf->value;
}

static struct tw_tensor *load(const struct tw_check *check, const char *prefix, const char *name)
{
    char path[4096];

    assert_true(snprintf(path, sizeof path, "%s/%s%s.npy", check->folder, prefix, name) < (int)sizeof path);
    return tw_test_read_npy(path);
}

tw_value tw_check_recorded_input(struct tw_check *check, const char *name)
{
    return tw_check_input(check, name, load(check, "", name));
}

tw_value tw_check_recorded_parameter(struct tw_check *check, const char *name)
{
    return tw_check_parameter(check, name, load(check, "", name));
}

struct tw_tensor *tw_check_uniform(struct tw_rng *rng, struct tw_shape shape, float size)
{
    struct tw_tensor *tensor = tw_tensor_new(TW_F32, shape);

    assert_non_null(tensor);
    tw_test_fill(rng, tensor->data, tw_tensor_count(tensor), -size, size);
    return tensor;
}

struct tw_tensor *tw_check_separated(struct tw_rng *rng, struct tw_shape shape)
{
    struct tw_tensor *tensor = tw_tensor_new(TW_F32, shape);
    ptrdiff_t count = tw_shape_count(&shape);
    int64_t *order = tw_alloc_array((size_t)count, sizeof *order);

    assert_non_null(tensor);
    assert_non_null(order);
    tw_rng_permutation(rng, order, count);
    for (ptrdiff_t i = 0; i < count; i++)
        ((float *)tensor->data)[i] = ((float)(order[i] - count / 2) + 0.5F) / 8;
    tw_free(order);
    return tensor;
}

struct tw_tensor *tw_check_labels(struct tw_rng *rng, ptrdiff_t count, ptrdiff_t classes)
{
    struct tw_tensor *tensor = tw_tensor_new(TW_I32, TW_SHAPE(count));

    assert_non_null(tensor);
    for (ptrdiff_t i = 0; i < count; i++)
        ((int32_t *)tensor->data)[i] = (int32_t)tw_test_integer(rng, 0, classes - 1);
    return tensor;
}

/* --- ends of a graph --------------------------------------------------------------------------------------
 */

static void finish(struct tw_check *check, tw_value out, tw_value loss)
{
    assert_ok(tw_graph_status(check->graph));
    assert_ok(tw_graph_differentiate(check->graph, loss));
    check->out = out;
    check->loss = loss;
    tw_graph_keep(check->graph, out);
    for (int i = 0; i < check->leaves; i++)
        tw_graph_keep(check->graph, tw_graph_gradient(check->graph, check->leaf[i].value));
}

void tw_check_loss(struct tw_check *check, tw_value loss)
{
    finish(check, loss, loss);
}

/* A frozen weight, and the labels 0, 1, 2, … that pick the diagonal. */
void tw_check_project(struct tw_check *check, tw_value out, struct tw_tensor *cotangent)
{
    ptrdiff_t samples = check->samples, width;
    struct tw_tensor *weight, *labels = tw_tensor_new(TW_I32, TW_SHAPE(samples));
    tw_value frozen, picked;

    assert_ok(tw_graph_status(check->graph));
    if (!cotangent)
        cotangent = load(check, "", "cotangent");
    width = tw_tensor_count(cotangent) / samples;
    weight = tw_tensor_new(TW_F32, TW_SHAPE(samples, width));
    assert_non_null(weight);
    assert_non_null(labels);
    for (ptrdiff_t i = 0; i < samples * width; i++)
        ((float *)weight->data)[i] = -((const float *)cotangent->data)[i];
    for (ptrdiff_t i = 0; i < samples; i++)
        ((int32_t *)labels->data)[i] = (int32_t)i;
    tw_tensor_release(cotangent);
    frozen = tw_check_parameter(check, "cotangent", weight);
    check->leaf[check->leaves - 1].parameter->requires_grad = false;
    check->graph->values[frozen.index].requires_grad = false;
    picked = tw_linear(check->graph, tw_view(check->graph, out, TW_SHAPE(samples, width)), frozen,
                       TW_INVALID_VALUE);
    finish(check, out,
           tw_nll_loss(check->graph, picked, tw_check_input(check, "diagonal", labels), TW_REDUCTION_SUM));
}

/* --- running ----------------------------------------------------------------------------------------------
 */

/* One run's output and gradients; entry TW_CHECK_LEAVES is the output. NULL: no gradient. */
struct outcome {
    struct tw_tensor *tensor[TW_CHECK_LEAVES + 1];
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

static struct outcome collect(const struct tw_check *check, const tw_plan *plan)
{
    struct outcome outcome = {{NULL}};

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

static struct outcome run(const struct tw_check *check, int level, int threads)
{
    struct tw_team *team = tw_team_new(threads, TW_BIND_NONE);
    tw_plan *plan = tw_plan_new(check->graph, &(struct tw_plan_options){.level = level, .team = team});
    struct outcome outcome;

    assert_non_null(team);
    if (!plan)
        fail_msg("no plan: %s", tw_error_message());
    for (int i = 0; i < check->leaves; i++)
        if (check->leaf[i].data)
            assert_ok(tw_plan_bind(plan, check->leaf[i].value, check->leaf[i].data->data));
    run_on_all_threads(check, plan);
    outcome = collect(check, plan);
    tw_plan_release(plan);
    tw_team_release(team);
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
    struct tw_tensor *recorded = load(check, prefix, name);
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
    for (int level = 0; level <= 1; level++) {
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

void tw_check_plans_agree(const struct tw_check *check)
{
    static const int threads[] = {1, 2, 3, 5};
    struct outcome expected = run(check, 0, 1);

    for (int level = 0; level <= 1; level++)
        for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
            struct outcome outcome = run(check, level, threads[i]);

            for (int j = 0; j <= TW_CHECK_LEAVES; j++)
                if (expected.tensor[j])
                    assert_bits_equal_f32(expected.tensor[j]->data, outcome.tensor[j]->data,
                                          tw_tensor_count(expected.tensor[j]));
            release(&outcome);
        }
    release(&expected);
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

    set_leaves(check, &oracle);
    tw_oracle_evaluate(&oracle, check->loss, false);
    /* No decision may fall differently in float, or within the step of a difference. */
    assert_true(oracle.margin > 100 * STEP);
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
