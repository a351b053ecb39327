/* Convolution as indirect GEMM: the tiles read the zero-padded window through the distances of positions
 * (rows of A) and taps (columns of A), B is the weights, packed once per call, and C is a band's results,
 * channels fastest:
 *
 *   for every group:  pack the weights into panels of [tap][result channel]
 *     for every sample, for every band of rows, for every block of columns (result channels):
 *       for every block of source channels:  fill the window;  for every panel: tiles down the positions
 *       transpose C (positions x channels) into the planes of the result
 */
#include "kernels/conv/conv_pass.h"
#include "kernels/gemm/workspace.h"

#define BLOCK_COLUMNS   256
#define RESULT_FLOATS   65536 /* 256 KiB: a band's results stay in L2 until they are transposed */
#define BLOCK_POSITIONS 1024

struct parts {
    struct tw_conv_window window;
    ptrdiff_t depth;   /* links of a whole chain: channels * taps */
    ptrdiff_t pitch;   /* columns of C */
    ptrdiff_t columns; /* of all panels */
    bool in_place;     /* positions are neighbours in the result */
    ptrdiff_t *position, *tap;
    float *weights, *bias, *image, *c;
    float *line; /* one row of positions of all channels of C, for results that are not neighbours */
    size_t bytes;
};

static struct parts divide(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass, void *base)
{
    const ptrdiff_t taps = pass->taps[0] * pass->taps[1];
    struct parts parts = {.depth = pass->channels * taps,
                          .columns = tw_tile_columns(tiles, pass->out_channels),
                          .in_place = pass->spacing[0] == 1 && pass->spacing[1] == 1};
    ptrdiff_t positions;
    struct tw_workspace workspace = {.base = base};

    parts.pitch = tw_conv_smaller(parts.columns, BLOCK_COLUMNS);
    positions = tw_conv_smaller(BLOCK_POSITIONS, RESULT_FLOATS / parts.pitch);
    parts.window = tw_conv_window(pass, tiles->kc, positions);
    positions = parts.window.band * pass->positions[1];
    parts.position = tw_workspace_take(&workspace, positions, sizeof(ptrdiff_t));
    parts.tap = tw_workspace_take(&workspace, parts.window.channels * taps, sizeof(ptrdiff_t));
    parts.weights = tw_workspace_take(&workspace, parts.depth * parts.columns, sizeof(float));
    parts.bias = tw_workspace_take(&workspace, parts.columns, sizeof(float));
    parts.image = tw_workspace_take(&workspace, parts.window.channels * parts.window.plane, sizeof(float));
    parts.c = tw_workspace_take(&workspace, positions * parts.pitch, sizeof(float));
    parts.line =
        tw_workspace_take(&workspace, parts.in_place ? 0 : pass->positions[1] * parts.pitch, sizeof(float));
    parts.bytes = workspace.used;
    return parts;
}

size_t tw_conv_direct_workspace(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass)
{
    return divide(tiles, pass, NULL).bytes;
}

/* One panel of weights [i, a, b][result channel]. Where the taps lie in the order of the chain (forward) it
 * is one transposition, where they lie exactly against it (input gradient with stride 1) one per channel,
 * from below. */
static void pack_panel(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass, ptrdiff_t columns,
                       ptrdiff_t width, const float *w, float *panel)
{
    const ptrdiff_t high = pass->taps[0], wide = pass->taps[1], taps = high * wide;

    if (pass->w_tap[1] == 1 && pass->w_tap[0] == wide && pass->w_channel == taps) {
        tw_tile_pack(tiles, pass->channels * taps, columns, width, w, 1, pass->w_out, panel);
        return;
    }
    for (ptrdiff_t i = 0; i < pass->channels; i++, w += pass->w_channel, panel += taps * width) {
        if (columns == width && pass->w_tap[1] == -1 && pass->w_tap[0] == -wide) {
            tiles->transpose(columns, taps, w - (taps - 1), pass->w_out, panel + (taps - 1) * width, -width);
            continue;
        }
        for (ptrdiff_t t = 0; t < taps; t++) {
            tw_tile_pack(tiles, 1, columns, width, w + t / wide * pass->w_tap[0] + t % wide * pass->w_tap[1],
                         0, pass->w_out, panel + t * width);
        }
    }
}

static void pack_weights(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass,
                         const struct parts *parts, const float *w, const float *bias)
{
    for (ptrdiff_t j = 0, width; j < pass->out_channels; j += width) {
        width = tw_tile_width(tiles, pass->out_channels - j)->columns;
        pack_panel(tiles, pass, tw_conv_smaller(width, pass->out_channels - j), width,
                   w + pass->w_first + j * pass->w_out, parts->weights + j * parts->depth);
    }
    for (ptrdiff_t j = 0; j < parts->columns && bias; j++) {
        parts->bias[j] = j < pass->out_channels ? bias[j] : 0.0f;
    }
}

/* Panels of the columns [first, first + columns) against one block of channels that is in the window; the
 * chains are `done` links long already. C is a buffer of whole panels, so the zero columns are computed as
 * well. */
static void multiply(const struct tw_f32_tiles *tiles, const struct parts *parts, ptrdiff_t positions,
                     ptrdiff_t first, ptrdiff_t columns, ptrdiff_t done, ptrdiff_t links, bool bias)
{
    for (ptrdiff_t j = 0, width; j < columns; j += width) {
        const struct tw_f32_tile_width *tile = tw_tile_width(tiles, columns - j);
        const float *start = done > 0 ? parts->c + j : bias ? parts->bias + first + j : NULL;

        width = tile->columns;
        tw_tile_run(tile, &(struct tw_f32_tile_block){
                              .rows = positions,
                              .columns = width,
                              .k = links,
                              .a = parts->image,
                              .row = parts->position,
                              .at = parts->tap,
                              .panel = parts->weights + (first + j) * parts->depth + done * width,
                              .start = start,
                              .start_row = done > 0 ? parts->pitch : 0,
                              .c = parts->c + j,
                              .c_row = parts->pitch,
                          });
    }
}

/* C into the planes of the result, from position row `row` on. */
static void write_back(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass,
                       const struct parts *parts, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t columns,
                       float *result)
{
    const ptrdiff_t plane = pass->result[0] * pass->result[1], wide = pass->positions[1];

    result += (pass->first[0] + row * pass->spacing[0]) * pass->result[1] + pass->first[1];
    if (parts->in_place) {
        tiles->transpose(rows * wide, columns, parts->c, parts->pitch, result, plane);
        return;
    }
    for (ptrdiff_t r = 0; r < rows; r++, result += pass->spacing[0] * pass->result[1]) {
        tiles->transpose(wide, columns, parts->c + r * wide * parts->pitch, parts->pitch, parts->line, wide);
        for (ptrdiff_t j = 0; j < columns; j++) {
            for (ptrdiff_t c = 0; c < wide; c++) {
                result[j * plane + c * pass->spacing[1]] = parts->line[j * wide + c];
            }
        }
    }
}

/* One sample of one group. */
static void run_sample(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass,
                       const struct parts *parts, const float *source, bool bias, float *result)
{
    const ptrdiff_t taps = pass->taps[0] * pass->taps[1], plane = pass->source[0] * pass->source[1];
    const ptrdiff_t result_plane = pass->result[0] * pass->result[1];

    for (ptrdiff_t row = 0; row < pass->positions[0]; row += parts->window.band) {
        const ptrdiff_t rows = tw_conv_smaller(parts->window.band, pass->positions[0] - row);

        for (ptrdiff_t j = 0; j < pass->out_channels; j += parts->pitch) {
            const ptrdiff_t columns = tw_conv_smaller(parts->pitch, pass->out_channels - j);

            for (ptrdiff_t i = 0; i < pass->channels; i += parts->window.channels) {
                const ptrdiff_t channels = tw_conv_smaller(parts->window.channels, pass->channels - i);

                tw_conv_window_fill(pass, &parts->window, channels, row, source + i * plane, parts->image);
                multiply(tiles, parts, rows * pass->positions[1], j, columns, i * taps, channels * taps,
                         bias);
            }
            write_back(tiles, pass, parts, row, rows, columns, result + j * result_plane);
        }
    }
}

void tw_conv_direct(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass, ptrdiff_t samples,
                    const float *source, const float *w, const float *bias, float *result, void *workspace)
{
    const struct parts parts = divide(tiles, pass, workspace);
    const ptrdiff_t source_group = pass->channels * pass->source[0] * pass->source[1];
    const ptrdiff_t result_group = pass->out_channels * pass->result[0] * pass->result[1];

    tw_conv_window_clear(&parts.window, parts.image);
    tw_conv_position_table(pass, &parts.window, parts.position);
    tw_conv_tap_table(pass, &parts.window, parts.tap);
    for (ptrdiff_t g = 0; g < pass->groups && samples > 0; g++) {
        pack_weights(tiles, pass, &parts, w + g * pass->w_group, bias ? bias + g * pass->out_channels : NULL);
        for (ptrdiff_t n = 0; n < samples; n++) {
            run_sample(tiles, pass, &parts, source + (n * pass->groups + g) * source_group, bias != NULL,
                       result + (n * pass->groups + g) * result_group);
        }
    }
}
