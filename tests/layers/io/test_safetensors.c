/* safetensors: round trips, the bytes of the format, a file written by somebody else, failing allocations.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "core/memory.h"
#include "layers/io/safetensors.h"
#include "tests/support/test_support.h"

static char *folder;
static char path[PATH_MAX];

static int set_up(void **state)
{
    (void)state;
    folder = tw_test_temporary_folder();
    snprintf(path, sizeof path, "%s/file.safetensors", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_test_remove_folder(folder);
    return 0;
}

static void add(tw_state_dict *dict, const char *name, enum tw_dtype dtype, struct tw_shape shape,
                const void *data)
{
    struct tw_tensor *tensor = tw_tensor_from(dtype, shape, data);

    assert_non_null(tensor);
    assert_ok(tw_state_dict_add(dict, name, tensor));
}

static void assert_item(const tw_state_dict *dict, size_t index, const char *name, enum tw_dtype dtype,
                        struct tw_shape shape, const void *data, size_t bytes)
{
    const struct tw_tensor *tensor = dict->items[index].tensor;

    assert_true(index < dict->count);
    assert_string_equal(dict->items[index].name, name);
    assert_int_equal(tensor->dtype, dtype);
    assert_true(tw_shape_equal(&tensor->shape, &shape));
    assert_int_equal(tw_tensor_bytes(tensor), bytes);
    assert_memory_equal(tensor->data, data, bytes);
}

static const float floats[6] = {1.5F, -2.25F, 0.0F, -0.0F, 3.0e38F, 1.0e-45F};
static const double doubles[2] = {0.1, -1.0e300};
static const int64_t long_integer = -4611686018427387905;
static const int32_t integers[3] = {INT32_MIN, 0, INT32_MAX};
static const uint16_t shorts[2] = {1, 65535};
static const uint8_t bytes5[5] = {0, 1, 127, 128, 255};

/* tests/golden/record_safetensors.py wrote it from the format's description. */
static void reads_a_file_written_by_hand(void **state)
{
    (void)state;
    size_t live = tw_memory_usage().live_blocks;
    tw_state_dict dict;

    assert_ok(tw_safetensors_load(TOWER_GOLDEN_DIR "/safetensors/small.safetensors", &dict));
    assert_int_equal(dict.count, 7);
    assert_item(&dict, 0, "net.weight", TW_F32, TW_SHAPE(2, 3), floats, sizeof floats);
    assert_item(&dict, 1, "steps", TW_I64, tw_scalar_shape(), &long_integer, 8);
    assert_item(&dict, 2, "net.bias", TW_F64, TW_SHAPE(2), doubles, sizeof doubles);
    assert_item(&dict, 3, "empty", TW_F32, TW_SHAPE(0, 4), "", 0);
    assert_item(&dict, 4, "labels", TW_I32, TW_SHAPE(1, 3), integers, sizeof integers);
    assert_item(&dict, 5, "winners", TW_U16, TW_SHAPE(2), shorts, sizeof shorts);
    assert_item(&dict, 6, "pixels, \xc3\xbc\xe4\xb8\xad", TW_U8, TW_SHAPE(5), bytes5, sizeof bytes5);
    tw_state_dict_release(&dict);
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

static tw_state_dict mixed(void)
{
    tw_state_dict dict = {0};

    add(&dict, "pixels", TW_U8, TW_SHAPE(5), bytes5);
    add(&dict, "net.weight", TW_F32, TW_SHAPE(2, 3), floats);
    add(&dict, "quote\"back\\slash", TW_F32, TW_SHAPE(0, 7), floats);
    add(&dict, "steps", TW_I64, tw_scalar_shape(), &long_integer);
    add(&dict, "winners", TW_U16, TW_SHAPE(2), shorts);
    add(&dict, "labels", TW_I32, TW_SHAPE(1, 3), integers);
    add(&dict, "net.bias", TW_F64, TW_SHAPE(2), doubles);
    return dict;
}

static void round_trips_every_dtype_largest_first(void **state)
{
    (void)state;
    const char *const metadata[] = {"format", "pt", "model", "tower \"x\"", NULL};
    size_t live = tw_memory_usage().live_blocks;
    tw_state_dict dict = mixed(), read;

    assert_ok(tw_safetensors_save(path, &dict, metadata));
    tw_state_dict_release(&dict);
    assert_ok(tw_safetensors_load(path, &read));
    assert_int_equal(read.count, 7);
    assert_item(&read, 0, "steps", TW_I64, tw_scalar_shape(), &long_integer, 8);
    assert_item(&read, 1, "net.bias", TW_F64, TW_SHAPE(2), doubles, sizeof doubles);
    assert_item(&read, 2, "net.weight", TW_F32, TW_SHAPE(2, 3), floats, sizeof floats);
    /* The empty tensor shares its offset with the one after it, and ends first. */
    assert_item(&read, 3, "quote\"back\\slash", TW_F32, TW_SHAPE(0, 7), "", 0);
    assert_item(&read, 4, "labels", TW_I32, TW_SHAPE(1, 3), integers, sizeof integers);
    assert_item(&read, 5, "winners", TW_U16, TW_SHAPE(2), shorts, sizeof shorts);
    assert_item(&read, 6, "pixels", TW_U8, TW_SHAPE(5), bytes5, sizeof bytes5);
    tw_state_dict_release(&read);
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

static void writes_strided_tensors_in_row_major_order(void **state)
{
    (void)state;
    const float transposed[6] = {1.5F, -0.0F, -2.25F, 3.0e38F, 0.0F, 1.0e-45F};
    struct tw_tensor *tensor = tw_tensor_from(TW_F32, TW_SHAPE(2, 3), floats);
    tw_state_dict dict = {0};

    assert_ok(tw_state_dict_add(&dict, "t", tw_tensor_transpose(tensor, 0, 1)));
    tw_tensor_release(tensor);
    assert_ok(tw_safetensors_save(path, &dict, NULL));
    tw_state_dict_release(&dict);
    assert_ok(tw_safetensors_load(path, &dict));
    assert_item(&dict, 0, "t", TW_F32, TW_SHAPE(3, 2), transposed, sizeof transposed);
    tw_state_dict_release(&dict);
}

static void round_trips_nothing(void **state)
{
    (void)state;
    tw_state_dict dict = {0};

    assert_ok(tw_safetensors_save(path, &dict, NULL));
    assert_ok(tw_safetensors_load(path, &dict));
    assert_int_equal(dict.count, 0);
    tw_state_dict_release(&dict);
}

/* The exact bytes: length, JSON padded to a multiple of 8, data. */
static void writes_the_format_to_the_byte(void **state)
{
    (void)state;
    static const char json[65] = "{\"ww\":{\"dtype\":\"U16\",\"shape\":[1,2],\"data_offsets\":[0,4]}}       ";
    unsigned char expected[8 + 64 + 4] = {64}, content[200];
    tw_state_dict dict = {0};

    assert_int_equal(strlen(json), 64);
    memcpy(expected + 8, json, 64);
    memcpy(expected + 72, shorts, 4);
    add(&dict, "ww", TW_U16, TW_SHAPE(1, 2), shorts);
    assert_ok(tw_safetensors_save(path, &dict, NULL));

    FILE *stream = fopen(path, "rb");

    assert_non_null(stream);
    assert_int_equal(fread(content, 1, sizeof content, stream), sizeof expected);
    fclose(stream);
    assert_memory_equal(content, expected, sizeof expected);
    tw_state_dict_release(&dict);
}

static void refuses_bad_metadata_and_names(void **state)
{
    (void)state;
    const char *const odd[] = {"key", NULL}, *const twice[] = {"key", "1", "key", "2", NULL};
    tw_state_dict dict = mixed();

    assert_fails(TW_ERROR_ARGUMENT, "'key' has no value", tw_safetensors_save(path, &dict, odd));
    assert_fails(TW_ERROR_ARGUMENT, "'key' is given twice", tw_safetensors_save(path, &dict, twice));
    add(&dict, "__metadata__", TW_U8, TW_SHAPE(5), bytes5);
    assert_fails(TW_ERROR_ARGUMENT, "cannot be called", tw_safetensors_save(path, &dict, NULL));
    assert_int_equal(access(path, F_OK), -1);
    tw_state_dict_release(&dict);
}

static void a_failed_save_leaves_the_old_file(void **state)
{
    (void)state;
    size_t live = tw_memory_usage().live_blocks;
    tw_state_dict dict = mixed(), read;
    enum tw_status status = TW_ERROR_MEMORY;

    tw_test_write_file(folder, "file.safetensors", "old", 3);
    for (long countdown = 0; status != TW_OK; countdown++) {
        char content[8] = {0};

        tw_memory_fail_after(countdown);
        status = tw_safetensors_save(path, &dict, NULL);
        tw_memory_fail_after(-1);
        if (status == TW_OK)
            break;
        assert_int_equal(status, TW_ERROR_MEMORY);

        FILE *stream = fopen(path, "rb");

        assert_int_equal(fread(content, 1, sizeof content, stream), 3);
        fclose(stream);
        assert_string_equal(content, "old");
    }
    assert_ok(tw_safetensors_load(path, &read));
    tw_state_dict_release(&read);
    tw_state_dict_release(&dict);
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

static void reports_each_failing_allocation_of_load(void **state)
{
    (void)state;
    size_t live = tw_memory_usage().live_blocks;
    enum tw_status status = TW_ERROR_MEMORY;
    int failures = 0;

    for (long countdown = 0; status != TW_OK; countdown++) {
        tw_state_dict dict;

        tw_memory_fail_after(countdown);
        status = tw_safetensors_load(TOWER_GOLDEN_DIR "/safetensors/small.safetensors", &dict);
        tw_memory_fail_after(-1);
        if (status != TW_OK) {
            assert_int_equal(status, TW_ERROR_MEMORY);
            assert_int_equal(dict.count, 0);
            failures++;
        }
        tw_state_dict_release(&dict);
        assert_int_equal(tw_memory_usage().live_blocks, live);
    }
    assert_true(failures > 14); /* two and more for each tensor */
}

static long json_blocks_left; /* allocations of cJSON that still succeed */

static void *limited_malloc(size_t bytes)
{
    return json_blocks_left-- > 0 ? malloc(bytes) : NULL;
}

/* cJSON allocates by itself. LeakSanitizer watches what it gives back. */
static void survives_each_failing_allocation_of_json(void **state)
{
    (void)state;
    const char *const metadata[] = {"format", "pt", NULL};
    cJSON_Hooks hooks = {.malloc_fn = limited_malloc, .free_fn = free};
    tw_state_dict dict = mixed();
    size_t live = tw_memory_usage().live_blocks;
    enum tw_status saved = TW_ERROR_MEMORY, loaded = TW_ERROR_MEMORY;
    long blocks = 0;

    cJSON_InitHooks(&hooks);
    for (; saved != TW_OK || loaded != TW_OK; blocks++) {
        tw_state_dict read = {0};

        json_blocks_left = blocks;
        saved = tw_safetensors_save(path, &dict, metadata);
        assert_true(saved == TW_OK || saved == TW_ERROR_MEMORY);
        json_blocks_left = blocks;
        loaded = tw_safetensors_load(path, &read);
        tw_state_dict_release(&read);
        assert_int_equal(tw_memory_usage().live_blocks, live);
    }
    cJSON_InitHooks(NULL);
    assert_true(blocks > 7 * 8); /* an object, its name and at least six values for each tensor */
    tw_state_dict_release(&dict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_file_written_by_hand),
        cmocka_unit_test_setup_teardown(round_trips_every_dtype_largest_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_strided_tensors_in_row_major_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(round_trips_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_the_format_to_the_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_bad_metadata_and_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_save_leaves_the_old_file, set_up, tear_down),
        cmocka_unit_test(reports_each_failing_allocation_of_load),
        cmocka_unit_test_setup_teardown(survives_each_failing_allocation_of_json, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
