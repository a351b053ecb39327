/* The end both forwards share: 2x2 max-pool with its winner, then relu, for sixteen channels of one window.
 * Included after the lanes of an ISA.
 */
#ifndef TOWER_KERNELS_CONV_POOL_CONV_POOL_WINDOW_LANES_H
#define TOWER_KERNELS_CONV_POOL_CONV_POOL_WINDOW_LANES_H

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/conv_pool/conv_pool_workspace.h"
#include "kernels/simd/unroll.h"

/* --- the usual end: no comparisons, which on Zen 4 take the units of fma when they write masks ----------------
 *
 * The sign of a difference says which of two is greater, the first of equals winning, unless one is NaN or both are
 * the same infinity. Then at least one output is not finite, and neither is the first difference that it is in. `doubt`
 * gathers the first differences of many windows; if it is not finite in the end, all of them must be finished again,
 * carefully. Finite differences may overflow in it, too: that costs time alone. And -0 loses to +0 behind it, which no one
 * sees: where the greatest is a zero the window is closed. */

/* `v` in window order. Writes y and code of the window; without `code` y alone. Returns the new doubt. */
static inline __attribute__((always_inline)) struct tw_lanes tw_window_finish(const struct tw_lanes v[4],
                                                                              float *y, uint8_t *code,
                                                                              struct tw_lanes doubt)
{
    const struct tw_lanes top = tw_lanes_sub(v[0], v[1]), bottom = tw_lanes_sub(v[2], v[3]);
    const struct tw_lanes upper = tw_lanes_max(v[0], v[1]), lower = tw_lanes_max(v[2], v[3]);
    const struct tw_lanes open = tw_lanes_max(tw_lanes_max(upper, lower), tw_lanes_set(0.0f));

    tw_lanes_store(y, open);
    doubt = tw_lanes_add(doubt, tw_lanes_add(top, bottom));
    if (code) {
        const struct tw_lanes rows = tw_lanes_sub(upper, lower);

        tw_lanes_store_winners(code, top, bottom, rows, open);
    }
    return doubt;
}

static inline bool tw_windows_in_doubt(struct tw_lanes doubt)
{
    return !isfinite(tw_lanes_fold_add(doubt));
}

/* --- the careful end ---------------------------------------------------------------------------------------- */

/* As tw_window_finish, for any values: NaN wins. */
static inline __attribute__((always_inline)) void tw_window_finish_any(const struct tw_lanes v[4], float *y,
                                                                       uint8_t *code)
{
    const struct tw_lanes zero = tw_lanes_set(0.0f);
    struct tw_lanes best = v[0], winner = zero;
    struct tw_mask closed;

    TW_UNROLL
    for (int i = 1; i < 4; i++) {
        struct tw_mask takes = tw_mask_or(tw_lanes_greater(v[i], best), tw_lanes_is_nan(v[i]));

        best = tw_lanes_select(takes, v[i], best);
        winner = tw_lanes_select(takes, tw_lanes_set((float)i), winner);
    }
    closed = tw_lanes_less_equal(best, zero);
    tw_lanes_store(y, tw_lanes_clear(closed, best));
    if (code) {
        tw_lanes_store_bytes(code, tw_lanes_select(closed, tw_lanes_set((float)TW_CODE_CLOSED), winner));
    }
}

/* One or the other: `careful` is a constant at every call. */
static inline __attribute__((always_inline)) struct tw_lanes tw_window_end(const bool careful,
                                                                           const struct tw_lanes v[4],
                                                                           float *y, uint8_t *code,
                                                                           struct tw_lanes doubt)
{
    if (careful) {
        tw_window_finish_any(v, y, code);
        return doubt;
    }
    return tw_window_finish(v, y, code, doubt);
}

/* Where window (0, 0) of block 0 of a sample's y lies, and the distances between rows and blocks, in floats.
 */
struct tw_window_layout {
    ptrdiff_t first, row, block;
};

static inline struct tw_window_layout tw_window_layout(const struct tw_conv_pool_shape *shape)
{
    ptrdiff_t row = (shape->width / 2 + 2 * shape->y_halo) * TW_BLOCK;

    return (struct tw_window_layout){.first = shape->y_halo * (row + TW_BLOCK),
                                     .row = row,
                                     .block = (shape->height / 2 + 2 * shape->y_halo) * row};
}

/* Zeros in the halo of every block of one sample's y. */
static inline void tw_clear_halo(const struct tw_conv_pool_shape *shape, float *y)
{
    const struct tw_window_layout layout = tw_window_layout(shape);
    ptrdiff_t rows = layout.block / layout.row;

    for (ptrdiff_t block = 0; block < tw_blocks(shape->out_channels) && shape->y_halo > 0; block++) {
        float *plane = y + block * layout.block;

        memset(plane, 0, (size_t)layout.row * sizeof *plane);
        memset(plane + (rows - 1) * layout.row, 0, (size_t)layout.row * sizeof *plane);
        for (ptrdiff_t row = 1; row < rows - 1; row++) {
            tw_lanes_store(plane + row * layout.row, tw_lanes_set(0.0f));
            tw_lanes_store(plane + (row + 1) * layout.row - TW_BLOCK, tw_lanes_set(0.0f));
        }
    }
}

/* The channels beyond the last of one sample: 0 and closed. They are that without further ado, unless an input is
 * NaN or infinite: times their zero weights that is NaN, and a gradient must not meet it. */
static inline void tw_clear_missing(const struct tw_conv_pool_shape *shape, float *y, uint8_t *code)
{
    const struct tw_window_layout layout = tw_window_layout(shape);
    ptrdiff_t columns = shape->width / 2, windows = shape->height / 2 * columns;
    ptrdiff_t last = tw_blocks(shape->out_channels) - 1, left = shape->out_channels - last * TW_BLOCK;

    for (ptrdiff_t window = 0; window < windows && left < TW_BLOCK; window++) {
        float *out = y + layout.first + last * layout.block + window / columns * layout.row +
                     window % columns * TW_BLOCK;

        tw_lanes_store(out, tw_lanes_keep(tw_mask_first((int)left), tw_lanes_load(out)));
        if (code) {
            memset(code + (last * windows + window) * TW_BLOCK + left, TW_CODE_CLOSED,
                   (size_t)(TW_BLOCK - left));
        }
    }
}

/* Sixteen biases of a block, 0 beyond the last channel or without a bias. */
static inline struct tw_lanes tw_block_bias(const float *bias, ptrdiff_t block, ptrdiff_t channels)
{
    ptrdiff_t left = channels - block * TW_BLOCK;

    if (!bias) {
        return tw_lanes_set(0.0f);
    }
    return left >= TW_BLOCK ? tw_lanes_load(bias + block * TW_BLOCK)
                            : tw_lanes_load_part(bias + block * TW_BLOCK, (int)left);
}

#endif
