/* The column matrix of one sample and one group. */
#include <stdbool.h>

#include "kernels/conv/conv.h"

/* One row of the column matrix: tap (u, v) of one channel for every output position. */
static void fill_row(const struct tw_conv2d_shape *shape, const float *plane, ptrdiff_t u, ptrdiff_t v,
                     float *to)
{
    const ptrdiff_t top = u * shape->dilation[0] - shape->padding[0];
    const ptrdiff_t left = v * shape->dilation[1] - shape->padding[1];

    for (ptrdiff_t r = 0; r < shape->out_height; r++) {
        const ptrdiff_t h = top + r * shape->stride[0];

        for (ptrdiff_t c = 0; c < shape->out_width; c++) {
            const ptrdiff_t column = left + c * shape->stride[1];
            const bool inside = h >= 0 && h < shape->in_height && column >= 0 && column < shape->in_width;

            *to++ = inside ? plane[h * shape->in_width + column] : 0.0f;
        }
    }
}

void tw_f32_im2col(const struct tw_conv2d_shape *shape, const float *x, float *column)
{
    const ptrdiff_t positions = shape->out_height * shape->out_width;

    for (ptrdiff_t i = 0; i < shape->in_channels / shape->groups;
         i++, x += shape->in_height * shape->in_width) {
        for (ptrdiff_t u = 0; u < shape->kernel_height; u++) {
            for (ptrdiff_t v = 0; v < shape->kernel_width; v++, column += positions) {
                fill_row(shape, x, u, v, column);
            }
        }
    }
}
