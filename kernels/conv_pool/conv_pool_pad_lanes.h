/* The planar sample with its padding, pixels normalised: what windows are computed from. Included after the lanes and the
 * words of an ISA. */
#ifndef TOWER_KERNELS_CONV_POOL_CONV_POOL_PAD_LANES_H
#define TOWER_KERNELS_CONV_POOL_CONV_POOL_PAD_LANES_H

#include <string.h>

#include "kernels/conv_pool/conv_pool_workspace.h"
#include "kernels/simd/normalize_lanes.h"

/* What the windows of a sample are computed from, for one block of output channels. */
struct tw_planar_input {
    const struct tw_conv_pool_shape *shape;
    const float *padded, *weights;
    _Alignas(64) float start[TW_BLOCK]; /* of every sum: the biases */
};

static inline struct tw_lanes tw_normalize_pixels(struct tw_lanes bytes, const struct tw_pixel_scale *pixels)
{
    return tw_lanes_normalize(bytes, tw_lanes_set(pixels->mean), tw_lanes_set(pixels->standard_deviation));
}

/* One row; its last sixteen pixels overlap those before them. */
static inline void tw_normalize_row(ptrdiff_t width, const uint8_t *x, const struct tw_pixel_scale *pixels,
                                    float *to)
{
    if (width < TW_BLOCK) {
        tw_lanes_store_part(to, (int)width,
                            tw_normalize_pixels(tw_lanes_load_u8_part(x, (int)width), pixels));
        return;
    }
    for (ptrdiff_t i = 0; i < width; i += TW_BLOCK) {
        const ptrdiff_t column = i < width - TW_BLOCK ? i : width - TW_BLOCK;

        tw_lanes_store(to + column, tw_normalize_pixels(tw_lanes_load_u8(x + column), pixels));
    }
}

/* One sample to the inside of `padded`, whose padding is left alone: bytes normalised by `pixels`; NULL: floats. */
static inline void tw_conv_pool_pad_inside(const struct tw_conv_pool_shape *shape, const void *x,
                                           const struct tw_pixel_scale *pixels, float *padded)
{
    ptrdiff_t width = shape->width, plane = (shape->height + 2) * (width + 2);

    for (ptrdiff_t i = 0; i < shape->in_channels; i++) {
        for (ptrdiff_t row = 0; row < shape->height; row++) {
            ptrdiff_t from = (i * shape->height + row) * width;
            float *to = padded + i * plane + (row + 1) * (width + 2) + 1;

            if (pixels) {
                tw_normalize_row(width, (const uint8_t *)x + from, pixels, to);
            } else {
                memcpy(to, (const float *)x + from, (size_t)width * sizeof *to);
            }
        }
    }
}

/* The padding. */
static inline void tw_conv_pool_clear_padded(const struct tw_conv_pool_shape *shape, float *padded)
{
    memset(padded, 0,
           (size_t)(shape->in_channels * (shape->height + 2) * (shape->width + 2)) * sizeof *padded);
}

/* Both. */
static inline void tw_conv_pool_pad(const struct tw_conv_pool_shape *shape, const void *x,
                                    const struct tw_pixel_scale *pixels, float *padded)
{
    tw_conv_pool_clear_padded(shape, padded);
    tw_conv_pool_pad_inside(shape, x, pixels, padded);
}

#endif
