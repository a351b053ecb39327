/* The end both forwards share: 2x2 max-pool with its winner, then relu, for sixteen channels of one window.
 * Included after the lanes of an ISA.
 */
#ifndef TOWER_KERNELS_CONV_POOL_CONV_POOL_WINDOW_LANES_H
#define TOWER_KERNELS_CONV_POOL_CONV_POOL_WINDOW_LANES_H

#include <string.h>

#include "kernels/conv_pool/conv_pool_workspace.h"
#include "kernels/simd/unroll.h"

/* The window's end for a window that has a NaN, position by position as the contract says. */
static __attribute__((noinline, cold)) void tw_window_finish_nan(const struct tw_lanes v[4], float *y,
                                                                 uint8_t *code)
{
    const struct tw_lanes zero = tw_lanes_set(0.0f);
    struct tw_lanes best = v[0], winner = zero;
    struct tw_mask closed;

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

/* `v` in window order. Writes y and code of the window; without `code` y alone. The winner of each row, then of both: of
 * equals the first stays, as in the order of the contract. (tw_lanes_max gives its second argument for equals.) */
static inline __attribute__((always_inline)) void tw_window_finish(const struct tw_lanes v[4], float *y,
                                                                   uint8_t *code)
{
    const struct tw_lanes zero = tw_lanes_set(0.0f);
    const struct tw_lanes upper = tw_lanes_max(v[1], v[0]), under = tw_lanes_max(v[3], v[2]),
                          best = tw_lanes_max(under, upper);

    if (__builtin_expect(
            tw_mask_any(tw_mask_or(tw_lanes_unordered(v[0], v[1]), tw_lanes_unordered(v[2], v[3]))), 0)) {
        tw_window_finish_nan(v, y, code);
        return;
    }
    tw_lanes_store(y, tw_lanes_max(best, zero));
    if (code) {
        tw_codes_store(code, tw_lanes_greater(v[1], v[0]), tw_lanes_greater(v[3], v[2]),
                       tw_lanes_greater(under, upper), tw_lanes_less_equal(best, zero));
    }
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
