/* MNIST folders: the names that are found, and, where $TOWER_DATA names a folder with the real files, that
 * what is read is MNIST.
 */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "layers/data/dataset.h"
#include "tests/layers/data/idx_files.h"

static char *folder;

static int set_up(void **state)
{
    (void)state;
    folder = tw_test_temporary_folder();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_test_remove_folder(folder);
    return 0;
}

static void write_file(const char *name, const struct bytes *file)
{
    tw_test_write_file(folder, name, file->data, file->size);
}

static void finds_every_spelling(void **state)
{
    (void)state;
    struct bytes images = idx_images(7, 4, 4), labels = idx_labels(7);
    struct bytes packed_images = gzip(&images), packed_labels = gzip(&labels);
    struct tw_dataset dataset;

    write_file("train-images-idx3-ubyte", &images);
    write_file("train-labels.idx1-ubyte.gz", &packed_labels);
    assert_ok(tw_dataset_read_mnist(folder, TW_SUBSET_TRAIN, &dataset));
    assert_int_equal(tw_dataset_count(&dataset), 7);
    assert_int_equal(dataset.classes, 10);
    assert_memory_equal(dataset.images->data, images.data + 16, 7 * 16);
    assert_int_equal(((int32_t *)dataset.labels->data)[6], 6);
    tw_dataset_release(&dataset);

    assert_false(tw_dataset_has_mnist(folder));
    write_file("t10k-images-idx3-ubyte.gz", &packed_images);
    assert_false(tw_dataset_has_mnist(folder));
    write_file("t10k-labels.idx1-ubyte", &labels);
    assert_true(tw_dataset_has_mnist(folder));
    assert_ok(tw_dataset_read_mnist(folder, TW_SUBSET_TEST, &dataset));
    assert_int_equal(tw_dataset_count(&dataset), 7);
    tw_dataset_release(&dataset);
}

static void names_what_is_missing(void **state)
{
    (void)state;
    struct bytes images = idx_images(7, 4, 4);
    struct tw_dataset dataset;
    size_t live = tw_memory_usage().live_blocks;

    assert_fails(TW_ERROR_IO, "no train-images-idx3-ubyte or train-images-idx3-ubyte.gz",
                 tw_dataset_read_mnist(folder, TW_SUBSET_TRAIN, &dataset));
    assert_non_null(strstr(tw_error_message(), folder));
    write_file("t10k-images-idx3-ubyte", &images);
    assert_fails(TW_ERROR_IO, "no t10k-labels-idx1-ubyte or",
                 tw_dataset_read_mnist(folder, TW_SUBSET_TEST, &dataset));
    assert_null(dataset.images);
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

static void refuses_different_counts(void **state)
{
    (void)state;
    struct bytes images = idx_images(7, 4, 4), labels = idx_labels(8);
    struct tw_dataset dataset;
    size_t live = tw_memory_usage().live_blocks;

    write_file("train-images-idx3-ubyte", &images);
    write_file("train-labels-idx1-ubyte", &labels);
    assert_fails(TW_ERROR_FORMAT, "has 7 images", tw_dataset_read_mnist(folder, TW_SUBSET_TRAIN, &dataset));
    assert_non_null(strstr(tw_error_message(), "has 8 labels"));
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

/* SHA-256 of an IDX file rebuilt from the header's numbers and the bytes that were read. */
static void assert_idx_sha256(uint32_t magic, const struct tw_shape *shape, const uint8_t *content,
                              size_t bytes, const char *expected)
{
    struct bytes header = {.size = 0};
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    char text[65];

    put_u32(&header, magic);
    for (int i = 0; i < shape->ndim; i++) {
        if (i != 1) /* the channel, which IDX does not have */
            put_u32(&header, (uint32_t)shape->extent[i]);
    }
    assert_int_equal(EVP_DigestInit_ex(context, EVP_sha256(), NULL), 1);
    assert_int_equal(EVP_DigestUpdate(context, header.data, header.size), 1);
    assert_int_equal(EVP_DigestUpdate(context, content, bytes), 1);
    assert_int_equal(EVP_DigestFinal_ex(context, digest, NULL), 1);
    EVP_MD_CTX_free(context);
    for (int i = 0; i < 32; i++)
        snprintf(text + 2 * (size_t)i, 3, "%02x", digest[i]);
    assert_string_equal(text, expected);
}

static void assert_histogram(const struct tw_dataset *dataset, const int *expected)
{
    const int32_t *labels = dataset->labels->data;
    int histogram[10] = {0};

    for (ptrdiff_t i = 0; i < tw_dataset_count(dataset); i++)
        histogram[labels[i]]++;
    assert_memory_equal(histogram, expected, sizeof histogram);
}

static void assert_labels_sha256(const struct tw_dataset *dataset, const char *expected)
{
    size_t count = (size_t)tw_dataset_count(dataset);
    uint8_t *narrow = malloc(count);

    assert_non_null(narrow);
    for (size_t i = 0; i < count; i++)
        narrow[i] = (uint8_t)((int32_t *)dataset->labels->data)[i];
    assert_idx_sha256(0x00000801, &dataset->labels->shape, narrow, count, expected);
    free(narrow);
}

struct known {
    enum tw_subset subset;
    ptrdiff_t count;
    int histogram[10];
    const char *images_sha256, *labels_sha256; /* of the unpacked files */
};

static const struct known known_subsets[] = {
    {TW_SUBSET_TRAIN,
     60000,
     {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949},
     "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
     "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
    {TW_SUBSET_TEST,
     10000,
     {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009},
     "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
     "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
};

static void real_mnist_is_read_to_the_byte(void **state)
{
    (void)state;
    const char *data = getenv("TOWER_DATA");

    if (!data || !tw_dataset_has_mnist(data)) {
        print_message("no MNIST in $TOWER_DATA\n");
        skip();
    }
    for (int i = 0; i < 2; i++) {
        const struct known *known = &known_subsets[i];
        struct tw_shape expected = TW_SHAPE(known->count, 1, 28, 28);
        struct tw_dataset dataset;

        assert_ok(tw_dataset_read_mnist(data, known->subset, &dataset));
        assert_true(tw_shape_equal(&dataset.images->shape, &expected));
        assert_int_equal(tw_dataset_count(&dataset), known->count);
        assert_histogram(&dataset, known->histogram);
        assert_idx_sha256(0x00000803, &dataset.images->shape, dataset.images->data,
                          tw_tensor_bytes(dataset.images), known->images_sha256);
        assert_labels_sha256(&dataset, known->labels_sha256);
        tw_dataset_release(&dataset);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_every_spelling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_what_is_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_different_counts, set_up, tear_down),
        cmocka_unit_test(real_mnist_is_read_to_the_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
