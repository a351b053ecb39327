/* Convolution of one tap without padding: a GEMM per sample and group on the images themselves, or with a stride on the pixels
 * that positions meet, put together in the workspace. Samples go in eights, groups within these: where planes have a position
 * more than whole vectors, those of eight samples are a product of their own.
 *
 *   y  (output channels x positions)  =  w (output x input channels) * x (input channels x positions)
 *   dx (input channels x positions)   =  w^T * dy
 *   dw (output x input channels)     +=  dy * x^T, sample after sample
 *   db (output channels)             +=  dy * ones: fma(dy, 1, sum) is sum + dy, rounded once
 *
 * A bias is what the chains start from: written into y beforehand, it cost a tenth where channels are few and y is large.
 * Products that fetch B ahead fetch the image of the next sample when they come to the end of this one. w^T is w read down its
 * columns, or, where its rows are long, turned once for all samples of a call.
 */
#include "kernels/conv/conv_pass.h"
#include "kernels/gemm/workspace.h"

#define ROW_TURNED     512
#define ODD_MOST       (TW_CONV_LANES / 2)
#define POSITIONS_TURN 192
#define POSITIONS_MANY 256

/* y = w x of one sample and group, or dx = w^T dy: rows x depth times depth x positions. */
static struct tw_gemm_shape shape_of(const struct tw_conv2d_shape *shape, bool gradient)
{
    const ptrdiff_t positions = shape->out_height * shape->out_width;
    const ptrdiff_t in = shape->in_channels / shape->groups, out = shape->out_channels / shape->groups;

    return (struct tw_gemm_shape){
        .m = gradient ? in : out,
        .n = positions,
        .k = gradient ? out : in,
        .a_row = gradient ? 1 : in,
        .a_col = gradient ? in : 1,
        .b_row = positions,
        .b_col = 1,
        .c_row = positions,
    };
}

/* dw of one group. */
static struct tw_gemm_shape weight_shape(const struct tw_conv2d_shape *shape)
{
    const ptrdiff_t positions = shape->out_height * shape->out_width, in = shape->in_channels / shape->groups;

    return (struct tw_gemm_shape){
        .m = shape->out_channels / shape->groups,
        .n = in,
        .k = positions,
        .a_row = positions,
        .a_col = 1,
        .b_row = 1,
        .b_col = positions,
        .c_row = in,
    };
}

static size_t larger(size_t x, size_t y)
{
    return x > y ? x : y;
}

static bool is_strided(const struct tw_conv2d_shape *shape)
{
    return shape->stride[0] > 1 || shape->stride[1] > 1;
}

/* Planes of odd squares have one position more than whole vectors of eight, every other even one has four, which take a vector for
 * themselves in tiles that loads bind: of 14 x 14 positions an eighth of the time. Those of several samples are the columns of a product
 * of their own, if positions lie as the pixels do. Of larger planes they are a hundredth. */
static ptrdiff_t odd_positions(const struct tw_conv2d_shape *shape)
{
    const ptrdiff_t positions = shape->out_height * shape->out_width, odd = positions % TW_CONV_LANES;

    return !is_strided(shape) && odd <= ODD_MOST && positions > TW_CONV_LANES &&
                   positions < odd * POSITIONS_MANY
               ? odd
               : 0;
}

/* w^T lies in columns of w, a row of w from element to element: from 2 KiB on these meet in few sets of L1, and soon every other
 * one is on another page. To turn w first pays from so many positions of all samples on. */
static bool has_long_rows(const struct tw_conv2d_shape *shape)
{
    return shape->in_channels / shape->groups >= ROW_TURNED;
}

static bool turns(const struct tw_conv2d_shape *shape, ptrdiff_t samples)
{
    return has_long_rows(shape) && samples * shape->out_height * shape->out_width >= POSITIONS_TURN;
}

/* The workspace: a group's pixels, if positions do not meet all; the odd ones of several samples, and what becomes of them; w^T;
 * and the product's own. */
struct parts {
    ptrdiff_t odd_ones;
    float *met, *odd, *odd_result, *turned;
    void *product;
    size_t bytes;
};

/* Of a product of whole planes, and of one of the odd ones of all samples, whose columns may be more. */
static size_t product_workspace(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *whole,
                                ptrdiff_t odd_ones)
{
    struct tw_gemm_shape odd = *whole;

    odd.n = odd.b_row = odd.c_row = odd_ones * TW_CONV_TOGETHER;
    return larger(tw_gemm_blocked_workspace(tiles, whole), tw_gemm_blocked_workspace(tiles, &odd));
}

static struct parts divide(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape, void *base)
{
    const struct tw_gemm_shape forward = shape_of(shape, false), gradient = shape_of(shape, true),
                               weights = weight_shape(shape);
    struct tw_workspace workspace = {.base = base};
    struct parts parts = {.odd_ones = odd_positions(shape)};

    if (is_strided(shape)) {
        parts.met = tw_workspace_take(&workspace, forward.k * forward.n, sizeof(float));
    }
    if (parts.odd_ones > 0) {
        const ptrdiff_t channels = forward.k > forward.m ? forward.k : forward.m;
        const ptrdiff_t columns = TW_CONV_TOGETHER * parts.odd_ones;

        parts.odd = tw_workspace_take(&workspace, channels * columns, sizeof(float));
        parts.odd_result = tw_workspace_take(&workspace, channels * columns, sizeof(float));
    }
    if (has_long_rows(shape)) {
        parts.turned = tw_workspace_take(&workspace, shape->groups * forward.m * forward.k, sizeof(float));
    }
    parts.product =
        tw_workspace_take(&workspace,
                          (ptrdiff_t)larger(product_workspace(tiles, &forward, parts.odd_ones),
                                            larger(product_workspace(tiles, &gradient, parts.odd_ones),
                                                   tw_gemm_blocked_workspace(tiles, &weights))),
                          1);
    parts.bytes = workspace.used;
    return parts;
}

size_t tw_conv_gemm_workspace(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape)
{
    return divide(tiles, shape, NULL).bytes;
}

/* One group's products for some samples, `source_step` and `result_step` apart. */
struct some_samples {
    ptrdiff_t count, source_step, result_step;
    const float *w, *bias, *source;
    float *result;
    const float *next; /* the source after the last one, or NULL */
};

/* The last positions of every sample: [channel][sample][position]. */
static void multiply_odd_ones(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *product,
                              const struct parts *parts, const struct some_samples *s)
{
    const ptrdiff_t ones = parts->odd_ones, first = product->n - ones;
    const struct tw_gemm_around around = {.start = s->bias};
    const float *from = parts->odd_result;
    float *to = parts->odd;
    struct tw_gemm_shape odd = *product;

    for (ptrdiff_t p = 0; p < product->k; p++) {
        for (ptrdiff_t n = 0; n < s->count; n++) {
            for (ptrdiff_t i = 0; i < ones; i++) {
                *to++ = s->source[n * s->source_step + p * product->b_row + first + i];
            }
        }
    }
    odd.n = odd.b_row = odd.c_row = s->count * ones;
    tw_gemm_blocked_around(tiles, &odd, &around, s->w, parts->odd, parts->odd_result, parts->product);
    for (ptrdiff_t j = 0; j < product->m; j++) {
        for (ptrdiff_t n = 0; n < s->count; n++) {
            for (ptrdiff_t i = 0; i < ones; i++) {
                s->result[n * s->result_step + j * product->c_row + first + i] = *from++;
            }
        }
    }
}

static void multiply_samples(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *whole,
                             const struct parts *parts, const struct some_samples *s)
{
    struct tw_gemm_shape product = *whole;

    if (s->count > 1) {
        multiply_odd_ones(tiles, whole, parts, s);
        product.n -= parts->odd_ones;
    }
    for (ptrdiff_t n = 0; n < s->count; n++) {
        const float *source = s->source + n * s->source_step;
        const struct tw_gemm_around around = {.start = s->bias,
                                              .next_b = n + 1 < s->count ? source + s->source_step : s->next};

        tw_gemm_blocked_around(tiles, &product, &around, s->w, source, s->result + n * s->result_step,
                               parts->product);
    }
}

/* w^T of every group; returns the product with it. */
static struct tw_gemm_shape turn(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *product,
                                 ptrdiff_t groups, const float *w, float *turned)
{
    const ptrdiff_t rows = product->k, columns = product->m;
    struct tw_gemm_shape lies = *product;

    for (ptrdiff_t g = 0; g < groups; g++, w += rows * columns, turned += rows * columns) {
        tiles->transpose(rows, columns, w, columns, turned, rows);
    }
    lies.a_row = product->k;
    lies.a_col = 1;
    return lies;
}

/* All that a pass multiplies: x to y, or dy to dx. */
struct pass {
    const struct tw_f32_tiles *tiles;
    const struct tw_conv2d_shape *shape;
    bool gradient;
    struct tw_gemm_shape product;
    struct parts parts;
    ptrdiff_t samples, source_size, result_size; /* of a sample's group */
    const float *source, *w, *bias;
    float *result;
};

/* Group g of `some` samples from n on. With a stride it is one sample, whose pixels are put together, or brought back. */
static void multiply_group(const struct pass *p, ptrdiff_t n, ptrdiff_t some, ptrdiff_t g)
{
    const ptrdiff_t groups = p->shape->groups, at = n * groups + g;
    const ptrdiff_t next = g + 1 < groups ? at + 1 : (n + some) * groups;
    float *const met = p->parts.met;
    struct some_samples group = {.count = some,
                                 .source_step = groups * p->source_size,
                                 .result_step = groups * p->result_size,
                                 .w = p->w + g * p->product.m * p->product.k,
                                 .bias = p->bias ? p->bias + g * p->product.m : NULL,
                                 .source = p->source + at * p->source_size,
                                 .result = p->result + at * p->result_size,
                                 .next =
                                     next < p->samples * groups ? p->source + next * p->source_size : NULL};

    if (met && !p->gradient) {
        tw_conv_take_met(p->tiles, p->shape, p->product.k, group.source, met);
        group.source = met;
        group.next = NULL;
    } else if (met) {
        group.result = met;
    }
    multiply_samples(p->tiles, &p->product, &p->parts, &group);
    if (met && p->gradient) {
        tw_conv_put_met(p->tiles, p->shape, p->product.m, met, p->result + at * p->result_size);
    }
}

static void multiply_all(const struct pass *p)
{
    const ptrdiff_t most = p->parts.odd ? TW_CONV_TOGETHER : 1;

    for (ptrdiff_t n = 0; n < p->samples; n += most) {
        for (ptrdiff_t g = 0; g < p->shape->groups; g++) {
            multiply_group(p, n, tw_conv_smaller(most, p->samples - n), g);
        }
    }
}

void tw_conv_gemm_forward(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                          ptrdiff_t samples, const float *x, const float *w, const float *bias, float *y,
                          void *workspace)
{
    const struct tw_gemm_shape product = shape_of(shape, false);
    const struct pass pass = {.tiles = tiles,
                              .shape = shape,
                              .product = product,
                              .parts = divide(tiles, shape, workspace),
                              .samples = samples,
                              .source_size = product.k * shape->in_height * shape->in_width,
                              .result_size = product.m * product.n,
                              .source = x,
                              .w = w,
                              .bias = bias,
                              .result = y};

    multiply_all(&pass);
}

void tw_conv_gemm_input_gradient(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                                 ptrdiff_t samples, const float *dy, const float *w, float *dx,
                                 void *workspace)
{
    const struct tw_gemm_shape product = shape_of(shape, true);
    struct pass pass = {.tiles = tiles,
                        .shape = shape,
                        .gradient = true,
                        .product = product,
                        .parts = divide(tiles, shape, workspace),
                        .samples = samples,
                        .source_size = product.k * product.n,
                        .result_size = product.m * shape->in_height * shape->in_width,
                        .source = dy,
                        .w = w,
                        .result = dx};

    if (turns(shape, samples)) {
        pass.product = turn(tiles, &product, shape->groups, w, pass.parts.turned);
        pass.w = pass.parts.turned;
    }
    multiply_all(&pass);
}

/* The first sample's chains start from +0, the others go on. */
static void add_sample(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                       const struct parts *parts, bool goes_on, const float *x, const float *dy, float *dw,
                       float *db)
{
    static const float one = 1.0f;
    struct tw_gemm_shape product = weight_shape(shape), sums = product;

    product.accumulate = sums.accumulate = goes_on;
    sums.n = sums.b_col = sums.c_row = 1;
    sums.b_row = 0;
    if (parts->met) {
        tw_conv_take_met(tiles, shape, product.n, x, parts->met);
    }
    tw_gemm_blocked(tiles, &product, dy, parts->met ? parts->met : x, dw, parts->product);
    if (db) {
        tw_gemm_blocked(tiles, &sums, dy, &one, db, parts->product);
    }
}

void tw_conv_gemm_weight_gradient(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                                  ptrdiff_t samples, const float *x, const float *dy, float *dw, float *db,
                                  void *workspace)
{
    const struct tw_gemm_shape product = weight_shape(shape);
    const struct parts parts = divide(tiles, shape, workspace);

    for (ptrdiff_t n = 0; n < samples; n++) {
        for (ptrdiff_t g = 0; g < shape->groups; g++) {
            add_sample(tiles, shape, &parts, n > 0, x, dy, dw + g * product.m * product.n,
                       db ? db + g * product.m : NULL);
            x += product.n * shape->in_height * shape->in_width;
            dy += product.m * product.k;
        }
    }
}
