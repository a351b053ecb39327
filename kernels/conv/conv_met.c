/* The pixels that positions of a convolution with a stride meet, of one tap without padding. */
#include <string.h>

#include "kernels/conv/conv_pass.h"

/* The pixels of a row that positions meet; with a constant stride in vectors. */
static void take_row(ptrdiff_t count, ptrdiff_t stride, const float *restrict x, float *restrict met)
{
    if (stride == 2) {
        for (ptrdiff_t c = 0; c < count; c++) {
            met[c] = x[c * 2];
        }
        return;
    }
    for (ptrdiff_t c = 0; c < count; c++) {
        met[c] = x[c * stride];
    }
}

void tw_conv_take_met(const struct tw_conv2d_shape *shape, ptrdiff_t planes, const float *x, float *met)
{
    for (ptrdiff_t i = 0; i < planes; i++, x += shape->in_height * shape->in_width) {
        for (ptrdiff_t r = 0; r < shape->out_height; r++, met += shape->out_width) {
            take_row(shape->out_width, shape->stride[1], x + r * shape->stride[0] * shape->in_width, met);
        }
    }
}

/* The other way: a row of pixels, of which those that no position meets are 0. With a stride of 2 in vectors. */
static void put_pairs(ptrdiff_t count, const float *restrict met, float *restrict x)
{
    for (ptrdiff_t c = 0; c < count; c++) {
        x[2 * c] = met[c];
        x[2 * c + 1] = 0.0f;
    }
}

static void put_row(ptrdiff_t count, ptrdiff_t stride, const float *met, ptrdiff_t width, float *x)
{
    const ptrdiff_t pairs = stride != 2 ? 0 : 2 * count <= width ? count : count - 1;

    if (stride == 1) {
        memcpy(x, met, (size_t)count * sizeof *x);
        return;
    }
    put_pairs(pairs, met, x);
    for (ptrdiff_t c = 2 * pairs; c < width; c++) {
        x[c] = 0.0f;
    }
    for (ptrdiff_t c = pairs; c < count; c++) {
        x[c * stride] = met[c];
    }
}

void tw_conv_put_met(const struct tw_conv2d_shape *shape, ptrdiff_t planes, const float *met, float *x)
{
    const ptrdiff_t width = shape->in_width;

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
