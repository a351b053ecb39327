/* What the kernels of this family keep in their workspace, shared by every variant.
 */
#ifndef TOWER_KERNELS_CONV_POOL_CONV_POOL_WORKSPACE_H
#define TOWER_KERNELS_CONV_POOL_CONV_POOL_WORKSPACE_H

#include "kernels/conv_pool/conv_pool.h"

/* Tiles that go through Winograd's transforms together: their points stay in L1 beside the weights. */
#define TW_WINOGRAD_GROUP 12

/* An open window of one output channel: where its winner's 3x3 patch begins in a block of x, in floats, and its
 * gradient. */
struct tw_survivor {
    int32_t offset;
    float value;
};

struct tw_conv_pool_workspace {
    float *padded; /* planar: [in][height + 2][width + 2] */
    uint8_t *seen; /* planar: what lies under a row of windows, [width + 4] */
    float
        *blank_y; /* planar: the windows under which nothing lies, [16 kinds][out/16][16], and their codes */
    uint8_t *blank_code;
    float *sums; /* planar: [out/16][in][9][16], then [out/16][16] of the bias */
    /* Blocked gradient: the open windows of one sample, twice. By window and winner (4 * window + winner is where
     * `first` points), each entry the place of its output channel's weights and its gradient; and by output channel,
     * `windows` places each, ending at `end`. */
    int32_t *weight;
    float *value;
    int32_t *first;
    struct tw_survivor *survivors, **end;
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
