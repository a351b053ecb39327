/* What the algorithm "direct" (conv_direct.c) divides its work into, and its lists. Private to kernels/conv. */
#ifndef TOWER_KERNELS_CONV_CONV_DIRECT_H
#define TOWER_KERNELS_CONV_CONV_DIRECT_H

#include "kernels/conv/conv_axis.h"
#include "kernels/conv/conv_pass.h"

/* Positions that meet the same taps. */
struct tw_conv_set {
    ptrdiff_t links;            /* per source channel */
    const ptrdiff_t *at, *b_at; /* b_at NULL: all taps */
    ptrdiff_t begin, count;     /* of the band's positions in it */
};

struct tw_conv_direct {
    bool gradient;
    bool once; /* one band is all: panels are packed as they are used, into the same place */
    struct tw_conv_axis axis[2];
    ptrdiff_t channels, out_channels; /* of a group */
    ptrdiff_t taps, depth;            /* links of the longest chain */
    ptrdiff_t w_out, w_channel;       /* from result channel and source channel to the next, in the weights */
    ptrdiff_t pitch;                  /* columns of C */
    ptrdiff_t columns;                /* of all panels */
    ptrdiff_t block;                  /* source channels of a block */
    ptrdiff_t band, samples;          /* rows of positions; whole samples if they are all rows of one */
    ptrdiff_t *at, *b_at;             /* the lists of all sets */
    ptrdiff_t *row, *place;           /* of a band's positions, set by set: in the image and in C */
    struct tw_conv_set *sets;
    float *weights, *bias, *c;
    size_t bytes;
};

/* A band: rows of positions of one sample, or all rows of several. */
struct tw_conv_band {
    ptrdiff_t sample, samples, row, rows;
};

/* Divides the work and its memory from `base` on, which is aligned to 64; NULL: only counts bytes. */
struct tw_conv_direct tw_conv_direct_divide(const struct tw_f32_tiles *tiles,
                                            const struct tw_conv2d_shape *shape, bool gradient, void *base);

/* Writes the links of all sets, for a block of channels, and marks each set's. */
void tw_conv_direct_list_links(const struct tw_conv_direct *parts);

/* Writes the positions of a band, set by set, and marks each set's. */
void tw_conv_direct_list_positions(const struct tw_conv_direct *parts, const struct tw_conv_band *band,
                                   ptrdiff_t sample_step);

#endif
