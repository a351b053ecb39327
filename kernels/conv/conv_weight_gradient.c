/* Weight and bias gradient as indirect GEMM: the same window and distances as the forward pass with the roles
 * of positions and taps exchanged. Rows of A are the taps (i, u, v), k runs over the positions, B is dy
 * transposed to [position][output channel], C holds [tap][output channel] for all samples of the call:
 *
 *   for every group, block of output channels, block of input channels:
 *     for every sample, for every band of rows:
 *       fill the window, transpose dy;  for every panel: tiles down the taps
 *     transpose C into dw
 *
 * The bias gradient is one more row of A, which reads ones: fma(1, dy, sum) is sum + dy, rounded once.
 */
#include "kernels/conv/conv_winograd.h"
#include "kernels/gemm/workspace.h"

#define BLOCK_COLUMNS 256
#define RESULT_FLOATS 65536 /* 256 KiB: C stays in L2 */

/* Panels pass from L2: fewer bands copy fewer rows of the image twice. Of few columns they are written piece by piece, which
 * wants L1. */
#define BLOCK_POSITIONS        1280
#define BLOCK_POSITIONS_NARROW 320
#define COLUMNS_NARROW         16

struct parts {
    struct tw_conv_window window;
    ptrdiff_t pitch;                   /* columns of C */
    ptrdiff_t positions;               /* of a whole band */
    ptrdiff_t *position, *tap, *place; /* of positions and rows in the image, of rows in C */
    float *image;                      /* the window's planes, then one of ones */
    float *panels, *c;
    size_t bytes;
};

static struct parts divide(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass, void *base)
{
    const ptrdiff_t taps = pass->taps[0] * pass->taps[1];
    const ptrdiff_t positions =
        pass->out_channels < COLUMNS_NARROW ? BLOCK_POSITIONS_NARROW : BLOCK_POSITIONS;
    struct parts parts;
    ptrdiff_t rows;
    struct tw_workspace workspace = {.base = base};

    parts.pitch = tw_conv_smaller(tw_tile_columns(tiles, pass->out_channels), BLOCK_COLUMNS);
    parts.window = tw_conv_window(pass, RESULT_FLOATS / parts.pitch, positions);
    parts.positions = parts.window.band * pass->positions[1];
    rows = parts.window.channels * taps + 1;
    parts.position = tw_workspace_take(&workspace, parts.positions, sizeof(ptrdiff_t));
    parts.tap = tw_workspace_take(&workspace, rows, sizeof(ptrdiff_t));
    parts.place = tw_workspace_take(&workspace, rows, sizeof(ptrdiff_t));
    parts.image =
        tw_workspace_take(&workspace, (parts.window.channels + 1) * parts.window.plane, sizeof(float));
    parts.panels = tw_workspace_take(&workspace, parts.positions * parts.pitch, sizeof(float));
    parts.c = tw_workspace_take(&workspace, rows * parts.pitch, sizeof(float));
    parts.bytes = workspace.used;
    return parts;
}

size_t tw_conv_weight_gradient_workspace(const struct tw_f32_tiles *tiles,
                                         const struct tw_conv2d_shape *shape)
{
    const struct tw_conv_pass pass = tw_conv_forward_pass(shape);

    switch (tw_conv_select_weight_gradient(tiles, shape)) {
    case TW_CONV_WINOGRAD:
        return tw_conv_winograd_weights_workspace(tiles, shape);
    case TW_CONV_GEMM:
        return tw_conv_gemm_workspace(tiles, shape);
    case TW_CONV_DIRECT:
        return tw_conv_weight_direct_workspace(tiles, shape);
    default:
        return divide(tiles, &pass, NULL).bytes;
    }
}

/* One band of dy, `columns` channels from `dy` on, into panels. */
static void pack_dy(const struct tw_f32_tiles *tiles, ptrdiff_t positions, ptrdiff_t columns, const float *dy,
                    ptrdiff_t plane, float *panels)
{
    for (ptrdiff_t j = 0, width; j < columns; j += width) {
        width = tw_tile_width(tiles, columns - j)->columns;
        tw_tile_pack(tiles, positions, tw_conv_smaller(width, columns - j), width, dy + j * plane, 1, plane,
                     panels + j * positions);
    }
}

static void multiply(const struct tw_f32_tiles *tiles, const struct parts *parts, ptrdiff_t rows,
                     ptrdiff_t positions, ptrdiff_t columns, bool goes_on)
{
    for (ptrdiff_t j = 0, width; j < columns; j += width) {
        const struct tw_f32_tile_width *tile = tw_tile_width(tiles, columns - j);

        width = tile->columns;
        tw_tile_run(tile, &(struct tw_f32_tile){
                              .rows = rows,
                              .columns = width,
                              .k = positions,
                              .a = parts->image,
                              .row = parts->tap,
                              .at = parts->position,
                              .b = parts->panels + j * positions,
                              .start = goes_on ? parts->c + j : NULL,
                              .start_at = parts->place,
                              .c = parts->c + j,
                              .c_at = parts->place,
                          });
    }
}

/* What one block of C covers. */
struct block {
    ptrdiff_t group, channel, channels, column, columns;
    bool bias;
};

/* The whole chain of one block of C. */
static void run_block(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass,
                      const struct parts *parts, const struct block *block, ptrdiff_t samples, const float *x,
                      const float *dy)
{
    const ptrdiff_t x_plane = pass->source[0] * pass->source[1], dy_plane = pass->result[0] * pass->result[1];
    const ptrdiff_t rows = block->channels * pass->taps[0] * pass->taps[1] + block->bias;

    for (ptrdiff_t n = 0; n < samples; n++) {
        const ptrdiff_t sample = n * pass->groups + block->group;
        const float *from = x + (sample * pass->channels + block->channel) * x_plane;
        const float *gradient = dy + (sample * pass->out_channels + block->column) * dy_plane;

        for (ptrdiff_t row = 0; row < pass->positions[0]; row += parts->window.band) {
            const ptrdiff_t band = tw_conv_smaller(parts->window.band, pass->positions[0] - row);
            const ptrdiff_t positions = band * pass->positions[1];

            tw_conv_window_fill(pass, &parts->window, block->channels, row, from, parts->image);
            pack_dy(tiles, positions, block->columns, gradient + row * pass->positions[1], dy_plane,
                    parts->panels);
            multiply(tiles, parts, rows, positions, block->columns, n > 0 || row > 0);
        }
    }
}

static void write_back(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass,
                       const struct parts *parts, const struct block *block, float *dw, float *db)
{
    const ptrdiff_t taps = pass->taps[0] * pass->taps[1], rows = block->channels * taps;

    tiles->transpose(rows, block->columns, parts->c, parts->pitch,
                     dw + block->group * pass->w_group + block->column * pass->w_out + block->channel * taps,
                     pass->w_out);
    for (ptrdiff_t j = 0; j < block->columns && block->bias; j++) {
        db[block->group * pass->out_channels + block->column + j] = parts->c[rows * parts->pitch + j];
    }
}

static void clear(ptrdiff_t count, float *values)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        values[i] = 0.0f;
    }
}

static void set_tables(const struct tw_conv_pass *pass, const struct parts *parts)
{
    const ptrdiff_t rows = parts->window.channels * pass->taps[0] * pass->taps[1];

    tw_conv_window_clear(&parts->window, parts->image);
    tw_conv_position_table(pass, &parts->window, parts->position);
    tw_conv_tap_table(pass, &parts->window, parts->tap);
    parts->tap[rows] = parts->window.channels * parts->window.plane;
    for (ptrdiff_t i = 0; i <= rows; i++) {
        parts->place[i] = i * parts->pitch;
    }
    for (ptrdiff_t i = 0; i < parts->window.plane; i++) {
        parts->image[parts->window.channels * parts->window.plane + i] = 1.0f;
    }
}

/* By windows. */
static void run_windows(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                        ptrdiff_t samples, const float *x, const float *dy, float *dw, float *db,
                        void *workspace)
{
    const struct tw_conv_pass pass = tw_conv_forward_pass(shape);
    const struct parts parts = divide(tiles, &pass, workspace);
    struct block block;

    set_tables(&pass, &parts);
    for (block.group = 0; block.group < pass.groups; block.group++) {
        for (block.column = 0; block.column < pass.out_channels; block.column += parts.pitch) {
            block.columns = tw_conv_smaller(parts.pitch, pass.out_channels - block.column);
            for (block.channel = 0; block.channel < pass.channels; block.channel += parts.window.channels) {
                block.channels = tw_conv_smaller(parts.window.channels, pass.channels - block.channel);
                block.bias = db && block.channel == 0;
                run_block(tiles, &pass, &parts, &block, samples, x, dy);
                write_back(tiles, &pass, &parts, &block, dw, db);
            }
        }
    }
}

void tw_conv_weight_gradient(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                             ptrdiff_t samples, const float *x, const float *dy, float *dw, float *db,
                             void *workspace)
{
    const enum tw_conv_algorithm algorithm = tw_conv_select_weight_gradient(tiles, shape);

    if (samples == 0) {
        clear(shape->out_channels * (shape->in_channels / shape->groups) * shape->kernel_height *
                  shape->kernel_width,
              dw);
        clear(db ? shape->out_channels : 0, db);
    } else if (algorithm == TW_CONV_GEMM) {
        tw_conv_gemm_weight_gradient(tiles, shape, samples, x, dy, dw, db, workspace);
    } else if (algorithm == TW_CONV_DIRECT) {
        tw_conv_weight_direct(tiles, shape, samples, x, dy, dw, db, workspace);
    } else {
        run_windows(tiles, shape, samples, x, dy, dw, db, workspace);
    }
}
