/* What the kernels of this family keep in their workspace, shared by every variant.
 */
#ifndef TOWER_KERNELS_CONV_POOL_CONV_POOL_WORKSPACE_H
#define TOWER_KERNELS_CONV_POOL_CONV_POOL_WORKSPACE_H

#include "kernels/conv_pool/conv_pool.h"

/* Tiles that go through Winograd's transforms together: their points stay in L1 beside the weights. */
#define TW_WINOGRAD_GROUP 12

/* Floats of the products of such tiles with a block of output channels, and how many blocks have a place. */
#define TW_WINOGRAD_PRODUCTS        (16 * TW_WINOGRAD_GROUP * TW_BLOCK)
#define TW_WINOGRAD_PRODUCTS_BLOCKS 2

/* Output channels of a group in the blocked input gradient: the bits of a word. */
#define TW_GATHER_CHANNELS 64

/* An open window of one output channel: where its winner's 3x3 patch begins in a block of x, in floats, and its
 * gradient. */
struct tw_survivor {
    int32_t offset;
    float value;
};

/* A window of a planar sample: where its patch begins in the padded planes, in floats; its place in a block of y, in
 * floats, and in a block of codes; and the window of the blank image that it equals if it has no ink. */
struct tw_planar_window {
    int32_t patch, y, code, blank;
};

/* Pixels of 8 bits: what is 0 all over a window's patch is computed once a call, on a blank image of at most this
 * height and width, which has every kind of window (corners, sides, inside). Ink is found in images of at most
 * TW_INK_WIDTH columns, the bits of a word. */
#define TW_BLANK_SIDE 7
#define TW_INK_WIDTH  64

struct tw_conv_pool_workspace {
    float *padded; /* planar: [in][height + 2][width + 2] */
    /* planar: all windows of a sample row by row, the same with ink before blank, and by row of windows where ink is. */
    struct tw_planar_window *windows, *sorted;
    uint64_t *ink;
    /* planar: the blank image as `padded`, its windows, its y without halo and its codes. */
    float *blank_padded;
    struct tw_planar_window *blank_windows;
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
    float *products;    /* [block][16 points][tiles of a group][16 out] */
};

/* Lays the parts out in `memory` (NULL: only counts) and returns the bytes they take. */
size_t tw_conv_pool_carve(const struct tw_conv_pool_shape *shape, void *memory,
                          struct tw_conv_pool_workspace *workspace);

/* `code` + `offset`, or NULL where no codes are wanted. */
static inline uint8_t *tw_code_at(uint8_t *code, ptrdiff_t offset)
{
    return code ? code + offset : NULL;
}

/* The windows of a sample. */
void tw_planar_windows(const struct tw_conv_pool_shape *shape, struct tw_planar_window *windows);

/* The blank image's shape: of the same kinds of windows as `shape`. */
struct tw_conv_pool_shape tw_blank_shape(const struct tw_conv_pool_shape *shape);

#endif
