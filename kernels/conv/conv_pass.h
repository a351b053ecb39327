/* What forward and input gradient have in common, and what both vector algorithms run. Private to
 * kernels/conv.
 *
 * Both are correlations: a result channel at position (r, c) is
 *
 *   result[j] at (first[0] + r spacing[0], first[1] + c spacing[1])
 *     = start + sum over i < channels, a < taps[0], b < taps[1], b fastest, of
 *         source[i] at (origin[0] + r step[0] + a tap_step[0], origin[1] + c step[1] + b tap_step[1])
 *         * w[w_first + j w_out + i w_channel + a w_tap[0] + b w_tap[1]]
 *
 * where a position outside the source counts as 0.
 *
 * The forward pass is one such pass. The input gradient with stride s is s[0] s[1] of them, one per phase:
 * the input positions that are congruent modulo the stride meet the same kernel taps, and for them the output
 * position moves by 1 when the input position moves by s.
 *
 * Passes run in bands of rows and blocks of channels, on a window: a zero-padded copy of what a band reads. Columns that
 * are congruent modulo the horizontal step lie together, so that neighbouring positions read neighbours whatever the step.
 *
 *   window, per channel:     |<-- columns -->|
 *                            0 0 0 0 0 0 0 0 0     rows below or above the source are zeros,
 *                            0 0 x x x x x x 0     and so are the columns beside it
 *                            0 0 x x x x x x 0     plane: an odd number of cache lines, so that the same
 *                            …                            place of neighbouring channels has other sets
 *
 *   a row with step 2:       0 x1 x3 x5 …  x0 x2 x4 …      two phases
 */
#ifndef TOWER_KERNELS_CONV_CONV_PASS_H
#define TOWER_KERNELS_CONV_CONV_PASS_H

#include <stdbool.h>

#include "kernels/conv/conv.h"
#include "kernels/gemm/gemm_tile.h"

struct tw_conv_pass {
    ptrdiff_t groups;
    ptrdiff_t channels, out_channels; /* of one group */
    ptrdiff_t source[2], result[2];   /* extents of the planes */
    ptrdiff_t positions[2], taps[2];
    ptrdiff_t origin[2], step[2], tap_step[2];
    ptrdiff_t first[2], spacing[2];
    ptrdiff_t w_group, w_first, w_out, w_channel, w_tap[2];
};

struct tw_conv_pass tw_conv_forward_pass(const struct tw_conv2d_shape *shape);

/* The pass of phase (vertical, horizontal), each below the stride. It has no positions if the image is
 * smaller than the stride, and no taps if none meets the phase: then the gradient there is the empty sum. */
struct tw_conv_pass tw_conv_gradient_pass(const struct tw_conv2d_shape *shape, ptrdiff_t vertical,
                                          ptrdiff_t horizontal);

struct tw_conv_window {
    ptrdiff_t channels;      /* channels of a block */
    ptrdiff_t band;          /* rows of positions of a band */
    ptrdiff_t rows, columns; /* of the zero-padded copy */
    ptrdiff_t phases, phase; /* of a row, and columns of each */
    ptrdiff_t plane;         /* elements from channel to channel */
};

/* Blocks of about `depth` chain links and bands of at most `positions` positions, if the shape allows: at
 * least one channel and one row. `pass` must have positions and taps. */
struct tw_conv_window tw_conv_window(const struct tw_conv_pass *pass, ptrdiff_t depth, ptrdiff_t positions);

/* Zeros everything; needed once before the first fill, because fills leave the columns beside the source
 * alone. */
void tw_conv_window_clear(const struct tw_conv_window *window, float *to);

/* Fills the window with `channels` channels from `source` on (the block's first plane) for the band that
 * begins with position row `row`. */
void tw_conv_window_fill(const struct tw_conv_pass *pass, const struct tw_conv_window *window,
                         ptrdiff_t channels, ptrdiff_t row, const float *source, float *to);

/* Distance in the window of every position of a band from the first one (band * positions[1] of them), and of
 * every (i, a, b) from (0, 0, 0) (window->channels * taps of them). */
void tw_conv_position_table(const struct tw_conv_pass *pass, const struct tw_conv_window *window,
                            ptrdiff_t *table);
void tw_conv_tap_table(const struct tw_conv_pass *pass, const struct tw_conv_window *window,
                       ptrdiff_t *table);

static inline ptrdiff_t tw_conv_smaller(ptrdiff_t x, ptrdiff_t y)
{
    return x < y ? x : y;
}

/* `whole` in the fewest equal parts of at most `part`: the size of one, at least 1. */
static inline ptrdiff_t tw_conv_even(ptrdiff_t whole, ptrdiff_t part)
{
    const ptrdiff_t most = part < 1 ? 1 : part, count = (whole + most - 1) / most;

    return (whole + count - 1) / count;
}

/* Algorithm "direct": indirect GEMM with rows = positions and columns = result channels, for passes that leave out
 * padding. The forward pass, or the input gradient with `source` dy and without bias, which may be
 * NULL anyway. */
void tw_conv_direct(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape, bool gradient,
                    ptrdiff_t samples, const float *source, const float *w, const float *bias, float *result,
                    void *workspace);
size_t tw_conv_direct_workspace(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                                bool gradient);

/* Algorithm "im2col+gemm": rows = result channels and columns = positions, which are read in the window along
 * their rows, or the column matrix made one panel at a time; for few channels. Steps outside the source are zeros that
 * are multiplied. */
void tw_conv_columns(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass, ptrdiff_t samples,
                     const float *source, const float *w, const float *bias, float *result, void *workspace);
size_t tw_conv_columns_workspace(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass);

/* Weight and bias gradient of all shapes but depthwise ones (conv_depthwise.h) and Winograd's (conv_winograd.h), as
 * tw_conv_select_weight_gradient says; the workspace also of Winograd's.
 * "windows" is indirect GEMM: rows = taps, columns = output channels. */
void tw_conv_weight_gradient(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                             ptrdiff_t samples, const float *x, const float *dy, float *dw, float *db,
                             void *workspace);
size_t tw_conv_weight_gradient_workspace(const struct tw_f32_tiles *tiles,
                                         const struct tw_conv2d_shape *shape);

/* "direct": the same where it leaves out padding, without a copy of the image; samples not 0. */
void tw_conv_weight_direct(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                           ptrdiff_t samples, const float *x, const float *dy, float *dw, float *db,
                           void *workspace);
size_t tw_conv_weight_direct_workspace(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape);

/* Of one tap without padding: the pixels that positions meet, of `planes` planes of x one after the other, from x and back into
 * it, where the other pixels become 0. */
void tw_conv_take_met(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape, ptrdiff_t planes,
                      const float *x, float *met);
void tw_conv_put_met(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape, ptrdiff_t planes,
                     const float *met, float *x);

enum {
    TW_CONV_LANES =
        8, /* of the vectors that positions of "gemm" are to fill; odd positions are up to half as many more, … */
    TW_CONV_TOGETHER = 8 /* … and those of so many samples are multiplied together */
};

/* Algorithm "gemm": one tap, no padding: the images are the matrices. Samples of the weight gradient not 0. */
void tw_conv_gemm_forward(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                          ptrdiff_t samples, const float *x, const float *w, const float *bias, float *y,
                          void *workspace);
void tw_conv_gemm_input_gradient(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                                 ptrdiff_t samples, const float *dy, const float *w, float *dx,
                                 void *workspace);
void tw_conv_gemm_weight_gradient(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                                  ptrdiff_t samples, const float *x, const float *dy, float *dw, float *db,
                                  void *workspace);
size_t tw_conv_gemm_workspace(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape);

/* The selector (rule in conv_select.c), for forward and for input gradient, and for the weight gradient; then the algorithms
 * by name, for the entry points of the ISAs and for tests: all but those "along rows" (conv_depthwise.h), "winograd"
 * (conv_winograd.h) and "direct rows" (conv_direct_rows.h), which have vectors of their own. */
enum tw_conv_algorithm {
    TW_CONV_DIRECT,
    TW_CONV_COLUMNS,
    TW_CONV_GEMM,
    TW_CONV_ALONG_ROWS,
    TW_CONV_WINDOWS,
    TW_CONV_WINOGRAD,
    TW_CONV_DIRECT_ROWS
};

enum tw_conv_algorithm tw_conv_select(const struct tw_conv2d_shape *shape, bool input_gradient);
enum tw_conv_algorithm tw_conv_select_weight_gradient(const struct tw_f32_tiles *tiles,
                                                      const struct tw_conv2d_shape *shape);
const char *tw_conv_algorithm_name(enum tw_conv_algorithm algorithm);
void tw_conv_forward(const struct tw_f32_tiles *tiles, enum tw_conv_algorithm algorithm,
                     const struct tw_conv2d_shape *shape, ptrdiff_t samples, const float *x, const float *w,
                     const float *bias, float *y, void *workspace);
void tw_conv_input_gradient(const struct tw_f32_tiles *tiles, enum tw_conv_algorithm algorithm,
                            const struct tw_conv2d_shape *shape, ptrdiff_t samples, const float *dy,
                            const float *w, float *dx, void *workspace);
size_t tw_conv_workspace(const struct tw_f32_tiles *tiles, enum tw_conv_algorithm algorithm,
                         const struct tw_conv2d_shape *shape);

/* Enough for what the selector takes. */
size_t tw_conv_selected_workspace(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape);

#endif
