/* What the kernels of this family keep in their workspace, shared by every variant.
 */
#ifndef TOWER_KERNELS_CONV_POOL_CONV_POOL_WORKSPACE_H
#define TOWER_KERNELS_CONV_POOL_CONV_POOL_WORKSPACE_H

#include "kernels/conv_pool/conv_pool.h"

/* Tiles that go through Winograd's transforms together: their points stay in L1 beside the weights. */
#define TW_WINOGRAD_GROUP 12

/* Output channels of a group in the blocked input gradient: the bits of a word. */
#define TW_GATHER_CHANNELS 64

/* An open window of one output channel: where its winner's 3x3 patch begins in a block of x, in floats, and its
 * gradient. */
struct tw_survivor {
    int32_t offset;
    float value;
};

struct tw_conv_pool_workspace {
    float *padded; /* planar: [in][height + 2][width + 2] */
    uint8_t *seen; /* planar: what lies under a row of windows, [width + 4] */
    /* planar: the windows under which nothing lies, [16 kinds][out/16][16], and their codes */
    float *blank_y;
    uint8_t *blank_code;
    float *sums; /* planar: [out/16][in][9][16], then [out/16][16] of the bias */
    /* Blocked gradient, of one sample: where winners lie in x, [window][code, rounded up to 8]; of a block of output
     * channels every window as if it were open, [window][16] pairs of place and gradient; the open windows of every
     * output channel, `windows` places each, those of channel o ending at ends[o]. */
    float *places, *candidates;
    struct tw_survivor *survivors, **ends;
    /* And of a group of output channels: [window][winner] bits, one per channel, and [window][channel]. */
    uint64_t *winners;
    float *gradients;
    float *transformed; /* [16 points][tiles of a group][in, rounded up to blocks] */
    float *products;    /* [16 points][tiles of a group][16 out] */
};

/* Lays the parts out in `memory` (NULL: only counts) and returns the bytes they take. */
size_t tw_conv_pool_carve(const struct tw_conv_pool_shape *shape, void *memory,
                          struct tw_conv_pool_workspace *workspace);

/* `code` + `offset`, or NULL where no codes are wanted. */
static inline uint8_t *tw_code_at(uint8_t *code, ptrdiff_t offset)
{
    return code ? code + offset : NULL;
}

/* Copies one planar sample into `padded`, normalising bytes when `pixels` is given. */
void tw_conv_pool_pad(const struct tw_conv_pool_shape *shape, const void *x,
                      const struct tw_pixel_scale *pixels, float *padded);

#endif
