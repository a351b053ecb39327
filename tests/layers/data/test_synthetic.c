/* Synthetic digits: reproducible to the byte, different where they must be, and shaped like a data set.
 */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "layers/data/dataset.h"
#include "tests/support/test_support.h"

#define PIXELS (28 * 28)

static struct tw_dataset draw(ptrdiff_t count, enum tw_subset subset, uint64_t seed)
{
    struct tw_dataset dataset;

    assert_ok(tw_dataset_synthetic(count, subset, seed, &dataset));
    return dataset;
}

/* FNV-1a, 64 bits. */
static uint64_t hash(uint64_t so_far, const void *data, size_t bytes)
{
    const unsigned char *byte = data;

    for (size_t i = 0; i < bytes; i++)
        so_far = (so_far ^ byte[i]) * 0x100000001b3ULL;
    return so_far;
}

static void has_the_shape_of_digits(void **state)
{
    (void)state;
    struct tw_dataset dataset = draw(500, TW_SUBSET_TRAIN, 3);
    struct tw_shape expected = TW_SHAPE(500, 1, 28, 28);
    int histogram[10] = {0};

    assert_true(tw_shape_equal(&dataset.images->shape, &expected));
    assert_int_equal(dataset.images->dtype, TW_U8);
    assert_int_equal(dataset.labels->dtype, TW_I32);
    assert_int_equal(dataset.classes, 10);
    for (int i = 0; i < 500; i++) {
        int32_t label = ((int32_t *)dataset.labels->data)[i];

        assert_in_range(label, 0, 9);
        histogram[label]++;
    }
    /* 50 of each expected, standard deviation 6.7: six of them are never reached. */
    for (int digit = 0; digit < 10; digit++)
        assert_in_range(histogram[digit], 10, 90);
    tw_dataset_release(&dataset);
}

/* Recorded once: the same images on every machine, compiler and optimisation level. */
static void is_the_same_everywhere(void **state)
{
    (void)state;
    struct tw_dataset dataset = draw(1000, TW_SUBSET_TEST, 42);
    uint64_t value = hash(0xcbf29ce484222325ULL, dataset.images->data, 1000 * PIXELS);

    value = hash(value, dataset.labels->data, 1000 * sizeof(int32_t));
    assert_int_equal(value, 0xb23c559dc43bc5a7ULL);
    tw_dataset_release(&dataset);
}

static void a_smaller_set_is_the_beginning_of_a_larger_one(void **state)
{
    (void)state;
    struct tw_dataset small = draw(50, TW_SUBSET_TRAIN, 9), large = draw(200, TW_SUBSET_TRAIN, 9);

    assert_memory_equal(small.images->data, large.images->data, 50 * PIXELS);
    assert_memory_equal(small.labels->data, large.labels->data, 50 * sizeof(int32_t));
    tw_dataset_release(&small);
    tw_dataset_release(&large);
}

static int compare_images(const void *a, const void *b)
{
    return memcmp(a, b, PIXELS);
}

/* All images of both subsets and of another seed, sorted: equal ones would be neighbours. */
static void never_repeats_an_image(void **state)
{
    (void)state;
    enum { EACH = 1500 };
    struct tw_dataset sets[] = {draw(EACH, TW_SUBSET_TRAIN, 1), draw(EACH, TW_SUBSET_TEST, 1),
                                draw(EACH, TW_SUBSET_TRAIN, 2), draw(EACH, TW_SUBSET_TRAIN, 1ULL << 32 | 1)};
    unsigned char *images = malloc((size_t)4 * EACH * PIXELS);

    assert_non_null(images);
    for (int s = 0; s < 4; s++) {
        memcpy(images + (size_t)s * EACH * PIXELS, sets[s].images->data, EACH * PIXELS);
        tw_dataset_release(&sets[s]);
    }
    qsort(images, (size_t)4 * EACH, PIXELS, compare_images);
    for (size_t i = 1; i < (size_t)4 * EACH; i++)
        assert_memory_not_equal(images + i * PIXELS, images + (i - 1) * PIXELS, PIXELS);
    free(images);
}

/* Nearest class mean, a linear classifier: far above chance, for the digits do look like digits, and far
 * below what is worth calling solved. */
static void is_neither_trivial_nor_noise(void **state)
{
    (void)state;
    enum { TRAIN = 2000, TEST = 1000 };
    struct tw_dataset train = draw(TRAIN, TW_SUBSET_TRAIN, 5), test = draw(TEST, TW_SUBSET_TEST, 5);
    static double mean[10][PIXELS];
    int count[10] = {0}, right = 0;

    for (int i = 0; i < TRAIN; i++) {
        int32_t label = ((int32_t *)train.labels->data)[i];

        count[label]++;
        for (int p = 0; p < PIXELS; p++)
            mean[label][p] += ((uint8_t *)train.images->data)[i * PIXELS + p];
    }
    for (int i = 0; i < TEST; i++) {
        double best = 0;
        int guess = -1;

        for (int digit = 0; digit < 10; digit++) {
            double distance = 0;

            for (int p = 0; p < PIXELS; p++) {
                double d = mean[digit][p] / count[digit] - ((uint8_t *)test.images->data)[i * PIXELS + p];

                distance += d * d;
            }
            if (guess < 0 || distance < best) {
                best = distance;
                guess = digit;
            }
        }
        right += guess == ((int32_t *)test.labels->data)[i];
    }
    assert_in_range(right, TEST * 35 / 100, TEST * 85 / 100);
    tw_dataset_release(&train);
    tw_dataset_release(&test);
}

static void refuses_empty_sets(void **state)
{
    (void)state;
    struct tw_dataset dataset;

    assert_fails(TW_ERROR_ARGUMENT, "count 0", tw_dataset_synthetic(0, TW_SUBSET_TRAIN, 1, &dataset));
    assert_fails(TW_ERROR_ARGUMENT, "count -3", tw_dataset_synthetic(-3, TW_SUBSET_TRAIN, 1, &dataset));
    assert_null(dataset.images);
    assert_int_not_equal(tw_dataset_synthetic(PTRDIFF_MAX / 2, TW_SUBSET_TRAIN, 1, &dataset), TW_OK);
    assert_null(dataset.images);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_shape_of_digits),
        cmocka_unit_test(is_the_same_everywhere),
        cmocka_unit_test(a_smaller_set_is_the_beginning_of_a_larger_one),
        cmocka_unit_test(never_repeats_an_image),
        cmocka_unit_test(is_neither_trivial_nor_noise),
        cmocka_unit_test(refuses_empty_sets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
