/* Kernels of 3 x 3, and some of 5 x 5, without a copy: rows of the source are read where they are. Private to kernels/conv;
 * part of algorithm "along rows" (conv_depthwise.h).
 *
 * What a copy would pad is read as zeros in two ways: rows above and below the source are one row of zeros, and columns
 * beside it are lanes that a masked load leaves 0. Which these are depends on the vector of positions and the tap alone,
 * so that a table tells it for all rows; most vectors touch no end of a row and need no mask.
 */
#ifndef TOWER_KERNELS_CONV_CONV_DEPTHWISE_IN_PLACE_H
#define TOWER_KERNELS_CONV_CONV_DEPTHWISE_IN_PLACE_H

#include "kernels/conv/conv_pass.h"

/* Lanes of a vector, on every ISA: bits of a mask. */
#define TW_CONV_IN_PLACE_LANES 8

/* Fewest rows of results; at least 3, which a stream has under way. */
#define TW_CONV_IN_PLACE_ROWS 4

/* Rows of a block of kernels of 5 x 5, and fewest of results; at least 5, which a stream with a step of 1 has under way. */
#define TW_CONV_5X5_ROWS 5

/* Masks of a vector of positions: what its loads find inside the row. From the source column of the first
 * position and tap on, step 1: eight columns for each tap; step 2: one column, the next eight, and the next eight. */
#define TW_CONV_IN_PLACE_LOADS 3

/* Some result planes, each from its own source channels. */
struct tw_conv_in_place {
    const float *source;         /* the first plane's first channel */
    ptrdiff_t height, width;     /* of a source plane */
    ptrdiff_t origin[2];         /* source row and column of position (0, 0) and tap (0, 0) */
    ptrdiff_t step;              /* from position to position, both ways */
    ptrdiff_t channels, channel; /* how many are summed, and from each to the next */
    const float *zeros;          /* `width` of them */
    const unsigned char *inside; /* [vector of positions][TW_CONV_IN_PLACE_LOADS] */
    ptrdiff_t whole, whole_end;  /* columns of positions: vectors that begin there need no masks */
    const float *w;              /* the first tap of the first channel, */
    ptrdiff_t w_tap, w_channel,
        w_result;            /* from tap to tap, channel to channel, result plane to result plane */
    const float *start;      /* one per result plane, or NULL for zeros */
    ptrdiff_t rows, columns; /* of a result plane */
    float *result;
    ptrdiff_t planes, source_plane; /* result planes, and from the source of each to that of the next */
};

typedef void tw_conv_planes_fn(const struct tw_conv_in_place *planes);

/* The gradients of some channels. */
struct tw_conv_descent_in_place {
    const float *x;
    ptrdiff_t height, width;
    ptrdiff_t origin[2]; /* as above */
    const float *dy;
    ptrdiff_t rows, columns;
    ptrdiff_t channels, x_channel, dy_channel; /* and from each to the next */
    ptrdiff_t samples, x_sample, dy_sample;
    const float *zeros;          /* `width` of them */
    const unsigned char *inside; /* [vector of positions][TW_CONV_IN_PLACE_LOADS], none flush with the end */
    ptrdiff_t whole, whole_end;  /* as above */
    float *dw, *db;              /* nine a channel, one a channel or NULL */
};

/* Whether a pass is of the kind: 3 x 3 taps, steps 1 or 2. */
bool tw_conv_is_in_place(const struct tw_conv_pass *pass);

/* Whether a pass is the same with 5 x 5 taps of one channel, and its rows are longer than eight. Its bodies find their masks
 * themselves. */
bool tw_conv_is_5x5_in_place(const struct tw_conv_pass *pass);

/* Input gradients of 3 x 3 and 5 x 5 in steps of 2: results belong together in pairs of rows and of columns, which meet the
 * same gradients. If the padding is even or odd as taps / 2 is, the pairs begin with row and column 0:
 *
 *   results 2 c, 2 c + 1 of one row, by one kernel row, padding taps / 2:
 *     3 taps:  dy[c] w[1],                                  dy[c] w[2] + dy[c + 1] w[0]
 *     5 taps:  dy[c - 1] w[4] + dy[c] w[2] + dy[c + 1] w[0],  dy[c] w[3] + dy[c + 1] w[1]
 *
 * and rows likewise, so that two by two (three by three) gradients make all four results, with every tap of the kernel once.
 * Positions of the pass are pairs, and its taps the gradients that one meets. */
bool tw_conv_is_in_pairs(const struct tw_conv2d_shape *shape);
struct tw_conv_pass tw_conv_pairs_pass(const struct tw_conv2d_shape *shape);

/* Such a pass, by `planes` of an ISA. `workspace`: tw_conv_in_place_workspace bytes. */
void tw_conv_run_in_place(tw_conv_planes_fn *planes, const struct tw_conv_pass *pass, ptrdiff_t samples,
                          const float *source, const float *w, const float *start, float *result,
                          void *workspace);

size_t tw_conv_in_place_workspace(const struct tw_conv_pass *pass);

struct tw_conv_depthwise;

/* The weight gradient of such a forward pass of depthwise convolution, with the same workspace. `db` may be NULL. */
void tw_conv_run_in_place_gradient(const struct tw_conv_depthwise *isa, const struct tw_conv_pass *pass,
                                   ptrdiff_t samples, const float *x, const float *dy, float *dw, float *db,
                                   void *workspace);

#endif
