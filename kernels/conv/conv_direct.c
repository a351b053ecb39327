/* Convolution as indirect GEMM, for channels that fill vectors: the tiles read the image where it is, through the
 * distances of positions (rows of A) and of channels and taps (columns of A). B is the weights, packed once per call, and
 * C is a band's results, channels fastest:
 *
 *   for every group:  pack the weights into panels of [channel][tap][result channel]
 *     for every band (rows of positions of one sample, or several whole samples):
 *       for every block of columns (result channels), for every block of source channels, for every panel:
 *         for every set of positions that meet the same taps:  tiles down the positions
 *       transpose C (positions x channels) into the planes of the result
 *
 * Positions meet the same taps where they do so in both directions (conv_axis.h). Every such set has its list of links:
 * places in the image and in the panel. So steps on the padding are left out, and the phases of an input gradient with
 * a stride are sets like the others.
 *
 *   sets of a 3 x 3 kernel, padding 1:    0 1 1 1 2       links of set 4: all channels, all taps
 *                                         3 4 4 4 5       of set 0: all channels, the lower right four taps
 *                                         3 4 4 4 5
 *                                         6 7 7 7 8
 */
#include "kernels/conv/conv_direct.h"

size_t tw_conv_direct_workspace(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                                bool gradient)
{
    return tw_conv_direct_divide(tiles, shape, gradient, NULL).bytes;
}

/* --- weights -------------------------------------------------------------------------------------------- */

/* The links of `channels` channels from `w` on, [channel][tap][result channel], in one panel. For the forward pass that is
 * a transposition; for the input gradient, whose chain takes the taps from the last to the first, one per channel, from
 * below. */
static void pack_panel(const struct tw_f32_tiles *tiles, const struct tw_conv_direct *parts,
                       ptrdiff_t channels, ptrdiff_t columns, ptrdiff_t width, const float *w, float *panel)
{
    const ptrdiff_t taps = parts->taps;

    if (!parts->gradient) {
        tw_tile_pack(tiles, channels * taps, columns, width, w, 1, parts->depth, panel);
        return;
    }
    for (ptrdiff_t i = 0; i < channels; i++, w += parts->w_channel, panel += taps * width) {
        tiles->transpose(columns, taps, w, taps, panel + (taps - 1) * width, -width);
        for (ptrdiff_t t = 0; t < taps && columns < width; t++) {
            for (ptrdiff_t j = columns; j < width; j++) {
                panel[t * width + j] = 0.0f;
            }
        }
    }
}

/* All panels of a group, unless each is used once only; those of a block of columns end with it. */
static void pack_weights(const struct tw_f32_tiles *tiles, const struct tw_conv_direct *parts, const float *w,
                         const float *bias)
{
    for (ptrdiff_t j = 0, width; j < parts->out_channels && !parts->once; j += width) {
        const ptrdiff_t block = parts->pitch - j % parts->pitch;

        width = tw_tile_width(tiles, tw_conv_smaller(block, parts->out_channels - j))->columns;
        pack_panel(tiles, parts, parts->channels, tw_conv_smaller(width, parts->out_channels - j), width,
                   w + j * parts->w_out, parts->weights + j * parts->depth);
    }
    for (ptrdiff_t j = 0; j < parts->columns && bias; j++) {
        parts->bias[j] = j < parts->out_channels ? bias[j] : 0.0f;
    }
}

/* --- products ------------------------------------------------------------------------------------------- */

/* A block of source channels. */
struct block {
    ptrdiff_t channel, channels;
    const float *source; /* its first plane */
    const float *w;      /* its first link, of the group's first result channel */
};

/* That block's links in the panel of `width` columns from `column` on. */
static const float *panel_of(const struct tw_f32_tiles *tiles, const struct tw_conv_direct *parts,
                             const struct block *block, ptrdiff_t column, ptrdiff_t width)
{
    if (!parts->once) {
        return parts->weights + column * parts->depth + block->channel * parts->taps * width;
    }
    pack_panel(tiles, parts, block->channels, tw_conv_smaller(width, parts->out_channels - column), width,
               block->w + column * parts->w_out, parts->weights);
    return parts->weights;
}

/* Panels of the columns [first, first + columns) against a block of channels. C is a buffer of whole panels, so the zero
 * columns are computed as well. */
static void multiply(const struct tw_f32_tiles *tiles, const struct tw_conv_direct *parts, ptrdiff_t first,
                     ptrdiff_t columns, const struct block *block, bool bias)
{
    const bool goes_on = block->channel > 0;
    const int sets = parts->axis[0].classes * parts->axis[1].classes;

    for (ptrdiff_t j = 0, width; j < columns; j += width) {
        const struct tw_f32_tile_width *tile = tw_tile_width(tiles, columns - j);
        const float *start = goes_on ? parts->c + j : bias ? parts->bias + first + j : NULL, *panel;

        width = tile->columns;
        panel = panel_of(tiles, parts, block, first + j, width);
        for (int i = 0; i < sets; i++) {
            const struct tw_conv_set *set = &parts->sets[i];

            tw_tile_run(tile, &(struct tw_f32_tile){
                                  .rows = set->count,
                                  .columns = width,
                                  .k = block->channels * set->links,
                                  .a = block->source,
                                  .row = parts->row + set->begin,
                                  .at = set->at,
                                  .b = panel,
                                  .b_at = set->b_at,
                                  .start = start,
                                  .start_at = goes_on ? parts->place + set->begin : NULL,
                                  .c = parts->c + j,
                                  .c_at = parts->place + set->begin,
                              });
        }
    }
}

/* What a group reads and writes: its first planes, and its weights. */
struct operands {
    const float *source, *w;
    bool bias;
    float *result;
    ptrdiff_t source_sample, result_sample;
};

static void run_band(const struct tw_f32_tiles *tiles, const struct tw_conv_direct *parts,
                     const struct tw_conv_band *band, const struct operands *o)
{
    const ptrdiff_t plane = parts->axis[0].sources * parts->axis[1].sources;
    const ptrdiff_t wide = parts->axis[1].positions, result_plane = parts->axis[0].positions * wide;

    for (ptrdiff_t j = 0; j < parts->out_channels; j += parts->pitch) {
        const ptrdiff_t columns = tw_conv_smaller(parts->pitch, parts->out_channels - j);

        for (ptrdiff_t i = 0; i < parts->channels; i += parts->block) {
            const struct block block = {.channel = i,
                                        .channels = tw_conv_smaller(parts->block, parts->channels - i),
                                        .source = o->source + band->sample * o->source_sample + i * plane,
                                        .w = o->w + i * parts->w_channel};

            multiply(tiles, parts, j, columns, &block, o->bias);
        }
        for (ptrdiff_t s = 0; s < band->samples; s++) {
            tiles->transpose(
                band->rows * wide, columns, parts->c + s * band->rows * wide * parts->pitch, parts->pitch,
                o->result + (band->sample + s) * o->result_sample + j * result_plane + band->row * wide,
                result_plane);
        }
    }
}

/* All samples of one group. */
static void run_group(const struct tw_f32_tiles *tiles, const struct tw_conv_direct *parts, ptrdiff_t samples,
                      const struct operands *o)
{
    const ptrdiff_t rows = parts->axis[0].positions;

    for (ptrdiff_t n = 0; n < samples; n += parts->samples) {
        for (ptrdiff_t row = 0; row < rows; row += parts->band) {
            const struct tw_conv_band band = {.sample = n,
                                              .samples = tw_conv_smaller(parts->samples, samples - n),
                                              .row = row,
                                              .rows = tw_conv_smaller(parts->band, rows - row)};

            tw_conv_direct_list_positions(parts, &band, o->source_sample);
            run_band(tiles, parts, &band, o);
        }
    }
}

void tw_conv_direct(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape, bool gradient,
                    ptrdiff_t samples, const float *source, const float *w, const float *bias, float *result,
                    void *workspace)
{
    struct tw_conv_direct parts = tw_conv_direct_divide(tiles, shape, gradient, workspace);
    const ptrdiff_t source_group = parts.channels * parts.axis[0].sources * parts.axis[1].sources;
    const ptrdiff_t result_group = parts.out_channels * parts.axis[0].positions * parts.axis[1].positions;

    parts.once = samples <= parts.samples && parts.band == parts.axis[0].positions;
    tw_conv_direct_list_links(&parts);
    for (ptrdiff_t g = 0; g < shape->groups && samples > 0; g++) {
        const struct operands operands = {.source = source + g * source_group,
                                          .w = w + g * parts.out_channels * parts.depth,
                                          .bias = bias != NULL,
                                          .result = result + g * result_group,
                                          .source_sample = shape->groups * source_group,
                                          .result_sample = shape->groups * result_group};

        pack_weights(tiles, &parts, operands.w, bias ? bias + g * parts.out_channels : NULL);
        run_group(tiles, &parts, samples, &operands);
    }
}
