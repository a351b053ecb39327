/* Convolution as im2col and GEMM with vectors over positions, for few channels:
 *
 *   result (result channels x positions)
 *     = weights (result channels x (i, a, b)) * columns ((i, a, b) x positions)
 *
 * Tiles go along the rows of positions, where these leave few lanes idle (goes_along): the rows of the column matrix are pieces
 * of the window, and it does not exist at all. Otherwise it exists one panel at a time: made from the window (or, where
 * rows of positions are whole panels, read there), multiplied by all rows of the weights, and forgotten. The forward pass
 * reads weights where they are; those of the input gradient are brought into the order of the links first. Results whose
 * positions are neighbours in memory are written in place.
 */
#include <string.h>

#include "kernels/conv/conv_pass.h"
#include "kernels/gemm/workspace.h"

#define BLOCK_POSITIONS 1024
#define CHANNELS_ALONG  4
#define RESULT_FLOATS   65536 /* 256 KiB: a band's results that have to be spread stay in L2 */

struct parts {
    struct tw_conv_window window;
    ptrdiff_t widest; /* columns of the widest panel */
    ptrdiff_t pitch;  /* from row to row of C */
    bool in_place;    /* positions are neighbours in the result */
    bool along;       /* tiles go along the rows of positions */
    float *ordered;   /* a group's weights, where they do not lie in the order of the links; or NULL */
    ptrdiff_t w_out, w_channel; /* from row to row of A, as it is read */
    ptrdiff_t *position, *tap, *weight;
    ptrdiff_t *row, *place, *bias_place; /* of the result channels, in the weights, in C and in `bias` */
    float *bias, *image, *panel, *c;
    size_t bytes;
};

static bool weights_lie(const struct tw_conv_pass *pass)
{
    return pass->w_tap[1] == 1 && pass->w_tap[0] == pass->taps[1] &&
           pass->w_channel == pass->taps[0] * pass->taps[1];
}

/* Whether tiles go along the rows of positions: where less than a quarter of whole vectors would be idle at the ends of rows; and
 * with channels for as many chains as panels have. */
static bool goes_along(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass)
{
    const ptrdiff_t row = pass->positions[1], idle = tw_tile_columns(tiles, row) - row;

    return 4 * idle < row + idle && pass->out_channels >= CHANNELS_ALONG;
}

static struct parts divide(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass, void *base)
{
    struct parts parts = {.widest = tw_tile_widest(tiles),
                          .along = goes_along(tiles, pass),
                          .w_out = pass->w_out,
                          .w_channel = pass->w_channel,
                          .in_place = pass->spacing[0] == 1 && pass->spacing[1] == 1};
    ptrdiff_t positions = BLOCK_POSITIONS, links;
    struct tw_workspace workspace = {.base = base};

    if (!parts.in_place) {
        positions = tw_conv_smaller(positions, RESULT_FLOATS / pass->out_channels);
    }
    parts.window = tw_conv_window(pass, tiles->links, positions);
    positions = parts.window.band * pass->positions[1];
    links = parts.window.channels * pass->taps[0] * pass->taps[1];
    parts.pitch = parts.in_place ? pass->result[0] * pass->result[1] : positions;
    parts.position = tw_workspace_take(&workspace, positions, sizeof(ptrdiff_t));
    parts.tap = tw_workspace_take(&workspace, links, sizeof(ptrdiff_t));
    parts.row = tw_workspace_take(&workspace, pass->out_channels, sizeof(ptrdiff_t));
    parts.place = tw_workspace_take(&workspace, pass->out_channels, sizeof(ptrdiff_t));
    parts.bias_place = tw_workspace_take(&workspace, pass->out_channels, sizeof(ptrdiff_t));
    parts.weight = tw_workspace_take(&workspace, links, sizeof(ptrdiff_t));
    parts.bias = tw_workspace_take(&workspace, pass->out_channels * parts.widest, sizeof(float));
    /* Runs of positions are copied a whole panel width at a time: both ends are read and written beyond. */
    parts.image = tw_workspace_take(&workspace, parts.window.channels * parts.window.plane + parts.widest,
                                    sizeof(float));
    parts.panel = tw_workspace_take(&workspace, (links + 1) * parts.widest, sizeof(float));
    if (!weights_lie(pass)) {
        parts.w_channel = pass->taps[0] * pass->taps[1];
        parts.w_out = pass->channels * parts.w_channel;
        parts.ordered = tw_workspace_take(&workspace, pass->out_channels * parts.w_out, sizeof(float));
    }
    parts.c =
        tw_workspace_take(&workspace, parts.in_place ? 0 : pass->out_channels * positions, sizeof(float));
    parts.bytes = workspace.used;
    return parts;
}

size_t tw_conv_columns_workspace(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass)
{
    return divide(tiles, pass, NULL).bytes;
}

/* Distances of the result channels (rows of A and of C), and of the links in the weights: as they are read, one after the
 * other. */
static void tables(const struct tw_conv_pass *pass, const struct parts *parts)
{
    for (ptrdiff_t j = 0; j < pass->out_channels; j++) {
        parts->row[j] = j * parts->w_out;
        parts->place[j] = j * parts->pitch;
        parts->bias_place[j] = j * parts->widest;
    }
    for (ptrdiff_t p = 0; p < parts->window.channels * pass->taps[0] * pass->taps[1]; p++) {
        parts->weight[p] = p;
    }
}

static void order_weights(const struct tw_conv_pass *pass, const float *w, float *ordered)
{
    for (ptrdiff_t j = 0; j < pass->out_channels; j++) {
        for (ptrdiff_t i = 0; i < pass->channels; i++) {
            const float *from = w + pass->w_first + j * pass->w_out + i * pass->w_channel;

            for (ptrdiff_t a = 0; a < pass->taps[0]; a++) {
                for (ptrdiff_t b = 0; b < pass->taps[1]; b++) {
                    *ordered++ = from[a * pass->w_tap[0] + b * pass->w_tap[1]];
                }
            }
        }
    }
}

static void spread_bias(const struct tw_conv_pass *pass, const struct parts *parts, const float *bias)
{
    for (ptrdiff_t j = 0; j < pass->out_channels; j++) {
        for (ptrdiff_t c = 0; c < parts->widest; c++) {
            parts->bias[j * parts->widest + c] = bias[j];
        }
    }
}

/* Splits positions [0, columns) into runs that are neighbours in the window: run r begins at position
 * begin[r]. */
static int find_runs(const ptrdiff_t *position, ptrdiff_t columns, ptrdiff_t *begin)
{
    int runs = 0;

    for (ptrdiff_t j = 0; j < columns; j++) {
        if (j == 0 || position[j] != position[j - 1] + 1) {
            begin[runs++] = j;
        }
    }
    return runs;
}

/* Every run of every row of the panel, a whole width each: what it writes too much is overwritten by the next
 * run, the next row, or is the spare row. `width` is a constant at the calls. */
static inline __attribute__((always_inline)) void copy_runs(ptrdiff_t width, ptrdiff_t links,
                                                            const ptrdiff_t *tap, const ptrdiff_t *position,
                                                            const ptrdiff_t *begin, int runs,
                                                            const float *image, float *panel)
{
    for (ptrdiff_t p = 0; p < links; p++, panel += width) {
        for (int r = 0; r < runs; r++) {
            memcpy(panel + begin[r], image + tap[p] + position[begin[r]], (size_t)width * sizeof *panel);
        }
    }
}

static void gather(ptrdiff_t width, ptrdiff_t columns, ptrdiff_t links, const ptrdiff_t *tap,
                   const ptrdiff_t *position, const float *image, float *panel)
{
    for (ptrdiff_t p = 0; p < links; p++, panel += width) {
        for (ptrdiff_t j = 0; j < columns; j++) {
            panel[j] = image[tap[p] + position[j]];
        }
        for (ptrdiff_t j = columns; j < width; j++) {
            panel[j] = 0.0f;
        }
    }
}

/* A panel of columns: panel[p][j] = image[tap[p] + position[j]]. Columns beyond `columns` hold anything. */
static void make_panel(ptrdiff_t width, ptrdiff_t columns, ptrdiff_t links, const ptrdiff_t *tap,
                       const ptrdiff_t *position, const float *image, float *panel)
{
    ptrdiff_t begin[TW_TILE_COLUMNS_MAX];
    const int runs = find_runs(position, columns, begin);

    if (runs * 4 > width) {
        gather(width, columns, links, tap, position, image, panel);
    } else if (width == 4) {
        copy_runs(4, links, tap, position, begin, runs, image, panel);
    } else if (width == 8) {
        copy_runs(8, links, tap, position, begin, runs, image, panel);
    } else if (width == 16) {
        copy_runs(16, links, tap, position, begin, runs, image, panel);
    } else if (width == 32) {
        copy_runs(32, links, tap, position, begin, runs, image, panel);
    } else if (width == 48) {
        copy_runs(48, links, tap, position, begin, runs, image, panel);
    } else if (width == 64) {
        copy_runs(64, links, tap, position, begin, runs, image, panel);
    } else {
        copy_runs(width, links, tap, position, begin, runs, image, panel);
    }
}

/* The widest panel of at most `left` columns, a multiple of the narrowest one's. */
static const struct tw_f32_tile_width *whole_panel(const struct tw_f32_tiles *tiles, ptrdiff_t left)
{
    const struct tw_f32_tile_width *width = tiles->width;

    while (width->columns > left) {
        width++;
    }
    return width;
}

/* One block of channels, which is in the window, against all positions of the band. If rows of positions are whole numbers
 * of narrowest panels, panels keep to a row, and their positions are neighbours in the window. */
static void multiply(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass,
                     const struct parts *parts, ptrdiff_t positions, struct tw_f32_tile block)
{
    const ptrdiff_t row = pass->positions[1];
    const bool in_rows = row % tiles->width[tiles->widths - 1].columns == 0, goes_on = block.start == block.c;
    float *c = block.c;

    for (ptrdiff_t j = 0; j < positions;) {
        const struct tw_f32_tile_width *width =
            in_rows ? whole_panel(tiles, row - j % row) : tw_tile_width(tiles, positions - j);

        block.rows = pass->out_channels;
        block.columns = tw_conv_smaller(width->columns, positions - j);
        block.c = c + j;
        block.start = goes_on ? block.c : block.start;
        if (in_rows) {
            block.b = parts->image + parts->position[j];
            block.b_row = parts->tap;
        } else {
            make_panel(width->columns, block.columns, block.k, parts->tap, parts->position + j, parts->image,
                       parts->panel);
        }
        tw_tile_run(width, &block);
        j += width->columns;
    }
}

/* The same with tiles that go along the rows of positions, whose links are pieces of the window: no panel is made, and
 * there are no calls in between. */
static void multiply_rows(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass,
                          const struct parts *parts, ptrdiff_t positions, const struct tw_f32_tile *block,
                          const float *bias)
{
    const ptrdiff_t row = pass->positions[1];
    struct tw_f32_strided tile = {.columns = row,
                                  .k = block->k,
                                  .a = block->a,
                                  .a_row = parts->w_out,
                                  .a_col = 1,
                                  .b_at = parts->tap,
                                  .c_row = parts->pitch,
                                  .accumulate = block->start == block->c,
                                  .start = block->start == block->c ? NULL : bias};

    for (ptrdiff_t j = 0; j < positions; j += row) {
        tile.b = parts->image + parts->position[j];
        tile.c = block->c + j;
        tw_tile_run_along(&tiles->along, pass->out_channels, &tile);
    }
}

/* C (result channels x positions) to its places in the result. */
static void spread_results(const struct tw_conv_pass *pass, const struct parts *parts, ptrdiff_t rows,
                           float *result)
{
    const ptrdiff_t plane = pass->result[0] * pass->result[1], wide = pass->positions[1];

    for (ptrdiff_t j = 0; j < pass->out_channels; j++) {
        for (ptrdiff_t r = 0; r < rows; r++) {
            for (ptrdiff_t c = 0; c < wide; c++) {
                result[j * plane + r * pass->spacing[0] * pass->result[1] + c * pass->spacing[1]] =
                    parts->c[j * parts->pitch + r * wide + c];
            }
        }
    }
}

/* One band of one sample of one group; `result` is the first plane's first position of the band. */
static void run_band(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass,
                     const struct parts *parts, ptrdiff_t row, const float *source, const float *w,
                     const float *bias, float *result)
{
    const ptrdiff_t taps = pass->taps[0] * pass->taps[1], plane = pass->source[0] * pass->source[1];
    const ptrdiff_t rows = tw_conv_smaller(parts->window.band, pass->positions[0] - row);
    const ptrdiff_t positions = rows * pass->positions[1];
    struct tw_f32_tile block = {
        .row = parts->row, .at = parts->weight, .b = parts->panel, .c_at = parts->place};

    block.c = parts->in_place ? result : parts->c;
    for (ptrdiff_t i = 0; i < pass->channels; i += parts->window.channels) {
        const ptrdiff_t channels = tw_conv_smaller(parts->window.channels, pass->channels - i);

        block.k = channels * taps;
        block.a = w + i * parts->w_channel;
        block.start = i > 0 ? block.c : bias ? parts->bias : NULL;
        block.start_at = i > 0 ? parts->place : parts->bias_place;
        tw_conv_window_fill(pass, &parts->window, channels, row, source + i * plane, parts->image);
        if (parts->along) {
            multiply_rows(tiles, pass, parts, positions, &block, bias);
        } else {
            multiply(tiles, pass, parts, positions, block);
        }
    }
    if (!parts->in_place) {
        spread_results(pass, parts, rows, result);
    }
}

void tw_conv_columns(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass, ptrdiff_t samples,
                     const float *source, const float *w, const float *bias, float *result, void *workspace)
{
    const struct parts parts = divide(tiles, pass, workspace);
    const ptrdiff_t source_group = pass->channels * pass->source[0] * pass->source[1];
    const ptrdiff_t result_group = pass->out_channels * pass->result[0] * pass->result[1];

    tw_conv_window_clear(&parts.window, parts.image);
    tw_conv_position_table(pass, &parts.window, parts.position);
    tw_conv_tap_table(pass, &parts.window, parts.tap);
    tables(pass, &parts);
    for (ptrdiff_t g = 0; g < pass->groups; g++) {
        const float *weights = parts.ordered ? parts.ordered : w + g * pass->w_group + pass->w_first;

        if (parts.ordered) {
            order_weights(pass, w + g * pass->w_group, parts.ordered);
        }
        if (bias && !parts.along) {
            spread_bias(pass, &parts, bias + g * pass->out_channels);
        }
        for (ptrdiff_t n = 0; n < samples; n++) {
            for (ptrdiff_t row = 0; row < pass->positions[0]; row += parts.window.band) {
                run_band(tiles, pass, &parts, row, source + (n * pass->groups + g) * source_group, weights,
                         bias ? bias + g * pass->out_channels : NULL,
                         result + (n * pass->groups + g) * result_group +
                             (pass->first[0] + row * pass->spacing[0]) * pass->result[1] + pass->first[1]);
            }
        }
    }
}
