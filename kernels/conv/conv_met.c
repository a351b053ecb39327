/* The pixels that positions of a convolution with a stride meet, of one tap without padding. */
#include <string.h>

#include "kernels/conv/conv_pass.h"

/* The pixels of a row that positions meet. */
static void take_row(ptrdiff_t count, ptrdiff_t stride, const float *restrict x, float *restrict met)
{
    for (ptrdiff_t c = 0; c < count; c++) {
        met[c] = x[c * stride];
    }
}

static bool is_by_two(const struct tw_conv2d_shape *shape)
{
    return shape->stride[0] == 2 && shape->stride[1] == 2;
}

/* Planes of which a row between the rows of pixels is the last one, too: then all of them are rows by turns. */
static bool ends_between(const struct tw_conv2d_shape *shape)
{
    return shape->in_height == 2 * shape->out_height;
}

static void take_pairs(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                       ptrdiff_t planes, const float *x, float *met)
{
    const ptrdiff_t rows = shape->out_height, count = shape->out_width, row = 2 * shape->in_width;

    if (ends_between(shape)) {
        tiles->take_pairs(planes * rows, count, x, row, met);
        return;
    }
    for (ptrdiff_t i = 0; i < planes; i++, met += rows * count, x += shape->in_height * shape->in_width) {
        tiles->take_pairs(rows, count, x, row, met);
    }
}

void tw_conv_take_met(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape, ptrdiff_t planes,
                      const float *x, float *met)
{
    if (is_by_two(shape)) {
        take_pairs(tiles, shape, planes, x, met);
        return;
    }
    for (ptrdiff_t i = 0; i < planes; i++, x += shape->in_height * shape->in_width) {
        for (ptrdiff_t r = 0; r < shape->out_height; r++, met += shape->out_width) {
            take_row(shape->out_width, shape->stride[1], x + r * shape->stride[0] * shape->in_width, met);
        }
    }
}

/* The other way: a row of pixels, of which those that no position meets are 0. */
static void put_row(ptrdiff_t count, ptrdiff_t stride, const float *met, ptrdiff_t width, float *x)
{
    memset(x, 0, (size_t)width * sizeof *x);
    for (ptrdiff_t c = 0; c < count; c++) {
        x[c * stride] = met[c];
    }
}

static void put_pairs(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape, ptrdiff_t planes,
                      const float *met, float *x)
{
    const ptrdiff_t rows = shape->out_height, count = shape->out_width, width = shape->in_width;
    const ptrdiff_t zeros = 2 * (width - count);

    if (ends_between(shape)) {
        tiles->put_pairs(planes * rows, count, met, zeros, x);
        return;
    }
    for (ptrdiff_t i = 0; i < planes; i++, met += count, x += width) {
        tiles->put_pairs(rows - 1, count, met, zeros, x);
        met += (rows - 1) * count;
        x += 2 * (rows - 1) * width;
        tiles->put_pairs(1, count, met, width - 2 * count, x);
    }
}

void tw_conv_put_met(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape, ptrdiff_t planes,
                     const float *met, float *x)
{
    const ptrdiff_t width = shape->in_width;

    if (is_by_two(shape)) {
        put_pairs(tiles, shape, planes, met, x);
        return;
    }
    for (ptrdiff_t i = 0; i < planes; i++) {
        ptrdiff_t row = 0;

        for (ptrdiff_t r = 0; r < shape->out_height; r++, met += shape->out_width) {
            const ptrdiff_t next = r + 1 < shape->out_height ? shape->stride[0] : shape->in_height - row;

            put_row(shape->out_width, shape->stride[1], met, width, x);
            memset(x + width, 0, (size_t)((next - 1) * width) * sizeof *x);
            x += next * width;
            row += next;
        }
    }
}
