/* Algorithm "winograd": F(2x2, 3x3) and F(4x2, 3x3) on plain planes, for the passes of which the contract says so
 * (tw_conv2d_is_winograd). Private to kernels/conv.
 *
 * Two or four rows of two results are a *tile*; a *run* is a number of tiles side by side in a row of them. The transforms have
 * vectors along runs, and the products between them are sixteen matrix products (24 of tiles of four rows) whose columns are tiles:
 *
 *   source plane --rows, then columns: B^T d B-->  V [16 points][channel][tiles]
 *   weights      --rows, then columns: G g G^T-->  U [16 points][result channel][channel]
 *   M [point] = U [point] V [point]                M [16 points][result channel][tiles]
 *   M            --rows, then columns: A^T m A-->  result planes
 *
 * The weight gradient is the same backwards. There k of the products are tiles, and one of the operands lies across them: x, which
 * is transposed first, so that its transform has vectors of channels:
 *
 *   dy planes    --rows, then columns: A y A^T-->  M [16 points][output channel][tiles]
 *   x planes     --transposed, B^T d B-->          V [16 points][tiles][input channel]
 *   U [point] += M [point] V [point]               U [16 points][output channel][input channel]
 *   U            --rows, then columns: G^T u G-->  dw
 */
#ifndef TOWER_KERNELS_CONV_CONV_WINOGRAD_H
#define TOWER_KERNELS_CONV_CONV_WINOGRAD_H

#include "kernels/conv/conv_pass.h"

enum {
    TW_WINOGRAD_POINTS = 16,
    TW_WINOGRAD_POINTS_MOST = 24, /* of tiles of four rows */
    TW_WINOGRAD_TAPS = 9,
    TW_WINOGRAD_LANES = 16,
    TW_WINOGRAD_NARROW = 14 /* seven tiles and a pair of zeros: half a vector */
};

/* The points a and b of tiles of four rows, and what conv.h makes of them. All but the last three are exact. */
#define TW_WINOGRAD_A         0.6875f
#define TW_WINOGRAD_B         1.375f
#define TW_WINOGRAD_A2        (TW_WINOGRAD_A * TW_WINOGRAD_A)
#define TW_WINOGRAD_B2        (TW_WINOGRAD_B * TW_WINOGRAD_B)
#define TW_WINOGRAD_A3        (TW_WINOGRAD_A2 * TW_WINOGRAD_A)
#define TW_WINOGRAD_B3        (TW_WINOGRAD_B2 * TW_WINOGRAD_B)
#define TW_WINOGRAD_Q         (TW_WINOGRAD_A2 * TW_WINOGRAD_B2)
#define TW_WINOGRAD_S         (TW_WINOGRAD_A2 + TW_WINOGRAD_B2)
#define TW_WINOGRAD_Q_INVERSE (1 / TW_WINOGRAD_Q)
#define TW_WINOGRAD_N_INVERSE (1 / (2 * TW_WINOGRAD_A2 * (TW_WINOGRAD_A2 - TW_WINOGRAD_B2)))
#define TW_WINOGRAD_O_INVERSE (1 / (2 * TW_WINOGRAD_B2 * (TW_WINOGRAD_B2 - TW_WINOGRAD_A2)))

/* A run, and where it lies. What is outside of the source is 0; what is outside of the result is not written. */
struct tw_conv_winograd_run {
    ptrdiff_t sample, row, column; /* of the first tile, in tiles */
    ptrdiff_t tiles;
    ptrdiff_t at; /* its first column of V and M */
};

/* Planes of one pass. */
struct tw_conv_winograd_planes {
    ptrdiff_t source[2], result[2]; /* extents */
    ptrdiff_t padding[2];           /* 0 to 2; of tiles of four rows 0 or 1 */
    ptrdiff_t rows;                 /* of a tile's results: 2 or 4 */
    const float *zeros;             /* as many as a row of the source has */
    bool narrow; /* two runs fill a vector: no row has more than TW_WINOGRAD_NARROW, tiles two rows */
};

/* What transforms a run of a plane: to[point*point_step + run->at + t] of its tiles t. `two` takes the second run from run[1]. */
struct tw_conv_winograd_reader {
    void (*one)(const struct tw_conv_winograd_planes *planes, const struct tw_conv_winograd_run *run,
                const float *source, float *to, ptrdiff_t point_step);
    void (*two)(const struct tw_conv_winograd_planes *planes, const struct tw_conv_winograd_run *run,
                const float *source, const float *second_source, float *to, ptrdiff_t point_step);
};

/* What an ISA does in lanes. u, v and m are the place of a point's row; v and m that of the group's first tile. Vectors that are not
 * full are stored whole:
 *
 *   rows of V and M   over the beginning of the next run, which is written later; a row has TW_WINOGRAD_LANES - 1 elements behind
 *                     its last tile
 *   rows of U         over the beginning of the next row, which is written later; as many elements are behind the last one
 *   rows of results   over the rows that follow in the plane, which are written later, and nowhere else (`output`)
 *
 * What their other lanes compute with is whatever the workspace held. Functions for two runs are called where
 * planes are narrow. */
struct tw_conv_winograd_lanes {
    /* u[point*point_step + i] of channels i; tap t of channel i is taps[t*tap_step + i], for vectors of them. The `tall` functions
     * are those of tiles of four rows. */
    void (*weights)(ptrdiff_t channels, const float *taps, ptrdiff_t tap_step, float *u,
                    ptrdiff_t point_step);
    void (*tall_weights)(ptrdiff_t channels, const float *taps, ptrdiff_t tap_step, float *u,
                         ptrdiff_t point_step);
    struct tw_conv_winograd_reader input, tall_input; /* to v, from x or dy; `two` of tall ones is NULL */
    /* The results of a run from m[point*point_step + run->at + t], into the plane `result`. */
    void (*output)(const struct tw_conv_winograd_planes *planes, const struct tw_conv_winograd_run *run,
                   const float *m, ptrdiff_t point_step, float bias, float *result);
    void (*tall_output)(const struct tw_conv_winograd_planes *planes, const struct tw_conv_winograd_run *run,
                        const float *m, ptrdiff_t point_step, float bias, float *result);
    void (*output_two)(const struct tw_conv_winograd_planes *planes, const struct tw_conv_winograd_run *run,
                       const float *m, ptrdiff_t point_step, float bias, float *result, float *second_result);
    /* Of the weight gradient. */
    struct tw_conv_winograd_reader gradient; /* to m, from dy, the source of `planes` */
    /* v[point*point_step + t*pitch + i] of channels i, pitch of them, a whole number of vectors; column c of the four rows of x
     * that tiles meet, channels fastest, begins at row[k] + c*pitch. */
    void (*windows)(const float *const row[4], ptrdiff_t tiles, ptrdiff_t pitch, float *v,
                    ptrdiff_t point_step);
    /* taps[t*tap_step + i] of channels i from u[point*point_step + i], for vectors of them. */
    void (*taps)(ptrdiff_t channels, const float *u, ptrdiff_t point_step, float *taps, ptrdiff_t tap_step);
};

static inline ptrdiff_t tw_conv_winograd_up(ptrdiff_t count)
{
    return (count + TW_WINOGRAD_LANES - 1) / TW_WINOGRAD_LANES * TW_WINOGRAD_LANES;
}

/* Tiles of a plane, and how they go through: in runs of whole rows of tiles, of which several go through at a time, or, if rows are
 * longer than `most`, in whole vectors of them, one at a time, the last of a row with fewer. */
struct tw_conv_winograd_grid {
    ptrdiff_t tiles[2];
    ptrdiff_t run, across; /* most tiles of a run; runs of a row */
    ptrdiff_t runs;        /* at a time */
    ptrdiff_t pitch;       /* of rows of V and M that hold these */
};

/* Of results of such extents in tiles of so many rows, at most `most` tiles at a time. */
struct tw_conv_winograd_grid tw_conv_winograd_grid(const ptrdiff_t extent[2], ptrdiff_t rows, ptrdiff_t most);

/* `count` runs from number `first` on, rows of samples after another; returns their tiles. */
ptrdiff_t tw_conv_winograd_list(const struct tw_conv_winograd_grid *grid, ptrdiff_t first, ptrdiff_t count,
                                struct tw_conv_winograd_run *list);

/* Transforms a plane's runs, `sample_step` from sample to sample. */
void tw_conv_winograd_read(const struct tw_conv_winograd_reader *reader,
                           const struct tw_conv_winograd_planes *planes,
                           const struct tw_conv_winograd_run *list, ptrdiff_t runs, const float *source,
                           ptrdiff_t sample_step, float *to, ptrdiff_t point_step);

/* Result channels, equal parts of them, for which U is made at a time. */
ptrdiff_t tw_conv_winograd_block(ptrdiff_t results, ptrdiff_t channels, ptrdiff_t points);

extern const struct tw_conv_winograd_lanes tw_conv_winograd__avx2, tw_conv_winograd__avx512,
    tw_conv_winograd__neon;

/* The forward pass, or the input gradient with `source` dy and without bias, which may be NULL anyway. */
void tw_conv_winograd(const struct tw_f32_tiles *tiles, const struct tw_conv_winograd_lanes *lanes,
                      const struct tw_conv2d_shape *shape, bool gradient, ptrdiff_t samples,
                      const float *source, const float *w, const float *bias, float *result, void *workspace);
size_t tw_conv_winograd_workspace(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                                  bool gradient);

/* The weight gradient; `db` may be NULL. */
void tw_conv_winograd_weights(const struct tw_f32_tiles *tiles, const struct tw_conv_winograd_lanes *lanes,
                              const struct tw_conv2d_shape *shape, ptrdiff_t samples, const float *x,
                              const float *dy, float *dw, float *db, void *workspace);
size_t tw_conv_winograd_weights_workspace(const struct tw_f32_tiles *tiles,
                                          const struct tw_conv2d_shape *shape);

/* The same by their formulas. */
void tw_conv_winograd_reference(const struct tw_conv2d_shape *shape, bool gradient, ptrdiff_t samples,
                                const float *source, const float *w, const float *bias, float *result);
void tw_conv_winograd_weights_reference(const struct tw_conv2d_shape *shape, ptrdiff_t samples,
                                        const float *x, const float *dy, float *dw);

#endif
