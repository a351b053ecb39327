#include "kernels/conv/conv_direct.h"
#include "kernels/gemm/workspace.h"

#define BLOCK_COLUMNS   64
#define RESULT_FLOATS   65536 /* 256 KiB: a band's results stay in L2 until they are transposed */
#define BLOCK_POSITIONS 1024
#define NARROW_COLUMNS  16
#define NARROW_LINKS    64
#define SOURCE_FLOATS   32768 /* 128 KiB: what a band reads of a block of channels stays in L2 */

static ptrdiff_t larger(ptrdiff_t x, ptrdiff_t y)
{
    return x > y ? x : y;
}

static ptrdiff_t most_taps(const struct tw_conv_axis *axis)
{
    ptrdiff_t most = 1;

    for (int i = 0; i < axis->classes; i++) {
        most = larger(most, axis->class[i].taps);
    }
    return most;
}

/* Source rows of one channel that `band` rows of positions read, about. */
static ptrdiff_t source_rows(const struct tw_conv_axis *axis, ptrdiff_t band)
{
    return tw_conv_smaller(axis->sources, band * axis->sources / axis->positions + axis->kernel);
}

/* Links of a block of channels. With one tap and steps of 1, each link of a tile is in a cache line of its own, of which neighbouring tiles
 * use the rest: so many lines that they stay in L1 until then. Wider tiles do enough with a line for it to come from L2. */
static ptrdiff_t links_of_block(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape)
{
    const bool shared = shape->kernel_height == 1 && shape->kernel_width == 1 && shape->stride[1] == 1;

    return shared && tiles->width[0].columns <= NARROW_COLUMNS ? tw_conv_smaller(tiles->links, NARROW_LINKS)
                                                               : tiles->links;
}

/* Block, band and samples. */
static void choose_blocks(struct tw_conv_direct *parts, ptrdiff_t links)
{
    const struct tw_conv_axis *rows = &parts->axis[0], *columns = &parts->axis[1];
    const ptrdiff_t positions = tw_conv_smaller(BLOCK_POSITIONS, RESULT_FLOATS / parts->pitch);

    parts->block = tw_conv_even(parts->channels, links / (most_taps(rows) * most_taps(columns)));
    parts->band = larger(tw_conv_smaller(positions / columns->positions, rows->positions), 1);
    while (parts->band > 1 &&
           parts->block * source_rows(rows, parts->band) * columns->sources > SOURCE_FLOATS) {
        parts->band--;
    }
    parts->band = tw_conv_even(rows->positions, parts->band);
    parts->samples = 1;
    if (parts->band == rows->positions) {
        parts->samples =
            larger(tw_conv_smaller(positions / (rows->positions * columns->positions),
                                   SOURCE_FLOATS / (parts->block * rows->sources * columns->sources)),
                   1);
    }
}

struct tw_conv_direct tw_conv_direct_divide(const struct tw_f32_tiles *tiles,
                                            const struct tw_conv2d_shape *shape, bool gradient, void *base)
{
    struct tw_workspace workspace = {.base = base};
    struct tw_conv_direct parts = {
        .gradient = gradient,
        .channels = (gradient ? shape->out_channels : shape->in_channels) / shape->groups,
        .out_channels = (gradient ? shape->in_channels : shape->out_channels) / shape->groups,
        .taps = shape->kernel_height * shape->kernel_width,
    };
    ptrdiff_t links, positions;

    for (int d = 0; d < 2; d++) {
        const ptrdiff_t extent = tw_conv_axis_positions(shape, d, gradient);
        ptrdiff_t *source = tw_workspace_take(&workspace, extent, sizeof *source);
        int *class_of = tw_workspace_take(&workspace, extent, sizeof *class_of);

        parts.axis[d] = tw_conv_axis(shape, d, gradient, source, class_of);
    }
    parts.depth = parts.channels * parts.taps;
    parts.w_out = gradient ? parts.taps : parts.depth;
    parts.w_channel = gradient ? parts.out_channels * parts.taps : parts.taps;
    parts.columns = tw_tile_columns(tiles, parts.out_channels);
    parts.pitch = tw_conv_smaller(parts.columns, BLOCK_COLUMNS);
    choose_blocks(&parts, links_of_block(tiles, shape));
    links = parts.block * tw_conv_axis_taps(&parts.axis[0]) * tw_conv_axis_taps(&parts.axis[1]);
    positions = parts.samples * parts.band * parts.axis[1].positions;
    parts.at = tw_workspace_take(&workspace, links, sizeof(ptrdiff_t));
    parts.b_at = tw_workspace_take(&workspace, links, sizeof(ptrdiff_t));
    parts.row = tw_workspace_take(&workspace, positions, sizeof(ptrdiff_t));
    parts.place = tw_workspace_take(&workspace, positions, sizeof(ptrdiff_t));
    parts.sets = tw_workspace_take(&workspace, parts.axis[0].classes * parts.axis[1].classes,
                                   sizeof(struct tw_conv_set));
    parts.weights = tw_workspace_take(&workspace, parts.depth * parts.columns, sizeof(float));
    parts.bias = tw_workspace_take(&workspace, parts.columns, sizeof(float));
    parts.c = tw_workspace_take(&workspace, positions * parts.pitch, sizeof(float));
    parts.bytes = workspace.used;
    return parts;
}

/* --- tables --------------------------------------------------------------------------------------------- */

/* The links of one set, for a block of channels; returns their number. */
static ptrdiff_t list_links(const struct tw_conv_direct *parts, struct tw_conv_class high,
                            struct tw_conv_class wide, ptrdiff_t *at, ptrdiff_t *b_at)
{
    const struct tw_conv_axis *rows = &parts->axis[0], *columns = &parts->axis[1];
    ptrdiff_t count = 0;

    for (ptrdiff_t i = 0; i < parts->block; i++) {
        for (ptrdiff_t a = 0; a < high.taps; a++) {
            for (ptrdiff_t b = 0; b < wide.taps; b++) {
                at[count] =
                    (i * rows->sources + a * rows->source_step) * columns->sources + b * columns->source_step;
                b_at[count++] = (i * rows->kernel + high.first + a * rows->tap_step) * columns->kernel +
                                wide.first + b * columns->tap_step;
            }
        }
    }
    return count;
}

void tw_conv_direct_list_links(const struct tw_conv_direct *parts)
{
    ptrdiff_t *at = parts->at, *b_at = parts->b_at;
    struct tw_conv_set *set = parts->sets;

    for (int high = 0; high < parts->axis[0].classes; high++) {
        for (int wide = 0; wide < parts->axis[1].classes; wide++, set++) {
            const struct tw_conv_class *class[2] = {&parts->axis[0].class[high],
                                                    &parts -> axis[1].class[wide]};
            const ptrdiff_t count = list_links(parts, *class[0], *class[1], at, b_at);

            set->links = class[0]->taps * class[1]->taps;
            set->at = at;
            set->b_at = set->links == parts->taps ? NULL : b_at;
            at += count;
            b_at += count;
        }
    }
}

/* The positions of one set in a row of them. */
static ptrdiff_t list_row(const struct tw_conv_direct *parts, int wide, ptrdiff_t source, ptrdiff_t first,
                          ptrdiff_t *row, ptrdiff_t *place)
{
    const struct tw_conv_axis *columns = &parts->axis[1];
    ptrdiff_t count = 0;

    for (ptrdiff_t c = 0; c < columns->positions; c++) {
        if (columns->class_of[c] == wide) {
            row[count] = source + columns->source[c];
            place[count++] = (first + c) * parts->pitch;
        }
    }
    return count;
}

/* The band's positions, set by set. */
void tw_conv_direct_list_positions(const struct tw_conv_direct *parts, const struct tw_conv_band *band,
                                   ptrdiff_t sample_step)
{
    const struct tw_conv_axis *rows = &parts->axis[0], *columns = &parts->axis[1];
    ptrdiff_t count = 0;
    struct tw_conv_set *set = parts->sets;

    for (int high = 0; high < rows->classes; high++) {
        for (int wide = 0; wide < columns->classes; wide++, set++) {
            set->begin = count;
            for (ptrdiff_t s = 0; s < band->samples; s++) {
                for (ptrdiff_t r = 0; r < band->rows; r++) {
                    if (rows->class_of[band->row + r] == high) {
                        count += list_row(parts, wide,
                                          s * sample_step + rows->source[band->row + r] * columns->sources,
                                          (s * band->rows + r) * columns->positions, parts->row + count,
                                          parts->place + count);
                    }
                }
            }
            set->count = count - set->begin;
        }
    }
}
