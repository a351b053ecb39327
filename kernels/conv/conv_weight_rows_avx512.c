/* Lanes are output channels, dy is transposed to [position][output channel], as in "direct"; but a pixel is broadcast once for all taps
 * along the row, which meet it at neighbouring positions, whose gradients pass through registers:
 *
 *   pixel                   3   4   5   6   …       three taps, padding 1: tap 0 meets the pixel at the position behind it,
 *   gradients, tap 0        4   5   6   7           tap 2 at the one before, and every gradient is loaded once
 *              tap 1        3   4   5   6
 *              tap 2        2   3   4   5
 *
 * "direct" broadcasts a pixel for every tap, and where output channels are one vector that is a load for every fma: a CPU with two
 * multipliers of 512 bits has not more. Here eight channels and three taps take nine loads for 24 fma. At the ends of a row, where some
 * taps are beside the positions, the others are met one after the other.
 *
 *   for every group:
 *     for every band (rows of positions of one sample):
 *       transpose dy, and add it to the bias gradient
 *       for every tile of channels, for every tap down:  the rows that it meets
 *     transpose C, which is [channel][tap][output channel], into dw
 */
#include <string.h>

#include "kernels/conv/conv_weight_rows.h"
#include "kernels/conv/conv_weight_rows_tiles_avx512.h"
#include "kernels/gemm/transpose.h"
#include "kernels/gemm/workspace.h"

#if !defined(__AVX512F__)
#error "conv_weight_rows_avx512.c must be compiled with -mavx512f"
#endif

/* Of a band: 16 KiB of gradients, which stay in L1 beside the pixels that a tile meets. */
enum { BAND_POSITIONS = 256 };

struct parts {
    const struct tw_conv2d_shape *shape;
    ptrdiff_t channels, out_channels, taps; /* of a group */
    ptrdiff_t x_plane, dy_plane;
    ptrdiff_t tiles, height, taller; /* of channels: `taller` of the tiles have one more */
    ptrdiff_t band;                  /* rows */
    float *panel, *c, *bias;
    size_t bytes;
};

static struct parts divide(const struct tw_conv2d_shape *s, void *base)
{
    const ptrdiff_t most = tw_conv_smaller(SUMS / s->kernel_width, HEIGHT);
    struct tw_workspace workspace = {.base = base};
    struct parts parts = {.shape = s,
                          .channels = s->in_channels / s->groups,
                          .out_channels = s->out_channels / s->groups,
                          .taps = s->kernel_height * s->kernel_width,
                          .x_plane = s->in_height * s->in_width,
                          .dy_plane = s->out_height * s->out_width};

    parts.tiles = (parts.channels + most - 1) / most;
    parts.height = parts.channels / parts.tiles;
    parts.taller = parts.channels % parts.tiles;
    parts.band = tw_conv_even(s->out_height, BAND_POSITIONS / s->out_width);
    parts.panel = tw_workspace_take(&workspace, parts.band * s->out_width * LANES, sizeof(float));
    parts.c = tw_workspace_take(&workspace, parts.channels * parts.taps * LANES, sizeof(float));
    parts.bias = tw_workspace_take(&workspace, LANES, sizeof(float));
    parts.bytes = workspace.used;
    return parts;
}

size_t tw_conv_weight_rows_workspace__avx512(const struct tw_conv2d_shape *shape)
{
    return tw_conv_suits_weight_rows(shape) ? divide(shape, NULL).bytes : 0;
}

/* Adds `positions` rows of the panel, in their order. */
static void add_bias(ptrdiff_t positions, const float *panel, float *bias)
{
    __m512 sum = _mm512_loadu_ps(bias);

    for (ptrdiff_t p = 0; p < positions; p++) {
        sum = _mm512_add_ps(sum, _mm512_loadu_ps(panel + p * LANES));
    }
    _mm512_storeu_ps(bias, sum);
}

/* Row by row, so that the next row's transposition begins while the chain of the bias ends. */
static void pack(const struct parts *parts, ptrdiff_t rows, const float *dy, bool bias)
{
    const ptrdiff_t positions = parts->shape->out_width;
    float *panel = parts->panel;

    for (ptrdiff_t r = 0; r < rows; r++, dy += positions, panel += positions * LANES) {
        tw_f32_transpose__avx512(parts->out_channels, positions, dy, parts->dy_plane, panel, LANES);
        if (bias) {
            add_bias(positions, panel, parts->bias);
        }
    }
}

/* The rows of positions, of `rows` from `row` on, that tap `tap` down meets. */
static void meet_rows(const struct parts *parts, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t tap,
                      ptrdiff_t *first, ptrdiff_t *end)
{
    *first = row;
    *end = row + rows;
    while (*first < *end && tw_conv_meets(parts->shape, 0, false, *first, tap) < 0) {
        ++*first;
    }
    while (*first < *end && tw_conv_meets(parts->shape, 0, false, *end - 1, tap) < 0) {
        --*end;
    }
}

/* One tile of channels; `x` are their planes of a sample, `c` their sums. */
static void run_tile_of_band(const struct parts *parts, tile_fn *run, ptrdiff_t row, ptrdiff_t rows,
                             const float *x, float *c)
{
    const struct tw_conv2d_shape *s = parts->shape;
    struct tile tile = {.plane = parts->x_plane,
                        .row = s->stride[0] * s->in_width,
                        .c_channel = parts->taps * LANES,
                        .positions = s->out_width,
                        .sources = s->in_width,
                        .padding = s->padding[1]};

    for (ptrdiff_t tap = 0; tap < s->kernel_height; tap++) {
        ptrdiff_t first, end;

        meet_rows(parts, row, rows, tap, &first, &end);
        tile.rows = end - first;
        if (tile.rows > 0) {
            tile.x = x + tw_conv_meets(s, 0, false, first, tap) * s->in_width;
            tile.dy = parts->panel + (first - row) * s->out_width * LANES;
            tile.c = c + tap * s->kernel_width * LANES;
            run(&tile);
        }
    }
}

static void run_band(const struct parts *parts, ptrdiff_t row, ptrdiff_t rows, const float *x)
{
    tile_fn *const *of_height = tiles[parts->shape->kernel_width == 3 ? 0 : 1];

    for (ptrdiff_t t = 0, channel = 0, height; t < parts->tiles; t++, channel += height) {
        height = parts->height + (t < parts->taller);
        run_tile_of_band(parts, of_height[height - LEAST_HEIGHT], row, rows, x + channel * parts->x_plane,
                         parts->c + channel * parts->taps * LANES);
    }
}

static void clear(ptrdiff_t count, float *values)
{
    memset(values, 0, (size_t)count * sizeof *values);
}

/* `x`, `dy`: the first sample's planes of the group; `db` NULL or the group's. */
static void run_group(const struct parts *parts, ptrdiff_t samples, const float *x, const float *dy,
                      float *dw, float *db)
{
    const struct tw_conv2d_shape *s = parts->shape;
    const ptrdiff_t sums = parts->channels * parts->taps;

    clear(sums * LANES, parts->c);
    clear(LANES, parts->bias);
    for (ptrdiff_t n = 0; n < samples; n++) {
        for (ptrdiff_t row = 0; row < s->out_height; row += parts->band) {
            const ptrdiff_t rows = tw_conv_smaller(parts->band, s->out_height - row);

            pack(parts, rows, dy + n * s->out_channels * parts->dy_plane + row * s->out_width, db != NULL);
            run_band(parts, row, rows, x + n * s->in_channels * parts->x_plane);
        }
    }
    tw_f32_transpose__avx512(sums, parts->out_channels, parts->c, LANES, dw, sums);
    if (db) {
        memcpy(db, parts->bias, (size_t)parts->out_channels * sizeof *db);
    }
}

void tw_conv_weight_rows__avx512(const struct tw_conv2d_shape *shape, ptrdiff_t samples, const float *x,
                                 const float *dy, float *dw, float *db, void *workspace)
{
    const struct parts parts = divide(shape, workspace);
    const ptrdiff_t weights = parts.out_channels * parts.channels * parts.taps;

    clear(parts.band * shape->out_width * LANES,
          parts.panel); /* lanes of no output channel, which might be slow numbers */
    for (ptrdiff_t g = 0; g < shape->groups; g++) {
        run_group(&parts, samples, x + g * parts.channels * parts.x_plane,
                  dy + g * parts.out_channels * parts.dy_plane, dw + g * weights,
                  db ? db + g * parts.out_channels : NULL);
    }
}
