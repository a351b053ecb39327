/* Packed weights and blocked activations: movements of memory, the same on every ISA. */
#include <stdbool.h>
#include <string.h>

#include "core/memory.h"
#include "kernels/conv_pool/conv_pool.h"
#include "kernels/conv_pool/conv_pool_workspace.h"

/* Weight (o, i, tap), 0 beyond the last channel. */
static float weight_at(const struct tw_conv_pool_shape *shape, const float *w, ptrdiff_t o, ptrdiff_t i,
                       int tap)
{
    return o < shape->out_channels && i < shape->in_channels ? w[(o * shape->in_channels + i) * 9 + tap]
                                                             : 0.0f;
}

void tw_f32_pack_planar_weights(const struct tw_conv_pool_shape *shape, const float *w, float *packed,
                                ptrdiff_t begin, ptrdiff_t end)
{
    for (ptrdiff_t block = begin; block < end; block++) {
        for (ptrdiff_t i = 0; i < shape->in_channels; i++) {
            for (int tap = 0; tap < 9; tap++) {
                float *row = packed + ((block * shape->in_channels + i) * 9 + tap) * TW_BLOCK;

                for (ptrdiff_t lane = 0; lane < TW_BLOCK; lane++) {
                    row[lane] = weight_at(shape, w, block * TW_BLOCK + lane, i, tap);
                }
            }
        }
    }
}

/* (g0, (g0 + g2 + g1)/2, (g0 + g2 - g1)/2, g2) */
static void winograd_weight_step(float g0, float g1, float g2, float *u, int stride)
{
    float outer = g0 + g2;

    u[0 * stride] = g0;
    u[1 * stride] = (outer + g1) * 0.5f;
    u[2 * stride] = (outer - g1) * 0.5f;
    u[3 * stride] = g2;
}

/* 3x3 taps to 4x4 points: along the rows of taps first, then along the columns. */
static void winograd_weight(const float *g, float *u)
{
    float half[12];

    for (int column = 0; column < 3; column++) {
        winograd_weight_step(g[column], g[3 + column], g[6 + column], half + column, 3);
    }
    for (int row = 0; row < 4; row++) {
        winograd_weight_step(half[row * 3], half[row * 3 + 1], half[row * 3 + 2], u + row * 4, 1);
    }
}

void tw_f32_pack_winograd_weights(const struct tw_conv_pool_shape *shape, const float *w, float *packed,
                                  ptrdiff_t begin, ptrdiff_t end)
{
    for (ptrdiff_t block = begin; block < end; block++) {
        float *target = packed + block * 16 * shape->in_channels * TW_BLOCK;

        for (ptrdiff_t i = 0; i < shape->in_channels; i++) {
            for (ptrdiff_t lane = 0; lane < TW_BLOCK; lane++) {
                ptrdiff_t o = block * TW_BLOCK + lane;
                float u[16] = {0};

                if (o < shape->out_channels) {
                    winograd_weight(w + (o * shape->in_channels + i) * 9, u);
                }
                for (ptrdiff_t point = 0; point < 16; point++) {
                    target[(point * shape->in_channels + i) * TW_BLOCK + lane] = u[point];
                }
            }
        }
    }
}

/* Position of (output channel, tap, input channel) in the scatter form. */
static ptrdiff_t scatter_index(const struct tw_conv_pool_shape *shape, ptrdiff_t lanes, ptrdiff_t o, int tap,
                               ptrdiff_t i)
{
    return ((i / lanes * shape->out_channels + o) * 9 + tap) * lanes + i % lanes;
}

void tw_f32_pack_scatter_weights(const struct tw_conv_pool_shape *shape, ptrdiff_t lanes, const float *w,
                                 float *packed, ptrdiff_t begin, ptrdiff_t end)
{
    for (ptrdiff_t o = 0; o < shape->out_channels; o++) {
        for (ptrdiff_t i = begin * TW_BLOCK; i < end * TW_BLOCK; i++) {
            for (int tap = 0; tap < 9; tap++) {
                packed[scatter_index(shape, lanes, o, tap, i)] = weight_at(shape, w, o, i, tap);
            }
        }
    }
}

void tw_f32_unpack_scatter_weights(const struct tw_conv_pool_shape *shape, ptrdiff_t lanes,
                                   const float *packed, float *w, ptrdiff_t begin, ptrdiff_t end)
{
    for (ptrdiff_t o = 0; o < shape->out_channels; o++) {
        for (ptrdiff_t i = begin * TW_BLOCK; i < shape->in_channels && i < end * TW_BLOCK; i++) {
            for (int tap = 0; tap < 9; tap++) {
                w[(o * shape->in_channels + i) * 9 + tap] = packed[scatter_index(shape, lanes, o, tap, i)];
            }
        }
    }
}

/* Four floats at any address: vectors of this size exist on every CPU that Tower knows. */
typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));

static void transpose_quads(const float *source, ptrdiff_t source_row, float *target, ptrdiff_t target_row)
{
    const quad a = *(const quad *)source, b = *(const quad *)(source + source_row),
               c = *(const quad *)(source + 2 * source_row), d = *(const quad *)(source + 3 * source_row);
    const quad ac_low = __builtin_shufflevector(a, c, 0, 4, 1, 5),
               ac_high = __builtin_shufflevector(a, c, 2, 6, 3, 7),
               bd_low = __builtin_shufflevector(b, d, 0, 4, 1, 5),
               bd_high = __builtin_shufflevector(b, d, 2, 6, 3, 7);

    *(quad *)target = __builtin_shufflevector(ac_low, bd_low, 0, 4, 1, 5);
    *(quad *)(target + target_row) = __builtin_shufflevector(ac_low, bd_low, 2, 6, 3, 7);
    *(quad *)(target + 2 * target_row) = __builtin_shufflevector(ac_high, bd_high, 0, 4, 1, 5);
    *(quad *)(target + 3 * target_row) = __builtin_shufflevector(ac_high, bd_high, 2, 6, 3, 7);
}

/* target[column * target_row + row] = source[row * source_row + column]. The last quad of a side that is no
 * multiple of 4 overlaps the one before it. */
static void transpose(ptrdiff_t rows, ptrdiff_t columns, const float *source, ptrdiff_t source_row,
                      float *target, ptrdiff_t target_row)
{
    if (rows < 4 || columns < 4) {
        for (ptrdiff_t row = 0; row < rows; row++) {
            for (ptrdiff_t column = 0; column < columns; column++) {
                target[column * target_row + row] = source[row * source_row + column];
            }
        }
        return;
    }
    for (ptrdiff_t i = 0; i < rows; i += 4) {
        const ptrdiff_t row = i < rows - 4 ? i : rows - 4;

        for (ptrdiff_t j = 0; j < columns; j += 4) {
            const ptrdiff_t column = j < columns - 4 ? j : columns - 4;

            transpose_quads(source + row * source_row + column, source_row,
                            target + column * target_row + row, target_row);
        }
    }
}

static ptrdiff_t channels_of(ptrdiff_t channels, ptrdiff_t block)
{
    const ptrdiff_t left = channels - block * TW_BLOCK;

    return left < TW_BLOCK ? left : TW_BLOCK;
}

void tw_f32_block(ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width, ptrdiff_t halo, const float *x,
                  float *blocked)
{
    const ptrdiff_t pitch = (width + 2 * halo) * TW_BLOCK, plane = (height + 2 * halo) * pitch,
                    rows = halo == 0 ? 1 : height, columns = halo == 0 ? height * width : width;

    if (halo > 0 || channels % TW_BLOCK != 0) {
        memset(blocked, 0, (size_t)(tw_blocks(channels) * plane) * sizeof *blocked);
    }
    for (ptrdiff_t block = 0; block < tw_blocks(channels); block++) {
        for (ptrdiff_t row = 0; row < rows; row++) {
            transpose(channels_of(channels, block), columns,
                      x + block * TW_BLOCK * height * width + row * width, height * width,
                      blocked + block * plane + (row + halo) * pitch + halo * TW_BLOCK, TW_BLOCK);
        }
    }
}

void tw_f32_unblock(ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width, ptrdiff_t halo,
                    const float *blocked, float *x)
{
    const ptrdiff_t pitch = (width + 2 * halo) * TW_BLOCK, plane = (height + 2 * halo) * pitch,
                    rows = halo == 0 ? 1 : height, columns = halo == 0 ? height * width : width;

    for (ptrdiff_t block = 0; block < tw_blocks(channels); block++) {
        for (ptrdiff_t row = 0; row < rows; row++) {
            transpose(columns, channels_of(channels, block),
                      blocked + block * plane + (row + halo) * pitch + halo * TW_BLOCK, TW_BLOCK,
                      x + block * TW_BLOCK * height * width + row * width, height * width);
        }
    }
}

size_t tw_f32_conv_pool_workspace(const struct tw_conv_pool_shape *shape)
{
    struct tw_conv_pool_workspace workspace;

    return tw_conv_pool_carve(shape, NULL, &workspace);
}

/* The next part of the workspace: `bytes` at an aligned place; only counted when there is no memory yet. */
static void *carve(unsigned char *memory, size_t *used, size_t bytes)
{
    void *part = memory ? memory + *used : NULL;

    *used += tw_align_up(bytes);
    return part;
}

size_t tw_conv_pool_carve(const struct tw_conv_pool_shape *shape, void *memory,
                          struct tw_conv_pool_workspace *workspace)
{
    bool planar = shape->in_channels <= TW_CONV_POOL_PLANAR_CHANNELS;
    size_t windows = (size_t)(shape->height / 2) * (size_t)(shape->width / 2),
           out = (size_t)shape->out_channels;
    size_t in = (size_t)tw_blocks(shape->in_channels) * TW_BLOCK,
           out_blocks = (size_t)tw_blocks(shape->out_channels);
    size_t planes = (size_t)shape->in_channels * (size_t)(shape->height + 2) * (size_t)(shape->width + 2);
    size_t sums = out_blocks * TW_BLOCK * ((size_t)shape->in_channels * 9 + 1), used = 0;

    workspace->padded = carve(memory, &used, planar ? planes * sizeof(float) : 0);
    workspace->sums = carve(memory, &used, planar ? sums * sizeof(float) : 0);
    /* Sixteen more than there can be: lists are written a block ahead. */
    workspace->weight = carve(memory, &used, (windows * out + TW_BLOCK) * sizeof(int32_t));
    workspace->value = carve(memory, &used, (windows * out + TW_BLOCK) * sizeof(float));
    workspace->first = carve(memory, &used, (4 * windows + 1) * sizeof(int32_t));
    workspace->survivors = carve(memory, &used, windows * out * sizeof(struct tw_survivor));
    workspace->end = carve(memory, &used, out * sizeof(struct tw_survivor *));
    workspace->transformed = carve(memory, &used, 16 * TW_WINOGRAD_GROUP * in * sizeof(float));
    workspace->products = carve(memory, &used, 16 * TW_WINOGRAD_GROUP * TW_BLOCK * sizeof(float));
    return used;
}
