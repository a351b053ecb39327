/* Blocked activations: every element where the layout says, zeros around it, nothing beyond it. */
#include "kernels/conv_pool/conv_pool.h"
#include "tests/support/test_support.h"

struct image {
    ptrdiff_t channels, height, width, halo;
};

/* Element (channel, row, column) of an image, distinct for each. */
static float element(const struct image *image, ptrdiff_t channel, ptrdiff_t row, ptrdiff_t column)
{
    return (float)((channel * image->height + row) * image->width + column + 1);
}

/* What blocked[block][row][column][lane] holds: 0 in the halo and beyond the last channel. */
static float expected(const struct image *image, ptrdiff_t index)
{
    ptrdiff_t lane = index % TW_BLOCK, rest = index / TW_BLOCK, width = image->width + 2 * image->halo,
              height = image->height + 2 * image->halo;
    ptrdiff_t column = rest % width - image->halo, row = rest / width % height - image->halo,
              channel = rest / width / height * TW_BLOCK + lane;

    if (column < 0 || column >= image->width || row < 0 || row >= image->height ||
        channel >= image->channels) {
        return 0.0f;
    }
    return element(image, channel, row, column);
}

static void check(const struct image *image)
{
    const ptrdiff_t count = image->channels * image->height * image->width,
                    blocked_count =
                        tw_blocked_size(image->channels, image->height, image->width, image->halo);
    struct tw_guard plain = tw_guard_page((size_t)count * sizeof(float)),
                    blocked = tw_guard_page((size_t)blocked_count * sizeof(float)),
                    back = tw_guard_band((size_t)count * sizeof(float), sizeof(float));
    float *x = plain.data, *y = blocked.data, *z = back.data;

    for (ptrdiff_t i = 0; i < count; i++) {
        x[i] = (float)(i + 1);
    }
    for (ptrdiff_t i = 0; i < blocked_count; i++) {
        y[i] = -1.0f;
    }
    tw_f32_block(image->channels, image->height, image->width, image->halo, x, y);
    for (ptrdiff_t i = 0; i < blocked_count; i++) {
        assert_true(y[i] == expected(image, i));
    }
    tw_f32_unblock(image->channels, image->height, image->width, image->halo, y, z);
    assert_memory_equal(x, z, (size_t)count * sizeof(float));
    tw_guard_release(&plain);
    tw_guard_release(&blocked);
    tw_guard_release(&back);
}

static void every_size_of_sides(void **state)
{
    (void)state;
    for (ptrdiff_t channels = 1; channels <= 35; channels += channels < 18 ? 1 : 15) {
        for (ptrdiff_t height = 1; height <= 7; height++) {
            for (ptrdiff_t width = 1; width <= 9; width++) {
                for (ptrdiff_t halo = 0; halo <= 2; halo++) {
                    check(&(struct image){channels, height, width, halo});
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_size_of_sides)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
