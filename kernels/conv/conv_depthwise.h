/* Algorithm "along rows": convolution for few results per group, vectors along rows of positions. Private to
 * kernels/conv.
 *
 * With few results per group, one in depthwise convolution, there are no vectors of channels to take, and a matrix product
 * has few rows. Instead vectors go along rows of positions, and a block of rows of results is summed in registers over all
 * source channels. Kernels of 3 x 3 and 5 x 5 read the source where it is if conv_depthwise_in_place.h has a body for them. For
 * all others every plane of the source is copied once into a zero-padded plane that stays in L1; square kernels load a vector
 * of it once for all rows of results.
 *
 *   copy, one row:    |<------ phase 0 ------>|<------ phase 1 ------>| …      `row` elements
 *                      0 x1 x3 x5 x7 … 0 0 0 0 x0 x2 x4 x6 … 0 0 0 0 0         (step 2, padding 1)
 *
 * Columns that are congruent modulo the horizontal step lie together, so that the sources of neighbouring
 * positions are neighbours whatever the step is: result column c meets kernel column b at element
 * c + column[b] of the row. The last vector of a row overlaps the one before it. A row narrower than a vector
 * runs over its end into rows that are written later, or is stored in parts where there are none.
 *
 * The same copy serves the weight gradient of depthwise convolution, in place for 3 x 3, whose sixteen chains (conv.h) are the
 * lanes of vectors that go down the rows.
 */
#ifndef TOWER_KERNELS_CONV_CONV_DEPTHWISE_H
#define TOWER_KERNELS_CONV_CONV_DEPTHWISE_H

#include "kernels/conv/conv_depthwise_in_place.h"
#include "kernels/simd/fetch.h"

/* Chains per element of the weight and bias gradient. */
#define TW_CONV_CHAINS 16

/* A weight gradient fetches ahead: down a column processors foresee little, and planes of the next sample are far. Floats of two
 * planes that stay in L1 together (AVX2), and of a source plane from which on rows of the same one are fetched instead of the next
 * plane (AVX-512; with halves of the chains that take turns, AVX2, that made some processes a fifth faster, others twice as slow). */
#define TW_CONV_PLANES_IN_L1        5120
#define TW_CONV_PLANE_OF_ROWS_AHEAD 8192

/* So many rows ahead of those that are met, lines are fetched where sources do not stay in L2: processors foresee too little of
 * reading several rows at once, or of going down a column. */
#define TW_CONV_ROWS_AHEAD 16

/* Phases of an input gradient: strides up to 2. */
#define TW_CONV_PHASES_MAX 4

/* Numbers of kernel taps whose sums stay in registers together: `descend` has a body for each. */
#define TW_CONV_DESCENTS 3
static const ptrdiff_t tw_conv_descent_taps[TW_CONV_DESCENTS] = {5, 9, 13};

/* A zero-padded copy of some planes, or of a band of their rows. */
struct tw_conv_padded {
    ptrdiff_t source[2]; /* extents of a source plane */
    ptrdiff_t top, left; /* zeros in front of source row 0 (negative: rows left out) and source column 0 */
    ptrdiff_t phases, columns; /* of a row; elements of a phase */
    ptrdiff_t band;            /* rows of positions that the copy serves */
    ptrdiff_t rows, row, plane;
    ptrdiff_t planes; /* that it holds */
    bool whole;       /* one band: rows of zeros stay what they are */
};

/* Rows of some result planes. */
struct tw_conv_strip {
    const float *source;   /* in the copy: of the first position and tap */
    ptrdiff_t source_step; /* from row of results to row of results */
    ptrdiff_t tap_step;    /* from kernel row to kernel row */
    ptrdiff_t plane;       /* from channel to channel */
    const ptrdiff_t *column;
    const float *w; /* [channels][taps[0]][taps[1]] */
    ptrdiff_t channels, taps[2];
    const float *start; /* one per plane, or NULL for zeros */
    ptrdiff_t rows, width;
    float *result;
    ptrdiff_t result_row;
    ptrdiff_t planes, source_plane,
        result_plane; /* and from each to the next; the weights follow one another */
};

/* Some taps' sums over some samples of one channel. */
struct tw_conv_descent {
    const float *x; /* in the copy: of the first position */
    ptrdiff_t x_row, x_sample;
    const float *dy;
    ptrdiff_t dy_sample; /* its rows are `width` elements apart */
    ptrdiff_t samples, rows, width;
    const ptrdiff_t *tap; /* place of a tap's first position */
    float *sums;          /* [tap][TW_CONV_CHAINS], goes on */
    float *bias;          /* [TW_CONV_CHAINS], goes on */
};

/* What an ISA provides. */
struct tw_conv_depthwise {
    /* Copies `planes` planes from `source` on, `stride` elements apart, for the band that begins at position
     * row `first`, whose source row is `top` rows of zeros before source row 0. The copy must have been all
     * zeros before its first use. */
    void (*pad)(const struct tw_conv_padded *padded, ptrdiff_t planes, ptrdiff_t top, const float *source,
                ptrdiff_t stride, float *copy);
    void (*strip)(const struct tw_conv_strip *strip);
    /* Planes in place, in steps of 1 or 2; and of tw_conv_pairs_pass for 3 x 3 and for 5 x 5. */
    tw_conv_planes_fn *in_place, *pairs_in_place[2];
    /* Planes of tw_conv_is_5x5_in_place. */
    tw_conv_planes_fn *in_place_5x5;
    /* result[2 c + i] = half[i][c], `width` results. */
    void (*interleave)(ptrdiff_t width, const float *const half[2], float *result);
    void (*descend[TW_CONV_DESCENTS])(const struct tw_conv_descent *descent);
    float (*fold)(const float *chains);
    /* The same in place and folded, in steps of 1 or 2. */
    void (*descend_in_place)(const struct tw_conv_descent_in_place *descent, ptrdiff_t step);
};

tw_conv_planes_fn tw_conv_depthwise_5x5__avx512;

/* What AVX-512 has for vectors of sixteen lanes: if planes or a strip are of the kind that is worth it, they are done, and the
 * functions return true. Flat: small planes of 3 x 3. */
bool tw_conv_depthwise_flat__avx512(const struct tw_conv_in_place *planes);
bool tw_conv_depthwise_stream_wide__avx512(const struct tw_conv_in_place *planes);
bool tw_conv_depthwise_strip_wide__avx512(const struct tw_conv_strip *strip);

/* All sums of a channel of a weight gradient in steps of 1 and 2: nine taps, then the bias. */
#define TW_CONV_WALK_SUMS 10
void tw_conv_depthwise_walk__avx512(const struct tw_conv_descent_in_place *descent, ptrdiff_t channel,
                                    float sums[TW_CONV_WALK_SUMS][TW_CONV_CHAINS]);
void tw_conv_depthwise_walk_by_two__avx512(const struct tw_conv_descent_in_place *descent, ptrdiff_t channel,
                                           float sums[TW_CONV_WALK_SUMS][TW_CONV_CHAINS]);

/* With a step of 1 those of the lower chains of that channel, then those of the next one, if rows have at most
 * TW_CONV_IN_PLACE_LANES columns and results are as wide and as high as the source; else returns false. */
bool tw_conv_depthwise_walk_two__avx512(const struct tw_conv_descent_in_place *descent, ptrdiff_t channel,
                                        float sums[TW_CONV_WALK_SUMS][TW_CONV_CHAINS]);

extern const struct tw_conv_depthwise tw_conv_depthwise__avx2, tw_conv_depthwise__avx512;

/* Geometry of the copy for passes that read the same source: `count` of them, of one shape. `planes` belong
 * together, and the copy holds as many times that as stay in L1, or bands of their rows. 0: whole planes, as
 * many as stay in L1, at least one. */
struct tw_conv_padded tw_conv_padded_for(const struct tw_conv_pass *passes, ptrdiff_t count,
                                         ptrdiff_t planes);

/* column[b] of `pass` in that copy. */
void tw_conv_padded_columns(const struct tw_conv_pass *pass, const struct tw_conv_padded *padded,
                            ptrdiff_t *column);

/* Any shape, the gradient for strides up to 2; meant for few channels per group. */
void tw_conv_depthwise_forward(const struct tw_conv_depthwise *isa, const struct tw_conv2d_shape *shape,
                               ptrdiff_t samples, const float *x, const float *w, const float *bias, float *y,
                               void *workspace);
void tw_conv_depthwise_input_gradient(const struct tw_conv_depthwise *isa,
                                      const struct tw_conv2d_shape *shape, ptrdiff_t samples, const float *dy,
                                      const float *w, float *dx, void *workspace);

/* Only shapes for which tw_conv2d_is_depthwise. */
void tw_conv_depthwise_weight_gradient(const struct tw_conv_depthwise *isa,
                                       const struct tw_conv2d_shape *shape, ptrdiff_t samples, const float *x,
                                       const float *dy, float *dw, float *db, void *workspace);

/* Workspace of the first two, and of the third. */
size_t tw_conv_depthwise_passes_workspace(const struct tw_conv2d_shape *shape, bool input_gradient);
size_t tw_conv_depthwise_weight_gradient_workspace(const struct tw_conv2d_shape *shape);

#endif
