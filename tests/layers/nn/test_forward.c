/* layers/nn/nn.h: which operations, with which attributes, each module records. */
#include <string.h>

#include "layers/graph/operation.h"
#include "layers/nn/nn.h"
#include "tests/layers/module/module_test.h"

/* Records `module` on an input of `shape`, checks operation and output shape, and returns the graph. The
 * module is released: a graph needs its parameters only. */
static tw_graph *record(tw_module *module, struct tw_shape shape, const char *operation,
                        struct tw_shape expected)
{
    tw_graph *graph = tw_graph_new();
    tw_value x = tw_graph_input(graph, "x", TW_F32, shape, true), y = tw_call(module, graph, x);
    const struct tw_graph_value *value;

    assert_ok(tw_graph_status(graph));
    value = tw_graph_value_of(graph, y);
    assert_non_null(value);
    assert_true(tw_shape_equal(&value->shape, &expected));
    assert_string_equal(graph->nodes[value->producer].operation->name, operation);
    tw_module_release(module);
    return graph;
}

static const struct tw_graph_node *last_node(const tw_graph *graph)
{
    return &graph->nodes[graph->node_count - 1];
}

static void linear_records_linear(void **state)
{
    tw_graph *graph = record(tw_nn_linear(NULL, 5, 2, true), TW_SHAPE(4, 5), "linear", TW_SHAPE(4, 2));

    (void)state;
    assert_int_not_equal(last_node(graph)->input[2], 0);
    tw_graph_release(graph);
    graph = record(tw_nn_linear(NULL, 5, 2, false), TW_SHAPE(4, 5), "linear", TW_SHAPE(4, 2));
    assert_int_equal(last_node(graph)->input[2], 0);
    tw_graph_release(graph);
}

static void conv2d_passes_its_geometry_on(void **state)
{
    tw_conv2d_geometry geometry = {
        .kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 0}, .dilation = {1, 3}, .groups = 2};
    tw_graph *graph = record(tw_nn_conv2d(NULL, 4, 6, geometry, true), TW_SHAPE(1, 4, 9, 8), "conv2d",
                             TW_SHAPE(1, 6, 5, 5));

    (void)state;
    assert_memory_equal(&last_node(graph)->attributes.conv2d, &geometry, sizeof geometry);
    tw_graph_release(graph);
}

static void pools_pass_their_geometry_on(void **state)
{
    tw_pool2d_geometry geometry = {
        .kernel = {3, 2}, .stride = {1, 2}, .padding = {1, 1}, .exclude_pad = true};
    tw_graph *graph;

    (void)state;
    graph = record(tw_nn_max_pool2d((tw_pool2d_geometry){.kernel = {2, 2}}), TW_SHAPE(1, 1, 7, 6),
                   "max_pool2d", TW_SHAPE(1, 1, 3, 3));
    tw_graph_release(graph);
    graph = record(tw_nn_avg_pool2d(geometry), TW_SHAPE(1, 1, 7, 6), "avg_pool2d", TW_SHAPE(1, 1, 7, 4));
    assert_true(last_node(graph)->attributes.pool2d.exclude_pad);
    assert_int_equal(last_node(graph)->attributes.pool2d.stride[1], 2);
    tw_graph_release(graph);
}

static void plain_modules_record_their_operation(void **state)
{
    (void)state;
    tw_graph_release(record(tw_nn_relu(), TW_SHAPE(2, 3), "relu", TW_SHAPE(2, 3)));
    tw_graph_release(record(tw_nn_softmax(), TW_SHAPE(2, 3), "softmax", TW_SHAPE(2, 3)));
    tw_graph_release(record(tw_nn_log_softmax(), TW_SHAPE(2, 3), "log_softmax", TW_SHAPE(2, 3)));
    tw_graph_release(record(tw_nn_flatten(), TW_SHAPE(2, 3, 4), "view", TW_SHAPE(2, 12)));
}

static void dropout_is_recorded_for_training_only(void **state)
{
    tw_module *dropout = tw_nn_dropout(0.25);
    tw_graph *graph = tw_graph_new();
    tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(2, 3), true);

    (void)state;
    tw_module_train(dropout, false);
    assert_int_equal(tw_call(dropout, graph, x).index, x.index);
    tw_module_train(dropout, true);
    assert_int_not_equal(tw_call(dropout, graph, x).index, x.index);
    assert_string_equal(last_node(graph)->operation->name, "dropout");
    assert_true(last_node(graph)->attributes.dropout.probability == 0.25);
    tw_graph_release(graph);
    tw_module_release(dropout);
}

static void sequential_records_its_children_in_order(void **state)
{
    tw_module *model =
        tw_nn_sequential((tw_module *[]){tw_nn_flatten(), tw_nn_linear(NULL, 12, 5, true), tw_nn_relu()}, 3);
    tw_graph *graph = record(model, TW_SHAPE(2, 3, 4), "relu", TW_SHAPE(2, 5));

    (void)state;
    assert_int_equal(graph->node_count - 1, 3);
    assert_string_equal(graph->nodes[2].path, "1");
    assert_string_equal(graph->nodes[2].operation->name, "linear");
    tw_graph_release(graph);
}

/* --- losses -----------------------------------------------------------------------------------------------
 */

struct losses {
    tw_graph *graph;
    tw_value prediction, label;
};

static struct losses losses_new(void)
{
    struct losses losses = {.graph = tw_graph_new()};

    losses.prediction = tw_graph_input(losses.graph, "prediction", TW_F32, TW_SHAPE(4, 10), true);
    losses.label = tw_graph_input(losses.graph, "label", TW_I32, TW_SHAPE(4), true);
    assert_ok(tw_graph_status(losses.graph));
    return losses;
}

static void losses_record_scalars(void **state)
{
    tw_module *modules[] = {tw_nn_cross_entropy_loss(TW_REDUCTION_SUM), tw_nn_nll_loss(TW_REDUCTION_MEAN),
                            tw_nn_cross_entropy_loss_with(TW_REDUCTION_SUM, 0.25)};
    const enum tw_reduction reductions[] = {TW_REDUCTION_SUM, TW_REDUCTION_MEAN, TW_REDUCTION_SUM};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct losses losses = losses_new();
        tw_value loss = tw_call_loss(modules[i], losses.graph, losses.prediction, losses.label);

        assert_ok(tw_graph_status(losses.graph));
        assert_int_equal(tw_graph_value_of(losses.graph, loss)->shape.ndim, 0);
        assert_int_equal(last_node(losses.graph)->attributes.nll.reduction, reductions[i]);
        assert_true(last_node(losses.graph)->attributes.nll.smoothing == (i == 2 ? 0.25 : 0));
        assert_int_equal(losses.graph->node_count - 1, i == 1 ? 1 : 2);
        assert_null(losses.graph->recording);
        tw_graph_release(losses.graph);
        tw_module_release(modules[i]);
    }
}

static void losses_are_called_with_two_values(void **state)
{
    tw_module *loss = tw_nn_nll_loss(TW_REDUCTION_MEAN), *relu = tw_nn_relu();
    struct losses losses = losses_new();

    (void)state;
    assert_int_equal(tw_call(loss, losses.graph, losses.prediction).index, 0);
    assert_fails(TW_ERROR_ARGUMENT, "NLLLoss has no forward of one value", tw_graph_status(losses.graph));
    tw_graph_release(losses.graph);
    losses = losses_new();
    assert_int_equal(tw_call_loss(relu, losses.graph, losses.prediction, losses.label).index, 0);
    assert_fails(TW_ERROR_ARGUMENT, "ReLU is no loss", tw_graph_status(losses.graph));
    tw_graph_release(losses.graph);
    losses = losses_new();
    assert_int_equal(tw_call_loss(loss, losses.graph, losses.prediction, TW_INVALID_VALUE).index, 0);
    assert_fails(TW_ERROR_ARGUMENT, "prediction or label", tw_graph_status(losses.graph));
    tw_graph_release(losses.graph);
    losses = losses_new();
    assert_int_equal(tw_call_loss(NULL, losses.graph, losses.prediction, losses.label).index, 0);
    assert_fails(TW_ERROR_ARGUMENT, "NULL", tw_graph_status(losses.graph));
    tw_graph_release(losses.graph);
    tw_module_release(loss);
    tw_module_release(relu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_records_linear),
        cmocka_unit_test(conv2d_passes_its_geometry_on),
        cmocka_unit_test(pools_pass_their_geometry_on),
        cmocka_unit_test(plain_modules_record_their_operation),
        cmocka_unit_test(dropout_is_recorded_for_training_only),
        cmocka_unit_test(sequential_records_its_children_in_order),
        cmocka_unit_test(losses_record_scalars),
        cmocka_unit_test(losses_are_called_with_two_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
