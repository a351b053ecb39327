/* Every small damage to a valid file, in the ordinary test run: each bit flipped, each length cut, each byte
 * doubled. A reader answers with an error or with a valid result, and gives back all memory.
 */
#include <string.h>

#include "core/memory.h"
#include "layers/data/dataset.h"
#include "layers/io/safetensors.h"
#include "tests/fuzz/memory_path.h"
#include "tests/layers/data/idx_files.h"

static const char *path;

/* Reads `path`, checks the result, frees it; returns whether it was read. */
typedef bool read_file(void);

static bool read_images(void)
{
    struct tw_tensor *images;
    enum tw_status status = tw_idx_read_images(path, &images);

    if (status == TW_OK)
        assert_true(images->shape.ndim == 4 && tw_tensor_count(images) > 0);
    else
        assert_null(images);
    tw_tensor_release(images);
    return status == TW_OK;
}

static bool read_labels(void)
{
    struct tw_tensor *labels;
    enum tw_status status = tw_idx_read_labels(path, 10, &labels);

    if (status == TW_OK) {
        for (ptrdiff_t i = 0; i < tw_tensor_count(labels); i++)
            assert_in_range(((int32_t *)labels->data)[i], 0, 9);
    } else {
        assert_null(labels);
    }
    tw_tensor_release(labels);
    return status == TW_OK;
}

static bool read_safetensors(void)
{
    tw_state_dict dict;
    enum tw_status status = tw_safetensors_load(path, &dict);
    volatile unsigned char sum = 0;

    if (status != TW_OK)
        assert_int_equal(dict.count, 0);
    for (size_t i = 0; i < dict.count; i++) {
        const unsigned char *bytes = dict.items[i].tensor->data;

        for (size_t b = 0; b < tw_tensor_bytes(dict.items[i].tensor); b++)
            sum = (unsigned char)(sum + bytes[b]);
    }
    tw_state_dict_release(&dict);
    return status == TW_OK;
}

static bool read_mutant(read_file *read, const struct bytes *file)
{
    size_t live = tw_memory_usage().live_blocks;
    bool valid;

    path = memory_path(file->data, file->size);
    valid = read();
    if (!valid)
        assert_non_null(strstr(tw_error_message(), path));
    assert_int_equal(tw_memory_usage().live_blocks, live);
    return valid;
}

/* Flips each bit on its own; at least `least_refused` of the flips must be noticed. */
static void flip_every_bit(read_file *read, const struct bytes *file, int least_refused)
{
    int refused = 0;

    for (size_t bit = 0; bit < file->size * 8; bit++) {
        struct bytes mutant = *file;

        mutant.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        refused += !read_mutant(read, &mutant);
    }
    assert_true(refused >= least_refused);
}

static void cut_at_every_length(read_file *read, const struct bytes *file)
{
    for (size_t size = 0; size < file->size; size++) {
        struct bytes mutant = *file;

        mutant.size = size;
        assert_false(read_mutant(read, &mutant));
    }
}

static void double_every_byte(read_file *read, const struct bytes *file)
{
    assert_true(file->size < sizeof file->data);
    for (size_t place = 0; place < file->size; place++) {
        struct bytes mutant = *file;

        memmove(mutant.data + place + 1, mutant.data + place, mutant.size++ - place);
        read_mutant(read, &mutant);
    }
}

static void damage(read_file *read, const struct bytes *file, int least_refused)
{
    assert_true(read_mutant(read, file));
    flip_every_bit(read, file, least_refused);
    cut_at_every_length(read, file);
    double_every_byte(read, file);
}

static void idx_images_survive_damage(void **state)
{
    (void)state;
    struct bytes plain = idx_images(2, 3, 2);

    damage(read_images, &plain, 16 * 8); /* every bit of the header counts */
}

static void idx_labels_survive_damage(void **state)
{
    (void)state;
    struct bytes plain = idx_labels(20);

    damage(read_labels, &plain, 8 * 8 + 20 * 4); /* and the upper four bits of every label */
}

/* A gzip member protects its content by a checksum; of its own ten bytes of header nothing covers the time
 * stamp, the operating system, the compression level and the "text" flag; and up to seven bits of padding
 * follow the deflate stream. */
static void packed_idx_survives_damage(void **state)
{
    (void)state;
    struct bytes plain = idx_images(2, 3, 2), packed = gzip(&plain);

    damage(read_images, &packed, (int)packed.size * 8 - (4 + 1 + 1) * 8 - 1 - 7);
}

static void safetensors_survive_damage(void **state)
{
    (void)state;
    struct bytes file = {.size = 0};
    FILE *stream = fopen(TOWER_GOLDEN_DIR "/safetensors/small.safetensors", "rb");

    assert_non_null(stream);
    file.size = fread(file.data, 1, sizeof file.data, stream);
    assert_true(feof(stream));
    fclose(stream);
    damage(read_safetensors, &file, 8 * 8); /* at least the length in front */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idx_images_survive_damage),
        cmocka_unit_test(idx_labels_survive_damage),
        cmocka_unit_test(packed_idx_survives_damage),
        cmocka_unit_test(safetensors_survive_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
