/* layers/module/state_dict.h */
#include "layers/module/state_dict.h"

#include <openssl/evp.h>
#include <string.h>

#include "layers/nn/nn.h"
#include "tests/layers/module/module_test.h"

static void assert_names(const tw_state_dict *dict, const char *const *names, size_t count)
{
    assert_int_equal(dict->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(dict->items[i].name, names[i]);
    }
}

/* Not the shift registered as none, not the scratch buffer, not the plain tensor; a shared module under each
 * name. */
static void the_state_is_what_is_registered_to_be_saved(void **state)
{
    static const char *const names[] = {"first.scale",  "first.count", "second.scale",
                                        "second.count", "again.scale", "again.count"};
    tw_module *box = new_counters(1);
    tw_state_dict dict;

    (void)state;
    assert_ok(tw_module_state_dict(box, &dict));
    assert_names(&dict, names, 6);
    assert_true(tw_shape_equal(&dict.items[0].tensor->shape, &TW_SHAPE(2, 3)));
    assert_int_equal(dict.items[1].tensor->dtype, TW_I64);
    assert_int_equal(dict.items[1].tensor->shape.ndim, 0);
    assert_null(tw_state_dict_find(&dict, "first.scratch"));
    tw_state_dict_release(&dict);
    tw_module_release(box);
}

static void tensors_of_the_state_are_views(void **state)
{
    tw_module *box = new_counters(1);
    tw_state_dict dict;

    (void)state;
    assert_ok(tw_module_state_dict(box, &dict));
    assert_true(tw_tensor_shares_storage(dict.items[0].tensor, dict.items[4].tensor));
    tw_tensor_fill(dict.items[0].tensor, 9);
    assert_true(element_of(box, "again.scale") == 9);
    /* The views hold the storage: they outlive the module. */
    tw_module_release(box);
    assert_true(((const float *)dict.items[0].tensor->data)[5] == 9);
    tw_state_dict_release(&dict);
}

/* A buffer that the forward changes, and that is saved and loaded. */
static void a_running_count_travels(void **state)
{
    tw_module *counter = new_counter(), *other = new_counter();
    tw_graph *graph = tw_graph_new();
    tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(2, 2), true);
    tw_state_dict dict;

    (void)state;
    for (int i = 0; i < 3; i++) {
        x = tw_call(counter, graph, x);
    }
    assert_ok(tw_graph_status(graph));
    assert_ok(tw_module_state_dict(counter, &dict));
    assert_ok(tw_module_load_state_dict(other, &dict, true));
    assert_true(element_of(other, "count") == 3);
    tw_call(other, graph, x);
    assert_true(element_of(other, "count") == 4);
    assert_true(element_of(counter, "count") == 3);
    tw_state_dict_release(&dict);
    tw_graph_release(graph);
    tw_module_release(counter);
    tw_module_release(other);
}

/* --- the list itself --------------------------------------------------------------------------------------
 */

static void names_of_the_list_are_unique(void **state)
{
    size_t live = tw_memory_usage().live_blocks;
    tw_state_dict dict = {0};
    char name[] = "a";

    (void)state;
    assert_ok(tw_state_dict_add(&dict, name, tw_tensor_new(TW_F32, TW_SHAPE(2))));
    name[0] = 'b';
    assert_int_equal(tw_tensor_count(tw_state_dict_find(&dict, "a")), 2);
    assert_fails(TW_ERROR_ARGUMENT, "\"a\" is taken",
                 tw_state_dict_add(&dict, "a", tw_tensor_new(TW_F32, TW_SHAPE(3))));
    assert_fails(TW_ERROR_ARGUMENT, "NULL", tw_state_dict_add(&dict, "c", NULL));
    assert_fails(TW_ERROR_ARGUMENT, "NULL",
                 tw_state_dict_add(&dict, NULL, tw_tensor_new(TW_F32, TW_SHAPE(3))));
    assert_int_equal(dict.count, 1);
    tw_state_dict_release(&dict);
    assert_null(tw_state_dict_find(&dict, "a"));
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

/* --- SHA-256 ----------------------------------------------------------------------------------------------
 */

/* The bytes of the contract, written down by hand for one module. */
static void sha256_is_over_names_dtypes_shapes_and_bytes(void **state)
{
    static const char text[] = "scale\0float32(2, 3)XXXXXXXXXXXXXXXXXXXXXXXXcount\0int64()XXXXXXXX";
    const float scale[6] = {0, 1, 2, 3, 4, -0.0f};
    unsigned char bytes[sizeof text - 1], digest[32];
    char expected[TW_SHA256_TEXT_BYTES], actual[TW_SHA256_TEXT_BYTES];
    const int64_t count = 7;
    tw_module *counter = new_counter();

    (void)state;
    memcpy(TW_SELF(counter, struct counter)->scale->data->data, scale, sizeof scale);
    tw_tensor_fill(TW_SELF(counter, struct counter)->count, (double)count);
    memcpy(bytes, text, sizeof bytes);
    memcpy(bytes + strlen("scale?float32(2, 3)"), scale, sizeof scale);
    memcpy(bytes + sizeof bytes - sizeof count, &count, sizeof count);
    assert_int_equal(EVP_Digest(bytes, sizeof bytes, digest, NULL, EVP_sha256(), NULL), 1);
    for (size_t i = 0; i < sizeof digest; i++) {
        snprintf(expected + 2 * i, 3, "%02x", digest[i]);
    }
    assert_ok(tw_module_sha256(counter, actual));
    assert_string_equal(expected, actual);
    tw_module_release(counter);
}

/* A buffer that is a transposed view: hashed, saved and loaded by elements, not by memory. */
static void buffers_need_not_be_contiguous(void **state)
{
    const float values[6] = {0, 1, 2, 3, 4, 5}, turned[6] = {0, 3, 1, 4, 2, 5};
    struct tw_tensor *base = tw_tensor_from(TW_F32, TW_SHAPE(2, 3), values);
    tw_module *strided = new_box(), *plain = new_box();
    char a[TW_SHA256_TEXT_BYTES], b[TW_SHA256_TEXT_BYTES];
    tw_state_dict dict;

    (void)state;
    assert_ok(tw_module_register_buffer(strided, "t", tw_tensor_transpose(base, 0, 1), true));
    assert_ok(tw_module_register_buffer(plain, "t", tw_tensor_from(TW_F32, TW_SHAPE(3, 2), turned), true));
    assert_ok(tw_module_sha256(strided, a));
    assert_ok(tw_module_sha256(plain, b));
    assert_string_equal(a, b);
    tw_tensor_fill(plain->buffers[0].buffer, 8);
    ((float *)plain->buffers[0].buffer->data)[1] = 9;
    assert_ok(tw_module_state_dict(plain, &dict));
    assert_ok(tw_module_load_state_dict(strided, &dict, true));
    assert_true(((float *)base->data)[3] == 9);
    tw_state_dict_release(&dict);
    tw_module_release(strided);
    tw_module_release(plain);
    tw_tensor_release(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_is_what_is_registered_to_be_saved),
        cmocka_unit_test(tensors_of_the_state_are_views),
        cmocka_unit_test(a_running_count_travels),
        cmocka_unit_test(names_of_the_list_are_unique),
        cmocka_unit_test(sha256_is_over_names_dtypes_shapes_and_bytes),
        cmocka_unit_test(buffers_need_not_be_contiguous),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
