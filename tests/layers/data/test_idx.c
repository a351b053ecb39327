/* IDX files: what is read, and that everything malformed is refused with the place named.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "layers/data/dataset.h"
#include "tests/layers/data/idx_files.h"

static char *folder;
static char path[4096];

static int set_up(void **state)
{
    (void)state;
    folder = tw_test_temporary_folder();
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_test_remove_folder(folder);
    return 0;
}

static void write_file(const struct bytes *file)
{
    tw_test_write_file(folder, "file", file->data, file->size);
}

static void assert_images_refused(const struct bytes *file, enum tw_status status, const char *part)
{
    struct tw_tensor *images;
    size_t live = tw_memory_usage().live_blocks;

    write_file(file);
    assert_fails(status, part, tw_idx_read_images(path, &images));
    assert_non_null(strstr(tw_error_message(), path));
    assert_null(images);
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

static void assert_images_read(const struct bytes *file, uint32_t count, uint32_t height, uint32_t width)
{
    struct tw_tensor *images;
    struct tw_shape expected = TW_SHAPE(count, 1, height, width);
    struct bytes content = idx_images(count, height, width);

    write_file(file);
    assert_ok(tw_idx_read_images(path, &images));
    assert_int_equal(images->dtype, TW_U8);
    assert_true(tw_shape_equal(&images->shape, &expected));
    assert_memory_equal(images->data, content.data + 16, content.size - 16);
    tw_tensor_release(images);
}

static void reads_images_plain_and_gzip(void **state)
{
    (void)state;
    struct bytes plain = idx_images(3, 5, 4), packed = gzip(&plain);

    assert_images_read(&plain, 3, 5, 4);
    assert_images_read(&packed, 3, 5, 4);
}

static void reads_labels_plain_and_gzip(void **state)
{
    (void)state;
    struct bytes plain = idx_labels(23), packed = gzip(&plain);
    const struct bytes *files[] = {&plain, &packed};

    for (int f = 0; f < 2; f++) {
        struct tw_tensor *labels;

        write_file(files[f]);
        assert_ok(tw_idx_read_labels(path, 10, &labels));
        assert_int_equal(labels->dtype, TW_I32);
        assert_int_equal(tw_tensor_count(labels), 23);
        for (int i = 0; i < 23; i++)
            assert_int_equal(((int32_t *)labels->data)[i], i % 10);
        tw_tensor_release(labels);
    }
}

/* RFC 1952: a gzip file is a series of members, as `cat a.gz b.gz` makes it. */
static void reads_gzip_of_several_members(void **state)
{
    (void)state;
    struct bytes plain = idx_images(3, 5, 4), head = plain, tail = {.size = plain.size - 30},
                 empty = {.size = 0};

    head.size = 30;
    memcpy(tail.data, plain.data + 30, tail.size);

    struct bytes first = gzip(&head), second = gzip(&empty), third = gzip(&tail);

    memcpy(first.data + first.size, second.data, second.size);
    first.size += second.size;
    memcpy(first.data + first.size, third.data, third.size);
    first.size += third.size;
    assert_images_read(&first, 3, 5, 4);
}

static void refuses_wrong_magic(void **state)
{
    (void)state;
    struct bytes labels = idx_labels(40), images = idx_images(2, 3, 3);
    struct tw_tensor *tensor;

    assert_images_refused(&labels, TW_ERROR_FORMAT, "magic 0x00000801 at offset 0, expected 0x00000803");
    write_file(&images);
    assert_fails(TW_ERROR_FORMAT, "magic 0x00000803 at offset 0, expected 0x00000801",
                 tw_idx_read_labels(path, 10, &tensor));
    assert_null(tensor);
}

static void refuses_zero_extent(void **state)
{
    (void)state;
    struct bytes file = idx_images(3, 0, 4);

    assert_images_refused(&file, TW_ERROR_FORMAT, "extent 0 at offset 8, expected at least 1");
}

static void refuses_short_and_overlong_files(void **state)
{
    (void)state;
    struct bytes file = idx_images(3, 5, 4), shorter, longer = file;

    put_u8(&longer, 1);
    assert_images_refused(&longer, TW_ERROR_FORMAT, "goes on after byte 76");
    longer = gzip(&longer);
    assert_images_refused(&longer, TW_ERROR_FORMAT, "goes on after byte 76");
    file.size--;
    assert_images_refused(&file, TW_ERROR_FORMAT, "asks for 76 bytes, a file of 75 bytes");
    shorter = gzip(&file);
    assert_images_refused(&shorter, TW_ERROR_FORMAT, "ends at byte 75, expected 76 bytes");
    file.size = 7;
    assert_images_refused(&file, TW_ERROR_FORMAT, "ends at byte 7, expected 8 bytes");
    file.size = 0;
    assert_images_refused(&file, TW_ERROR_FORMAT, "ends at byte 0, expected 4 bytes");
}

/* 2^32-1 cubed overflows any integer; 1 GiB + 1 is just above the limit; the last is below it, but no file of
 * that size holds so much. None may ask for memory first. */
static void refuses_huge_claims_without_allocating(void **state)
{
    (void)state;
    const uint32_t claims[][3] = {{UINT32_MAX, UINT32_MAX, UINT32_MAX},
                                  {(1U << 30) + 1, 1, 1},
                                  {1U << 20, 1U << 20, 1U << 24},
                                  {1U << 20, 32, 32}};
    const char *const parts[] = {"larger than 1073741824", "extent 1073741825 at offset 4", "larger than",
                                 "asks for 1073741840 bytes"};

    for (int c = 0; c < 4; c++) {
        struct bytes file = {.size = 0};

        put_u32(&file, 0x00000803);
        for (int i = 0; i < 3; i++)
            put_u32(&file, claims[c][i]);

        struct bytes packed = gzip(&file);

        tw_memory_reset_peak();
        size_t before = tw_memory_usage().peak_bytes;

        assert_images_refused(&file, TW_ERROR_FORMAT, parts[c]);
        assert_images_refused(&packed, TW_ERROR_FORMAT, parts[c]);
        assert_true(tw_memory_usage().peak_bytes - before < 1 << 20);
    }
}

/* The trailer of a gzip member is CRC-32, then length. */
static void refuses_gzip_with_wrong_checksum_or_length(void **state)
{
    (void)state;
    struct bytes plain = idx_images(3, 5, 4), packed = gzip(&plain), damaged = packed;

    damaged.data[damaged.size - 8] ^= 1;
    assert_images_refused(&damaged, TW_ERROR_FORMAT, "incorrect data check");
    damaged = packed;
    damaged.data[damaged.size - 4] ^= 1;
    assert_images_refused(&damaged, TW_ERROR_FORMAT, "incorrect length check");
}

static void refuses_truncated_gzip_at_every_length(void **state)
{
    (void)state;
    struct bytes plain = idx_images(3, 5, 4), packed = gzip(&plain);

    for (size_t size = 2; size < packed.size; size++) {
        struct bytes cut = packed;

        cut.size = size;
        assert_images_refused(&cut, TW_ERROR_FORMAT, "");
    }
}

static void refuses_garbage_after_gzip(void **state)
{
    (void)state;
    struct bytes plain = idx_images(3, 5, 4), packed = gzip(&plain);

    put_u8(&packed, 0);
    assert_images_refused(&packed, TW_ERROR_FORMAT, "gzip data");
    put_u32(&packed, 0x12345678);
    assert_images_refused(&packed, TW_ERROR_FORMAT, "gzip data damaged");
}

static void refuses_labels_out_of_range(void **state)
{
    (void)state;
    struct bytes file = idx_labels(23);
    struct tw_tensor *labels;
    size_t live = tw_memory_usage().live_blocks;

    file.data[8 + 5] = 10;
    write_file(&file);
    assert_fails(TW_ERROR_FORMAT, "label 10 at offset 13, expected 0 to 9",
                 tw_idx_read_labels(path, 10, &labels));
    assert_null(labels);
    assert_int_equal(tw_memory_usage().live_blocks, live);
    assert_ok(tw_idx_read_labels(path, 11, &labels));
    tw_tensor_release(labels);
}

static void refuses_what_is_no_regular_file(void **state)
{
    (void)state;
    struct tw_tensor *images;

    assert_fails(TW_ERROR_IO, "No such file", tw_idx_read_images(path, &images));
    assert_null(images);
    assert_fails(TW_ERROR_IO, folder, tw_idx_read_images(folder, &images));
    assert_fails(TW_ERROR_IO, "not a regular file", tw_idx_read_images("/dev/zero", &images));
    assert_null(images);
}

/* Nobody writes to it: opening it as a file would wait until the alarm ends the program. */
static void refuses_a_fifo_at_once(void **state)
{
    (void)state;
    enum { SECONDS = 20 };
    struct tw_tensor *images, *labels;

    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(SECONDS);
    assert_fails(TW_ERROR_IO, "not a regular file", tw_idx_read_images(path, &images));
    assert_fails(TW_ERROR_IO, "not a regular file", tw_idx_read_labels(path, 10, &labels));
    alarm(0);
    assert_null(images);
    assert_null(labels);
}

static void reports_each_failing_allocation(void **state)
{
    (void)state;
    struct bytes plain = idx_images(3, 5, 4), packed = gzip(&plain);
    size_t live = tw_memory_usage().live_blocks;
    enum tw_status status = TW_ERROR_MEMORY;
    int failures = 0;

    write_file(&packed);
    for (long countdown = 0; status != TW_OK; countdown++) {
        struct tw_tensor *images;

        tw_memory_fail_after(countdown);
        status = tw_idx_read_images(path, &images);
        tw_memory_fail_after(-1);
        if (status != TW_OK) {
            assert_int_equal(status, TW_ERROR_MEMORY);
            assert_null(images);
            failures++;
        }
        tw_tensor_release(images);
        assert_int_equal(tw_memory_usage().live_blocks, live);
    }
    assert_true(failures >= 4); /* input buffer, inflater, its window, tensor */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_images_plain_and_gzip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_labels_plain_and_gzip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_gzip_of_several_members, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_wrong_magic, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_zero_extent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_short_and_overlong_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_huge_claims_without_allocating, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_gzip_with_wrong_checksum_or_length, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_truncated_gzip_at_every_length, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_garbage_after_gzip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_labels_out_of_range, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_regular_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_a_fifo_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reports_each_failing_allocation, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
