/* The loader: every sample once per epoch, in the order of torch.randperm, without allocating.
 */
#include <string.h>

#include "core/memory.h"
#include "layers/data/dataset.h"
#include "tests/support/test_support.h"

#define COUNT 23
#define SIDE  3

/* COUNT images of SIDE x SIDE; byte p of image i is 10 * i + p, its label i modulo 10. */
static struct tw_dataset counted(void)
{
    struct tw_dataset dataset = {.images = tw_tensor_new(TW_U8, TW_SHAPE(COUNT, 1, SIDE, SIDE)),
                                 .labels = tw_tensor_new(TW_I32, TW_SHAPE(COUNT)),
                                 .classes = 10};

    for (int i = 0; i < COUNT; i++) {
        ((int32_t *)dataset.labels->data)[i] = i % 10;
        for (int p = 0; p < SIDE * SIDE; p++)
            ((uint8_t *)dataset.images->data)[i * SIDE * SIDE + p] = (uint8_t)(10 * i + p);
    }
    return dataset;
}

/* Runs an epoch and checks that batch after batch follows `order`, also where the next one is gathered ahead: every
 * other one, once or twice. */
static void assert_epoch(struct tw_loader *loader, const int64_t *order)
{
    ptrdiff_t seen = 0, batches = 0, size;

    while ((size = tw_loader_next(loader)) > 0) {
        batches++;
        for (ptrdiff_t i = batches % 3; i < 2; i++)
            tw_loader_gather_ahead(loader);
        assert_true(size == loader->batch_size || seen + size == loader->count);
        for (ptrdiff_t i = 0; i < size; i++, seen++) {
            assert_int_equal(loader->labels[i], order[seen] % 10);
            for (int p = 0; p < SIDE * SIDE; p++)
                assert_int_equal(loader->images[i * SIDE * SIDE + p], (uint8_t)(10 * order[seen] + p));
        }
    }
    assert_int_equal(seen, loader->count);
    assert_int_equal(batches, tw_loader_batches(loader));
    assert_int_equal(tw_loader_next(loader), 0);
}

static void hands_out_every_sample_in_order(void **state)
{
    (void)state;
    const ptrdiff_t sizes[] = {1, 4, 22, 23, 24, 100};
    struct tw_dataset dataset = counted();
    struct tw_loader loader;
    int64_t order[COUNT];

    for (int i = 0; i < COUNT; i++)
        order[i] = i;
    for (int s = 0; s < 6; s++) {
        assert_ok(tw_loader_init(&loader, &dataset, sizes[s], 0));
        assert_int_equal(loader.count, COUNT);
        assert_int_equal(tw_loader_batches(&loader), (COUNT + sizes[s] - 1) / sizes[s]);
        for (int epoch = 0; epoch < 2; epoch++) {
            tw_loader_start(&loader, NULL);
            assert_epoch(&loader, order);
        }
        tw_loader_release(&loader);
    }
    tw_dataset_release(&dataset);
}

static void shuffles_as_randperm_anew_each_epoch(void **state)
{
    (void)state;
    struct tw_dataset dataset = counted();
    struct tw_rng rng, twin;
    struct tw_loader loader;
    int64_t order[COUNT], previous[COUNT] = {0};

    tw_rng_seed(&rng, 11);
    tw_rng_seed(&twin, 11);
    assert_ok(tw_loader_init(&loader, &dataset, 4, 17));
    for (int epoch = 0; epoch < 3; epoch++) {
        tw_rng_permutation(&twin, order, 17);
        assert_memory_not_equal(order, previous, sizeof(int64_t) * 17);
        memcpy(previous, order, sizeof order);
        tw_loader_start(&loader, &rng);
        assert_epoch(&loader, order);
    }
    tw_loader_start(&loader, NULL); /* keeps the order of the last epoch */
    assert_epoch(&loader, order);
    tw_loader_release(&loader);
    tw_dataset_release(&dataset);
}

static void allocates_only_at_the_start(void **state)
{
    (void)state;
    struct tw_dataset dataset = counted();
    struct tw_loader loader;
    struct tw_rng rng;

    tw_rng_seed(&rng, 1);
    size_t live = tw_memory_usage().live_blocks;
    assert_ok(tw_loader_init(&loader, &dataset, 5, 0));
    uint64_t calls = tw_memory_usage().calls;

    for (int epoch = 0; epoch < 3; epoch++) {
        tw_loader_start(&loader, &rng);
        while (tw_loader_next(&loader) > 0)
            tw_loader_gather_ahead(&loader);
        tw_loader_next(&loader);
    }
    assert_int_equal(tw_memory_usage().calls, calls);
    tw_loader_release(&loader);
    assert_int_equal(tw_memory_usage().live_blocks, live);
    tw_dataset_release(&dataset);
}

static void refuses_bad_sizes(void **state)
{
    (void)state;
    struct tw_dataset dataset = counted();
    struct tw_loader loader;
    size_t live = tw_memory_usage().live_blocks;

    assert_fails(TW_ERROR_ARGUMENT, "batch size 0", tw_loader_init(&loader, &dataset, 0, 0));
    assert_fails(TW_ERROR_ARGUMENT, "batch size -1", tw_loader_init(&loader, &dataset, -1, 0));
    assert_fails(TW_ERROR_ARGUMENT, "limit -1", tw_loader_init(&loader, &dataset, 4, -1));
    assert_fails(TW_ERROR_ARGUMENT, "limit 24, expected 0 (all) to 23",
                 tw_loader_init(&loader, &dataset, 4, COUNT + 1));
    assert_fails(TW_ERROR_MEMORY, "", tw_loader_init(&loader, &dataset, PTRDIFF_MAX, 0));
    assert_int_equal(tw_memory_usage().live_blocks, live);
    tw_dataset_release(&dataset);
}

static void refuses_data_it_cannot_serve(void **state)
{
    (void)state;
    struct tw_dataset dataset = counted(), other = dataset;
    struct tw_loader loader;

    ((int32_t *)dataset.labels->data)[7] = -1;
    assert_fails(TW_ERROR_ARGUMENT, "label -1 of sample 7, expected 0 to 9",
                 tw_loader_init(&loader, &dataset, 4, 0));
    ((int32_t *)dataset.labels->data)[7] = 10;
    assert_fails(TW_ERROR_ARGUMENT, "label 10 of sample 7", tw_loader_init(&loader, &dataset, 4, 0));
    assert_ok(tw_loader_init(&loader, &dataset, 4, 7)); /* the bad one is not in use */
    tw_loader_release(&loader);
    other.labels = dataset.images;
    assert_fails(TW_ERROR_ARGUMENT, "labels uint8", tw_loader_init(&loader, &other, 4, 0));
    other.labels = tw_tensor_new(TW_I32, TW_SHAPE(COUNT - 1));
    assert_fails(TW_ERROR_SHAPE, "(23, 1, 3, 3)", tw_loader_init(&loader, &other, 4, 0));
    tw_tensor_release(other.labels);
    other.labels = NULL;
    assert_fails(TW_ERROR_ARGUMENT, "no labels", tw_loader_init(&loader, &other, 4, 0));
    tw_dataset_release(&dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_out_every_sample_in_order),
        cmocka_unit_test(shuffles_as_randperm_anew_each_epoch),
        cmocka_unit_test(allocates_only_at_the_start),
        cmocka_unit_test(refuses_bad_sizes),
        cmocka_unit_test(refuses_data_it_cannot_serve),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
