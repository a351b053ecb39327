/* Winograd F(2x2, 3x3) and F(4x2, 3x3) in blocks: conv_winograd.h has the operation and the layouts.
 *
 *   for every group, for every block of result channels:
 *     U from the weights
 *     for every group of runs (rows of tiles, of several samples if they are short):
 *       V from the planes, M = U V for every point, results from M
 *
 * V and M of a group of runs stay in L2, or pass from L3 in long streams where channels are many. U is of as many result
 * channels as stay in L3: for more than these the planes are transformed again.
 */
#include <string.h>

#include "kernels/conv/conv_winograd.h"
#include "kernels/gemm/workspace.h"
#include "kernels/simd/fetch.h"

#define CHANNELS_MANY 256
#define TILES         128
#define TILES_MANY    64
#define TILES_TALL    96

_Static_assert(TILES % TW_WINOGRAD_LANES == 0 && TILES_MANY % TW_WINOGRAD_LANES == 0 &&
                   TILES_TALL % TW_WINOGRAD_LANES == 0,
               "parts of a row of tiles are whole vectors, and no longer than a group");

struct parts {
    struct tw_conv_winograd_planes planes;
    bool gradient;
    ptrdiff_t points;                   /* of a tile */
    ptrdiff_t channels, results, block; /* of a group; results at a time */
    ptrdiff_t w_channel, w_result;
    struct tw_conv_winograd_grid grid;
    ptrdiff_t u_point, v_point, m_point, taps_pitch; /* from point to point; channels in whole vectors */
    float *zeros, *taps, *u, *v, *m;
    struct tw_conv_winograd_run *list;
    void *product;
    size_t bytes;
};

static struct tw_gemm_shape product_of(const struct parts *parts, ptrdiff_t results, ptrdiff_t tiles)
{
    return (struct tw_gemm_shape){
        .m = results,
        .n = tiles,
        .k = parts->channels,
        .a_row = parts->channels,
        .a_col = 1,
        .b_row = parts->grid.pitch,
        .b_col = 1,
        .c_row = parts->grid.pitch,
    };
}

static void set_planes(struct parts *parts, const struct tw_conv2d_shape *s)
{
    const ptrdiff_t in = s->in_channels / s->groups, out = s->out_channels / s->groups;
    const ptrdiff_t x[2] = {s->in_height, s->in_width}, y[2] = {s->out_height, s->out_width};

    parts->channels = parts->gradient ? out : in;
    parts->results = parts->gradient ? in : out;
    parts->planes.rows =
        tw_conv2d_winograd_rows(s, parts->gradient ? TW_CONV2D_INPUT_GRADIENT : TW_CONV2D_FORWARD);
    parts->points = 4 * (parts->planes.rows + 2);
    parts->w_channel = parts->gradient ? in * TW_WINOGRAD_TAPS : TW_WINOGRAD_TAPS;
    parts->w_result = parts->gradient ? TW_WINOGRAD_TAPS : in * TW_WINOGRAD_TAPS;
    for (int d = 0; d < 2; d++) {
        parts->planes.source[d] = parts->gradient ? y[d] : x[d];
        parts->planes.result[d] = parts->gradient ? x[d] : y[d];
        parts->planes.padding[d] = parts->gradient ? 2 - s->padding[d] : s->padding[d];
    }
}

/* Points of V lie in different sets of L1, too. */
static void set_sizes(struct parts *parts)
{
    const bool tall = parts->planes.rows == 4;
    const ptrdiff_t most = parts->channels > CHANNELS_MANY ? TILES_MANY : tall ? TILES_TALL : TILES;

    parts->block = tw_conv_winograd_block(parts->results, parts->channels, parts->points);
    parts->grid = tw_conv_winograd_grid(parts->planes.result, parts->planes.rows, most);
    parts->planes.narrow =
        parts->planes.source[1] <= TW_WINOGRAD_NARROW && parts->planes.result[1] <= TW_WINOGRAD_NARROW;
    parts->v_point = parts->channels * parts->grid.pitch + TW_WINOGRAD_LANES;
    parts->m_point = parts->block * parts->grid.pitch + TW_WINOGRAD_LANES;
    parts->u_point = tw_conv_winograd_up(parts->channels * parts->block) + TW_WINOGRAD_LANES;
    parts->taps_pitch = tw_conv_winograd_up(parts->channels);
}

static struct parts divide(const struct tw_conv2d_shape *shape, bool gradient, void *base)
{
    struct tw_workspace workspace = {.base = base};
    struct parts parts = {.gradient = gradient};

    set_planes(&parts, shape);
    set_sizes(&parts);
    parts.zeros = tw_workspace_take(&workspace, parts.planes.source[1], sizeof(float));
    parts.planes.zeros = parts.zeros;
    parts.taps = tw_workspace_take(&workspace, TW_WINOGRAD_TAPS * parts.taps_pitch, sizeof(float));
    parts.list = tw_workspace_take(&workspace, parts.grid.runs, sizeof *parts.list);
    parts.u = tw_workspace_take(&workspace, parts.points * parts.u_point, sizeof(float));
    parts.v = tw_workspace_take(&workspace, parts.points * parts.v_point, sizeof(float));
    parts.m = tw_workspace_take(&workspace, parts.points * parts.m_point, sizeof(float));
    parts.product = tw_workspace_take(&workspace, 0, 1);
    parts.bytes = workspace.used;
    return parts;
}

size_t tw_conv_winograd_workspace(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                                  bool gradient)
{
    const struct parts parts = divide(shape, gradient, NULL);
    const struct tw_gemm_shape product = product_of(&parts, parts.block, parts.grid.runs * parts.grid.run);

    return parts.bytes + tw_gemm_blocked_workspace(tiles, &product); /* a part of it needs no more */
}

/* Taps of a result channel, a row of channels each; those of the input gradient from the last to the first. Eight columns are what
 * transposition has vectors for; with the ninth come those of the next result channel, which wait for memory otherwise. */
static void gather_taps(const struct tw_f32_tiles *tiles, const struct parts *parts, const float *w,
                        ptrdiff_t to_next)
{
    const ptrdiff_t pitch = parts->taps_pitch, step = parts->gradient ? -pitch : pitch,
                    last = TW_WINOGRAD_TAPS - 1;
    float *first = parts->gradient ? parts->taps + last * pitch : parts->taps;

    tiles->transpose(parts->channels, last, w, parts->w_channel, first, step);
    for (ptrdiff_t i = 0; i < parts->channels; i++) {
        const float *tap = w + i * parts->w_channel + last;

        first[last * step + i] = *tap;
        tw_fetch(tap, to_next);
    }
}

/* U of `results` result channels. */
static void transform_weights(const struct tw_f32_tiles *tiles, const struct tw_conv_winograd_lanes *lanes,
                              const struct parts *parts, ptrdiff_t results, const float *w)
{
    const bool tall = parts->planes.rows == 4;

    for (ptrdiff_t j = 0; j < results; j++) {
        gather_taps(tiles, parts, w + j * parts->w_result, j + 1 < results ? parts->w_result : 0);
        (tall ? lanes->tall_weights : lanes->weights)(parts->channels, parts->taps, parts->taps_pitch,
                                                      parts->u + j * parts->channels, parts->u_point);
    }
}

/* What a group reads and writes: its first planes, and elements from sample to sample. */
struct operands {
    const float *source, *bias;
    float *result;
    ptrdiff_t source_sample, result_sample;
};

static void transform_input(const struct tw_conv_winograd_lanes *lanes, const struct parts *parts,
                            ptrdiff_t runs, const struct operands *o)
{
    const ptrdiff_t plane = parts->planes.source[0] * parts->planes.source[1];
    const struct tw_conv_winograd_reader *reader =
        parts->planes.rows == 4 ? &lanes->tall_input : &lanes->input;

    for (ptrdiff_t i = 0; i < parts->channels; i++) {
        tw_conv_winograd_read(reader, &parts->planes, parts->list, runs, o->source + i * plane,
                              o->source_sample, parts->v + i * parts->grid.pitch, parts->v_point);
    }
}

/* A plane's results. */
static void write_runs(const struct tw_conv_winograd_lanes *lanes, const struct parts *parts, ptrdiff_t runs,
                       const float *m, float bias, float *result, ptrdiff_t sample_step)
{
    const struct tw_conv_winograd_run *list = parts->list;
    ptrdiff_t r = 0;

    for (; parts->planes.narrow && r + 1 < runs; r += 2) {
        lanes->output_two(&parts->planes, &list[r], m, parts->m_point, bias,
                          result + list[r].sample * sample_step, result + list[r + 1].sample * sample_step);
    }
    for (; r < runs; r++) {
        (parts->planes.rows == 4 ? lanes->tall_output : lanes->output)(
            &parts->planes, &list[r], m, parts->m_point, bias, result + list[r].sample * sample_step);
    }
}

static void transform_output(const struct tw_conv_winograd_lanes *lanes, const struct parts *parts,
                             ptrdiff_t runs, ptrdiff_t results, const struct operands *o)
{
    const ptrdiff_t plane = parts->planes.result[0] * parts->planes.result[1];

    for (ptrdiff_t j = 0; j < results; j++) {
        write_runs(lanes, parts, runs, parts->m + j * parts->grid.pitch, o->bias ? o->bias[j] : 0.0f,
                   o->result + j * plane, o->result_sample);
    }
}

static void run_tiles(const struct tw_f32_tiles *tiles, const struct tw_conv_winograd_lanes *lanes,
                      const struct parts *parts, ptrdiff_t runs, ptrdiff_t count, ptrdiff_t results,
                      const struct operands *o)
{
    const struct tw_gemm_shape product = product_of(parts, results, count);

    transform_input(lanes, parts, runs, o);
    for (ptrdiff_t p = 0; p < parts->points; p++) {
        tw_gemm_blocked(tiles, &product, parts->u + p * parts->u_point, parts->v + p * parts->v_point,
                        parts->m + p * parts->m_point, parts->product);
    }
    transform_output(lanes, parts, runs, results, o);
}

/* A block of result channels, of all samples. */
static void run_block(const struct tw_f32_tiles *tiles, const struct tw_conv_winograd_lanes *lanes,
                      const struct parts *parts, ptrdiff_t samples, ptrdiff_t results, const float *w,
                      const struct operands *o)
{
    const ptrdiff_t runs = samples * parts->grid.tiles[0] * parts->grid.across;

    transform_weights(tiles, lanes, parts, results, w);
    for (ptrdiff_t r = 0; r < runs; r += parts->grid.runs) {
        const ptrdiff_t some = tw_conv_smaller(parts->grid.runs, runs - r);
        const ptrdiff_t count = tw_conv_winograd_list(&parts->grid, r, some, parts->list);

        run_tiles(tiles, lanes, parts, some, count, results, o);
    }
}

void tw_conv_winograd(const struct tw_f32_tiles *tiles, const struct tw_conv_winograd_lanes *lanes,
                      const struct tw_conv2d_shape *shape, bool gradient, ptrdiff_t samples,
                      const float *source, const float *w, const float *bias, float *result, void *workspace)
{
    const struct parts parts = divide(shape, gradient, workspace);
    const ptrdiff_t plane = parts.planes.source[0] * parts.planes.source[1];
    const ptrdiff_t result_plane = parts.planes.result[0] * parts.planes.result[1];

    memset(parts.zeros, 0, (size_t)parts.planes.source[1] * sizeof *parts.zeros);
    for (ptrdiff_t g = 0; g < shape->groups && samples > 0; g++) {
        const float *weights = w + g * parts.results * parts.channels * TW_WINOGRAD_TAPS;

        for (ptrdiff_t j = 0; j < parts.results; j += parts.block) {
            const ptrdiff_t first = g * parts.results + j;
            const struct operands operands = {.source = source + g * parts.channels * plane,
                                              .bias = bias ? bias + first : NULL,
                                              .result = result + first * result_plane,
                                              .source_sample = shape->groups * parts.channels * plane,
                                              .result_sample = shape->groups * parts.results * result_plane};

            run_block(tiles, lanes, &parts, samples, tw_conv_smaller(parts.block, parts.results - j),
                      weights + j * parts.w_result, &operands);
        }
    }
}
