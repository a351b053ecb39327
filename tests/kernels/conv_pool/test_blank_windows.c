/* kernels/conv_pool: images of bytes. Windows without ink come from the blank image, and are the reference's all the same. */
#include "tests/kernels/conv_pool/conv_pool_problem.h"

#define MOST_OUT 18

struct image {
    struct tw_conv_pool_shape shape;
    struct tw_pixel_scale pixels;
    struct buffers buffers;
    uint8_t *x;
    float *weights, *bias, *y[2];
    uint8_t *code[2];
    void *workspace;
};

static ptrdiff_t pixel_count(const struct image *image)
{
    return image->shape.in_channels * image->shape.height * image->shape.width;
}

static struct image image_new(struct tw_rng *rng, ptrdiff_t in, ptrdiff_t height, ptrdiff_t width)
{
    struct image image = {.shape = {.in_channels = in,
                                    .out_channels = tw_test_integer(rng, 1, MOST_OUT),
                                    .height = height,
                                    .width = width,
                                    .y_halo = tw_test_integer(rng, 0, 1)},
                          .pixels = {0.13f, 0.31f}};
    const struct tw_conv_pool_shape *s = &image.shape;
    float w[MOST_OUT * TW_CONV_POOL_PLANAR_CHANNELS * 9];

    tw_test_fill(rng, w, s->out_channels * in * 9, -0.5f, 0.5f);
    image.x = take_bytes(&image.buffers, pixel_count(&image));
    image.weights = take(&image.buffers, tw_blocks(s->out_channels) * in * 9 * TW_BLOCK);
    image.bias = take(&image.buffers, s->out_channels);
    tw_test_fill(rng, image.bias, s->out_channels, -0.5f, 0.5f);
    tw_f32_pack_planar_weights(s, w, image.weights, 0, tw_blocks(s->out_channels));
    for (int i = 0; i < 2; i++) {
        image.y[i] = take(&image.buffers, y_size(s));
        image.code[i] = take_bytes(&image.buffers, tw_code_size(s));
    }
    image.workspace = take_bytes(&image.buffers, (ptrdiff_t)((tw_f32_conv_pool_workspace(s) + 63) / 64 * 64));
    memset(image.x, 0, (size_t)pixel_count(&image));
    return image;
}

static void forward(const struct tw_kernels *k, struct image *image, int to, bool codes)
{
    memset(image->y[to], 0xff, (size_t)y_size(&image->shape) * sizeof(float));
    k->f32_conv_pool_planar_forward(&image->shape, 1, image->x, &image->pixels, image->weights, image->bias,
                                    image->y[to], codes ? image->code[to] : NULL, image->workspace);
}

static void compare(struct image *image)
{
    const struct variants v = variants_here();

    forward(reference(), image, 0, true);
    for (int t = 0; t < v.count; t++) {
        memset(image->code[1], 0xff, (size_t)tw_code_size(&image->shape));
        forward(v.table[t], image, 1, true);
        assert_same_floats(image->y[0], image->y[1], y_size(&image->shape), "y");
        assert_memory_equal(image->code[0], image->code[1], (size_t)tw_code_size(&image->shape));
        forward(v.table[t], image, 1, false);
        assert_same_floats(image->y[0], image->y[1], y_size(&image->shape), "y without codes");
    }
}

/* Blank, then one pixel of ink at every place. */
static void one_pixel_everywhere(void **state)
{
    const ptrdiff_t most = 1 + tw_test_cases(9);
    struct tw_rng rng = tw_test_rng(1);

    (void)state;
    for (ptrdiff_t height = 2; height <= most; height++) {
        for (ptrdiff_t width = 2; width <= most; width++) {
            struct image image = image_new(&rng, tw_test_integer(&rng, 1, 2), height, width);

            compare(&image);
            for (ptrdiff_t i = 0; i < pixel_count(&image); i++) {
                image.x[i] = (uint8_t)tw_test_integer(&rng, 1, 255);
                compare(&image);
                image.x[i] = 0;
            }
            release(&image.buffers);
        }
    }
}

/* Widths around vectors and around the widest image that is searched for ink, all channels, more and less ink. */
static void sparse_images(void **state)
{
    const ptrdiff_t widths[] = {15, 16, 17, 28, 31, 32, 33, 47, 48, 49, 62, 63, 64, 65, 66, 130};
    struct tw_rng rng = tw_test_rng(2);
    const ptrdiff_t cases = tw_test_cases(16 * 4);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        struct image image = image_new(&rng, tw_test_integer(&rng, 1, TW_CONV_POOL_PLANAR_CHANNELS),
                                       tw_test_integer(&rng, 2, 12), widths[i % 16]);

        for (int ink = 1; ink <= 64; ink *= 4) {
            for (ptrdiff_t p = 0; p < pixel_count(&image); p++) {
                image.x[p] = tw_rng_u32(&rng) % 256 < (uint32_t)ink ? (uint8_t)tw_rng_u32(&rng) : 0;
            }
            compare(&image);
        }
        release(&image.buffers);
    }
}

/* A blank window whose outputs are NaN or infinite, by its bias or by its weights. */
static void blank_windows_need_not_be_finite(void **state)
{
    struct tw_rng rng = tw_test_rng(3);

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct image image = image_new(&rng, 1, 9, 9);
        float *special = i / 2 ? &image.bias[0] : &image.weights[4 * TW_BLOCK];

        *special = i % 2 ? INFINITY : NAN;
        compare(&image);
        image.x[40] = 200;
        compare(&image);
        release(&image.buffers);
    }
}

/* A filter of the first channel alone that is `centre` at its centre, and no bias. */
static void keep_pixels(struct image *image, float centre)
{
    const ptrdiff_t channels = tw_blocks(image->shape.out_channels) * TW_BLOCK;

    memset(image->bias, 0, (size_t)image->shape.out_channels * sizeof *image->bias);
    memset(image->weights, 0, (size_t)(9 * channels) * sizeof *image->weights);
    image->weights[4 * TW_BLOCK] = centre;
}

/* All 256 bytes, four of each in a window of its own: quotients to the last bit. */
static void every_byte_is_divided_as_the_reference_does(void **state)
{
    struct tw_rng rng = tw_test_rng(4);
    struct image image = image_new(&rng, 1, 32, 32);

    (void)state;
    image.pixels = (struct tw_pixel_scale){0.0f, 1.0f};
    keep_pixels(&image, 1.0f);
    for (ptrdiff_t i = 0; i < pixel_count(&image); i++) {
        image.x[i] = (uint8_t)(i / 64 * 16 + i % 32 / 2);
    }
    compare(&image);
    release(&image.buffers);
}

/* Outputs that are infinite and never NaN: in every window columns of +infinity and of -infinity, so that the rows are
 * equal and the upper one must win. */
static void the_upper_of_equal_infinities_wins(void **state)
{
    struct tw_rng rng = tw_test_rng(5);

    (void)state;
    for (int column = 0; column < 2; column++) {
        struct image image = image_new(&rng, 1, 6, 8);

        keep_pixels(&image, INFINITY);
        for (ptrdiff_t i = 0; i < pixel_count(&image); i++) {
            image.x[i] = i % 2 == column ? 255 : 1;
        }
        compare(&image);
        assert_int_equal(image.code[0][0], column);
        release(&image.buffers);
    }
}

/* Of every two positions of a window, both infinite and the others finite, the first wins: doubt comes from either row. */
static void the_first_of_two_infinities_wins(void **state)
{
    static const ptrdiff_t pairs[][2] = {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}};
    struct tw_rng rng = tw_test_rng(6);

    (void)state;
    for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
        struct image image = image_new(&rng, 1, 6, 8);

        image.pixels = (struct tw_pixel_scale){0.0f, 0.25f};
        keep_pixels(&image, 0x1p127f);
        for (ptrdiff_t i = 0; i < pixel_count(&image); i++) {
            const ptrdiff_t position = i / 8 % 2 * 2 + i % 2;

            image.x[i] = position == pairs[p][0] || position == pairs[p][1] ? 255 : 1;
        }
        compare(&image);
        assert_int_equal(image.code[0][0], pairs[p][0]);
        release(&image.buffers);
    }
}

/* The least output that relu lets through leaves its window open, at the position where it is. */
static void the_least_output_is_open(void **state)
{
    struct tw_rng rng = tw_test_rng(7);

    (void)state;
    for (ptrdiff_t position = 0; position < 4; position++) {
        struct image image = image_new(&rng, 1, 6, 8);

        image.pixels = (struct tw_pixel_scale){0.0f, 1.0f};
        keep_pixels(&image, 0x1p-149f);
        for (ptrdiff_t i = 0; i < pixel_count(&image); i++) {
            image.x[i] = i / 8 % 2 * 2 + i % 2 == position ? 255 : 1;
        }
        compare(&image);
        assert_int_equal(image.code[0][0], position);
        release(&image.buffers);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_pixel_everywhere),
        cmocka_unit_test(sparse_images),
        cmocka_unit_test(blank_windows_need_not_be_finite),
        cmocka_unit_test(every_byte_is_divided_as_the_reference_does),
        cmocka_unit_test(the_upper_of_equal_infinities_wins),
        cmocka_unit_test(the_first_of_two_infinities_wins),
        cmocka_unit_test(the_least_output_is_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
