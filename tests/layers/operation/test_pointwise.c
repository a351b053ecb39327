/* relu, add, view, flatten, normalize and dropout: against PyTorch where it has them, against differences,
 * between plans, and what they refuse. */
#include "tests/support/graph_check.h"

#include "layers/module/parameter.h"

#define CASE(name) TOWER_GOLDEN_DIR "/operations/" name

static void finish_recorded(struct tw_check *check, tw_value out)
{
    tw_check_project(check, out, NULL);
    tw_check_recorded(check);
    tw_check_plans_agree(check);
    tw_check_end(check);
}

static void test_relu_recorded(void **state)
{
    struct tw_check check = tw_check_begin(CASE("relu"));

    (void)state;
    finish_recorded(&check, tw_relu(check.graph, tw_check_recorded_input(&check, "x")));
}

static void test_flatten_recorded(void **state)
{
    struct tw_check check = tw_check_begin(CASE("flatten"));

    (void)state;
    finish_recorded(&check, tw_flatten(check.graph, tw_check_recorded_input(&check, "x")));
}

static void test_add_recorded(void **state)
{
    struct tw_check check = tw_check_begin(CASE("add"));
    tw_value x = tw_check_recorded_input(&check, "x");

    (void)state;
    finish_recorded(&check, tw_add(check.graph, x, tw_check_recorded_input(&check, "other")));
}

/* Pixels have no gradient: y alone, at every level, is compared. */
static void test_normalize_recorded(void **state)
{
    struct tw_tensor *recorded = tw_test_load_npy("operations/normalize/y.npy");
    struct tw_tensor *pixels = tw_test_load_npy("operations/normalize/x.npy");
    struct tw_team *team = tw_team_new(2, TW_BIND_NONE);
    ptrdiff_t count = tw_tensor_count(pixels);
    const float *value = recorded->data;

    (void)state;
    for (int level = 0; level <= 1; level++) {
        tw_graph *graph = tw_graph_new();
        tw_value x = tw_graph_input(graph, "x", TW_U8, pixels->shape, true);
        tw_value y = tw_normalize(graph, x, 0.1307, 0.3081);
        tw_plan *plan;
        const float *found;

        tw_graph_keep(graph, y);
        plan = tw_plan_new(graph, &(struct tw_plan_options){.level = level, .team = team});
        assert_non_null(plan);
        assert_ok(tw_plan_bind(plan, x, pixels->data));
        assert_ok(tw_plan_run(plan, pixels->shape.extent[0], TW_PLAN_FORWARD));
        found = tw_plan_data(plan, y);
        for (ptrdiff_t i = 0; i < count; i++)
            assert_close_f32(&value[i], &found[i], 1, (double)value[count + i], 0);
        tw_plan_release(plan);
        tw_graph_release(graph);
    }
    tw_team_release(team);
    tw_tensor_release(pixels);
    tw_tensor_release(recorded);
}

/* x + x, x used again below: three contributions to one gradient. */
static void test_several_uses(void **state)
{
    struct tw_rng rng = tw_test_rng(1);
    struct tw_check check = tw_check_begin(NULL);
    tw_value x = tw_check_input(&check, "x", tw_check_separated(&rng, TW_SHAPE(3, 2, 5)));
    tw_value twice = tw_add(check.graph, x, x);

    (void)state;
    tw_check_project(&check, tw_add(check.graph, tw_relu(check.graph, twice), x),
                     tw_check_uniform(&rng, TW_SHAPE(3, 2, 5), 1));
    tw_check_differences(&check, &rng);
    tw_check_plans_agree(&check);
    tw_check_end(&check);
}

/* A parameter's gradient that would be a view of another value, and two that would be one value. */
static void test_gradients_of_parameters_do_not_alias(void **state)
{
    struct tw_rng rng = tw_test_rng(2);
    struct tw_check check = tw_check_begin(NULL);
    tw_value x = tw_check_input(&check, "x", tw_check_uniform(&rng, TW_SHAPE(4, 6), 1));
    tw_value a = tw_check_parameter(&check, "a", tw_check_uniform(&rng, TW_SHAPE(3, 6), 1));
    tw_value b = tw_check_parameter(&check, "b", tw_check_uniform(&rng, TW_SHAPE(3, 6), 1));
    tw_value c = tw_check_parameter(&check, "c", tw_check_uniform(&rng, TW_SHAPE(6, 3), 1));
    tw_value weight = tw_add(check.graph, tw_add(check.graph, a, b), tw_view(check.graph, c, TW_SHAPE(3, 6)));

    (void)state;
    tw_check_project(&check, tw_linear(check.graph, x, weight, TW_INVALID_VALUE),
                     tw_check_uniform(&rng, TW_SHAPE(4, 3), 1));
    tw_check_differences(&check, &rng);
    tw_check_plans_agree(&check);
    tw_check_end(&check);
}

/* Every element is 0 or x / (1 - p), and its gradient is 0 or 1 / (1 - p) times the cotangent alike. */
static void check_mask(const float *x, const float *y, const float *cotangent, const float *dx,
                       ptrdiff_t count, float scale, ptrdiff_t *kept)
{
    *kept = 0;
    for (ptrdiff_t i = 0; i < count; i++) {
        bool keeps = y[i] != 0;
        float expected[2] = {keeps ? x[i] * scale : 0, keeps ? cotangent[i] * scale : 0};
        float found[2] = {y[i], dx[i]};

        assert_bits_equal_f32(expected, found, 2);
        *kept += keeps;
    }
}

static void test_dropout(void **state)
{
    struct tw_rng rng = tw_test_rng(3);
    struct tw_check check = tw_check_begin(NULL);
    struct tw_tensor *data = tw_check_separated(&rng, TW_SHAPE(40, 50));
    struct tw_tensor *cotangent = tw_check_uniform(&rng, data->shape, 1), *kept = tw_tensor_clone(cotangent);
    tw_value x = tw_check_input(&check, "x", data);
    struct tw_team *team = tw_team_new(3, TW_BIND_NONE);
    ptrdiff_t first = 0, second = 0;
    tw_plan *plan;

    (void)state;
    tw_check_project(&check, tw_dropout(check.graph, x, 0.25), cotangent);
    plan = tw_plan_new(check.graph, &(struct tw_plan_options){.level = 1, .team = team, .seed = 5});
    assert_non_null(plan);
    for (int i = 0; i < check.leaves; i++)
        if (check.leaf[i].data)
            assert_ok(tw_plan_bind(plan, check.leaf[i].value, check.leaf[i].data->data));
    for (int i = 0; i < 2; i++) {
        assert_ok(tw_plan_run(plan, 40, TW_PLAN_BACKWARD));
        check_mask(data->data, tw_plan_data(plan, check.out), kept->data,
                   tw_plan_data(plan, tw_graph_gradient(check.graph, x)), 2000, 1 / 0.75F,
                   i == 0 ? &first : &second);
    }
    /* 1500 of 2000 are expected, with a deviation of 19.4: ten of them happen once in 10^22 seeds. */
    assert_in_range(first, 1500 - 194, 1500 + 194);
    assert_in_range(second, 1500 - 194, 1500 + 194);
    tw_plan_release(plan);
    tw_check_plans_agree(&check);
    tw_team_release(team);
    tw_tensor_release(kept);
    tw_check_end(&check);
}

static void test_batches_do_not_mix(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        tw_graph *graph = tw_graph_new();
        tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(4, 3), true);
        tw_value y = tw_graph_input(graph, "y", TW_F32, TW_SHAPE(4, 3), false);
        tw_value label = tw_graph_input(graph, "label", TW_I32, TW_SHAPE(4), false);

        if (i == 0) {
            assert_int_equal(tw_add(graph, y, x).index, 0);
            assert_fails(TW_ERROR_SHAPE,
                         "add: (4, 3) is a batch and (4, 3) is none, expected both or neither",
                         tw_graph_status(graph));
        } else {
            assert_int_equal(tw_nll_loss(graph, x, label, TW_REDUCTION_MEAN).index, 0);
            assert_fails(TW_ERROR_SHAPE,
                         "nll_loss: (4, 3) is a batch and (4,) is none, expected both or neither",
                         tw_graph_status(graph));
        }
        tw_graph_release(graph);
    }
}

static void test_first_error_stays(void **state)
{
    tw_graph *graph = tw_graph_new();
    tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(4, 3, 2), true);
    tw_value y = tw_graph_input(graph, "y", TW_F32, TW_SHAPE(4, 2, 3), true);

    (void)state;
    assert_int_equal(tw_add(graph, x, y).index, 0);
    assert_fails(TW_ERROR_SHAPE, "add: shapes (4, 3, 2) and (4, 2, 3) differ", tw_graph_status(graph));
    /* The first error stays, and nothing is recorded on top of it. */
    assert_int_equal(tw_relu(graph, x).index, 0);
    assert_fails(TW_ERROR_SHAPE, "add: shapes (4, 3, 2) and (4, 2, 3) differ", tw_graph_status(graph));
    tw_graph_release(graph);
}

static void assert_view_refused(struct tw_shape shape, const char *part)
{
    tw_graph *graph = tw_graph_new();
    tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(4, 3, 2), true);

    assert_int_equal(tw_view(graph, x, shape).index, 0);
    assert_fails(TW_ERROR_SHAPE, part, tw_graph_status(graph));
    tw_graph_release(graph);
}

static void test_view_refuses(void **state)
{
    (void)state;
    assert_view_refused(TW_SHAPE(4, 5), "view: input (4, 3, 2) has 24 elements, which do not fill (4, 5)");
    assert_view_refused(TW_SHAPE(-1, -1), "(4, 3, 2)");
    assert_view_refused(TW_SHAPE(3, 8), "view: input (4, 3, 2) keeps its batch of 4 in front");
}

static void assert_dtype_refused(tw_value (*record)(tw_graph *graph, tw_value x), enum tw_dtype dtype,
                                 const char *part)
{
    tw_graph *graph = tw_graph_new();

    assert_int_equal(record(graph, tw_graph_input(graph, "x", dtype, TW_SHAPE(4, 3), true)).index, 0);
    assert_fails(TW_ERROR_ARGUMENT, part, tw_graph_status(graph));
    tw_graph_release(graph);
}

static tw_value normalize(tw_graph *graph, tw_value x)
{
    return tw_normalize(graph, x, 0.5, 0.5);
}

static tw_value normalize_by_zero(tw_graph *graph, tw_value x)
{
    return tw_normalize(graph, x, 0.5, 0);
}

static tw_value drop_all(tw_graph *graph, tw_value x)
{
    return tw_dropout(graph, x, 1);
}

static void test_dtypes_refused(void **state)
{
    (void)state;
    assert_dtype_refused(tw_relu, TW_U8, "relu: input is uint8, expected float32");
    assert_dtype_refused(normalize, TW_F32, "normalize: input is float32, expected uint8");
    assert_dtype_refused(normalize_by_zero, TW_U8, "normalize: standard deviation 0");
    assert_dtype_refused(drop_all, TW_F32, "dropout: probability 1, expected one in [0, 1)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relu_recorded),
        cmocka_unit_test(test_flatten_recorded),
        cmocka_unit_test(test_add_recorded),
        cmocka_unit_test(test_normalize_recorded),
        cmocka_unit_test(test_several_uses),
        cmocka_unit_test(test_gradients_of_parameters_do_not_alias),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_first_error_stays),
        cmocka_unit_test(test_batches_do_not_mix),
        cmocka_unit_test(test_view_refuses),
        cmocka_unit_test(test_dtypes_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
