/* Recording, errors and the structure that differentiation builds; values are checked by the operations' and
 * the plan's tests. */
#include "tests/support/test_support.h"

#include <string.h>

#include "core/memory.h"
#include "layers/graph/functional.h"
#include "layers/graph/operation.h"
#include "layers/operation/operations.h"

/* x (4, 3) -> linear w (2, 3), b (2) -> cross-entropy: the smallest graph that trains. */
struct small {
    tw_graph *graph;
    tw_parameter *weight, *bias;
    tw_value x, label, w, b, logits, loss;
};

static struct small small_new(void)
{
    struct small small = {.graph = tw_graph_new(),
                          .weight = tw_parameter_new(TW_SHAPE(2, 3)),
                          .bias = tw_parameter_new(TW_SHAPE(2))};

    assert_non_null(small.graph);
    small.x = tw_graph_input(small.graph, "x", TW_F32, TW_SHAPE(4, 3), true);
    small.label = tw_graph_input(small.graph, "label", TW_I32, TW_SHAPE(4), true);
    small.w = tw_graph_parameter(small.graph, "weight", small.weight);
    small.b = tw_graph_parameter(small.graph, "bias", small.bias);
    return small;
}

static void small_finish(struct small *small)
{
    small->logits = tw_linear(small->graph, small->x, small->w, small->b);
    small->loss = tw_cross_entropy(small->graph, small->logits, small->label, TW_REDUCTION_MEAN);
    assert_ok(tw_graph_status(small->graph));
}

static void small_release(struct small *small)
{
    tw_graph_release(small->graph);
    tw_parameter_release(small->weight);
    tw_parameter_release(small->bias);
}

static int count_nodes(const tw_graph *graph, const struct tw_operation *operation)
{
    int count = 0;

    for (size_t i = 1; i < graph->node_count; i++) {
        count += graph->nodes[i].operation == operation;
    }
    return count;
}

static void a_parameter_has_one_value(void **state)
{
    struct small small = small_new();

    (void)state;
    assert_int_equal(tw_graph_parameter(small.graph, "again", small.weight).index, small.w.index);
    assert_int_equal(tw_graph_parameter(small.graph, "bias", NULL).index, 0);
    assert_ok(tw_graph_status(small.graph));
    small_release(&small);
}

static void the_first_error_stays(void **state)
{
    struct small small = small_new();
    tw_value wide = tw_graph_input(small.graph, "wide", TW_F32, TW_SHAPE(4, 5), true), y;

    (void)state;
    y = tw_linear(small.graph, wide, small.w, small.b);
    assert_int_equal(y.index, 0);
    y = tw_relu(small.graph, y);
    assert_int_equal(y.index, 0);
    tw_max_pool2d(small.graph, small.x, 2);
    tw_fail(TW_ERROR_IO, "something else in between");
    assert_fails(TW_ERROR_SHAPE, "linear: input (4, 5) has 5 features, weight (2, 3) expects 3",
                 tw_graph_status(small.graph));
    small_release(&small);
}

static void foreign_and_invalid_values_are_errors(void **state)
{
    tw_graph *graph = tw_graph_new();

    (void)state;
    assert_int_equal(tw_relu(graph, (tw_value){77}).index, 0);
    assert_fails(TW_ERROR_ARGUMENT, "relu: its input is not a value", tw_graph_status(graph));
    tw_graph_release(graph);
    graph = tw_graph_new();
    assert_int_equal(tw_flatten(graph, TW_INVALID_VALUE).index, 0);
    assert_fails(TW_ERROR_ARGUMENT, "flatten", tw_graph_status(graph));
    tw_graph_release(graph);
}

static void dtypes_are_checked(void **state)
{
    tw_graph *graph = tw_graph_new();
    tw_value pixels = tw_graph_input(graph, "pixels", TW_U8, TW_SHAPE(2, 1, 4, 4), true);

    (void)state;
    tw_relu(graph, pixels);
    assert_fails(TW_ERROR_ARGUMENT, "relu: input is uint8, expected float32", tw_graph_status(graph));
    tw_graph_release(graph);
}

static void differentiation_gives_every_parameter_a_gradient(void **state)
{
    struct small small = small_new();
    const struct tw_graph_value *gradient;

    (void)state;
    small_finish(&small);
    assert_ok(tw_graph_differentiate(small.graph, small.loss));
    gradient = tw_graph_value_of(small.graph, tw_graph_gradient(small.graph, small.w));
    assert_non_null(gradient);
    assert_true(gradient->is_parameter_gradient);
    assert_ptr_equal(gradient->parameter, small.weight);
    assert_true(tw_shape_equal(&gradient->shape, &small.weight->data->shape));
    assert_int_not_equal(tw_graph_gradient(small.graph, small.b).index, 0);
    /* Nobody asked for the gradient of the input: no node computes it. */
    assert_int_equal(tw_graph_gradient(small.graph, small.x).index, 0);
    assert_int_equal(count_nodes(small.graph, &tw_operation_linear_input_gradient), 0);
    assert_fails(TW_ERROR_STATE, "already", tw_graph_differentiate(small.graph, small.loss));
    small_release(&small);
}

static void a_marked_input_gets_a_gradient(void **state)
{
    struct small small = small_new();

    (void)state;
    tw_graph_require_grad(small.graph, small.x);
    small_finish(&small);
    assert_ok(tw_graph_differentiate(small.graph, small.loss));
    assert_int_not_equal(tw_graph_gradient(small.graph, small.x).index, 0);
    assert_int_equal(count_nodes(small.graph, &tw_operation_linear_input_gradient), 1);
    small_release(&small);
}

static void frozen_parameters_cost_nothing(void **state)
{
    struct small small = {.graph = tw_graph_new(),
                          .weight = tw_parameter_new(TW_SHAPE(2, 3)),
                          .bias = tw_parameter_new(TW_SHAPE(2))};

    (void)state;
    small.weight->requires_grad = false;
    small.x = tw_graph_input(small.graph, "x", TW_F32, TW_SHAPE(4, 3), true);
    small.label = tw_graph_input(small.graph, "label", TW_I32, TW_SHAPE(4), true);
    small.w = tw_graph_parameter(small.graph, "weight", small.weight);
    small.b = tw_graph_parameter(small.graph, "bias", small.bias);
    small_finish(&small);
    assert_ok(tw_graph_differentiate(small.graph, small.loss));
    assert_int_equal(tw_graph_gradient(small.graph, small.w).index, 0);
    assert_int_equal(count_nodes(small.graph, &tw_operation_linear_weight_gradient), 0);
    assert_int_equal(count_nodes(small.graph, &tw_operation_linear_bias_gradient), 1);
    small_release(&small);
}

static void a_loss_must_be_a_scalar_with_something_behind_it(void **state)
{
    struct small small = small_new();
    tw_value detached;

    (void)state;
    small_finish(&small);
    detached = tw_relu(small.graph, small.x);
    detached = tw_nll_loss(small.graph, tw_view(small.graph, detached, TW_SHAPE(4, 3)), small.label,
                           TW_REDUCTION_SUM);
    assert_fails(TW_ERROR_SHAPE, "(4, 2), expected a float32 scalar",
                 tw_graph_differentiate(small.graph, small.logits));
    assert_fails(TW_ERROR_ARGUMENT, "nothing behind the loss", tw_graph_differentiate(small.graph, detached));
    assert_fails(TW_ERROR_ARGUMENT, "not a value", tw_graph_differentiate(small.graph, (tw_value){9999}));
    assert_ok(tw_graph_differentiate(small.graph, small.loss));
    small_release(&small);
}

static void recording_ends_with_differentiation(void **state)
{
    struct small small = small_new();

    (void)state;
    small_finish(&small);
    assert_ok(tw_graph_differentiate(small.graph, small.loss));
    tw_relu(small.graph, small.logits);
    assert_fails(TW_ERROR_STATE, "relu: recorded after", tw_graph_status(small.graph));
    small_release(&small);
}

/* y = a + b: all gradients are the same value, but each parameter needs memory of its own, and y's does not add up over runs. */
static void parameters_never_share_a_gradient(void **state)
{
    tw_graph *graph = tw_graph_new();
    tw_parameter *a = tw_parameter_new(TW_SHAPE(2, 3)), *b = tw_parameter_new(TW_SHAPE(2, 3));
    tw_value va = tw_graph_parameter(graph, "a", a), vb = tw_graph_parameter(graph, "b", b);
    tw_value label = tw_graph_input(graph, "label", TW_I32, TW_SHAPE(2), false);
    tw_value loss = tw_cross_entropy(graph, tw_add(graph, va, vb), label, TW_REDUCTION_SUM);

    (void)state;
    assert_ok(tw_graph_differentiate(graph, loss));
    assert_int_not_equal(tw_graph_gradient(graph, va).index, tw_graph_gradient(graph, vb).index);
    assert_int_equal(count_nodes(graph, &tw_operation_copy), 2);
    tw_graph_release(graph);
    tw_parameter_release(a);
    tw_parameter_release(b);
}

static void views_check_elements_and_batch(void **state)
{
    tw_graph *graph = tw_graph_new();
    tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(4, 2, 3), true);
    const struct tw_graph_value *view;

    (void)state;
    view = tw_graph_value_of(graph, tw_view(graph, x, TW_SHAPE(4, -1)));
    assert_int_equal(view->shape.extent[1], 6);
    assert_int_equal(view->alias_of, x.index);
    assert_int_equal(tw_view(graph, x, TW_SHAPE(6, 4)).index, 0);
    assert_fails(TW_ERROR_SHAPE, "keeps its batch of 4 in front, (6, 4) does not", tw_graph_status(graph));
    tw_graph_release(graph);
    graph = tw_graph_new();
    x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(4, 2, 3), true);
    tw_view(graph, x, TW_SHAPE(4, 5));
    assert_fails(TW_ERROR_SHAPE, "24 elements, which do not fill (4, 5)", tw_graph_status(graph));
    tw_graph_release(graph);
}

static void text_names_every_node(void **state)
{
    struct small small = small_new();
    char *text;

    (void)state;
    small_finish(&small);
    assert_ok(tw_graph_differentiate(small.graph, small.loss));
    text = tw_graph_text(small.graph);
    assert_non_null(text);
    assert_non_null(strstr(text, "parameter weight\n"));
    assert_non_null(strstr(text, "(4, 2) = linear %1 %3 %4\n"));
    assert_non_null(strstr(text, "backward:\n"));
    assert_non_null(strstr(text, "gradient of a parameter"));
    tw_free(text);
    small_release(&small);
}

/* Whatever allocation fails, building a graph ends in an error and leaks nothing. */
static void out_of_memory_is_an_error(void **state)
{
    size_t before = tw_memory_usage().live_blocks;
    enum tw_status status = TW_ERROR_MEMORY;

    (void)state;
    for (long k = 0; status != TW_OK; k++) {
        tw_parameter *weight = tw_parameter_new(TW_SHAPE(2, 3));
        tw_graph *graph;

        assert_in_range(k, 0, 500);
        tw_memory_fail_after(k);
        graph = tw_graph_new();
        if (graph) {
            tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(4, 3), true);
            tw_value label = tw_graph_input(graph, "label", TW_I32, TW_SHAPE(4), true);
            tw_value y = tw_linear(graph, x, tw_graph_parameter(graph, "weight", weight), TW_INVALID_VALUE);

            status = tw_graph_differentiate(graph, tw_cross_entropy(graph, y, label, TW_REDUCTION_MEAN));
        }
        tw_memory_fail_after(-1);
        tw_graph_release(graph);
        tw_parameter_release(weight);
        assert_int_equal(tw_memory_usage().live_blocks, before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_parameter_has_one_value),
        cmocka_unit_test(the_first_error_stays),
        cmocka_unit_test(foreign_and_invalid_values_are_errors),
        cmocka_unit_test(dtypes_are_checked),
        cmocka_unit_test(differentiation_gives_every_parameter_a_gradient),
        cmocka_unit_test(a_marked_input_gets_a_gradient),
        cmocka_unit_test(frozen_parameters_cost_nothing),
        cmocka_unit_test(a_loss_must_be_a_scalar_with_something_behind_it),
        cmocka_unit_test(recording_ends_with_differentiation),
        cmocka_unit_test(parameters_never_share_a_gradient),
        cmocka_unit_test(views_check_elements_and_batch),
        cmocka_unit_test(text_names_every_node),
        cmocka_unit_test(out_of_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
