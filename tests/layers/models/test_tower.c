/* layers/models/tower.h */
#include "layers/models/tower.h"

#include <string.h>

#include "layers/graph/operation.h"
#include "layers/module/state_dict.h"
#include "tests/layers/module/golden_modules.h"
#include "tests/layers/module/module_test.h"

static void weights_are_pytorchs_bit_for_bit(void **state)
{
    (void)state;
    assert_int_equal(tw_test_compare_weights("tower", tw_tower_new), 6 * 8);
}

static void it_is_the_tower_of_the_textbook(void **state)
{
    static const char *const names[] = {"conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias",
                                        "fc1.weight",   "fc1.bias",   "fc2.weight",   "fc2.bias"};
    tw_module *tower = tw_tower_new(NULL);
    tw_state_dict dict;

    (void)state;
    assert_int_equal(tw_module_parameter_elements(tower, true), 421642);
    tw_test_compare_print(tower, 0);
    assert_ok(tw_module_state_dict(tower, &dict));
    assert_int_equal(dict.count, 8);
    for (size_t i = 0; i < 8; i++) {
        assert_string_equal(dict.items[i].name, names[i]);
    }
    tw_state_dict_release(&dict);
    tw_module_release(tower);
}

static void forward_records_the_textbook(void **state)
{
    static const struct {
        const char *operation, *path;
        struct tw_shape shape;
    } expected[] = {
        {"conv2d", "conv1", {4, {64, 32, 28, 28}}},
        {"relu", "", {4, {64, 32, 28, 28}}},
        {"max_pool2d", "", {4, {64, 32, 14, 14}}},
        {"conv2d", "conv2", {4, {64, 64, 14, 14}}},
        {"relu", "", {4, {64, 64, 14, 14}}},
        {"max_pool2d", "", {4, {64, 64, 7, 7}}},
        {"view", "", {2, {64, 3136}}},
        {"linear", "fc1", {2, {64, 128}}},
        {"relu", "", {2, {64, 128}}},
        {"linear", "fc2", {2, {64, 10}}},
    };
    tw_module *tower = tw_tower_new(NULL);
    tw_graph *graph = tw_graph_new();
    tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(64, 1, 28, 28), true);

    (void)state;
    tw_call(tower, graph, x);
    assert_ok(tw_graph_status(graph));
    assert_int_equal(graph->node_count - 1, sizeof expected / sizeof *expected);
    for (size_t i = 1; i < graph->node_count; i++) {
        const struct tw_graph_node *node = &graph->nodes[i];

        assert_string_equal(node->operation->name, expected[i - 1].operation);
        assert_string_equal(node->path, expected[i - 1].path);
        assert_true(tw_shape_equal(&graph->values[node->output[0]].shape, &expected[i - 1].shape));
    }
    tw_graph_release(graph);
    tw_module_release(tower);
}

static void images_of_another_size_are_refused_by_name(void **state)
{
    tw_module *tower = tw_tower_new(NULL);
    tw_graph *graph = tw_graph_new();
    tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(64, 1, 32, 32), true);

    (void)state;
    assert_int_equal(tw_call(tower, graph, x).index, 0);
    assert_fails(TW_ERROR_SHAPE, "fc1: linear: input (64, 4096)", tw_graph_status(graph));
    tw_graph_release(graph);
    tw_module_release(tower);
}

static tw_module *new_tower(void)
{
    return tw_tower_new(NULL);
}

static void it_survives_lack_of_memory(void **state)
{
    (void)state;
    assert_constructor_survives(new_tower);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_pytorchs_bit_for_bit),
        cmocka_unit_test(it_is_the_tower_of_the_textbook),
        cmocka_unit_test(forward_records_the_textbook),
        cmocka_unit_test(images_of_another_size_are_refused_by_name),
        cmocka_unit_test(it_survives_lack_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
