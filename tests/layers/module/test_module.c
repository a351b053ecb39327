/* layers/module/module.h: life, registration, ownership. */
#include "layers/module/module.h"

#include <string.h>

#include "layers/nn/nn.h"
#include "tests/layers/module/module_test.h"

static void a_new_module_trains_and_is_empty(void **state)
{
    tw_module *module = new_box();

    (void)state;
    assert_non_null(module);
    assert_true(module->training);
    assert_int_equal(tw_module_parameter_elements(module, false), 0);
    assert_ptr_equal(tw_module_ready(module), module);
    tw_module_release(module);
    tw_module_release(NULL);
    assert_null(tw_module_retain(NULL));
    assert_null(tw_module_ready(NULL));
}

static void bad_classes_and_sizes_are_refused(void **state)
{
    static const tw_module_class nameless = {0};
    tw_module *module = new_box();

    (void)state;
    assert_null(tw_module_new(sizeof(tw_module) - 1, &box_class));
    assert_int_equal(tw_error_status(), TW_ERROR_ARGUMENT);
    assert_null(tw_module_new(sizeof(tw_module), NULL));
    assert_null(tw_module_new(sizeof(tw_module), &nameless));
    assert_fails(TW_ERROR_ARGUMENT, "module is NULL", tw_module_init(NULL, &box_class));
    assert_fails(TW_ERROR_STATE, "Box", tw_module_init(module, &box_class));
    tw_module_release(module);
}

static void everything_goes_with_the_last_reference(void **state)
{
    size_t live = tw_memory_usage().live_blocks;
    tw_module *box = new_box(), *counter = new_counter();
    int destroyed = 0;

    (void)state;
    TW_SELF(counter, struct counter)->destroyed = &destroyed;
    assert_ok(tw_module_register_module(box, "first", counter));
    assert_ok(tw_module_register_module(box, "second", tw_module_retain(counter)));
    tw_module_retain(counter);
    tw_module_release(box);
    assert_int_equal(destroyed, 0);
    tw_module_release(counter);
    assert_int_equal(destroyed, 1);
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

/* --- names ------------------------------------------------------------------------------------------------
 */

static void names_are_unique_across_kinds(void **state)
{
    static const char *const taken[] = {"scale", "shift", "count", "scratch", "child", "nobody"};
    tw_module *counter = new_counter();

    (void)state;
    assert_ok(tw_module_register_module(counter, "child", new_box()));
    assert_ok(tw_module_register_module(counter, "nobody", NULL));
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        assert_fails(TW_ERROR_ARGUMENT, taken[i],
                     tw_module_register_parameter(counter, taken[i], tw_parameter_new(TW_SHAPE(1))));
        assert_non_null(strstr(tw_error_message(), "Counter: parameter"));
        assert_fails(TW_ERROR_ARGUMENT, taken[i],
                     tw_module_register_buffer(counter, taken[i], tw_tensor_new(TW_F32, TW_SHAPE(1)), true));
        assert_fails(TW_ERROR_ARGUMENT, taken[i], tw_module_register_module(counter, taken[i], new_box()));
        assert_fails(TW_ERROR_ARGUMENT, taken[i], tw_module_register_module(counter, taken[i], NULL));
    }
    assert_int_equal(counter->parameter_count, 2);
    assert_int_equal(counter->buffer_count, 2);
    assert_int_equal(counter->child_count, 2);
    assert_null(tw_module_ready(counter));
}

static void senseless_names_are_refused(void **state)
{
    static const char *const names[] = {NULL, "", ".", "a.b", "a."};
    static const char *const parts[] = {"NULL", "empty", "dot", "\"a.b\"", "\"a.\""};
    tw_module *box = new_box();

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_fails(TW_ERROR_ARGUMENT, parts[i], tw_module_register_parameter(box, names[i], NULL));
        assert_fails(TW_ERROR_ARGUMENT, parts[i], tw_module_register_buffer(box, names[i], NULL, true));
        assert_fails(TW_ERROR_ARGUMENT, parts[i], tw_module_register_module(box, names[i], NULL));
    }
    assert_int_equal(box->parameter_count + box->buffer_count + box->child_count, 0);
    tw_module_release(box);
}

static void registering_before_init_is_an_error(void **state)
{
    size_t live = tw_memory_usage().live_blocks;
    tw_module *raw = tw_alloc(sizeof *raw), *child = tw_alloc(sizeof *child), *box = new_box();

    (void)state;
    assert_fails(TW_ERROR_STATE, "\"w\" registered before tw_module_init",
                 tw_module_register_parameter(raw, "w", tw_parameter_new(TW_SHAPE(1))));
    assert_fails(TW_ERROR_STATE, "before",
                 tw_module_register_buffer(raw, "b", tw_tensor_new(TW_F32, TW_SHAPE(1)), true));
    assert_fails(TW_ERROR_STATE, "before", tw_module_register_module(raw, "m", new_box()));
    assert_null(tw_module_new_parameter(raw, "p", TW_SHAPE(1)));
    assert_fails(TW_ERROR_STATE, "before", tw_module_register_module(NULL, "m", new_box()));
    assert_null(tw_module_ready(raw));
    assert_fails(TW_ERROR_STATE, "\"child\"", tw_module_register_module(box, "child", child));
    assert_null(tw_module_ready(box));
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

/* --- ownership and failures -------------------------------------------------------------------------------
 */

static void a_failed_registration_releases_what_it_was_given(void **state)
{
    tw_module *box = new_box(), *child = new_counter();
    tw_parameter *parameter = tw_parameter_new(TW_SHAPE(7));
    size_t live = tw_memory_usage().live_blocks;

    (void)state;
    tw_module_retain(child);
    tw_parameter_retain(parameter);
    assert_fails(TW_ERROR_ARGUMENT, "", tw_module_register_module(box, "a.b", child));
    assert_fails(TW_ERROR_ARGUMENT, "", tw_module_register_parameter(box, "a.b", parameter));
    assert_int_equal(child->references, 1);
    assert_int_equal(parameter->references, 1);
    assert_fails(TW_ERROR_ARGUMENT, "",
                 tw_module_register_buffer(box, "a.b", tw_tensor_new(TW_F32, TW_SHAPE(2)), true));
    assert_int_equal(tw_memory_usage().live_blocks, live);
    tw_module_release(child);
    tw_parameter_release(parameter);
    tw_module_release(box);
}

static void one_failure_spoils_the_constructor(void **state)
{
    size_t live = tw_memory_usage().live_blocks;
    tw_module *box = new_box();

    (void)state;
    assert_non_null(tw_module_new_parameter(box, "first", TW_SHAPE(2)));
    assert_null(tw_module_new_parameter(box, "second", TW_SHAPE(2, -3)));
    assert_non_null(tw_module_new_parameter(box, "third", TW_SHAPE(2)));
    assert_null(tw_module_ready(box));
    assert_int_equal(tw_error_status(), TW_ERROR_SHAPE);
    assert_non_null(strstr(tw_error_message(), "Box: parameter \"second\""));
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

static void a_failed_child_spoils_the_constructor(void **state)
{
    size_t live = tw_memory_usage().live_blocks;
    tw_module *box = new_box();

    (void)state;
    assert_null(tw_module_add(box, "fc", tw_nn_linear(NULL, 0, 3, true)));
    assert_non_null(tw_module_add(box, "relu", tw_nn_relu()));
    assert_null(tw_module_ready(box));
    assert_non_null(strstr(tw_error_message(), "in_features 0"));
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

static void a_failure_below_spoils_the_constructor(void **state)
{
    tw_module *box = new_box();
    tw_module *list = tw_module_add(box, "list", tw_nn_module_list());

    (void)state;
    assert_fails(TW_ERROR_ARGUMENT, "out_features -1",
                 tw_nn_module_list_append(list, tw_nn_linear(NULL, 2, -1, true)));
    assert_null(tw_module_ready(box));
}

static void a_module_cannot_be_below_itself(void **state)
{
    size_t live = tw_memory_usage().live_blocks;
    tw_module *top = new_box(), *middle = new_box(), *bottom = new_box();

    (void)state;
    assert_ok(tw_module_register_module(top, "middle", middle));
    assert_ok(tw_module_register_module(middle, "bottom", bottom));
    assert_fails(TW_ERROR_ARGUMENT, "\"me\" (Box) is or contains this module",
                 tw_module_register_module(bottom, "me", tw_module_retain(bottom)));
    assert_fails(TW_ERROR_ARGUMENT, "\"up\"",
                 tw_module_register_module(bottom, "up", tw_module_retain(middle)));
    assert_int_equal(bottom->references, 1);
    assert_int_equal(middle->references, 1);
    /* Without a reference to spare: the module that is being used must not vanish. */
    assert_fails(TW_ERROR_ARGUMENT, "\"up\"", tw_module_register_module(bottom, "up", top));
    assert_fails(TW_ERROR_ARGUMENT, "\"top\"", tw_module_register_module(top, "top", top));
    assert_int_equal(top->references, 1);
    assert_int_equal(bottom->child_count, 0);
    tw_module_release(top);
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

static tw_module *new_shared_pair(void)
{
    tw_module *box = new_box(), *first, *second;

    if (box == NULL) {
        return NULL;
    }
    first = tw_module_add(box, "first", new_counter());
    second = tw_module_add(box, "second", new_counter());
    if (first != NULL && second != NULL) {
        tw_parameter *scale = TW_SELF(first, struct counter)->scale;

        (void)tw_module_register_parameter(second, "tied", tw_parameter_retain(scale));
        (void)tw_module_register_module(second, "again", tw_module_retain(first));
    }
    return tw_module_ready(box);
}

static void constructors_survive_lack_of_memory(void **state)
{
    (void)state;
    assert_constructor_survives(new_box);
    assert_constructor_survives(new_counter);
    assert_constructor_survives(new_shared_pair);
}

/* Arrays of registrations grow; more than any initial capacity holds, in order. */
static void many_registrations_keep_their_order(void **state)
{
    tw_module *box = new_box();
    struct tw_parameter_list list;
    char name[16];

    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "p%d", i);
        assert_non_null(tw_module_new_parameter(box, name, TW_SHAPE(i + 1)));
        snprintf(name, sizeof name, "b%d", i);
        assert_ok(tw_module_register_buffer(box, name, NULL, true));
    }
    assert_ok(tw_module_named_parameters(box, &list));
    assert_int_equal(list.count, 100);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "p%d", i);
        assert_string_equal(list.items[i].name, name);
        assert_int_equal(tw_tensor_count(list.items[i].parameter->data), i + 1);
    }
    tw_parameter_list_release(&list);
    tw_module_release(box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_module_trains_and_is_empty),
        cmocka_unit_test(bad_classes_and_sizes_are_refused),
        cmocka_unit_test(everything_goes_with_the_last_reference),
        cmocka_unit_test(names_are_unique_across_kinds),
        cmocka_unit_test(senseless_names_are_refused),
        cmocka_unit_test(registering_before_init_is_an_error),
        cmocka_unit_test(a_failed_registration_releases_what_it_was_given),
        cmocka_unit_test(one_failure_spoils_the_constructor),
        cmocka_unit_test(a_failed_child_spoils_the_constructor),
        cmocka_unit_test(a_failure_below_spoils_the_constructor),
        cmocka_unit_test(a_module_cannot_be_below_itself),
        cmocka_unit_test(constructors_survive_lack_of_memory),
        cmocka_unit_test(many_registrations_keep_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
