/* The blocked gradients: every open window meets the 3x3 patch of its winner, nine vectors of input channels at a
 * time. Included after the lanes and the vectors of an ISA.
 *
 *   weights   per output channel: nine accumulators, one per tap; each survivor loads its patch of x
 *   input     per row of positions: twelve accumulators, the 3x4 patch that the two positions of a window cover in
 *             it, sliding from window to window; each survivor loads its output channel's nine weights
 *
 * Both cost nine loads and nine fma a survivor, and what else a survivor needs is one place and one gradient. One
 * vector of input channels of x, of dx and of the weights stays in L1.
 */
#include <stdbool.h>
#include <string.h>

#include "kernels/conv_pool/conv_pool_survivors_lanes.h"

/* Floats of the weights that one output channel has for one vector of input channels. */
enum { CHANNEL_WEIGHTS = 9 * TW_VECTOR_LANES };

/* Samples of x up to this size are fetched ahead: two of x, one of dx and the weights then fit into L2. */
enum { FETCH_BYTES = 1 << 17 };

/* --- weights ---------------------------------------------------------------------------------------------- */

/* dw of one output channel and one vector of input channels, over its survivors; `fresh`: from +0, not from what dw
 * holds. `pitch`: floats between rows. */
static OWN_REGISTERS void gather_weights(const float *x, ptrdiff_t pitch, const struct tw_survivor *survivor,
                                         const struct tw_survivor *end, bool fresh, float *dw)
{
    tw_vector sums[9];

    TW_UNROLL
    for (int tap = 0; tap < 9; tap++) {
        sums[tap] = fresh ? tw_vector_zero() : tw_vector_load(dw + tap * TW_VECTOR_LANES);
    }
    for (; survivor < end; survivor++) {
        const float *patch = x + survivor->offset;
        const float *const row[3] = {patch, patch + pitch, patch + 2 * pitch};
        const tw_vector gradient = tw_vector_broadcast(&survivor->value);

        TW_UNROLL
        for (int tap = 0; tap < 9; tap++) {
            sums[tap] = tw_vector_fma(tw_vector_load(row[tap / 3] + tap % 3 * TW_BLOCK), gradient, sums[tap]);
        }
    }
    TW_UNROLL
    for (int tap = 0; tap < 9; tap++) {
        tw_vector_store(dw + tap * TW_VECTOR_LANES, sums[tap]);
    }
}

/* What the sums of one list leave the memory time for: `bytes` of the next sample's x and of this one's dx. Addresses,
 * not pointers: a next sample there need not be, and to fetch what is not there is harmless. */
static void fetch_ahead(uintptr_t next_x, uintptr_t dx, uintptr_t bytes)
{
    for (uintptr_t i = 0; i < bytes; i += 64) {
        __builtin_prefetch((const void *)(next_x + i), 0, 2);
        __builtin_prefetch((const void *)(dx + i), 0, 2);
    }
}

/* One sample against its lists, one vector of input channels after the other. `dx` (or NULL) is only fetched. */
static void weight_gradient_sample(const struct tw_conv_pool_shape *shape,
                                   const struct tw_conv_pool_workspace *parts, bool fresh, const float *x,
                                   const float *dx, float *dw)
{
    const struct gradient_layout at = gradient_layout(shape);
    const uintptr_t size = (uintptr_t)(tw_blocks(shape->in_channels) * at.x_plane) * sizeof *x;
    const ptrdiff_t vectors = tw_blocks(shape->in_channels) * TW_VECTORS;
    const uintptr_t share =
        size <= FETCH_BYTES ? (size / (uintptr_t)(vectors * shape->out_channels) + 63) / 64 * 64 : 0;
    uintptr_t fetched = 0;

    for (ptrdiff_t vector = 0; vector < vectors; vector++) {
        const float *channels = x + vector / TW_VECTORS * at.x_plane + vector % TW_VECTORS * TW_VECTOR_LANES;

        for (ptrdiff_t o = 0; o < shape->out_channels; o++, dw += CHANNEL_WEIGHTS, fetched += share) {
            fetch_ahead((uintptr_t)x + size + fetched, (uintptr_t)(dx ? dx : x) + fetched, share);
            gather_weights(channels, at.x_row, parts->survivors + o * at.windows, parts->ends[o], fresh, dw);
        }
    }
}

/* --- input ------------------------------------------------------------------------------------------------ */

/* Adds the weights of the channels in `winners`, times their gradients, to three of the four columns of sums. */
static inline __attribute__((always_inline)) void gather_position(uint64_t winners, const float *gradients,
                                                                  const float *weights, const int column,
                                                                  tw_vector sums[3][4])
{
    for (; winners != 0; winners &= winners - 1) {
        const size_t channel = (size_t)__builtin_ctzll(winners);
        const float *w = weights + channel * CHANNEL_WEIGHTS;
        const tw_vector gradient = tw_vector_broadcast(gradients + channel);

        TW_UNROLL
        for (int tap = 0; tap < 9; tap++) {
            sums[tap / 3][column + tap % 3] = tw_vector_fma(tw_vector_load(w + tap * TW_VECTOR_LANES),
                                                            gradient, sums[tap / 3][column + tap % 3]);
        }
    }
}

/* Two columns of three rows of dx, from and to `sums`. The third row is `fresh` where no row above it reached it. */
static inline __attribute__((always_inline)) void load_columns(float *const row[3], bool fresh,
                                                               const int column, tw_vector sums[3][4])
{
    TW_UNROLL
    for (int i = 0; i < 2; i++) {
        sums[0][column + i] = tw_vector_load(row[0] + (column + i) * TW_BLOCK);
        sums[1][column + i] = tw_vector_load(row[1] + (column + i) * TW_BLOCK);
        sums[2][column + i] = fresh ? tw_vector_zero() : tw_vector_load(row[2] + (column + i) * TW_BLOCK);
    }
}

static inline __attribute__((always_inline)) void store_columns(float *const row[3], tw_vector sums[3][4])
{
    TW_UNROLL
    for (int i = 0; i < 6; i++) {
        tw_vector_store(row[i / 2] + i % 2 * TW_BLOCK, sums[i / 2][i % 2]);
    }
}

/* dx under one row of positions, for one vector of input channels. `winners`: of the row's first position; a window
 * has four, two of them in this row. */
static OWN_REGISTERS void gather_input(const uint64_t *winners, ptrdiff_t columns, const float *gradients,
                                       const float *weights, bool fresh, ptrdiff_t pitch, float *dx)
{
    float *row[3] = {dx, dx + pitch, dx + 2 * pitch};
    tw_vector sums[3][4];

    load_columns(row, fresh, 0, sums);
    for (ptrdiff_t c = 0; c < columns; c++, winners += 4, gradients += TW_GATHER_CHANNELS) {
        load_columns(row, fresh, 2, sums);
        gather_position(winners[0], gradients, weights, 0, sums);
        gather_position(winners[1], gradients, weights, 1, sums);
        store_columns(row, sums);
        TW_UNROLL
        for (int i = 0; i < 3; i++) {
            sums[i][0] = sums[i][2];
            sums[i][1] = sums[i][3];
            row[i] += 2 * TW_BLOCK;
        }
    }
    store_columns(row, sums);
}

/* One group of output channels, marked, against one vector of input channels. */
static void gather_plane(const struct gradient_layout *at, const struct tw_conv_pool_workspace *parts,
                         const float *weights, bool fresh, float *dx)
{
    for (ptrdiff_t row = 0; row < 2 * at->rows; row++) {
        ptrdiff_t window = row / 2 * at->columns;

        gather_input(parts->winners + 4 * window + row % 2 * 2, at->columns,
                     parts->gradients + window * TW_GATHER_CHANNELS, weights, fresh, at->x_row,
                     dx + row * at->x_row);
    }
}

static void input_gradient_sample(const struct tw_conv_pool_shape *shape,
                                  const struct tw_conv_pool_workspace *parts, const float *weights,
                                  const uint8_t *code, const float *dy, float *dx)
{
    const struct gradient_layout at = gradient_layout(shape);

    for (ptrdiff_t block = 0; block < tw_blocks(shape->in_channels); block++) {
        memset(dx + block * at.x_plane, 0, (size_t)(2 * at.x_row) * sizeof *dx);
    }
    for (ptrdiff_t first = 0; first < shape->out_channels; first += TW_GATHER_CHANNELS) {
        mark_winners(shape, &at, first / TW_GATHER_CHANNELS, code, dy, parts);
        for (ptrdiff_t vector = 0; vector < tw_blocks(shape->in_channels) * TW_VECTORS; vector++) {
            gather_plane(&at, parts, weights + (vector * shape->out_channels + first) * CHANNEL_WEIGHTS,
                         first == 0,
                         dx + vector / TW_VECTORS * at.x_plane + vector % TW_VECTORS * TW_VECTOR_LANES);
        }
    }
}

void TW_VARIANT(tw_f32_conv_pool_gradient)(const struct tw_conv_pool_shape *shape, ptrdiff_t samples,
                                           const float *x, const float *scatter_weights, const uint8_t *code,
                                           const float *dy, float *dw, float *db, float *dx, void *workspace)
{
    const struct gradient_layout at = gradient_layout(shape);
    ptrdiff_t x_size = tw_blocks(shape->in_channels) * at.x_plane;
    ptrdiff_t dy_size = tw_blocks(shape->out_channels) * at.dy_block;
    struct tw_conv_pool_workspace parts;

    tw_conv_pool_carve(shape, workspace, &parts);
    place_windows(&at, parts.places);
    if (samples == 0) {
        memset(dw, 0,
               (size_t)(tw_blocks(shape->in_channels) * shape->out_channels * 9 * TW_BLOCK) * sizeof *dw);
    }
    if (db) {
        memset(db, 0, (size_t)shape->out_channels * sizeof *db);
    }
    for (ptrdiff_t n = 0; n < samples; n++, code += tw_code_size(shape), dy += dy_size) {
        list_sample(shape, &parts, code, dy, db);
        weight_gradient_sample(shape, &parts, n == 0, x + n * x_size, dx ? dx + n * x_size : NULL, dw);
        if (dx) {
            input_gradient_sample(shape, &parts, scatter_weights, code, dy, dx + n * x_size);
        }
    }
}
