/* The planar sample with its padding, pixels normalised. */
#include <string.h>

#include "kernels/conv_pool/conv_pool_workspace.h"

static void pad_plane(const struct tw_conv_pool_shape *shape, const void *x, ptrdiff_t plane,
                      const struct tw_pixel_scale *pixels, float *padded)
{
    for (ptrdiff_t row = 0; row < shape->height; row++) {
        ptrdiff_t source = (plane * shape->height + row) * shape->width;
        float *target = padded + (row + 1) * (shape->width + 2) + 1;

        if (!pixels) {
            memcpy(target, (const float *)x + source, (size_t)shape->width * sizeof(float));
            continue;
        }
        for (ptrdiff_t column = 0; column < shape->width; column++) {
            float pixel = (float)((const uint8_t *)x)[source + column];

            target[column] = ((pixel / 255.0f) - pixels->mean) / pixels->standard_deviation;
        }
    }
}

void tw_conv_pool_pad(const struct tw_conv_pool_shape *shape, const void *x,
                      const struct tw_pixel_scale *pixels, float *padded)
{
    ptrdiff_t size = (shape->height + 2) * (shape->width + 2);

    memset(padded, 0, (size_t)(shape->in_channels * size) * sizeof *padded);
    for (ptrdiff_t plane = 0; plane < shape->in_channels; plane++) {
        pad_plane(shape, x, plane, pixels, padded + plane * size);
    }
}
