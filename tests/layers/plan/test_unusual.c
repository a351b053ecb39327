/* Graphs that are legal and seldom made: the values and gradients of level 0 at every level. */
#include <math.h>
#include <string.h>

#include "layers/optim/optim.h"
#include "tests/layers/plan/levels.h"

/* --- weights that are computed --------------------------------------------------------------------------- */

/* conv2d -> relu -> max_pool2d with the sum of two parameters, or a view of one, as weights. */
static void convolutions_with_computed_weights_stay_apart(void **state)
{
    enum { IN = 8, OUT = 16, SIDE = 6 };
    float x[2 * IN * SIDE * SIDE], expected[2 * OUT * SIDE * SIDE / 4];
    tw_parameter *w[2] = {new_parameter(TW_SHAPE(OUT, IN, 3, 3), 2),
                          new_parameter(TW_SHAPE(OUT, IN, 3, 3), 3)};
    struct tw_rng rng = tw_test_rng(4);

    (void)state;
    tw_test_fill(&rng, x, 2 * IN * SIDE * SIDE, -1.0f, 1.0f);
    for (int view = 0; view < 2; view++) {
        tw_graph *graph = tw_graph_new();
        tw_value in = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(2, IN, SIDE, SIDE), true), weight, out;

        weight = tw_graph_parameter(graph, "w", w[0]);
        weight = view ? tw_view(graph, weight, TW_SHAPE(OUT, IN, 3, 3))
                      : tw_add(graph, weight, tw_graph_parameter(graph, "v", w[1]));
        out = tw_conv2d(graph, in, weight, TW_INVALID_VALUE, (tw_conv2d_geometry){.padding = {1, 1}});
        out = tw_max_pool2d(graph, tw_relu(graph, out), 2);
        tw_graph_keep(graph, out);
        for (int level = 0; level < 3; level++) {
            tw_plan *plan = new_plan(graph, level, false);

            assert_ok(tw_plan_bind(plan, in, x));
            assert_ok(tw_plan_run(plan, 2, TW_PLAN_FORWARD));
            if (level == 0) {
                memcpy(expected, tw_plan_data(plan, out), sizeof expected);
            }
            assert_bits_equal_f32(expected, tw_plan_data(plan, out), 2 * OUT * SIDE * SIDE / 4);
            tw_plan_release(plan);
        }
        tw_graph_release(graph);
    }
    tw_parameter_release(w[0]);
    tw_parameter_release(w[1]);
}

/* --- gradients ------------------------------------------------------------------------------------------- */

/* The loss is a product of shape (1, 1): d (x w^T) / dw = x. */
static void a_loss_may_have_dimensions(void **state)
{
    const float x[3] = {1.0f, 2.0f, 3.0f};

    (void)state;
    for (int level = 0; level < 3; level++) {
        tw_graph *graph = tw_graph_new();
        tw_parameter *w = new_parameter(TW_SHAPE(1, 3), 5);
        tw_value in = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(1, 3), false);
        tw_plan *plan;

        assert_ok(tw_graph_differentiate(
            graph, tw_linear(graph, in, tw_graph_parameter(graph, "w", w), TW_INVALID_VALUE)));
        plan = new_plan(graph, level, false);
        assert_ok(tw_plan_bind(plan, in, x));
        assert_ok(tw_plan_run(plan, 1, TW_PLAN_BACKWARD));
        assert_bits_equal_f32(x, tw_parameter_gradient(w)->data, 3);
        tw_plan_release(plan);
        tw_graph_release(graph);
        tw_parameter_release(w);
    }
}

/* loss(x + p): the gradients of x and p are equal, but only the parameter's adds up over runs. Without x it goes from the loss
 * straight to the parameter. With four zeros for logits it is 1/4, less 1 at the label. */
static void gradients_of_logits_are_each_in_their_place(void **state)
{
    const float x[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    const float expected[3][4] = {
        {0.25f, -0.75f, 0.25f, 0.25f}, {0.5f, -1.5f, 0.5f, 0.5f}, {0.75f, -2.25f, 0.75f, 0.75f}};
    const int32_t label[1] = {1};

    (void)state;
    for (int variation = 0; variation < 6; variation++) {
        const bool with_x = variation % 2;
        tw_graph *graph = tw_graph_new();
        tw_parameter *p = tw_parameter_new(TW_SHAPE(1, 4));
        tw_value in = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(1, 4), false), dx;
        tw_value labels = tw_graph_input(graph, "label", TW_I32, TW_SHAPE(1), false);
        tw_value logits = tw_graph_parameter(graph, "p", p);
        tw_plan *plan;

        tw_graph_require_grad(graph, in);
        logits = with_x ? tw_add(graph, in, logits) : logits;
        assert_ok(tw_graph_differentiate(graph, tw_cross_entropy(graph, logits, labels, TW_REDUCTION_MEAN)));
        dx = tw_graph_gradient(graph, in);
        tw_graph_keep(graph, dx);
        plan = new_plan(graph, variation / 2, false);
        assert_ok(tw_plan_bind(plan, in, x));
        assert_ok(tw_plan_bind(plan, labels, label));
        for (int run = 0; run < 3; run++) {
            assert_ok(tw_plan_run(plan, 1, TW_PLAN_BACKWARD));
            assert_bits_equal_f32(expected[run], tw_parameter_gradient(p)->data, 4);
            if (with_x) {
                assert_bits_equal_f32(expected[0], tw_plan_data(plan, dx), 4);
            }
        }
        tw_plan_release(plan);
        tw_graph_release(graph);
        tw_parameter_release(p);
    }
}

/* W = p + q, updated within the run: the same gradient for both. */
static void parameters_that_are_added_are_both_updated(void **state)
{
    enum { BATCH = 64, WIDE = 128 };
    static float x[BATCH * WIDE], expected[2][WIDE * WIDE];
    static int32_t label[BATCH];
    struct tw_rng rng = tw_test_rng(6);

    (void)state;
    tw_test_fill(&rng, x, BATCH * WIDE, -1.0f, 1.0f);
    for (int inside = 0; inside < 2; inside++) {
        tw_parameter *p[3] = {new_parameter(TW_SHAPE(WIDE, WIDE), 7), new_parameter(TW_SHAPE(WIDE, WIDE), 8),
                              new_parameter(TW_SHAPE(10, WIDE), 9)};
        struct tw_named_parameter named[3] = {{"p", p[0]}, {"q", p[1]}, {"v", p[2]}};
        struct tw_optimizer_options options = tw_optimizer_defaults(TW_SGD);
        tw_optimizer *optimizer = tw_optimizer_new(TW_SGD, NULL);
        tw_graph *graph = tw_graph_new();
        tw_value in = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(BATCH, WIDE), true);
        tw_value labels = tw_graph_input(graph, "label", TW_I32, TW_SHAPE(BATCH), true), h;
        struct tw_parameter_update update;
        tw_plan *plan;

        assert_ok(tw_optimizer_add_group(optimizer, &(struct tw_parameter_list){named, 3}, &options));
        update = tw_optimizer_update(optimizer);
        h = tw_add(graph, tw_graph_parameter(graph, "p", p[0]), tw_graph_parameter(graph, "q", p[1]));
        h = tw_relu(graph, tw_linear(graph, in, h, TW_INVALID_VALUE));
        h = tw_linear(graph, h, tw_graph_parameter(graph, "v", p[2]), TW_INVALID_VALUE);
        assert_ok(tw_graph_differentiate(graph, tw_cross_entropy(graph, h, labels, TW_REDUCTION_MEAN)));
        plan = tw_plan_new(
            graph, &(struct tw_plan_options){.level = 2, .team = team, .update = inside ? &update : NULL});
        assert_non_null(plan);
        assert_ok(tw_plan_bind(plan, in, x));
        assert_ok(tw_plan_bind(plan, labels, label));
        tw_optimizer_zero_grad(optimizer);
        assert_ok(tw_plan_run(plan, BATCH, TW_PLAN_BACKWARD));
        if (!inside) {
            assert_ok(tw_optimizer_step(optimizer, team));
        }
        for (int i = 0; i < 2; i++) {
            if (!inside) {
                memcpy(expected[i], p[i]->data->data, sizeof expected[i]);
            }
            assert_bits_equal_f32(expected[i], p[i]->data->data, WIDE * WIDE);
        }
        tw_plan_release(plan);
        tw_graph_release(graph);
        tw_optimizer_release(optimizer);
        for (int i = 0; i < 3; i++) {
            tw_parameter_release(p[i]);
        }
    }
}

/* --- memory ---------------------------------------------------------------------------------------------- */

/* A scalar is there after the run, also as a view of a value that a relu would overwrite. */
static void scalars_outlive_what_reads_them(void **state)
{
    const float x[3] = {1.0f, 2.0f, 3.0f};

    (void)state;
    for (int level = 0; level < 3; level++) {
        tw_graph *graph = tw_graph_new();
        tw_parameter *w = tw_parameter_new(TW_SHAPE(1, 3));
        tw_value in = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(1, 3), false), y, scalar;
        tw_plan *plan;

        for (int i = 0; i < 3; i++) {
            ((float *)w->data->data)[i] = -1.0f;
        }
        y = tw_linear(graph, in, tw_graph_parameter(graph, "w", w), TW_INVALID_VALUE);
        scalar = tw_view(graph, y, tw_scalar_shape());
        tw_relu(graph, y);
        plan = new_plan(graph, level, false);
        assert_true(isnan(tw_plan_scalar(plan, in)));
        assert_fails(TW_ERROR_STATE, "input x is not bound", tw_error_status());
        assert_ok(tw_plan_bind(plan, in, x));
        assert_ok(tw_plan_run(plan, 1, TW_PLAN_FORWARD));
        assert_true(tw_plan_scalar(plan, scalar) == -6.0f);
        tw_plan_release(plan);
        tw_graph_release(graph);
        tw_parameter_release(w);
    }
}

/* Whose bytes are no number that a plan could add up. */
static void values_have_a_size(void **state)
{
    tw_graph *graph = tw_graph_new();

    (void)state;
    tw_graph_input(graph, "x", TW_F32, TW_SHAPE((ptrdiff_t)1 << 52, 1024), true);
    assert_fails(TW_ERROR_SHAPE, "(4503599627370496, 1024), expected at most", tw_graph_status(graph));
    tw_graph_release(graph);
    graph = tw_graph_new();
    tw_graph_input(graph, "x", TW_F32, TW_SHAPE((ptrdiff_t)1 << 40, (ptrdiff_t)1 << 40), true);
    assert_fails(TW_ERROR_SHAPE, "(1099511627776, 1099511627776), expected at most", tw_graph_status(graph));
    tw_graph_release(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_with_computed_weights_stay_apart),
        cmocka_unit_test(a_loss_may_have_dimensions),
        cmocka_unit_test(gradients_of_logits_are_each_in_their_place),
        cmocka_unit_test(parameters_that_are_added_are_both_updated),
        cmocka_unit_test(scalars_outlive_what_reads_them),
        cmocka_unit_test(values_have_a_size),
    };
    int failed;

    team = tw_team_new(2, TW_BIND_NONE);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    tw_team_release(team);
    return failed;
}
