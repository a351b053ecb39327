/* Packed weights and blocked activations: movements of memory, the same on every ISA. */
#include <stdbool.h>
#include <string.h>

#include "core/memory.h"
#include "kernels/conv_pool/conv_pool.h"
#include "kernels/conv_pool/conv_pool_workspace.h"

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

/* Four output channels at a time to the planar form of one block, input channels [begin, end). */
static void pack_planar(const struct tw_conv_pool_shape *shape, const float *w, ptrdiff_t block,
                        ptrdiff_t begin, ptrdiff_t end, float *packed)
{
    ptrdiff_t out = channels_of(shape->out_channels, block), row = shape->in_channels * 9;

    if (out < TW_BLOCK) {
        memset(packed, 0, (size_t)((end - begin) * 9 * TW_BLOCK) * sizeof *packed);
    }
    transpose(out, (end - begin) * 9, w + block * TW_BLOCK * row + begin * 9, row, packed, TW_BLOCK);
}

void tw_f32_pack_planar_weights(const struct tw_conv_pool_shape *shape, const float *w, float *packed,
                                ptrdiff_t begin, ptrdiff_t end)
{
    for (ptrdiff_t block = begin; block < end; block++) {
        pack_planar(shape, w, block, 0, shape->in_channels,
                    packed + block * shape->in_channels * 9 * TW_BLOCK);
    }
}

/* (g0, (g0 + g2 + g1)/2, (g0 + g2 - g1)/2, g2) for the lanes of a block; `stride`: floats between the results. */
static void winograd_weight_step(const float *g0, const float *g1, const float *g2, float *u,
                                 ptrdiff_t stride)
{
    for (int lane = 0; lane < TW_BLOCK; lane++) {
        float outer = g0[lane] + g2[lane];

        u[lane] = g0[lane];
        u[stride + lane] = (outer + g1[lane]) * 0.5f;
        u[2 * stride + lane] = (outer - g1[lane]) * 0.5f;
        u[3 * stride + lane] = g2[lane];
    }
}

/* 3x3 taps to 4x4 points, `stride` floats apart: along the rows of taps first, then along the columns. */
static void winograd_weight(const float *g, float *u, ptrdiff_t stride)
{
    float half[12 * TW_BLOCK];

    for (ptrdiff_t column = 0; column < 3; column++) {
        winograd_weight_step(g + column * TW_BLOCK, g + (3 + column) * TW_BLOCK, g + (6 + column) * TW_BLOCK,
                             half + column * TW_BLOCK, (ptrdiff_t)3 * TW_BLOCK);
    }
    for (ptrdiff_t row = 0; row < 4; row++) {
        const float *h = half + row * 3 * TW_BLOCK;

        winograd_weight_step(h, h + TW_BLOCK, h + (ptrdiff_t)2 * TW_BLOCK, u + row * 4 * stride, stride);
    }
}

void tw_f32_pack_winograd_weights(const struct tw_conv_pool_shape *shape, const float *w, float *packed,
                                  ptrdiff_t begin, ptrdiff_t end)
{
    enum { TOGETHER = 4 };
    float taps[TOGETHER * 9 * TW_BLOCK];

    for (ptrdiff_t block = begin; block < end; block++) {
        float *target = packed + block * 16 * shape->in_channels * TW_BLOCK;

        for (ptrdiff_t i = 0; i < shape->in_channels; i += TOGETHER) {
            ptrdiff_t last = i + TOGETHER < shape->in_channels ? i + TOGETHER : shape->in_channels;

            pack_planar(shape, w, block, i, last, taps);
            for (ptrdiff_t channel = i; channel < last; channel++) {
                winograd_weight(taps + (channel - i) * 9 * TW_BLOCK, target + channel * TW_BLOCK,
                                shape->in_channels * TW_BLOCK);
            }
        }
    }
}

/* The nine vectors of (input vector, output channel) in the scatter form, and how many of their lanes there are. */
static ptrdiff_t scatter_index(const struct tw_conv_pool_shape *shape, ptrdiff_t lanes, ptrdiff_t i,
                               ptrdiff_t o)
{
    return (i / lanes * shape->out_channels + o) * 9 * lanes;
}

static ptrdiff_t lanes_from(const struct tw_conv_pool_shape *shape, ptrdiff_t lanes, ptrdiff_t i)
{
    return shape->in_channels - i < lanes ? shape->in_channels - i : lanes;
}

void tw_f32_pack_scatter_weights(const struct tw_conv_pool_shape *shape, ptrdiff_t lanes, const float *w,
                                 float *packed, ptrdiff_t begin, ptrdiff_t end)
{
    for (ptrdiff_t i = begin * TW_BLOCK; i < end * TW_BLOCK; i += lanes) {
        for (ptrdiff_t o = 0; o < shape->out_channels; o++) {
            float *target = packed + scatter_index(shape, lanes, i, o);
            ptrdiff_t count = lanes_from(shape, lanes, i);

            if (count < lanes) {
                memset(target, 0, (size_t)(9 * lanes) * sizeof *target);
            }
            if (count > 0) {
                transpose(count, 9, w + (o * shape->in_channels + i) * 9, 9, target, lanes);
            }
        }
    }
}

void tw_f32_unpack_scatter_weights(const struct tw_conv_pool_shape *shape, ptrdiff_t lanes,
                                   const float *packed, float *w, ptrdiff_t begin, ptrdiff_t end)
{
    for (ptrdiff_t i = begin * TW_BLOCK; i < end * TW_BLOCK && i < shape->in_channels; i += lanes) {
        for (ptrdiff_t o = 0; o < shape->out_channels; o++) {
            transpose(9, lanes_from(shape, lanes, i), packed + scatter_index(shape, lanes, i, o), lanes,
                      w + (o * shape->in_channels + i) * 9, 9);
        }
    }
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

/* What the planar forward keeps besides. */
static size_t carve_planar(const struct tw_conv_pool_shape *shape, unsigned char *memory, size_t used,
                           struct tw_conv_pool_workspace *workspace)
{
    const struct tw_conv_pool_shape blank = tw_blank_shape(shape);
    const size_t rows = (size_t)(shape->height / 2), window = sizeof(struct tw_planar_window);
    const size_t windows = rows * (size_t)(shape->width / 2), blank_y = (size_t)tw_code_size(&blank),
                 blank_windows = (size_t)(blank.height / 2) * (size_t)(blank.width / 2),
                 blank_plane = (size_t)(blank.height + 2) * (size_t)(blank.width + 2);

    workspace->windows = carve(memory, &used, windows * window);
    workspace->sorted = carve(memory, &used, windows * window);
    workspace->ink = carve(memory, &used, rows * sizeof(uint64_t));
    workspace->blank_padded = carve(memory, &used, (size_t)shape->in_channels * blank_plane * sizeof(float));
    workspace->blank_windows = carve(memory, &used, blank_windows * window);
    workspace->blank_y = carve(memory, &used, blank_y * sizeof(float));
    workspace->blank_code = carve(memory, &used, blank_y);
    return used;
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
    if (planar) {
        used = carve_planar(shape, memory, used, workspace);
    }
    workspace->places = carve(memory, &used, windows * 8 * sizeof(float));
    workspace->candidates = carve(memory, &used, windows * TW_BLOCK * sizeof(struct tw_survivor));
    workspace->survivors = carve(memory, &used, windows * out * sizeof(struct tw_survivor));
    workspace->ends = carve(memory, &used, out * sizeof(struct tw_survivor *));
    workspace->winners = carve(memory, &used, windows * 4 * sizeof(uint64_t));
    workspace->gradients = carve(memory, &used, windows * TW_GATHER_CHANNELS * sizeof(float));
    workspace->transformed = carve(memory, &used, 16 * TW_WINOGRAD_GROUP * in * sizeof(float));
    workspace->products =
        carve(memory, &used, TW_WINOGRAD_PRODUCTS_BLOCKS * TW_WINOGRAD_PRODUCTS * sizeof(float));
    return used;
}
