/* What the kernels of this family keep in their workspace, and the lists of open windows, shared by every
 * variant.
 */
#ifndef TOWER_KERNELS_CONV_POOL_CONV_POOL_WORKSPACE_H
#define TOWER_KERNELS_CONV_POOL_CONV_POOL_WORKSPACE_H

#include "kernels/conv_pool/conv_pool.h"

/* Tiles that go through Winograd's transforms together: their points stay in L1 beside the weights. */
#define TW_WINOGRAD_GROUP 12

/* A window: where it lies in a block of 16 channels of code and of dy, and where the patch of its first
 * position begins in one of x. Offsets in elements. */
struct tw_window {
    int32_t code, dy, patch;
};

/* An open window: where its winner's 3x3 patch begins in a block of x, in floats, and its gradient. */
struct tw_survivor {
    int32_t offset;
    float value;
};

struct tw_conv_pool_workspace {
    float *padded;                 /* planar: [in][height + 2][width + 2] */
    float *sums;                   /* planar: [out/16][in][9][16], then [out/16][16] of the bias */
    struct tw_window *order;       /* blocked: the windows in their four colours */
    struct tw_survivor *survivors; /* blocked: of one sample, channel after channel */
    int32_t *first; /* [out + 1]: where each output channel's survivors begin; they end where the next one's
                       begin */
    float *transformed; /* [16 points][tiles of a group][in, rounded up to blocks] */
    float *products;    /* [16 points][tiles of a group][16 out] */
};

/* Lays the parts out in `memory` (NULL: only counts) and returns the bytes they take. */
size_t tw_conv_pool_carve(const struct tw_conv_pool_shape *shape, void *memory,
                          struct tw_conv_pool_workspace *workspace);

/* Copies one planar sample into `padded`, normalising bytes when `pixels` is given. */
void tw_conv_pool_pad(const struct tw_conv_pool_shape *shape, const void *x,
                      const struct tw_pixel_scale *pixels, float *padded);

/* Fills workspace->order. Once per call of a blocked gradient. */
void tw_conv_pool_order(const struct tw_conv_pool_shape *shape,
                        const struct tw_conv_pool_workspace *workspace);

/* Lists one sample's survivors per output channel, in that order. */
void tw_conv_pool_list(const struct tw_conv_pool_shape *shape, const uint8_t *code, const float *dy,
                       const struct tw_conv_pool_workspace *workspace);

#endif
