/* The weight gradient by Winograd, in blocks: conv_winograd.h has the operation and the layouts.
 *
 *   for every group, for every block of output channels:
 *     for every group of runs (rows of tiles, of several samples if they are short):
 *       M from dy; V from x, of which the last four rows are kept, transposed; U += M V for every point
 *     dw from U
 *
 * U is of as many output channels as stay in L3; for more than these the planes are transformed again. The bias gradient is a
 * product with ones: fma(dy, 1, sum) is sum + dy, rounded once.
 */
#include <string.h>

#include "kernels/conv/conv_winograd.h"
#include "kernels/gemm/workspace.h"

#define TILES 64
#define ROWS  4 /* of x that a tile meets */

struct parts {
    struct tw_conv_winograd_planes planes; /* dy; no padding there */
    ptrdiff_t padding[2];
    ptrdiff_t channels, results, block; /* in, out, of a group; results at a time */
    ptrdiff_t x[2];
    struct tw_conv_winograd_grid grid;
    ptrdiff_t pitch, row; /* of channels, in whole vectors; from row to row of x, transposed */
    ptrdiff_t m_point, v_point, u_point;
    float *zeros, *rows, *taps, *m, *v, *u;
    struct tw_conv_winograd_run *list;
    void *product;
    size_t bytes;
};

static struct tw_gemm_shape product_of(const struct parts *parts, ptrdiff_t results, ptrdiff_t tiles)
{
    return (struct tw_gemm_shape){
        .m = results,
        .n = parts->channels,
        .k = tiles,
        .a_row = parts->grid.pitch,
        .a_col = 1,
        .b_row = parts->pitch,
        .b_col = 1,
        .c_row = parts->pitch,
    };
}

static struct tw_gemm_shape bias_product(const struct parts *parts, ptrdiff_t results)
{
    const ptrdiff_t plane = parts->planes.source[0] * parts->planes.source[1];

    return (struct tw_gemm_shape){
        .m = results, .n = 1, .k = plane, .a_row = plane, .a_col = 1, .b_row = 0, .b_col = 1, .c_row = 1};
}

static void set_sizes(struct parts *parts, const struct tw_conv2d_shape *s)
{
    parts->channels = s->in_channels / s->groups;
    parts->results = s->out_channels / s->groups;
    parts->x[0] = s->in_height;
    parts->x[1] = s->in_width;
    parts->planes.source[0] = s->out_height;
    parts->planes.source[1] = s->out_width;
    for (int d = 0; d < 2; d++) {
        parts->padding[d] = s->padding[d];
    }
}

static void set_steps(struct parts *parts)
{
    parts->block = tw_conv_winograd_block(parts->results, parts->channels, TW_WINOGRAD_POINTS);
    parts->grid = tw_conv_winograd_grid(parts->planes.source, 2, TILES);
    parts->planes.narrow = parts->planes.source[1] <= TW_WINOGRAD_NARROW;
    parts->pitch = tw_conv_winograd_up(parts->channels);
    parts->row = (2 * parts->grid.run + 2) * parts->pitch + TW_WINOGRAD_LANES;
    parts->m_point = parts->block * parts->grid.pitch + TW_WINOGRAD_LANES;
    parts->v_point = parts->grid.runs * parts->grid.run * parts->pitch + TW_WINOGRAD_LANES;
    parts->u_point = parts->block * parts->pitch + TW_WINOGRAD_LANES;
}

static struct parts divide(const struct tw_conv2d_shape *shape, void *base)
{
    struct tw_workspace workspace = {.base = base};
    struct parts parts = {0};

    set_sizes(&parts, shape);
    set_steps(&parts);
    parts.zeros = tw_workspace_take(&workspace, parts.planes.source[1], sizeof(float));
    parts.planes.zeros = parts.zeros;
    parts.rows = tw_workspace_take(&workspace, ROWS * parts.row, sizeof(float));
    parts.taps = tw_workspace_take(&workspace, TW_WINOGRAD_TAPS * parts.pitch, sizeof(float));
    parts.list = tw_workspace_take(&workspace, parts.grid.runs, sizeof *parts.list);
    parts.m = tw_workspace_take(&workspace, TW_WINOGRAD_POINTS * parts.m_point, sizeof(float));
    parts.v = tw_workspace_take(&workspace, TW_WINOGRAD_POINTS * parts.v_point, sizeof(float));
    parts.u = tw_workspace_take(&workspace, TW_WINOGRAD_POINTS * parts.u_point, sizeof(float));
    parts.product = tw_workspace_take(&workspace, 0, 1);
    parts.bytes = workspace.used;
    return parts;
}

/* A part of a product needs no more than the whole. */
size_t tw_conv_winograd_weights_workspace(const struct tw_f32_tiles *tiles,
                                          const struct tw_conv2d_shape *shape)
{
    const struct parts parts = divide(shape, NULL);
    const struct tw_gemm_shape product = product_of(&parts, parts.block, parts.grid.runs * parts.grid.run);
    const struct tw_gemm_shape sums = bias_product(&parts, parts.block);
    const size_t weights = tw_gemm_blocked_workspace(tiles, &product);
    const size_t bias = tw_gemm_blocked_workspace(tiles, &sums);

    return parts.bytes + (weights > bias ? weights : bias);
}

/* Row `row` of x, channels fastest, from `left` on; 0 outside. */
static void transpose_row(const struct tw_f32_tiles *tiles, const struct parts *parts, const float *x,
                          ptrdiff_t row, ptrdiff_t left, ptrdiff_t columns, float *to)
{
    const ptrdiff_t begin = left < 0 ? -left : 0, inside = parts->x[1] - left;
    const ptrdiff_t end = row < 0 || row >= parts->x[0] ? begin : tw_conv_smaller(inside, columns);
    const ptrdiff_t pitch = parts->pitch, from = end > begin ? end : begin;

    memset(to, 0, (size_t)(begin * pitch) * sizeof *to);
    if (end > begin) {
        tiles->transpose(parts->channels, end - begin, x + row * parts->x[1] + left + begin,
                         parts->x[0] * parts->x[1], to + begin * pitch, pitch);
    }
    memset(to + from * pitch, 0, (size_t)((columns - from) * pitch) * sizeof *to);
}

/* V of a run. Row 2 r + k of the window lies in place (2 r + k) mod 4: the first two rows are the last two of the run above. */
static void transform_run(const struct tw_f32_tiles *tiles, const struct tw_conv_winograd_lanes *lanes,
                          const struct parts *parts, const struct tw_conv_winograd_run *run, bool follows,
                          const float *x)
{
    const ptrdiff_t top = 2 * run->row, left = 2 * run->column - parts->padding[1];
    const float *row[ROWS];

    for (int k = 0; k < ROWS; k++) {
        float *to = parts->rows + (top + k) % ROWS * parts->row;

        if (!follows || k >= 2) {
            transpose_row(tiles, parts, x, top + k - parts->padding[0], left, 2 * run->tiles + 2, to);
        }
        row[k] = to;
    }
    lanes->windows(row, run->tiles, parts->pitch, parts->v + run->at * parts->pitch, parts->v_point);
}

/* What a group reads: its first planes, and elements from sample to sample. */
struct operands {
    const float *x, *dy;
    ptrdiff_t x_sample, dy_sample;
};

static void transform_x(const struct tw_f32_tiles *tiles, const struct tw_conv_winograd_lanes *lanes,
                        const struct parts *parts, ptrdiff_t runs, const struct operands *o)
{
    for (ptrdiff_t r = 0; r < runs; r++) {
        const struct tw_conv_winograd_run *run = &parts->list[r];
        const bool follows = r > 0 && run->row > 0 && run->column == 0 && run->tiles == parts->grid.tiles[1];

        transform_run(tiles, lanes, parts, run, follows, o->x + run->sample * o->x_sample);
    }
}

static void transform_dy(const struct tw_conv_winograd_lanes *lanes, const struct parts *parts,
                         ptrdiff_t runs, ptrdiff_t results, const struct operands *o)
{
    const ptrdiff_t plane = parts->planes.source[0] * parts->planes.source[1];

    for (ptrdiff_t j = 0; j < results; j++) {
        tw_conv_winograd_read(&lanes->gradient, &parts->planes, parts->list, runs, o->dy + j * plane,
                              o->dy_sample, parts->m + j * parts->grid.pitch, parts->m_point);
    }
}

/* A block of output channels, of all samples. */
static void run_block(const struct tw_f32_tiles *tiles, const struct tw_conv_winograd_lanes *lanes,
                      const struct parts *parts, ptrdiff_t samples, ptrdiff_t results,
                      const struct operands *o, float *dw)
{
    const ptrdiff_t runs = samples * parts->grid.tiles[0] * parts->grid.across;

    for (ptrdiff_t r = 0; r < runs; r += parts->grid.runs) {
        const ptrdiff_t some = tw_conv_smaller(parts->grid.runs, runs - r);
        const ptrdiff_t count = tw_conv_winograd_list(&parts->grid, r, some, parts->list);
        struct tw_gemm_shape product = product_of(parts, results, count);

        product.accumulate = r > 0;
        transform_dy(lanes, parts, some, results, o);
        transform_x(tiles, lanes, parts, some, o);
        for (ptrdiff_t p = 0; p < TW_WINOGRAD_POINTS; p++) {
            tw_gemm_blocked(tiles, &product, parts->m + p * parts->m_point, parts->v + p * parts->v_point,
                            parts->u + p * parts->u_point, parts->product);
        }
    }
    for (ptrdiff_t j = 0; j < results; j++, dw += parts->channels * TW_WINOGRAD_TAPS) {
        lanes->taps(parts->channels, parts->u + j * parts->pitch, parts->u_point, parts->taps, parts->pitch);
        tiles->transpose(TW_WINOGRAD_TAPS, parts->channels, parts->taps, parts->pitch, dw, TW_WINOGRAD_TAPS);
    }
}

static void run_bias(const struct tw_f32_tiles *tiles, const struct parts *parts, ptrdiff_t samples,
                     ptrdiff_t results, const struct operands *o, float *db)
{
    static const float one = 1.0f;
    struct tw_gemm_shape sums = bias_product(parts, results);

    for (ptrdiff_t n = 0; n < samples; n++) {
        sums.accumulate = n > 0;
        tw_gemm_blocked(tiles, &sums, o->dy + n * o->dy_sample, &one, db, parts->product);
    }
}

/* No tiles, no U. */
static void clear(const struct parts *parts, ptrdiff_t groups, float *dw, float *db)
{
    const ptrdiff_t results = groups * parts->results;

    memset(dw, 0, (size_t)(results * parts->channels * TW_WINOGRAD_TAPS) * sizeof *dw);
    if (db) {
        memset(db, 0, (size_t)results * sizeof *db);
    }
}

void tw_conv_winograd_weights(const struct tw_f32_tiles *tiles, const struct tw_conv_winograd_lanes *lanes,
                              const struct tw_conv2d_shape *shape, ptrdiff_t samples, const float *x,
                              const float *dy, float *dw, float *db, void *workspace)
{
    const struct parts parts = divide(shape, workspace);
    const ptrdiff_t x_plane = parts.x[0] * parts.x[1],
                    plane = parts.planes.source[0] * parts.planes.source[1];
    const ptrdiff_t all = shape->groups * parts.results;

    if (samples == 0) {
        clear(&parts, shape->groups, dw, db);
        return;
    }
    memset(parts.zeros, 0, (size_t)parts.planes.source[1] * sizeof *parts.zeros);
    for (ptrdiff_t g = 0; g < shape->groups; g++) {
        for (ptrdiff_t j = 0; j < parts.results; j += parts.block) {
            const ptrdiff_t first = g * parts.results + j;
            const ptrdiff_t results = tw_conv_smaller(parts.block, parts.results - j);
            const struct operands operands = {.x = x + g * parts.channels * x_plane,
                                              .dy = dy + first * plane,
                                              .x_sample = shape->groups * parts.channels * x_plane,
                                              .dy_sample = all * plane};

            run_block(tiles, lanes, &parts, samples, results, &operands,
                      dw + first * parts.channels * TW_WINOGRAD_TAPS);
            if (db) {
                run_bias(tiles, &parts, samples, results, &operands, db + first);
            }
        }
    }
}
