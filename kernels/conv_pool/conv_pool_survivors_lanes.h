/* The open windows of a sample, found for the blocked gradients. Included after the lanes and the vectors of an ISA.
 *
 * The survivors of an output channel are a list, because the weight gradient walks it once per vector of input
 * channels. The input gradient has four short lists per window instead, where writing and reading them would weigh:
 * there a survivor is a bit in a word of TW_GATHER_CHANNELS, found by counting zeros.
 */
#ifndef TOWER_KERNELS_CONV_POOL_CONV_POOL_SURVIVORS_LANES_H
#define TOWER_KERNELS_CONV_POOL_CONV_POOL_SURVIVORS_LANES_H

#include <string.h>

#include "kernels/conv_pool/conv_pool_workspace.h"
#include "kernels/simd/unroll.h"

/* For the loops that do the work. Inlined into the loops around them, GCC 12 spills their addresses: on AVX-512 into
 * vector registers, and what moves them back waits among the fma. */
#define OWN_REGISTERS __attribute__((noinline))

/* Where the windows of a sample's dy and of x lie, in floats. */
struct gradient_layout {
    ptrdiff_t rows, columns, windows;     /* of windows */
    ptrdiff_t x_row, x_plane;             /* of x and dx */
    ptrdiff_t dy_first, dy_row, dy_block; /* the first window of block 0; between rows; between blocks */
};

static struct gradient_layout gradient_layout(const struct tw_conv_pool_shape *shape)
{
    ptrdiff_t rows = shape->height / 2, columns = shape->width / 2, halo = shape->y_halo;
    ptrdiff_t x_row = (shape->width + 2) * TW_BLOCK, dy_row = (columns + 2 * halo) * TW_BLOCK;

    return (struct gradient_layout){.rows = rows,
                                    .columns = columns,
                                    .windows = rows * columns,
                                    .x_row = x_row,
                                    .x_plane = (shape->height + 2) * x_row,
                                    .dy_first = halo * (dy_row + TW_BLOCK),
                                    .dy_row = dy_row,
                                    .dy_block = (rows + 2 * halo) * dy_row};
}

/* Per window and code, where the winner's patch begins in a block of x; -1 for a closed window. Integers, in floats
 * that nobody computes with: their bits are moved by the operations that move lanes. */
static void place_windows(const struct gradient_layout *at, float *places)
{
    for (ptrdiff_t window = 0; window < at->windows; window++) {
        ptrdiff_t row = window / at->columns * 2, column = window % at->columns * 2;

        for (ptrdiff_t code = 0; code < 8; code++) {
            int32_t place = (int32_t)((row + code / 2) * at->x_row + (column + code % 2) * TW_BLOCK);

            place = code < TW_CODE_CLOSED ? place : -1;
            memcpy(places + 8 * window + code, &place, sizeof place);
        }
    }
}

/* What every window of a block of output channels would be as a survivor, closed or not, to `candidates`; adds the
 * gradients of the open ones to `sums`. A closed window adds +0, which changes no sum that began from +0. */
static OWN_REGISTERS void list_candidates(const struct gradient_layout *at, const float *places,
                                          const uint8_t *code, const float *dy, ptrdiff_t block,
                                          float *candidates, float *sums)
{
    const float *first = dy + at->dy_first + block * at->dy_block;

    for (int lane = 0; lane < TW_BLOCK; lane += TW_VECTOR_LANES) {
        const uint8_t *codes = code + block * at->windows * TW_BLOCK + lane;
        const float *table = places;
        float *out = candidates + 2 * lane;
        tw_vector sum = tw_vector_load(sums + lane);

        for (ptrdiff_t r = 0; r < at->rows; r++) {
            for (ptrdiff_t c = 0; c < at->columns; c++) {
                const tw_vector gradient = tw_vector_load(first + r * at->dy_row + c * TW_BLOCK + lane);

                tw_vector_store_pairs(
                    out, tw_vector_pick8(tw_table8_load(table, table + 4), tw_picks_load(codes)), gradient);
                sum = tw_vector_add(sum, tw_vector_keep_open(codes, gradient));
                codes += TW_BLOCK;
                table += 8;
                out += 2 * TW_BLOCK;
            }
        }
        tw_vector_store(sums + lane, sum);
    }
}

/* The open windows of one output channel, returning the end of their list. Every candidate is written, and the list
 * goes on behind it only if it is open: nothing branches on data. */
static OWN_REGISTERS struct tw_survivor *list_channel(const float *candidates, ptrdiff_t windows,
                                                      struct tw_survivor *list)
{
    TW_UNROLL_BY_4
    for (ptrdiff_t window = 0; window < windows; window++) {
        struct tw_survivor candidate;

        memcpy(&candidate, candidates + window * TW_BLOCK * 2, sizeof candidate);
        *list = candidate;
        list += 1 - ((uint32_t)candidate.offset >> 31);
    }
    return list;
}

/* Lists one sample by output channel and, unless `db` is NULL, adds its gradients there. */
static void list_sample(const struct tw_conv_pool_shape *shape, const struct tw_conv_pool_workspace *parts,
                        const uint8_t *code, const float *dy, float *db)
{
    const struct gradient_layout at = gradient_layout(shape);

    for (ptrdiff_t block = 0; block < tw_blocks(shape->out_channels); block++) {
        ptrdiff_t first = block * TW_BLOCK, left = shape->out_channels - first;
        ptrdiff_t channels = left < TW_BLOCK ? left : TW_BLOCK;
        float sums[TW_BLOCK] = {0.0f};

        if (db) {
            memcpy(sums, db + first, (size_t)channels * sizeof *db);
        }
        list_candidates(&at, parts->places, code, dy, block, parts->candidates, sums);
        if (db) {
            memcpy(db + first, sums, (size_t)channels * sizeof *db);
        }
        for (ptrdiff_t o = first; o < first + channels; o++) {
            parts->ends[o] = list_channel(parts->candidates + o % TW_BLOCK * 2, at.windows,
                                          parts->survivors + o * at.windows);
        }
    }
}

/* Of one group of output channels: which of them each position of each window is the winner of, and their gradients
 * side by side. */
static OWN_REGISTERS void mark_winners(const struct tw_conv_pool_shape *shape,
                                       const struct gradient_layout *at, ptrdiff_t group, const uint8_t *code,
                                       const float *dy, const struct tw_conv_pool_workspace *parts)
{
    enum { BLOCKS = TW_GATHER_CHANNELS / TW_BLOCK };
    ptrdiff_t first = group * BLOCKS, left = tw_blocks(shape->out_channels) - first;
    ptrdiff_t blocks = left < BLOCKS ? left : BLOCKS;
    uint64_t *winners = parts->winners;
    float *gradients = parts->gradients;

    code += first * at->windows * TW_BLOCK;
    dy += at->dy_first + first * at->dy_block;
    for (ptrdiff_t r = 0; r < at->rows; r++) {
        for (ptrdiff_t c = 0; c < at->columns; c++, code += TW_BLOCK, winners += 4) {
            uint64_t marks[4] = {0, 0, 0, 0};

            for (ptrdiff_t block = 0; block < blocks; block++) {
                TW_UNROLL
                for (int winner = 0; winner < 4; winner++) {
                    marks[winner] |= (uint64_t)tw_codes_equal(code + block * at->windows * TW_BLOCK, winner)
                                     << (block * TW_BLOCK);
                }
                tw_lanes_store(gradients + block * TW_BLOCK,
                               tw_lanes_load(dy + block * at->dy_block + r * at->dy_row + c * TW_BLOCK));
            }
            memcpy(winners, marks, sizeof marks);
            gradients += TW_GATHER_CHANNELS;
        }
    }
}

#endif
