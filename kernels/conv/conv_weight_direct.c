/* Weight and bias gradient where steps on the padding are left out: indirect GEMM on the image where it is. Rows of A are
 * channels and taps, k runs over positions, B is dy transposed to [position][output channel], C holds
 * [channel][tap][output channel] for all samples of the call:
 *
 *   for every group, block of output channels, block of input channels:
 *     for every band (rows of positions of one sample, or several whole samples):
 *       transpose dy;  for every panel, for every set of taps that meet the same positions:  tiles down channels and taps
 *     transpose C into dw
 *
 * Sets of taps are to positions what sets of positions are to taps in conv_direct.c:
 *
 *   3 x 3 kernel, padding 1:   0 1 2     set 0 meets all positions but the first row and column, set 4 meets all;
 *                              3 4 5     away from the upper and lower edge 0, 3 and 6 are one set, and so on
 *                              6 7 8
 *
 * The bias gradient is one more row, which reads the same one at every position: fma(1, dy, sum) is sum + dy, rounded once.
 */
#include "kernels/conv/conv_weight_direct.h"
#include "kernels/gemm/workspace.h"

#define BLOCK_COLUMNS   64
#define RESULT_FLOATS   65536 /* 256 KiB: C stays in L2 */
#define BLOCK_POSITIONS 512

static struct tw_conv_weight_parts divide(const struct tw_f32_tiles *tiles,
                                          const struct tw_conv2d_shape *shape, void *base)
{
    struct tw_workspace workspace = {.base = base};
    struct tw_conv_weight_parts parts = {
        .shape = shape,
        .channels = shape->in_channels / shape->groups,
        .out_channels = shape->out_channels / shape->groups,
        .taps = shape->kernel_height * shape->kernel_width,
        .x_plane = shape->in_height * shape->in_width,
        .dy_plane = shape->out_height * shape->out_width,
    };
    ptrdiff_t rows;

    parts.x_sample = shape->in_channels * parts.x_plane;
    parts.dy_sample = shape->out_channels * parts.dy_plane;
    parts.pitch = tw_conv_smaller(tw_tile_columns(tiles, parts.out_channels), BLOCK_COLUMNS);
    parts.block = tw_conv_even(parts.channels, RESULT_FLOATS / parts.pitch / parts.taps);
    parts.band = tw_conv_even(shape->out_height, BLOCK_POSITIONS / shape->out_width);
    parts.samples = 1;
    if (parts.band == shape->out_height && parts.dy_plane < BLOCK_POSITIONS) {
        parts.samples = BLOCK_POSITIONS / parts.dy_plane;
    }
    parts.positions = parts.samples * parts.band * shape->out_width;
    parts.wides = tw_conv_weight_list_ranges(shape, 1, 0, shape->out_width, parts.wide);
    rows = parts.block * parts.taps;
    parts.at =
        tw_workspace_take(&workspace, TW_CONV_WEIGHT_KINDS * parts.taps * parts.positions, sizeof(ptrdiff_t));
    parts.b_at =
        tw_workspace_take(&workspace, TW_CONV_WEIGHT_KINDS * parts.taps * parts.positions, sizeof(ptrdiff_t));
    parts.nowhere = tw_workspace_take(&workspace, parts.positions, sizeof(ptrdiff_t));
    parts.row = tw_workspace_take(&workspace, TW_CONV_WEIGHT_KINDS * rows, sizeof(ptrdiff_t));
    parts.place = tw_workspace_take(&workspace, TW_CONV_WEIGHT_KINDS * rows, sizeof(ptrdiff_t));
    parts.panels = tw_workspace_take(&workspace, parts.positions * parts.pitch, sizeof(float));
    parts.c = tw_workspace_take(&workspace, (rows + 1) * parts.pitch, sizeof(float));
    parts.bytes = workspace.used;
    return parts;
}

size_t tw_conv_weight_direct_workspace(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape)
{
    return divide(tiles, shape, NULL).bytes;
}

/* One band of dy, `columns` channels from `dy` on, into panels. */
static void pack_dy(const struct tw_f32_tiles *tiles, const struct tw_conv_weight_parts *parts,
                    const struct tw_conv_weight_band *band, ptrdiff_t columns, const float *dy)
{
    const ptrdiff_t part = band->rows * parts->shape->out_width, positions = band->samples * part;

    for (ptrdiff_t j = 0, width; j < columns; j += width) {
        width = tw_tile_width(tiles, columns - j)->columns;
        for (ptrdiff_t n = 0; n < band->samples; n++) {
            tw_tile_pack(tiles, part, tw_conv_smaller(width, columns - j), width,
                         dy + n * parts->dy_sample + j * parts->dy_plane, 1, parts->dy_plane,
                         parts->panels + j * positions + n * part * width);
        }
    }
}

/* One set, and the bias, against one panel. */
static void run_set(const struct tw_f32_tile_width *width, const struct tw_conv_weight_tables *tables,
                    const struct tw_conv_weight_set *set, struct tw_f32_tile tile)
{
    tile.rows = set->rows;
    tile.k = set->positions;
    tile.row = tables->row + set->begin;
    tile.at = set->at;
    tile.b_at = set->b_at;
    tile.c_at = tile.start_at = tables->place + set->begin;
    tw_tile_run(width, &tile);
}

static void run_bias(const struct tw_f32_tile_width *width, const struct tw_conv_weight_parts *parts,
                     ptrdiff_t positions, struct tw_f32_tile tile)
{
    static const float one = 1.0f;
    const ptrdiff_t here = 0, place = parts->block * parts->taps * parts->pitch;

    tile.rows = 1;
    tile.k = positions;
    tile.a = &one;
    tile.row = &here;
    tile.at = parts->nowhere;
    tile.c_at = tile.start_at = &place;
    tw_tile_run(width, &tile);
}

/* `x`: the first position's row of the block's first channel. */
static void run_band(const struct tw_f32_tiles *tiles, const struct tw_conv_weight_parts *parts,
                     const struct tw_conv_weight_band *band, const struct tw_conv_weight_block *block,
                     const struct tw_conv_weight_tables *tables, const float *x)
{
    const ptrdiff_t positions = band->samples * band->rows * parts->shape->out_width;

    for (ptrdiff_t j = 0, width; j < block->columns; j += width) {
        const struct tw_f32_tile_width *tile = tw_tile_width(tiles, block->columns - j);
        struct tw_f32_tile operands = {
            .columns = tile->columns, .a = x, .b = parts->panels + j * positions, .c = parts->c + j};

        width = tile->columns;
        operands.start = band->sample > 0 || band->row > 0 ? operands.c : NULL;
        for (int i = 0; i < tables->count; i++) {
            run_set(tile, tables, &tables->sets[i], operands);
        }
        if (block->bias) {
            run_bias(tile, parts, positions, operands);
        }
    }
}

/* The whole chains of one block of C. `x` and `dy`: the first sample's first planes of the block. */
static void run_block(const struct tw_f32_tiles *tiles, const struct tw_conv_weight_parts *parts,
                      const struct tw_conv_weight_block *block, ptrdiff_t samples, const float *x,
                      const float *dy)
{
    const struct tw_conv2d_shape *shape = parts->shape;
    struct tw_conv_weight_tables kinds[TW_CONV_WEIGHT_KINDS];
    int oldest = 0;

    tw_conv_weight_clear_tables(parts, kinds);
    for (ptrdiff_t n = 0; n < samples; n += parts->samples) {
        for (ptrdiff_t row = 0; row < shape->out_height; row += parts->band) {
            const struct tw_conv_weight_band band = {
                .sample = n,
                .samples = tw_conv_smaller(parts->samples, samples - n),
                .row = row,
                .rows = tw_conv_smaller(parts->band, shape->out_height - row)};

            pack_dy(tiles, parts, &band, block->columns, dy + n * parts->dy_sample + row * shape->out_width);
            run_band(tiles, parts, &band, block,
                     tw_conv_weight_find_tables(parts, &band, block, kinds, &oldest),
                     x + n * parts->x_sample + row * shape->stride[0] * shape->in_width);
        }
    }
}

/* `dw` and `db` of the group. */
static void write_back(const struct tw_f32_tiles *tiles, const struct tw_conv_weight_parts *parts,
                       const struct tw_conv_weight_block *block, float *dw, float *db)
{
    const ptrdiff_t w_out = parts->channels * parts->taps;
    const float *bias = parts->c + parts->block * parts->taps * parts->pitch;

    tiles->transpose(block->channels * parts->taps, block->columns, parts->c, parts->pitch,
                     dw + block->column * w_out + block->channel * parts->taps, w_out);
    for (ptrdiff_t j = 0; j < block->columns && block->bias; j++) {
        db[block->column + j] = bias[j];
    }
}

static void run_group(const struct tw_f32_tiles *tiles, const struct tw_conv_weight_parts *parts,
                      ptrdiff_t samples, const float *x, const float *dy, float *dw, float *db)
{
    struct tw_conv_weight_block block;

    for (block.column = 0; block.column < parts->out_channels; block.column += parts->pitch) {
        block.columns = tw_conv_smaller(parts->pitch, parts->out_channels - block.column);
        for (block.channel = 0; block.channel < parts->channels; block.channel += parts->block) {
            block.channels = tw_conv_smaller(parts->block, parts->channels - block.channel);
            block.bias = db && block.channel == 0;
            run_block(tiles, parts, &block, samples, x + block.channel * parts->x_plane,
                      dy + block.column * parts->dy_plane);
            write_back(tiles, parts, &block, dw, db);
        }
    }
}

void tw_conv_weight_direct(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                           ptrdiff_t samples, const float *x, const float *dy, float *dw, float *db,
                           void *workspace)
{
    const struct tw_conv_weight_parts parts = divide(tiles, shape, workspace);
    const ptrdiff_t weights = parts.out_channels * parts.channels * parts.taps;

    for (ptrdiff_t i = 0; i < parts.positions; i++) {
        parts.nowhere[i] = 0;
    }
    for (ptrdiff_t g = 0; g < shape->groups; g++) {
        run_group(tiles, &parts, samples, x + g * parts.channels * parts.x_plane,
                  dy + g * parts.out_channels * parts.dy_plane, dw + g * weights,
                  db ? db + g * parts.out_channels : NULL);
    }
}
