/* layers/module/module.h: what goes down the tree. */
#include <string.h>

#include "layers/module/module.h"
#include "layers/nn/nn.h"
#include "tests/layers/module/module_test.h"

/* box: parameter "own" (1) | "left" Counter | "none" NULL | "right" Box: "inner" Counter, "left" the left one
 * again, parameter "tied" the left one's scale. */
static tw_module *new_tree(void)
{
    tw_module *box = new_box(), *left, *right;

    assert_non_null(box);
    left = tw_module_add(box, "left", new_counter());
    assert_non_null(tw_module_new_parameter(box, "own", TW_SHAPE(1)));
    assert_ok(tw_module_register_module(box, "none", NULL));
    right = tw_module_add(box, "right", new_box());
    assert_non_null(tw_module_add(right, "inner", new_counter()));
    assert_ok(tw_module_register_module(right, "left", tw_module_retain(left)));
    assert_ok(tw_module_register_parameter(right, "tied",
                                           tw_parameter_retain(TW_SELF(left, struct counter)->scale)));
    return box;
}

static void parameters_are_named_in_order_and_once(void **state)
{
    static const char *const expected[] = {"own", "left.scale", "right.inner.scale"};
    tw_module *tree = new_tree();
    struct tw_parameter_list list;

    (void)state;
    assert_ok(tw_module_named_parameters(tree, &list));
    assert_int_equal(list.count, 3);
    for (size_t i = 0; i < list.count; i++) {
        assert_string_equal(list.items[i].name, expected[i]);
    }
    tw_parameter_list_release(&list);
    assert_int_equal(list.count, 0);
    assert_ok(tw_module_named_parameters(tw_module_find(tree, "right"), &list));
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].name, "tied");
    assert_string_equal(list.items[1].name, "inner.scale");
    tw_parameter_list_release(&list);
    tw_module_release(tree);
}

/* Shared ones once, fields and buffers never, those registered as none neither. */
static void elements_are_counted_once(void **state)
{
    tw_module *tree = new_tree();

    (void)state;
    assert_int_equal(tw_module_parameter_elements(tree, false), 1 + 6 + 6);
    tw_module_requires_grad(tw_module_find(tree, "right.inner"), false);
    assert_int_equal(tw_module_parameter_elements(tree, true), 1 + 6);
    assert_int_equal(tw_module_parameter_elements(tree, false), 1 + 6 + 6);
    tw_module_requires_grad(tree, false);
    assert_int_equal(tw_module_parameter_elements(tree, true), 0);
    tw_module_requires_grad(tree, true);
    assert_int_equal(tw_module_parameter_elements(tree, true), 13);
    tw_memory_fail_after(0);
    assert_int_equal(tw_module_parameter_elements(tree, false), -1);
    tw_memory_fail_after(-1);
    tw_module_release(tree);
}

static void modes_go_down_the_tree(void **state)
{
    tw_module *tree = new_tree();

    (void)state;
    tw_module_train(tree, false);
    assert_false(tree->training);
    assert_false(tw_module_find(tree, "left")->training);
    assert_false(tw_module_find(tree, "right.inner")->training);
    tw_module_train(tw_module_find(tree, "right"), true);
    assert_false(tree->training);
    assert_true(tw_module_find(tree, "left")->training); /* it is "right.left" as well */
    assert_true(tw_module_find(tree, "right.inner")->training);
    tw_module_release(tree);
}

static void gradients_of_the_whole_tree_become_zero(void **state)
{
    tw_module *tree = new_tree();
    struct tw_parameter_list list;

    (void)state;
    assert_ok(tw_module_named_parameters(tree, &list));
    for (size_t i = 0; i < list.count; i++) {
        tw_tensor_fill(tw_parameter_gradient(list.items[i].parameter), 3);
    }
    tw_module_zero_grad(tree);
    for (size_t i = 0; i < list.count; i++) {
        const float *gradient = tw_parameter_gradient(list.items[i].parameter)->data;

        assert_true(gradient[0] == 0);
    }
    tw_parameter_list_release(&list);
    tw_module_release(tree);
}

/* --- apply ------------------------------------------------------------------------------------------------
 */

struct journal {
    char text[256];
    const char *stop_at;
};

static enum tw_status note(void *context, const char *path, tw_module *module)
{
    struct journal *journal = context;
    size_t length = strlen(journal->text);

    snprintf(journal->text + length, sizeof journal->text - length, "%s:%s ", path, module->class->name);
    if (journal->stop_at != NULL && strcmp(path, journal->stop_at) == 0) {
        return tw_fail(TW_ERROR_UNSUPPORTED, "stopped at %s", path);
    }
    return TW_OK;
}

static void apply_visits_children_before_parents_once(void **state)
{
    struct journal journal = {.text = ""};
    tw_module *tree = new_tree();

    (void)state;
    assert_ok(tw_module_apply(tree, note, &journal));
    assert_string_equal(journal.text, "left:Counter right.inner:Counter right:Box :Box ");
    tw_module_release(tree);
}

static void apply_stops_at_the_first_failure(void **state)
{
    struct journal journal = {.text = "", .stop_at = "right.inner"};
    tw_module *tree = new_tree();

    (void)state;
    assert_fails(TW_ERROR_UNSUPPORTED, "stopped at right.inner", tw_module_apply(tree, note, &journal));
    assert_string_equal(journal.text, "left:Counter right.inner:Counter ");
    tw_module_release(tree);
}

/* --- find -------------------------------------------------------------------------------------------------
 */

static void find_follows_paths(void **state)
{
    tw_module *tree = new_tree();

    (void)state;
    assert_ptr_equal(tw_module_find(tree, ""), tree);
    assert_ptr_equal(tw_module_find(tree, "right.left"), tw_module_find(tree, "left"));
    assert_string_equal(tw_module_find(tree, "right.inner")->class->name, "Counter");
    tw_module_release(tree);
}

static void find_names_the_missing_part(void **state)
{
    static const struct {
        const char *path, *part;
    } cases[] = {
        {"wrong", "\"wrong\": Box has no submodule \"wrong\""},
        {"right.inner.deep", "Counter has no submodule \"deep\""},
        {"right.inner.", "no submodule \"\""},
        {".right", "no submodule \"\""},
        {"right..inner", "no submodule \"\""},
        {"none", "no submodule \"none\""},
        {"own", "no submodule \"own\""},
        {"lef", "no submodule \"lef\""},
        {"lefty", "no submodule \"lefty\""},
    };
    tw_module *tree = new_tree();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(tw_module_find(tree, cases[i].path));
        assert_int_equal(tw_error_status(), TW_ERROR_ARGUMENT);
        assert_non_null(strstr(tw_error_message(), cases[i].part));
    }
    assert_null(tw_module_find(tree, NULL));
    tw_module_release(tree);
}

/* --- memory -----------------------------------------------------------------------------------------------
 */

static enum tw_status traverse(void *tree)
{
    struct journal journal = {.text = ""};
    struct tw_parameter_list list;
    enum tw_status status = tw_module_named_parameters(tree, &list);
    char *text;

    if (status != TW_OK) {
        assert_int_equal(list.count, 0);
        return status;
    }
    tw_parameter_list_release(&list);
    status = tw_module_apply(tree, note, &journal);
    if (status != TW_OK) {
        return status;
    }
    text = tw_module_text(tree);
    tw_free(text);
    return text != NULL ? TW_OK : tw_error_status();
}

static void nothing(void *tree)
{
    (void)tree;
}

static void traversals_survive_lack_of_memory(void **state)
{
    tw_module *tree = new_tree();

    (void)state;
    assert_survives_lack_of_memory(traverse, nothing, tree);
    tw_module_release(tree);
}

/* Twenty-five levels, each with the next one twice: over thirty million paths, but twenty-six modules. */
static void sharing_does_not_multiply_work(void **state)
{
    tw_module *module = new_counter();

    (void)state;
    for (int i = 0; i < 25; i++) {
        tw_module *box = new_box();

        assert_ok(tw_module_register_module(box, "a", module));
        assert_ok(tw_module_register_module(box, "b", tw_module_retain(module)));
        module = box;
    }
    assert_int_equal(tw_module_parameter_elements(module, false), 6);
    tw_module_release(module);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_named_in_order_and_once),
        cmocka_unit_test(elements_are_counted_once),
        cmocka_unit_test(modes_go_down_the_tree),
        cmocka_unit_test(gradients_of_the_whole_tree_become_zero),
        cmocka_unit_test(apply_visits_children_before_parents_once),
        cmocka_unit_test(apply_stops_at_the_first_failure),
        cmocka_unit_test(find_follows_paths),
        cmocka_unit_test(find_names_the_missing_part),
        cmocka_unit_test(traversals_survive_lack_of_memory),
        cmocka_unit_test(sharing_does_not_multiply_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
