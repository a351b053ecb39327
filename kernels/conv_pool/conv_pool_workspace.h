/* What the kernels of this family keep in their workspace, and the lists of non-zeros, shared by every
 * variant.
 */
#ifndef TOWER_KERNELS_CONV_POOL_CONV_POOL_WORKSPACE_H
#define TOWER_KERNELS_CONV_POOL_CONV_POOL_WORKSPACE_H

#include "kernels/conv_pool/conv_pool.h"

/* Tiles that go through Winograd's transforms together: their points stay in L1 beside the weights. */
#define TW_WINOGRAD_GROUP 12

struct tw_conv_pool_workspace {
    float *padded;   /* planar: [in][height + 2][width + 2] and slack for reading 4 floats at the last tap */
    int32_t *offset; /* of each non-zero's 3x3 patch in the padded input, in floats */
    float *value;    /* its gradient */
    int32_t *first;  /* [out + 1]: where each output channel's list begins; its end is the next one's begin */
    float *transformed; /* [16 points][tiles of a group][in, rounded up to blocks] */
    float *products;    /* [16 points][tiles of a group][16 out] */
};

/* Lays the parts out in `memory` (NULL: only counts) and returns the bytes they take. */
size_t tw_conv_pool_carve(const struct tw_conv_pool_shape *shape, void *memory,
                          struct tw_conv_pool_workspace *workspace);

/* Copies one planar sample into workspace->padded, normalising bytes when `pixels` is given. */
void tw_conv_pool_pad(const struct tw_conv_pool_shape *shape, const void *x,
                      const struct tw_pixel_scale *pixels, float *padded);

/* Lists one sample's non-zeros per output channel in order of (r, c), the position in the convolution's
 * output. Offsets count floats from the patch of position (0, 0), where neighbouring columns are `pixel`
 * floats apart. */
void tw_conv_pool_list(const struct tw_conv_pool_shape *shape, const uint8_t *code, const float *dy,
                       ptrdiff_t pixel, const struct tw_conv_pool_workspace *workspace);

#endif
