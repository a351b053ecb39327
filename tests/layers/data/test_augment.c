/* Augmentation: bytes move as claimed, borders fill with 0, numbers depend on seed, epoch and sample alone. */
#include <string.h>

#include "layers/data/dataset.h"
#include "tests/support/test_support.h"

static void bytes_move_and_borders_are_zero(void **state)
{
    enum { CHANNELS = 2, HEIGHT = 5, WIDTH = 3, COUNT = CHANNELS * HEIGHT * WIDTH };
    struct tw_guard from = tw_guard_page(COUNT), to = tw_guard_page(COUNT);
    uint8_t *image = from.data, *moved = to.data;

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        image[i] = (uint8_t)(i + 1);
    }
    for (ptrdiff_t down = -7; down <= 7; down++) {
        for (ptrdiff_t right = -7; right <= 7; right++) {
            tw_translate_image(CHANNELS, HEIGHT, WIDTH, (struct tw_offset){down, right}, image, moved);
            for (ptrdiff_t i = 0; i < COUNT; i++) {
                ptrdiff_t c = i / (HEIGHT * WIDTH), y = i / WIDTH % HEIGHT - down, x = i % WIDTH - right;
                bool inside = y >= 0 && y < HEIGHT && x >= 0 && x < WIDTH;

                assert_int_equal(moved[i], inside ? image[(c * HEIGHT + y) * WIDTH + x] : 0);
            }
        }
    }
    tw_guard_release(&from);
    tw_guard_release(&to);
}

static void offsets_take_every_value_alike(void **state)
{
    const struct tw_augmentation augmentation = {.translate = 2};
    int seen[25] = {0};

    (void)state;
    for (uint64_t i = 0; i < 25000; i++) {
        struct tw_offset offset = tw_augmentation_offset(&augmentation, 7, i % 5, i);

        assert_in_range(offset.down + 2, 0, 4);
        assert_in_range(offset.right + 2, 0, 4);
        seen[(offset.down + 2) * 5 + offset.right + 2]++;
    }
    /* 1000 each are expected, with a standard deviation of 31: six of them. */
    for (int i = 0; i < 25; i++) {
        assert_in_range(seen[i], 1000 - 186, 1000 + 186);
    }
}

static void collect(struct tw_loader *loader, const struct tw_dataset *dataset, ptrdiff_t batch,
                    uint64_t done, uint8_t *images)
{
    const struct tw_augmentation augmentation = {.translate = 2};
    ptrdiff_t size, seen = 0;

    assert_ok(tw_loader_init(loader, dataset, batch, 0));
    tw_loader_augment(loader, &augmentation, 3);
    loader->epoch = done;
    tw_loader_start(loader, NULL);
    while ((size = tw_loader_next(loader)) > 0) {
        memcpy(images + seen * 784, loader->images, (size_t)size * 784);
        seen += size;
    }
    tw_loader_release(loader);
}

static void batches_do_not_matter_and_epochs_do(void **state)
{
    static uint8_t one[20 * 784], other[20 * 784];
    struct tw_dataset dataset;
    struct tw_loader loader;

    (void)state;
    assert_ok(tw_dataset_synthetic(20, TW_SUBSET_TRAIN, 1, &dataset));
    collect(&loader, &dataset, 20, 4, one);
    collect(&loader, &dataset, 7, 4, other);
    assert_memory_equal(one, other, sizeof one);
    collect(&loader, &dataset, 7, 5, other);
    assert_memory_not_equal(one, other, sizeof one);
    tw_dataset_release(&dataset);
}

static void refuses_texts(void **state)
{
    static const char *const bad[] = {"",
                                      "rotate:3",
                                      "translate",
                                      "translate:",
                                      "translate:0",
                                      "translate:-1",
                                      "translate:1x",
                                      "translate:4097"};
    struct tw_augmentation augmentation;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_fails(TW_ERROR_ARGUMENT, "translate:PIXELS", tw_augmentation_parse(bad[i], &augmentation));
    }
    assert_ok(tw_augmentation_parse("none", &augmentation));
    assert_int_equal(augmentation.translate, 0);
    assert_ok(tw_augmentation_parse("translate:2", &augmentation));
    assert_int_equal(augmentation.translate, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_move_and_borders_are_zero),
        cmocka_unit_test(offsets_take_every_value_alike),
        cmocka_unit_test(batches_do_not_matter_and_epochs_do),
        cmocka_unit_test(refuses_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
