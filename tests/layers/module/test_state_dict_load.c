/* layers/module/state_dict.h: loading. */
#include "layers/module/state_dict.h"

#include <string.h>

#include "tests/layers/module/module_test.h"

static void loading_copies(void **state)
{
    tw_module *source = new_counters(5), *target = new_counters(1);
    tw_state_dict dict;

    (void)state;
    assert_ok(tw_module_state_dict(source, &dict));
    assert_ok(tw_module_load_state_dict(target, &dict, true));
    assert_true(element_of(target, "second.scale") == 6);
    tw_tensor_fill(dict.items[2].tensor, 100);
    assert_true(element_of(target, "second.scale") == 6);
    assert_ok(tw_module_load_state_dict(source, &dict, true));
    assert_true(element_of(source, "second.scale") == 100);
    tw_state_dict_release(&dict);
    tw_module_release(source);
    tw_module_release(target);
}

/* Views of the module's own memory, each to be copied over the other. */
static void loading_own_views_crosswise_exchanges_them(void **state)
{
    tw_module *box = new_counters(1);
    tw_state_dict own, dict = {0};

    (void)state;
    assert_ok(tw_module_state_dict(box, &own));
    assert_ok(tw_state_dict_add(&dict, "first.scale",
                                tw_tensor_reshape(own.items[2].tensor, own.items[2].tensor->shape)));
    assert_ok(tw_state_dict_add(&dict, "second.scale",
                                tw_tensor_reshape(own.items[0].tensor, own.items[0].tensor->shape)));
    assert_ok(tw_module_load_state_dict(box, &dict, false));
    assert_true(element_of(box, "first.scale") == 2);
    assert_true(element_of(box, "second.scale") == 1);
    tw_state_dict_release(&dict);
    tw_state_dict_release(&own);
    tw_module_release(box);
}

/* A dict that lacks "second.count" and the shared names, has a stranger, and new values. */
static tw_state_dict incomplete_dict(void)
{
    tw_state_dict dict = {0};

    assert_ok(tw_state_dict_add(&dict, "first.scale", tw_tensor_new(TW_F32, TW_SHAPE(2, 3))));
    assert_ok(tw_state_dict_add(&dict, "first.count", tw_tensor_new(TW_I64, tw_scalar_shape())));
    assert_ok(tw_state_dict_add(&dict, "second.scale", tw_tensor_new(TW_F32, TW_SHAPE(2, 3))));
    assert_ok(tw_state_dict_add(&dict, "stranger", tw_tensor_new(TW_F32, TW_SHAPE(1))));
    tw_tensor_fill(dict.items[0].tensor, 50);
    tw_tensor_fill(dict.items[2].tensor, 60);
    return dict;
}

static void strict_loading_names_every_key_and_writes_nothing(void **state)
{
    static const char *const parts[] = {"missing \"second.count\"", "missing \"again.scale\"",
                                        "missing \"again.count\"", "unexpected \"stranger\"", "into Box"};
    tw_module *box = new_counters(1);
    tw_state_dict dict = incomplete_dict();
    char before[TW_SHA256_TEXT_BYTES], after[TW_SHA256_TEXT_BYTES];

    (void)state;
    assert_ok(tw_module_sha256(box, before));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        assert_fails(TW_ERROR_ARGUMENT, parts[i], tw_module_load_state_dict(box, &dict, true));
    }
    assert_null(strstr(tw_error_message(), "first.scale"));
    assert_ok(tw_module_sha256(box, after));
    assert_string_equal(before, after);
    assert_ok(tw_module_load_state_dict(box, &dict, false));
    assert_true(element_of(box, "first.scale") == 50);
    assert_true(element_of(box, "second.scale") == 60);
    tw_state_dict_release(&dict);
    tw_module_release(box);
}

static void misshaped_keys_fail_even_when_not_strict(void **state)
{
    tw_module *box = new_counters(1);
    tw_state_dict dict = incomplete_dict();

    (void)state;
    assert_ok(tw_state_dict_add(&dict, "second.count", tw_tensor_new(TW_I64, TW_SHAPE(1))));
    tw_tensor_release(dict.items[2].tensor);
    dict.items[2].tensor = tw_tensor_new(TW_F32, TW_SHAPE(3, 2));
    for (int strict = 0; strict < 2; strict++) {
        assert_fails(TW_ERROR_SHAPE, "misshaped \"second.scale\" has shape (3, 2), expected (2, 3)",
                     tw_module_load_state_dict(box, &dict, strict));
        assert_non_null(strstr(tw_error_message(), "misshaped \"second.count\" has shape (1,), expected ()"));
        assert_int_equal(strstr(tw_error_message(), "stranger") != NULL, strict);
        assert_true(element_of(box, "first.scale") == 1);
    }
    tw_state_dict_release(&dict);
    tw_module_release(box);
}

/* Far more keys than a message holds: it ends with how many were left out, and no key is cut in two. */
static void long_lists_of_keys_end_with_a_count(void **state)
{
    tw_module *box = new_box();
    tw_state_dict dict = {0};
    const char *message, *cut;
    unsigned listed = 0, left_out;
    char name[64];

    (void)state;
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "unexpected_parameter_with_a_long_name_%03d", i);
        assert_ok(tw_state_dict_add(&dict, name, tw_tensor_new(TW_F32, TW_SHAPE(1))));
    }
    assert_fails(TW_ERROR_ARGUMENT, "name_000\"; ", tw_module_load_state_dict(box, &dict, true));
    message = tw_error_message();
    for (const char *key = message; (key = strstr(key, "name_")) != NULL; key++) {
        listed++;
    }
    cut = strstr(message, "; and ");
    assert_non_null(cut);
    assert_int_equal(sscanf(cut, "; and %u more keys do not fit", &left_out), 1);
    assert_int_equal(listed + left_out, 500);
    assert_true(listed > 5);
    assert_int_equal(cut[-1], '"');
    tw_state_dict_release(&dict);
    tw_module_release(box);
}

static void a_huge_key_does_not_hide_the_count(void **state)
{
    tw_module *box = new_box();
    tw_state_dict dict = {0};
    char *name = tw_alloc(5000);

    (void)state;
    memset(name, 'x', 4999);
    assert_ok(tw_state_dict_add(&dict, name, tw_tensor_new(TW_F32, TW_SHAPE(1))));
    assert_fails(TW_ERROR_ARGUMENT, "into Box: 1 more keys do not fit",
                 tw_module_load_state_dict(box, &dict, true));
    tw_free(name);
    tw_state_dict_release(&dict);
    tw_module_release(box);
}

static void loading_converts_dtypes(void **state)
{
    tw_module *box = new_counters(1);
    tw_state_dict dict = {0};

    (void)state;
    assert_ok(tw_state_dict_add(&dict, "first.scale", tw_tensor_new(TW_F64, TW_SHAPE(2, 3))));
    tw_tensor_fill(dict.items[0].tensor, 0.1);
    assert_ok(tw_module_load_state_dict(box, &dict, false));
    assert_true(element_of(box, "first.scale") == (double)0.1f);
    tw_state_dict_release(&dict);
    tw_module_release(box);
}

/* --- memory -----------------------------------------------------------------------------------------------
 */

struct exchange {
    tw_module *source, *target;
};

static enum tw_status save_and_load(void *context)
{
    struct exchange *exchange = context;
    char digest[TW_SHA256_TEXT_BYTES];
    tw_state_dict dict;
    enum tw_status status = tw_module_state_dict(exchange->source, &dict);

    if (status == TW_OK) {
        status = tw_module_load_state_dict(exchange->target, &dict, true);
    }
    if (status == TW_OK) {
        /* Its own views: the way through clones. */
        status = tw_module_load_state_dict(exchange->source, &dict, true);
    }
    if (status == TW_OK) {
        status = tw_module_sha256(exchange->source, digest);
    }
    tw_state_dict_release(&dict);
    return status;
}

static void nothing(void *context)
{
    (void)context;
}

static void everything_survives_lack_of_memory(void **state)
{
    struct exchange exchange = {new_counters(1), new_counters(2)};

    (void)state;
    assert_survives_lack_of_memory(save_and_load, nothing, &exchange);
    assert_true(element_of(exchange.target, "first.scale") == 1);
    tw_module_release(exchange.source);
    tw_module_release(exchange.target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loading_copies),
        cmocka_unit_test(loading_own_views_crosswise_exchanges_them),
        cmocka_unit_test(strict_loading_names_every_key_and_writes_nothing),
        cmocka_unit_test(misshaped_keys_fail_even_when_not_strict),
        cmocka_unit_test(long_lists_of_keys_end_with_a_count),
        cmocka_unit_test(a_huge_key_does_not_hide_the_count),
        cmocka_unit_test(loading_converts_dtypes),
        cmocka_unit_test(everything_survives_lack_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
