/* tw_call and layers/module/module_call.h: whose operations stand where on the graph. */
#include "layers/module/module_call.h"

#include <string.h>

#include "layers/graph/functional.h"
#include "layers/nn/nn.h"
#include "tests/layers/module/module_test.h"

/* A module whose forward calls what the test tells it to. */
struct caller {
    tw_module super;
    tw_module *callees[4];
};

static tw_value caller_forward(tw_module *self, tw_graph *graph, tw_value x)
{
    struct caller *caller = TW_SELF(self, struct caller);

    for (size_t i = 0; i < sizeof caller->callees / sizeof *caller->callees; i++) {
        if (caller->callees[i] != NULL) {
            x = tw_call(caller->callees[i], graph, x);
        }
    }
    return tw_relu(graph, x);
}

static const tw_module_class caller_class = {.name = "Caller", .forward = caller_forward};

static struct caller *new_caller(void)
{
    struct caller *caller = tw_module_new(sizeof *caller, &caller_class);

    assert_non_null(caller);
    return caller;
}

static tw_graph *graph_with_input(tw_value *x)
{
    tw_graph *graph = tw_graph_new();

    assert_non_null(graph);
    *x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(4, 3), true);
    assert_ok(tw_graph_status(graph));
    return graph;
}

static void assert_at_root(const tw_graph *graph)
{
    assert_true(graph->path == NULL || graph->path[0] == '\0');
    assert_null(graph->recording);
}

/* The paths of all nodes, in order, each followed by a blank. */
static void assert_paths(const tw_graph *graph, const char *expected)
{
    char text[512] = "";

    for (size_t i = 1; i < graph->node_count; i++) {
        size_t length = strlen(text);

        snprintf(text + length, sizeof text - length, "%s ", graph->nodes[i].path);
    }
    assert_string_equal(text, expected);
}

/* root calls "list.0" (through its list), "inner" (which calls "inner.fc"), a stranger, and records itself.
 */
static void nodes_carry_the_path_of_their_module(void **state)
{
    struct caller *root = new_caller(), *inner = new_caller(), *stranger = new_caller();
    tw_module *list = tw_module_add(&root->super, "list", tw_nn_module_list());
    tw_value x;
    tw_graph *graph = graph_with_input(&x);

    (void)state;
    assert_ok(tw_nn_module_list_append(list, tw_nn_linear(NULL, 3, 3, true)));
    assert_ok(tw_module_register_module(&root->super, "inner", &inner->super));
    inner->callees[0] = tw_module_add(&inner->super, "fc", tw_nn_linear(NULL, 3, 3, false));
    root->callees[0] = tw_nn_module_list_at(list, 0);
    root->callees[1] = &inner->super;
    root->callees[2] = &stranger->super;
    root->callees[3] = root->callees[0];
    tw_call(&root->super, graph, x);
    assert_ok(tw_graph_status(graph));
    assert_paths(graph, "list.0 inner.fc inner <Caller> list.0  ");
    assert_at_root(graph);
    tw_graph_release(graph);
    tw_module_release(&stranger->super);
    tw_module_release(&root->super);
}

static void parameters_are_named_as_in_the_state_dict(void **state)
{
    struct caller *root = new_caller();
    tw_value x;
    tw_graph *graph = graph_with_input(&x);
    size_t parameters = 0;

    (void)state;
    root->callees[0] = tw_module_add(&root->super, "fc", tw_nn_linear(NULL, 3, 3, true));
    tw_call(&root->super, graph, x);
    for (size_t i = 1; i < graph->value_count; i++) {
        if (graph->values[i].kind == TW_VALUE_PARAMETER) {
            assert_string_equal(graph->values[i].name, parameters++ == 0 ? "fc.weight" : "fc.bias");
        }
    }
    assert_int_equal(parameters, 2);
    tw_graph_release(graph);
    tw_module_release(&root->super);
}

static void errors_deep_inside_name_the_place(void **state)
{
    struct caller *root = new_caller(), *inner = new_caller();
    tw_value x;
    tw_graph *graph = graph_with_input(&x);

    (void)state;
    assert_ok(tw_module_register_module(&root->super, "inner", &inner->super));
    root->callees[0] = &inner->super;
    inner->callees[0] = tw_module_add(&inner->super, "fc", tw_nn_linear(NULL, 5, 2, true));
    inner->callees[1] = tw_module_add(&inner->super, "next", tw_nn_linear(NULL, 9, 9, true));
    assert_int_equal(tw_call(&root->super, graph, x).index, 0);
    assert_fails(TW_ERROR_SHAPE, "inner.fc: linear: input", tw_graph_status(graph));
    assert_at_root(graph);
    tw_graph_release(graph);
    tw_module_release(&root->super);
}

static void senseless_calls_are_errors_on_the_graph(void **state)
{
    tw_module *box = new_box(), *relu = tw_nn_relu(), *raw = tw_alloc(sizeof *raw);
    const struct {
        tw_module *module;
        uint32_t x;
        enum tw_status status;
        const char *part;
    } cases[] = {
        {NULL, 1, TW_ERROR_ARGUMENT, "module is NULL"},
        {raw, 1, TW_ERROR_STATE, "before its tw_module_init"},
        {box, 1, TW_ERROR_ARGUMENT, "Box has no forward"},
        {relu, 0, TW_ERROR_ARGUMENT, "ReLU: its input"},
        {relu, 77, TW_ERROR_ARGUMENT, "ReLU: its input"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tw_value x;
        tw_graph *graph = graph_with_input(&x);

        assert_int_equal(tw_call(cases[i].module, graph, (tw_value){cases[i].x}).index, 0);
        assert_fails(cases[i].status, cases[i].part, tw_graph_status(graph));
        /* The first error stays. */
        assert_int_equal(tw_call(NULL, graph, x).index, 0);
        assert_fails(cases[i].status, cases[i].part, tw_graph_status(graph));
        assert_at_root(graph);
        tw_graph_release(graph);
    }
    assert_int_equal(tw_call(relu, NULL, (tw_value){1}).index, 0);
    assert_int_equal(tw_error_status(), TW_ERROR_ARGUMENT);
    tw_module_release(box);
    tw_module_release(relu);
    tw_module_release(raw);
}

static void endless_calls_end(void **state)
{
    struct caller *ping = new_caller(), *pong = new_caller();
    tw_value x;
    tw_graph *graph = graph_with_input(&x);

    (void)state;
    ping->callees[0] = &pong->super;
    pong->callees[0] = &ping->super;
    assert_int_equal(tw_call(&ping->super, graph, x).index, 0);
    assert_fails(TW_ERROR_STATE, "more than 1000 deep", tw_graph_status(graph));
    assert_at_root(graph);
    tw_graph_release(graph);
    tw_module_release(&ping->super);
    tw_module_release(&pong->super);
}

/* --- memory -----------------------------------------------------------------------------------------------
 */

struct recording {
    tw_module *module;
    tw_graph *graph;
};

static enum tw_status record(void *context)
{
    struct recording *recording = context;
    enum tw_status status;
    tw_value x;

    recording->graph = tw_graph_new();
    if (recording->graph == NULL) {
        return tw_error_status();
    }
    x = tw_graph_input(recording->graph, "x", TW_F32, TW_SHAPE(4, 3), true);
    tw_call(recording->module, recording->graph, x);
    assert_at_root(recording->graph);
    status = tw_graph_status(recording->graph);
    if (status != TW_OK) {
        tw_graph_release(recording->graph);
    }
    return status;
}

static void undo(void *context)
{
    tw_graph_release(((struct recording *)context)->graph);
}

static void recording_survives_lack_of_memory(void **state)
{
    struct caller *root = new_caller(), *stranger = new_caller();
    struct recording recording = {.module = &root->super};

    (void)state;
    root->callees[0] = tw_module_add(&root->super, "fc", tw_nn_linear(NULL, 3, 3, true));
    root->callees[1] = &stranger->super;
    assert_survives_lack_of_memory(record, undo, &recording);
    tw_module_release(&root->super);
    tw_module_release(&stranger->super);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_carry_the_path_of_their_module),
        cmocka_unit_test(parameters_are_named_as_in_the_state_dict),
        cmocka_unit_test(errors_deep_inside_name_the_place),
        cmocka_unit_test(senseless_calls_are_errors_on_the_graph),
        cmocka_unit_test(endless_calls_end),
        cmocka_unit_test(recording_survives_lack_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
