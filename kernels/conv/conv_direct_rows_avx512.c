/* Lanes are neighbouring positions of a row, a tile's rows are result channels. The image is read where it lies and results are
 * written where they belong, so that nothing is copied but the weights, and nothing transposed. A tap that falls beside the image
 * (.) is left out of its lane's chain by a mask, in the load and in the fma; above and below the image rows of taps are left out
 * for all lanes, as the classes of conv_axis.h say:
 *
 *   positions  0               16              32        a row of 32, two vectors; tiles have two or three, and up to
 *   tap -1     .xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx          eight result channels
 *   tap  0     xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
 *   tap +1     xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.
 *
 * "direct" has a vector of result channels where they are few, and broadcasts a pixel for every fma: with two multipliers of 512
 * bits the loads bind it. Here a broadcast weight meets two or three vectors, and eight results take no more than eight.
 */
#include "kernels/conv/conv_direct_rows.h"
#include "kernels/conv/conv_direct_rows_tiles_avx512.h"
#include "kernels/gemm/transpose.h"
#include "kernels/gemm/workspace.h"

#if !defined(__AVX512F__)
#error "conv_direct_rows_avx512.c must be compiled with -mavx512f"
#endif

/* Links of a block of source channels: 12 KiB of weights of a tile, and what its positions meet of them stays in L1, too. */
enum { LINKS = 384 };

struct parts {
    bool gradient;
    struct tw_conv_axis rows;
    ptrdiff_t channels, results;     /* of a group */
    ptrdiff_t block;                 /* source channels of a block */
    ptrdiff_t down, along;           /* taps of the kernel */
    ptrdiff_t sources, positions;    /* of a row */
    ptrdiff_t step[TAPS];            /* from a position to what it meets with a tap along the row */
    ptrdiff_t tiles, height, taller; /* of result channels: `taller` of the tiles have one more */
    /* Of a group: [tile][source channel][tap, as chains meet them][result channel of the tile]. */
    float *weights;
    struct strip *strips;
    int strip_count;
    size_t bytes;
};

/* Shares out result channels among tiles, and source channels among blocks. */
static void share_out(struct parts *parts)
{
    parts->tiles = (parts->results + HEIGHT - 1) / HEIGHT;
    parts->height = parts->results / parts->tiles;
    parts->taller = parts->results % parts->tiles;
    parts->block = tw_conv_even(parts->channels, LINKS / (parts->down * parts->along));
}

static struct parts divide(const struct tw_conv2d_shape *s, bool gradient, void *base)
{
    struct tw_workspace workspace = {.base = base};
    const ptrdiff_t high = tw_conv_axis_positions(s, 0, gradient);
    ptrdiff_t *source = tw_workspace_take(&workspace, high, sizeof *source);
    int *class_of = tw_workspace_take(&workspace, high, sizeof *class_of);
    struct parts parts = {.gradient = gradient,
                          .rows = tw_conv_axis(s, 0, gradient, source, class_of),
                          .channels = (gradient ? s->out_channels : s->in_channels) / s->groups,
                          .results = (gradient ? s->in_channels : s->out_channels) / s->groups,
                          .down = s->kernel_height,
                          .along = s->kernel_width,
                          .sources = tw_conv_axis_positions(s, 1, !gradient),
                          .positions = tw_conv_axis_positions(s, 1, gradient)};

    for (ptrdiff_t b = 0; b < parts.along; b++) {
        parts.step[b] = tw_conv_direct_rows_step(s, gradient, b);
    }
    share_out(&parts);
    parts.weights = tw_workspace_take(&workspace, parts.results * parts.channels * parts.down * parts.along,
                                      sizeof(float));
    parts.strips =
        tw_workspace_take(&workspace, (parts.positions + 2 * LANES - 1) / (2 * LANES), sizeof(struct strip));
    parts.bytes = workspace.used;
    return parts;
}

size_t tw_conv_direct_rows_workspace__avx512(const struct tw_conv2d_shape *shape, bool gradient)
{
    return tw_conv_suits_direct_rows(shape, gradient) ? divide(shape, gradient, NULL).bytes : 0;
}

static ptrdiff_t height_of(const struct parts *parts, ptrdiff_t tile)
{
    return parts->height + (tile < parts->taller);
}

/* A group's weights. The chains of the input gradient meet the taps from the last to the first. */
static void order_weights(const struct parts *parts, const float *w)
{
    const ptrdiff_t taps = parts->down * parts->along, depth = parts->channels * taps;
    float *to = parts->weights;

    for (ptrdiff_t t = 0, first = 0, rows; t < parts->tiles; t++, first += rows, to += rows * depth) {
        rows = height_of(parts, t);
        if (!parts->gradient) {
            tw_f32_transpose__avx512(rows, depth, w + first * depth, depth, to, rows);
            continue;
        }
        for (ptrdiff_t i = 0; i < parts->channels; i++) {
            tw_f32_transpose__avx512(rows, taps, w + (i * parts->results + first) * taps, taps,
                                     to + ((i + 1) * taps - 1) * rows, -rows);
        }
    }
}

static ptrdiff_t within(ptrdiff_t lane)
{
    return lane < 0 ? 0 : tw_conv_smaller(lane, LANES);
}

/* Lanes `first` to `end` - 1, as far as there are such. */
static __mmask16 lanes(ptrdiff_t first, ptrdiff_t end)
{
    return (__mmask16)(((1u << within(end)) - 1) & ~((1u << within(first)) - 1));
}

/* The masks of a strip. Returns the number of taps if they lie as `multiply` says, else 0. */
static ptrdiff_t mask(const struct parts *parts, int vectors, struct strip *strip)
{
    const ptrdiff_t middle = parts->along / 2;
    bool in_place = true;

    for (int v = 0; v < vectors; v++) {
        const ptrdiff_t first = strip->column + v * LANES;

        strip->there[v] = lanes(0, parts->positions - first);
        for (ptrdiff_t b = 0; b < parts->along; b++) {
            const bool edge = (v == 0 && b < middle) || (v == vectors - 1 && b > middle);

            strip->met[b][v] =
                strip->there[v] & lanes(-parts->step[b] - first, parts->sources - parts->step[b] - first);
            in_place = in_place && (edge || strip->met[b][v] == strip->there[v]);
        }
    }
    return in_place ? parts->along : 0;
}

/* Shares a row out in tiles of two and three vectors. */
static void divide_row(struct parts *parts)
{
    struct strip *strip = parts->strips;

    for (ptrdiff_t column = 0; column < parts->positions; strip++) {
        const ptrdiff_t rest = (parts->positions - column + LANES - 1) / LANES;
        const int vectors = rest == 2 || rest == 4 ? 2 : WIDTH;
        ptrdiff_t taps;

        *strip = (struct strip){.column = column};
        taps = mask(parts, vectors, strip);
        strip->of_height = tiles[taps == 3 ? 1 : taps == 5 ? 2 : 0][vectors - 2];
        column += vectors * LANES;
    }
    parts->strip_count = (int)(strip - parts->strips);
}

/* The planes of a group of one sample. */
struct planes {
    const float *source, *bias;
    float *result;
};

/* The products of a row of positions with a block of channels, which `t` knows, from `channel` on. */
static void run_row(const struct parts *parts, const struct planes *planes, ptrdiff_t row, ptrdiff_t channel,
                    struct tile *t)
{
    const struct tw_conv_class class = parts->rows.class[parts->rows.class_of[row]];
    const ptrdiff_t links = parts->down * parts->along;
    const ptrdiff_t from = channel * links + class.first * parts->along;
    const float *source = planes->source + channel * t->plane + parts->rows.source[row] * parts->sources;

    t->down = class.taps;
    t->next = (class.taps - 1) * t->row + parts->sources;
    for (int i = 0; i < parts->strip_count; i++) {
        const struct strip *strip = &parts->strips[i];

        t->strip = strip;
        t->source = place(source, strip->column);
        for (ptrdiff_t j = 0, first = 0, height; j < parts->tiles; j++, first += height) {
            height = height_of(parts, j);
            t->w = parts->weights + first * parts->channels * links + height * from;
            t->w_channel = height * links;
            t->w_down = height * parts->rows.tap_step * parts->along;
            t->start = planes->bias ? planes->bias + first : NULL;
            t->c = planes->result + first * t->c_row + row * parts->positions + strip->column;
            strip->of_height[height - LEAST_HEIGHT](t);
        }
    }
}

static void run_planes(const struct parts *parts, const struct planes *planes)
{
    struct tile tile = {.plane = parts->rows.sources * parts->sources,
                        .row = parts->rows.source_step * parts->sources,
                        .along = parts->along,
                        .c_row = parts->rows.positions * parts->positions};

    for (ptrdiff_t b = 0; b < parts->along; b++) {
        tile.step[b] = parts->step[b];
    }
    for (ptrdiff_t i = 0; i < parts->channels; i += parts->block) {
        tile.channels = tw_conv_smaller(parts->block, parts->channels - i);
        tile.goes_on = i > 0;
        for (ptrdiff_t row = 0; row < parts->rows.positions; row++) {
            run_row(parts, planes, row, i, &tile);
        }
    }
}

void tw_conv_direct_rows__avx512(const struct tw_conv2d_shape *shape, bool gradient, ptrdiff_t samples,
                                 const float *source, const float *w, const float *bias, float *result,
                                 void *workspace)
{
    struct parts parts = divide(shape, gradient, workspace);
    const ptrdiff_t source_group = parts.channels * parts.rows.sources * parts.sources;
    const ptrdiff_t result_group = parts.results * parts.rows.positions * parts.positions;

    divide_row(&parts);
    for (ptrdiff_t g = 0; g < shape->groups && samples > 0; g++) {
        order_weights(&parts, w + g * parts.results * parts.channels * parts.down * parts.along);
        for (ptrdiff_t n = 0; n < samples; n++) {
            const ptrdiff_t at = n * shape->groups + g;

            run_planes(&parts, &(struct planes){.source = source + at * source_group,
                                                .bias = bias ? bias + g * parts.results : NULL,
                                                .result = result + at * result_group});
        }
    }
}
