/* layers/nn/nn.h: Sequential and ModuleList. */
#include <string.h>

#include "layers/nn/nn.h"
#include "tests/layers/module/module_test.h"

static void children_are_numbered(void **state)
{
    tw_module *modules[12], *sequential;

    (void)state;
    for (int i = 0; i < 12; i++) {
        modules[i] = tw_nn_relu();
    }
    sequential = tw_nn_sequential(modules, 12);
    assert_int_equal(tw_nn_module_list_count(sequential), 12);
    assert_ptr_equal(tw_module_find(sequential, "11"), modules[11]);
    assert_ptr_equal(tw_nn_module_list_at(sequential, 3), modules[3]);
    assert_null(tw_nn_module_list_at(sequential, 12));
    assert_int_equal(tw_error_status(), TW_ERROR_ARGUMENT);
    assert_non_null(strstr(tw_error_message(), "child 12"));
    tw_module_release(sequential);
}

static void a_failed_constructor_among_them_releases_all(void **state)
{
    size_t live = tw_memory_usage().live_blocks;

    (void)state;
    assert_null(
        tw_nn_sequential((tw_module *[]){tw_nn_relu(), tw_nn_linear(NULL, -3, 1, true), tw_nn_relu()}, 3));
    assert_non_null(strstr(tw_error_message(), "in_features -3"));
    assert_null(tw_nn_sequential(NULL, 3));
    assert_int_equal(tw_error_status(), TW_ERROR_ARGUMENT);
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

static void an_empty_sequential_passes_on(void **state)
{
    tw_module *sequential = tw_nn_sequential(NULL, 0);
    tw_graph *graph = tw_graph_new();
    tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(2, 3), true);

    (void)state;
    assert_int_equal(tw_call(sequential, graph, x).index, x.index);
    assert_ok(tw_graph_status(graph));
    tw_graph_release(graph);
    tw_module_release(sequential);
}

static void only_lists_can_be_appended_to(void **state)
{
    size_t live = tw_memory_usage().live_blocks;
    tw_module *sequential = tw_nn_sequential(NULL, 0), *list = tw_nn_module_list();

    (void)state;
    assert_fails(TW_ERROR_ARGUMENT, "append to Sequential",
                 tw_nn_module_list_append(sequential, tw_nn_relu()));
    assert_fails(TW_ERROR_ARGUMENT, "append to NULL", tw_nn_module_list_append(NULL, tw_nn_relu()));
    assert_fails(TW_ERROR_ARGUMENT, "probability 2", tw_nn_module_list_append(list, tw_nn_dropout(2)));
    assert_int_equal(tw_nn_module_list_count(list), 0);
    assert_ok(tw_nn_module_list_append(list, tw_nn_relu()));
    assert_string_equal(tw_nn_module_list_at(list, 0)->class->name, "ReLU");
    tw_module_release(sequential);
    tw_module_release(list);
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

static void a_list_has_no_forward(void **state)
{
    tw_module *list = tw_nn_module_list();
    tw_graph *graph = tw_graph_new();
    tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(2, 3), true);

    (void)state;
    assert_int_equal(tw_call(list, graph, x).index, 0);
    assert_fails(TW_ERROR_ARGUMENT, "ModuleList has no forward", tw_graph_status(graph));
    tw_graph_release(graph);
    tw_module_release(list);
}

static tw_module *new_nested(void)
{
    tw_module *list = tw_nn_module_list();

    if (list != NULL) {
        for (int i = 0; i < 10; i++) {
            (void)tw_nn_module_list_append(list, tw_nn_linear(NULL, 1, 1, true));
        }
    }
    return tw_nn_sequential(
        (tw_module *[]){tw_nn_sequential((tw_module *[]){tw_nn_relu(), tw_nn_relu()}, 2), list}, 2);
}

static void containers_survive_lack_of_memory(void **state)
{
    (void)state;
    assert_constructor_survives(new_nested);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_are_numbered),
        cmocka_unit_test(a_failed_constructor_among_them_releases_all),
        cmocka_unit_test(an_empty_sequential_passes_on),
        cmocka_unit_test(only_lists_can_be_appended_to),
        cmocka_unit_test(a_list_has_no_forward),
        cmocka_unit_test(containers_survive_lack_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
