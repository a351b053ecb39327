/* safetensors: round trips, a file written by somebody else, and hostile headers.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* --- hostile files: a header, and how many data bytes follow -----------------------------------------------
 */

static void write_raw(uint64_t length, const char *json, size_t json_bytes, size_t data_bytes)
{
    size_t size = 8 + json_bytes + data_bytes;
    unsigned char *file = calloc(1, size);

    assert_non_null(file);
    memcpy(file, &length, 8);
    memcpy(file + 8, json, json_bytes);
    tw_test_write_file(folder, "file.safetensors", file, size);
    free(file);
}

static void assert_load_fails(enum tw_status status, const char *part)
{
    size_t live = tw_memory_usage().live_blocks;
    tw_state_dict dict;

    assert_fails(status, part, tw_safetensors_load(path, &dict));
    assert_non_null(strstr(tw_error_message(), path));
    assert_int_equal(dict.count, 0);
    assert_null(dict.items);
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

struct hostile {
    const char *json;
    size_t data_bytes;
    enum tw_status status;
    const char *part;
};

#define ENTRY(dtype, shape, begin, end) \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

static const struct hostile hostiles[] = {
    {"", 0, TW_ERROR_FORMAT, "does not begin with '{'"},
    {" {}", 0, TW_ERROR_FORMAT, "does not begin with '{'"},
    {"[]", 0, TW_ERROR_FORMAT, "does not begin with '{'"},
    {"{\"a\":", 0, TW_ERROR_FORMAT, "no valid JSON"},
    {"{} x", 0, TW_ERROR_FORMAT, "has 0x78 at byte 3"},
    {"{}\n", 0, TW_ERROR_FORMAT, "has 0x0a at byte 2"},
    {"{}", 1, TW_ERROR_FORMAT, "tensors take 0 bytes, the file has 1"},
    {"{\"a\":1}", 0, TW_ERROR_FORMAT, "'a': expected dtype, shape and data_offsets"},
    {"{\"a\":{}}", 0, TW_ERROR_FORMAT, "'a': expected dtype"},
    {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1]}}", 0, TW_ERROR_FORMAT, "data_offsets are not"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 1, TW_ERROR_FORMAT,
     "'a': expected"},
    {"{\"a\":{\"dtype\":8,\"shape\":[1],\"data_offsets\":[0,1]}}", 1, TW_ERROR_FORMAT, "dtype is not a text"},
    {"{\"a\":" ENTRY("BF16", "[1]", "0", "2") "}", 2, TW_ERROR_UNSUPPORTED, "'a': dtype 'BF16'"},
    {"{\"a\":" ENTRY("f32", "[1]", "0", "4") "}", 4, TW_ERROR_UNSUPPORTED, "'a': dtype 'f32'"},
    {"{\"a\":" ENTRY("U8", "1", "0", "1") "}", 1, TW_ERROR_FORMAT, "shape is not a list"},
    {"{\"a\":" ENTRY("U8", "[1,1,1,1,1,1,1,1,1]", "0", "1") "}", 1, TW_ERROR_UNSUPPORTED, "more than 8"},
    {"{\"a\":" ENTRY("U8", "[-1]", "0", "1") "}", 1, TW_ERROR_FORMAT, "extent 0 is not a whole number"},
    {"{\"a\":" ENTRY("U8", "[1,1.5]", "0", "1") "}", 1, TW_ERROR_FORMAT, "extent 1 is not a whole number"},
    {"{\"a\":" ENTRY("U8", "[1e999]", "0", "1") "}", 1, TW_ERROR_FORMAT, "extent 0 is not a whole number"},
    {"{\"a\":" ENTRY("U8", "[NaN]", "0", "1") "}", 1, TW_ERROR_FORMAT, "no valid JSON"},
    {"{\"a\":" ENTRY("U8", "[\"1\"]", "0", "1") "}", 1, TW_ERROR_FORMAT, "extent 0 is not a whole number"},
    {"{\"a\":" ENTRY("U8", "[18446744073709551617]", "0", "1") "}", 1, TW_ERROR_FORMAT, "extent 0 is not"},
    /* 2^32 * 2^32 = 2^64, which 64 bits would take for 0; 2^52 * 2^11 = 2^63. */
    {"{\"a\":" ENTRY("U8", "[4294967296,4294967296]", "0", "0") "}", 0, TW_ERROR_FORMAT,
     "0 bytes do not hold"},
    {"{\"a\":" ENTRY("U8", "[4503599627370496,2048]", "0", "0") "}", 0, TW_ERROR_FORMAT, "do not hold"},
    /* 2^61 + 1 floats take 2^63 + 4 bytes, which 64 bits hold, but twice that wraps to 8. */
    {"{\"a\":" ENTRY("F64", "[2097152,1099511627776]", "0", "0") "}", 0, TW_ERROR_FORMAT, "do not hold"},
    {"{\"a\":" ENTRY("F32", "[1]", "0", "3") "}", 3, TW_ERROR_FORMAT, "3 bytes do not hold float32 of (1,)"},
    {"{\"a\":" ENTRY("F32", "[2]", "0", "4") "}", 4, TW_ERROR_FORMAT, "4 bytes do not hold float32 of (2,)"},
    {"{\"a\":" ENTRY("U8", "[1]", "1", "0") "}", 1, TW_ERROR_FORMAT, "end at 0, before they begin at 1"},
    {"{\"a\":" ENTRY("U8", "[1]", "-1", "0") "}", 1, TW_ERROR_FORMAT, "data_offsets are not"},
    {"{\"a\":" ENTRY("U8", "[1]", "0", "1.5") "}", 1, TW_ERROR_FORMAT, "data_offsets are not"},
    {"{\"a\":" ENTRY("U8", "[1]", "0", "1,2") "}", 1, TW_ERROR_FORMAT, "data_offsets are not"},
    {"{\"a\":" ENTRY("U8", "[1]", "1", "2") "}", 2, TW_ERROR_FORMAT,
     "'a' begins at data offset 1, expected 0"},
    {"{\"a\":" ENTRY("U8", "[2]", "0", "2") "}", 1, TW_ERROR_FORMAT, "tensors take 2 bytes, the file has 1"},
    {"{\"a\":" ENTRY("U8", "[2]", "0", "2") "}", 3, TW_ERROR_FORMAT, "tensors take 2 bytes, the file has 3"},
    {"{\"a\":" ENTRY("U8", "[9007199254740992]", "0", "9007199254740992") "}", 3, TW_ERROR_FORMAT,
     "tensors take"},
    {"{\"a\":" ENTRY("U8", "[2]", "0", "2") ",\"b\":" ENTRY("U8", "[2]", "1", "3") "}", 3, TW_ERROR_FORMAT,
     "'b' begins at data offset 1, expected 2"},
    {"{\"a\":" ENTRY("U8", "[1]", "0", "1") ",\"b\":" ENTRY("U8", "[1]", "2", "3") "}", 3, TW_ERROR_FORMAT,
     "'b' begins at data offset 2, expected 1"},
    {"{\"a\":" ENTRY("U8", "[1]", "0", "1") ",\"a\":" ENTRY("U8", "[1]", "1", "2") "}", 2, TW_ERROR_FORMAT,
     "two tensors are called 'a'"},
    {"{\"a\\u0000b\":" ENTRY("U8", "[1]", "0", "1") "}", 1, TW_ERROR_FORMAT, "zero character"},
    {"{\"a\\nb\":" ENTRY("U8", "[1]", "0", "1") "}", 1, TW_ERROR_FORMAT, "control character 0x0a at byte 1"},
    {"{\"__metadata__\":{\"a\":1}}", 0, TW_ERROR_FORMAT, "not a map from text to text"},
    {"{\"__metadata__\":\"a\"}", 0, TW_ERROR_FORMAT, "not a map from text to text"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, TW_ERROR_FORMAT, "given twice"},
};

static void refuses_hostile_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostiles / sizeof hostiles[0]; i++) {
        size_t length = strlen(hostiles[i].json);

        write_raw(length, hostiles[i].json, length, hostiles[i].data_bytes);
        assert_load_fails(hostiles[i].status, hostiles[i].part);
    }
}

static void refuses_impossible_header_lengths(void **state)
{
    (void)state;
    const uint64_t lengths[] = {3, 100, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63};

    for (int i = 0; i < 5; i++) {
        write_raw(lengths[i], "{}", 2, 0);
        assert_load_fails(TW_ERROR_FORMAT, "in a file of 10");
    }
    tw_test_write_file(folder, "file.safetensors", "\2\0\0\0\0\0\0", 7);
    assert_load_fails(TW_ERROR_FORMAT, "has 7 bytes, expected at least 8");
    tw_test_write_file(folder, "file.safetensors", "", 0);
    assert_load_fails(TW_ERROR_FORMAT, "has 0 bytes");
}

static void refuses_headers_beyond_the_limit(void **state)
{
    (void)state;
    size_t length = TW_SAFETENSORS_MAX_HEADER + 1;
    char *json = malloc(length);

    assert_non_null(json);
    memset(json, ' ', length);
    json[0] = '{';
    json[1] = '}';
    write_raw(length, json, length, 0);
    assert_load_fails(TW_ERROR_FORMAT, "expected at most 16777216");
    write_raw(length - 1, json, length - 1, 0);

    tw_state_dict dict;

    assert_ok(tw_safetensors_load(path, &dict));
    tw_state_dict_release(&dict);
    free(json);
}

/* A million opening brackets must not use up the stack. */
static void refuses_deep_nesting(void **state)
{
    (void)state;
    enum { DEPTH = 1000000 };
    char *json = malloc(DEPTH + 5);

    assert_non_null(json);
    memcpy(json, "{\"a\":", 5);
    memset(json + 5, '[', DEPTH);
    write_raw(DEPTH + 5, json, DEPTH + 5, 0);
    assert_load_fails(TW_ERROR_FORMAT, "no valid JSON");
    free(json);
}

/* As many entries as are taken, then one more. */
static void limits_the_number_of_tensors(void **state)
{
    (void)state;
    size_t each = sizeof ",\"t00000\":" ENTRY("U8", "[0]", "0", "0"), length = 0;
    char *json = malloc((TW_SAFETENSORS_MAX_TENSORS + 1) * each + 2);
    tw_state_dict dict;

    assert_non_null(json);
    for (int i = 0; i <= TW_SAFETENSORS_MAX_TENSORS; i++) {
        length += (size_t)snprintf(json + length, each, ",\"t%05d\":" ENTRY("U8", "[0]", "0", "0"), i);
        json[0] = '{';
        if (i == TW_SAFETENSORS_MAX_TENSORS - 1) {
            json[length] = '}';
            write_raw(length + 1, json, length + 1, 0);
            assert_ok(tw_safetensors_load(path, &dict));
            assert_int_equal(dict.count, TW_SAFETENSORS_MAX_TENSORS);
            assert_string_equal(dict.items[7].name, "t00007");
            tw_state_dict_release(&dict);
        }
    }
    json[length] = '}';
    write_raw(length + 1, json, length + 1, 0);
    assert_load_fails(TW_ERROR_FORMAT, "4097 tensors, expected at most 4096");
    free(json);
}

static void refuses_what_is_no_regular_file(void **state)
{
    (void)state;
    tw_state_dict dict;

    assert_load_fails(TW_ERROR_IO, "No such file");
    assert_fails(TW_ERROR_IO, folder, tw_safetensors_load(folder, &dict));
    assert_fails(TW_ERROR_IO, "not a regular file", tw_safetensors_load("/dev/zero", &dict));
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
        cmocka_unit_test_setup_teardown(refuses_hostile_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_impossible_header_lengths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_headers_beyond_the_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_deep_nesting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits_the_number_of_tensors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_regular_file, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
