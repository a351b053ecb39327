/* The blocked gradients: every open window meets the 3x3 patch of its winner, nine vectors of input channels at a
 * time. Included after the lanes and the vectors of an ISA.
 *
 *   weights   per output channel: nine accumulators, one per tap; each survivor loads its patch of x
 *   input     per window and row of positions in it: twelve accumulators, the 3x4 patch that its two positions
 *             cover; each survivor loads its output channel's nine weights
 *
 * Both cost nine loads and nine fma a survivor and write nothing but their accumulators. One vector of input
 * channels of x, of dx and of the weights stays in L1.
 */
#include <string.h>

#include "kernels/conv_pool/conv_pool_workspace.h"
#include "kernels/simd/unroll.h"

/* Lists the open windows of one sample by window and winner: sixteen output channels at a time are compressed to
 * those whose code is the winner. Whole blocks are written and the cursor moves only past the real entries. */
static void list_windows(const struct tw_conv_pool_shape *shape, const uint8_t *code, const float *dy,
                         const struct tw_conv_pool_workspace *parts)
{
    ptrdiff_t rows = shape->height / 2, columns = shape->width / 2, halo = shape->y_halo;
    ptrdiff_t dy_row = (columns + 2 * halo) * TW_BLOCK, dy_block = (rows + 2 * halo) * dy_row;
    ptrdiff_t blocks = tw_blocks(shape->out_channels), count = 0;

    for (ptrdiff_t window = 0; window < rows * columns; window++) {
        const float *gradient =
            dy + (window / columns + halo) * dy_row + (window % columns + halo) * TW_BLOCK;

        for (int winner = 0; winner < 4; winner++) {
            parts->first[4 * window + winner] = (int32_t)count;
            for (ptrdiff_t block = 0; block < blocks; block++) {
                count += tw_compress_block(code + (block * rows * columns + window) * TW_BLOCK, winner,
                                           gradient + block * dy_block,
                                           (int32_t)(block * TW_BLOCK * 9 * TW_VECTOR_LANES),
                                           parts->weight + count, parts->value + count);
            }
        }
    }
    parts->first[4 * rows * columns] = (int32_t)count;
}

/* Hands the entries by window out to the lists by output channel. */
static void deal_channels(const struct tw_conv_pool_shape *shape, const struct tw_conv_pool_workspace *parts)
{
    ptrdiff_t columns = shape->width / 2, windows = shape->height / 2 * columns;

    for (ptrdiff_t o = 0; o < shape->out_channels; o++) {
        parts->end[o] = parts->survivors + o * windows;
    }
    for (ptrdiff_t bucket = 0; bucket < 4 * windows; bucket++) {
        ptrdiff_t window = bucket / 4, winner = bucket % 4;
        ptrdiff_t row = 2 * (window / columns) + winner / 2, column = 2 * (window % columns) + winner % 2;
        int32_t offset = (int32_t)((row * (shape->width + 2) + column) * TW_BLOCK);

        for (int32_t i = parts->first[bucket]; i < parts->first[bucket + 1]; i++) {
            int32_t o = parts->weight[i] / (9 * TW_VECTOR_LANES);

            *parts->end[o]++ = (struct tw_survivor){offset, parts->value[i]};
        }
    }
}

/* dw of one output channel and one vector of input channels, over its survivors. `pitch`: floats between rows. */
static void gather_weights(const float *x, ptrdiff_t pitch, const struct tw_survivor *survivor,
                           const struct tw_survivor *end, float *dw)
{
    tw_vector sums[9];

    TW_UNROLL
    for (int tap = 0; tap < 9; tap++) {
        sums[tap] = tw_vector_load(dw + tap * TW_VECTOR_LANES);
    }
    for (; survivor < end; survivor++) {
        const float *patch = x + survivor->offset;
        const tw_vector gradient = tw_vector_broadcast(&survivor->value);

        TW_UNROLL
        for (int tap = 0; tap < 9; tap++) {
            sums[tap] = tw_vector_fma(tw_vector_load(patch + tap / 3 * pitch + tap % 3 * TW_BLOCK), gradient,
                                      sums[tap]);
        }
    }
    TW_UNROLL
    for (int tap = 0; tap < 9; tap++) {
        tw_vector_store(dw + tap * TW_VECTOR_LANES, sums[tap]);
    }
}

/* Adds the weights of entries [i, end), times their gradients, to three of the four columns of sums. */
static inline __attribute__((always_inline)) void gather_position(const struct tw_conv_pool_workspace *parts,
                                                                  int32_t i, int32_t end,
                                                                  const float *weights, const int column,
                                                                  tw_vector sums[3][4])
{
    for (; i < end; i++) {
        const float *w = weights + parts->weight[i];
        const tw_vector gradient = tw_vector_broadcast(parts->value + i);

        TW_UNROLL
        for (int tap = 0; tap < 9; tap++) {
            sums[tap / 3][column + tap % 3] = tw_vector_fma(tw_vector_load(w + tap * TW_VECTOR_LANES),
                                                            gradient, sums[tap / 3][column + tap % 3]);
        }
    }
}

/* dx under the two positions of one row of a window, for one vector of input channels. `first`: of its entries. */
static void gather_input(const struct tw_conv_pool_workspace *parts, const int32_t *first,
                         const float *weights, float *dx, ptrdiff_t pitch)
{
    tw_vector sums[3][4];

    if (first[0] == first[2]) {
        return;
    }
    TW_UNROLL
    for (int i = 0; i < 12; i++) {
        sums[i / 4][i % 4] = tw_vector_load(dx + i / 4 * pitch + i % 4 * TW_BLOCK);
    }
    gather_position(parts, first[0], first[1], weights, 0, sums);
    gather_position(parts, first[1], first[2], weights, 1, sums);
    TW_UNROLL
    for (int i = 0; i < 12; i++) {
        tw_vector_store(dx + i / 4 * pitch + i % 4 * TW_BLOCK, sums[i / 4][i % 4]);
    }
}

/* One sample against its lists, one vector of input channels after the other. */
static void weight_gradient_sample(const struct tw_conv_pool_shape *shape,
                                   const struct tw_conv_pool_workspace *parts, const float *x, float *dw)
{
    ptrdiff_t pitch = (shape->width + 2) * TW_BLOCK, plane = (shape->height + 2) * pitch;
    ptrdiff_t windows = shape->height / 2 * (shape->width / 2);

    for (ptrdiff_t vector = 0; vector < tw_blocks(shape->in_channels) * TW_VECTORS; vector++) {
        const float *channels = x + vector / TW_VECTORS * plane + vector % TW_VECTORS * TW_VECTOR_LANES;

        for (ptrdiff_t o = 0; o < shape->out_channels; o++, dw += 9 * TW_VECTOR_LANES) {
            gather_weights(channels, pitch, parts->survivors + o * windows, parts->end[o], dw);
        }
    }
}

static void input_gradient_sample(const struct tw_conv_pool_shape *shape,
                                  const struct tw_conv_pool_workspace *parts, const float *weights, float *dx)
{
    ptrdiff_t pitch = (shape->width + 2) * TW_BLOCK, plane = (shape->height + 2) * pitch;
    ptrdiff_t columns = shape->width / 2, windows = shape->height / 2 * columns;

    memset(dx, 0, (size_t)(tw_blocks(shape->in_channels) * plane) * sizeof *dx);
    for (ptrdiff_t vector = 0; vector < tw_blocks(shape->in_channels) * TW_VECTORS; vector++) {
        float *channels = dx + vector / TW_VECTORS * plane + vector % TW_VECTORS * TW_VECTOR_LANES;
        const float *w = weights + vector * shape->out_channels * 9 * TW_VECTOR_LANES;

        for (ptrdiff_t window = 0; window < windows; window++) {
            float *patch = channels + window / columns * 2 * pitch + window % columns * 2 * TW_BLOCK;

            gather_input(parts, parts->first + 4 * window, w, patch, pitch);
            gather_input(parts, parts->first + 4 * window + 2, w, patch + pitch, pitch);
        }
    }
}

static void bias_gradient_sample(const struct tw_conv_pool_shape *shape,
                                 const struct tw_conv_pool_workspace *parts, float *db)
{
    ptrdiff_t windows = shape->height / 2 * (shape->width / 2);

    for (ptrdiff_t o = 0; o < shape->out_channels; o++) {
        for (const struct tw_survivor *survivor = parts->survivors + o * windows; survivor < parts->end[o];
             survivor++) {
            db[o] += survivor->value;
        }
    }
}

void TW_VARIANT(tw_f32_conv_pool_gradient)(const struct tw_conv_pool_shape *shape, ptrdiff_t samples,
                                           const float *x, const float *scatter_weights, const uint8_t *code,
                                           const float *dy, float *dw, float *db, float *dx, void *workspace)
{
    ptrdiff_t x_size = tw_blocked_size(shape->in_channels, shape->height, shape->width, 1);
    ptrdiff_t dy_size =
        tw_blocked_size(shape->out_channels, shape->height / 2, shape->width / 2, shape->y_halo);
    struct tw_conv_pool_workspace parts;

    tw_conv_pool_carve(shape, workspace, &parts);
    memset(dw, 0, (size_t)(tw_blocks(shape->in_channels) * shape->out_channels * 9 * TW_BLOCK) * sizeof *dw);
    if (db) {
        memset(db, 0, (size_t)shape->out_channels * sizeof *db);
    }
    for (ptrdiff_t n = 0; n < samples; n++) {
        list_windows(shape, code + n * tw_code_size(shape), dy + n * dy_size, &parts);
        deal_channels(shape, &parts);
        weight_gradient_sample(shape, &parts, x + n * x_size, dw);
        if (db) {
            bias_gradient_sample(shape, &parts, db);
        }
        if (dx) {
            input_gradient_sample(shape, &parts, scatter_weights, dx + n * x_size);
        }
    }
}
