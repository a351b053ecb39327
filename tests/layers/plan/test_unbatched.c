/* linear on values that are no batch, beside a batch of another size: the values and gradients of level 0 at every level. */
#include <string.h>

#include "core/memory.h"
#include "tests/layers/plan/levels.h"

enum { ROWS = 40, SAMPLES = 50, FEATURES = 128 };

struct rows {
    float x[ROWS * FEATURES], y[ROWS * FEATURES], expected[ROWS * FEATURES], batch[SAMPLES];
};

/* x (ROWS, FEATURES) -> relu or not -> linear, beside a batch of another size. */
static void run_rows(struct rows *rows, int level, bool constant, bool relu, tw_parameter *weight, float *y)
{
    tw_graph *graph = tw_graph_new();
    tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(ROWS, FEATURES), false), out;
    tw_value batch = tw_graph_input(graph, "batch", TW_F32, TW_SHAPE(SAMPLES, 1), true);
    tw_plan *plan;

    out = tw_linear(graph, relu ? tw_relu(graph, x) : x, tw_graph_parameter(graph, "w", weight),
                    TW_INVALID_VALUE);
    tw_graph_keep(graph, out);
    tw_graph_keep(graph, tw_relu(graph, batch));
    assert_ok(tw_graph_status(graph));
    plan = new_plan(graph, level, constant);
    assert_ok(tw_plan_bind(plan, x, rows->x));
    assert_ok(tw_plan_bind(plan, batch, rows->batch));
    for (ptrdiff_t samples = 1; samples <= SAMPLES; samples += SAMPLES - 1) {
        assert_ok(tw_plan_run(plan, samples, TW_PLAN_FORWARD));
        memcpy(y, tw_plan_data(plan, out), sizeof rows->y);
        assert_true(level == 0 || memcmp(y, rows->expected, sizeof rows->y) == 0);
    }
    tw_plan_release(plan);
    tw_graph_release(graph);
}

static void linear_takes_rows_that_are_no_samples(void **state)
{
    struct rows *rows = tw_alloc(sizeof *rows);
    tw_parameter *weight = new_parameter(TW_SHAPE(FEATURES, FEATURES), 0);
    struct tw_rng rng = tw_test_rng(1);

    (void)state;
    assert_non_null(rows);
    tw_test_fill(&rng, rows->x, ROWS * FEATURES, -1.0f, 1.0f);
    for (int relu = 0; relu < 2; relu++) {
        run_rows(rows, 0, false, relu, weight, rows->expected);
        for (int constant = 0; constant < 2; constant++) {
            run_rows(rows, 1, constant, relu, weight, rows->y);
            run_rows(rows, 2, constant, relu, weight, rows->y);
        }
    }
    tw_parameter_release(weight);
    tw_free(rows);
}

/* x (ROWS, FEATURES) -> relu -> linear -> relu -> linear -> loss, no batch among them: the gradients of x and the weights,
 * beside a batch of another size. */
static void gradients_take_rows_that_are_no_samples(void **state)
{
    struct rows *rows = tw_alloc(sizeof *rows);
    tw_parameter *w[2] = {new_parameter(TW_SHAPE(FEATURES, FEATURES), 10),
                          new_parameter(TW_SHAPE(10, FEATURES), 11)};
    float *expected = tw_alloc(sizeof(float) * FEATURES * FEATURES);
    int32_t label[ROWS];
    struct tw_rng rng = tw_test_rng(12);

    (void)state;
    assert_non_null(rows);
    assert_non_null(expected);
    tw_test_fill(&rng, rows->x, ROWS * FEATURES, -1.0f, 1.0f);
    for (int i = 0; i < ROWS; i++) {
        label[i] = i % 10;
    }
    for (int level = 0; level < 3; level++) {
        tw_graph *graph = tw_graph_new();
        tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(ROWS, FEATURES), false), y, dx;
        tw_value batch = tw_graph_input(graph, "batch", TW_F32, TW_SHAPE(SAMPLES, 1), true);
        tw_value labels = tw_graph_input(graph, "label", TW_I32, TW_SHAPE(ROWS), false);
        tw_plan *plan;

        tw_graph_require_grad(graph, x);
        tw_graph_keep(graph, tw_relu(graph, batch));
        y = tw_linear(graph, tw_relu(graph, x), tw_graph_parameter(graph, "v", w[0]), TW_INVALID_VALUE);
        y = tw_linear(graph, tw_relu(graph, y), tw_graph_parameter(graph, "w", w[1]), TW_INVALID_VALUE);
        assert_ok(tw_graph_differentiate(graph, tw_cross_entropy(graph, y, labels, TW_REDUCTION_MEAN)));
        dx = tw_graph_gradient(graph, x);
        tw_graph_keep(graph, dx);
        plan = new_plan(graph, level, false);
        assert_ok(tw_plan_bind(plan, x, rows->x));
        assert_ok(tw_plan_bind(plan, batch, rows->batch));
        assert_ok(tw_plan_bind(plan, labels, label));
        for (ptrdiff_t samples = 1; samples <= SAMPLES; samples += SAMPLES - 1) {
            tw_parameter_zero_grad(w[0]);
            tw_parameter_zero_grad(w[1]);
            assert_ok(tw_plan_run(plan, samples, TW_PLAN_BACKWARD));
            if (level == 0) {
                memcpy(rows->expected, tw_plan_data(plan, dx), sizeof rows->expected);
                memcpy(expected, tw_parameter_gradient(w[0])->data, sizeof(float) * FEATURES * FEATURES);
            }
            assert_bits_equal_f32(rows->expected, tw_plan_data(plan, dx), ROWS * FEATURES);
            assert_bits_equal_f32(expected, tw_parameter_gradient(w[0])->data, FEATURES * FEATURES);
        }
        tw_plan_release(plan);
        tw_graph_release(graph);
    }
    tw_parameter_release(w[0]);
    tw_parameter_release(w[1]);
    tw_free(expected);
    tw_free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_takes_rows_that_are_no_samples),
        cmocka_unit_test(gradients_take_rows_that_are_no_samples),
    };
    int failed;

    team = tw_team_new(2, TW_BIND_NONE);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    tw_team_release(team);
    return failed;
}
