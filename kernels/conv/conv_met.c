/* The pixels of positions of a convolution with a stride, of one tap without padding: put together, and brought back between
 * zeros. A horizontal stride of 2 is rows of pairs, whatever the vertical one (kernels/gemm/pairs.h). */
#include <string.h>

#include "kernels/conv/conv_pass.h"

/* Rows of planes from the first row of positions to the next plane's are the same number for all rows: then planes are one. */
static bool are_one(const struct tw_conv2d_shape *shape)
{
    return shape->in_height == shape->stride[0] * shape->out_height;
}

static void take_pairs(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                       ptrdiff_t planes, const float *x, float *met)
{
    const ptrdiff_t rows = shape->out_height, count = shape->out_width;
    const ptrdiff_t row = shape->stride[0] * shape->in_width;

    if (are_one(shape)) {
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
    if (shape->stride[1] == 2) {
        take_pairs(tiles, shape, planes, x, met);
        return;
    }
    for (ptrdiff_t i = 0; i < planes; i++, x += shape->in_height * shape->in_width) {
        for (ptrdiff_t r = 0; r < shape->out_height; r++, met += shape->out_width) {
            const float *row = x + r * shape->stride[0] * shape->in_width;

            for (ptrdiff_t c = 0; c < shape->out_width; c++) {
                met[c] = row[c * shape->stride[1]];
            }
        }
    }
}

/* The last row of a plane may have fewer rows between it and the end. */
static void put_pairs(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape, ptrdiff_t planes,
                      const float *met, float *x)
{
    const ptrdiff_t rows = shape->out_height, count = shape->out_width, width = shape->in_width;
    const ptrdiff_t row = shape->stride[0] * width, last = shape->in_height * width - (rows - 1) * row;

    if (are_one(shape)) {
        tiles->put_pairs(planes * rows, count, met, row - 2 * count, x);
        return;
    }
    for (ptrdiff_t i = 0; i < planes; i++, met += count, x += last) {
        tiles->put_pairs(rows - 1, count, met, row - 2 * count, x);
        met += (rows - 1) * count;
        x += (rows - 1) * row;
        tiles->put_pairs(1, count, met, last - 2 * count, x);
    }
}

void tw_conv_put_met(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape, ptrdiff_t planes,
                     const float *met, float *x)
{
    const ptrdiff_t rows = shape->out_height, row = shape->stride[0] * shape->in_width;
    const ptrdiff_t last = shape->in_height * shape->in_width - (rows - 1) * row;

    if (shape->stride[1] == 2) {
        put_pairs(tiles, shape, planes, met, x);
        return;
    }
    for (ptrdiff_t r = 0; r < planes * rows; r++, met += shape->out_width) {
        const ptrdiff_t length = r % rows == rows - 1 ? last : row;

        memset(x, 0, (size_t)length * sizeof *x);
        for (ptrdiff_t c = 0; c < shape->out_width; c++) {
            x[c * shape->stride[1]] = met[c];
        }
        x += length;
    }
}
