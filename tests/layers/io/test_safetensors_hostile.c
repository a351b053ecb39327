/* safetensors: files that are not what the format promises are refused, with the offending key or offset
 * named.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* A file of a length field, a header, and zero bytes as data. */
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
    /* 2^61 elements, which ptrdiff_t holds; their 2^64 bytes wrap to 0. */
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
    {"{\"a\\u009b31m\":" ENTRY("U8", "[1]", "0", "1") "}", 1, TW_ERROR_FORMAT, "character 0x9b at byte 1"},
    {"{\"a\":" ENTRY("\\u001b[2J", "[1]", "0", "1") "}", 1, TW_ERROR_FORMAT,
     "'a': dtype has the control character 0x1b at byte 0"},
    {"{\"a\":" ENTRY("U8\\nok", "[1]", "0", "1") "}", 1, TW_ERROR_FORMAT, "character 0x0a at byte 2"},
    {"{\"a\":" ENTRY("U8\x7f", "[1]", "0", "1") "}", 1, TW_ERROR_FORMAT, "character 0x7f at byte 2"},
    {"{\"a\":" ENTRY("\xc2\x9bJ", "[1]", "0", "1") "}", 1, TW_ERROR_FORMAT, "character 0x9b at byte 0"},
    /* What begins with the same byte and is no control character is quoted: a no-break space. */
    {"{\"a\":" ENTRY("\xc2\xa0", "[1]", "0", "1") "}", 1, TW_ERROR_UNSUPPORTED, "dtype '\xc2\xa0'"},
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

/* Nobody writes to it: opening it as a file would wait until the alarm ends the program. */
static void refuses_a_fifo_at_once(void **state)
{
    (void)state;
    enum { SECONDS = 20 };

    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(SECONDS);
    assert_load_fails(TW_ERROR_IO, "not a regular file");
    alarm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_hostile_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_impossible_header_lengths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_headers_beyond_the_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_deep_nesting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits_the_number_of_tensors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_regular_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_a_fifo_at_once, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
