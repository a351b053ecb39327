/* What the weight gradient by direct sums (conv_weight_direct.c) divides its work into, and its tables. Private to kernels/conv. */
#ifndef TOWER_KERNELS_CONV_CONV_WEIGHT_DIRECT_H
#define TOWER_KERNELS_CONV_CONV_WEIGHT_DIRECT_H

#include "kernels/conv/conv_axis.h"
#include "kernels/conv/conv_pass.h"

/* Positions [begin, end) of one direction, and the taps that meet them all. */
struct tw_conv_weight_range {
    ptrdiff_t begin, end;
    int taps;
    ptrdiff_t tap[TW_CONV2D_LISTED_TAPS];
};

/* Taps that meet the same positions: rows of A and C, and the positions. */
struct tw_conv_weight_set {
    ptrdiff_t begin, rows, positions;
    const ptrdiff_t *at, *b_at; /* b_at NULL: all positions of the band */
};

/* The tables of a band, for others with the same rows and samples whose taps meet the same of them: all but the first and the last
 * of an image, in most; so many kinds of bands are kept. */
#define TW_CONV_WEIGHT_KINDS 3
struct tw_conv_weight_tables {
    struct tw_conv_weight_set sets[TW_CONV2D_LISTED_TAPS * TW_CONV2D_LISTED_TAPS];
    int count, highs;
    struct tw_conv_weight_range high[TW_CONV2D_LISTED_TAPS]; /* rows counted from the band's first */
    ptrdiff_t rows, samples;                                 /* of the band; 0 rows: nothing yet */
    ptrdiff_t *at, *b_at, *row, *place;
};

struct tw_conv_weight_parts {
    const struct tw_conv2d_shape *shape;
    ptrdiff_t channels, out_channels, taps; /* channels of a group */
    ptrdiff_t x_plane, dy_plane, x_sample, dy_sample;
    ptrdiff_t pitch, block;             /* columns of C; channels of a block */
    ptrdiff_t band, samples;            /* rows of positions; whole samples if they are all rows of one */
    ptrdiff_t positions;                /* of a whole band */
    ptrdiff_t *at, *b_at, *row, *place; /* of each kind of bands */
    ptrdiff_t *nowhere;                 /* zeros, one for every position */
    struct tw_conv_weight_range wide[TW_CONV2D_LISTED_TAPS];
    int wides;
    float *panels, *c;
    size_t bytes;
};

/* What a band covers, and what one block of C does. */
struct tw_conv_weight_band {
    ptrdiff_t sample, samples, row, rows;
};
struct tw_conv_weight_block {
    ptrdiff_t channel, channels, column, columns;
    bool bias;
};

/* All taps of direction d by the positions of [first, last) that they meet; returns how many kinds there are. `ranges`: zeros. */
int tw_conv_weight_list_ranges(const struct tw_conv2d_shape *shape, int d, ptrdiff_t first, ptrdiff_t last,
                               struct tw_conv_weight_range *ranges);

/* Tables without anything in them, each with its part of the workspace. */
void tw_conv_weight_clear_tables(const struct tw_conv_weight_parts *parts,
                                 struct tw_conv_weight_tables kinds[TW_CONV_WEIGHT_KINDS]);

/* The tables of a band: those that are there, or new ones in place of the oldest, which are at *oldest. All are of one block. */
const struct tw_conv_weight_tables *tw_conv_weight_find_tables(
    const struct tw_conv_weight_parts *parts, const struct tw_conv_weight_band *band,
    const struct tw_conv_weight_block *block, struct tw_conv_weight_tables kinds[TW_CONV_WEIGHT_KINDS],
    int *oldest);

#endif
