/* Convolution of one tap without padding: a GEMM per sample and group on the images themselves, or with a stride on the pixels
 * that positions meet, put together in the workspace.
 *
 *   y  (output channels x positions)  =  w (output x input channels) * x (input channels x positions)
 *   dx (input channels x positions)   =  w^T * dy
 *   dw (output x input channels)     +=  dy * x^T, sample after sample
 *   db (output channels)             +=  dy * ones: fma(dy, 1, sum) is sum + dy, rounded once
 *
 * A bias is what the chains start from: written into y beforehand, it cost a tenth where channels are few and y is large.
 * Products that fetch B ahead fetch the image of the next sample when they come to the end of this one.
 */
#include <string.h>

#include "kernels/conv/conv_pass.h"
#include "kernels/gemm/workspace.h"

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

/* The workspace: a group's pixels, if positions do not meet all, and the product's own. */
struct parts {
    float *met;
    void *product;
    size_t bytes;
};

static struct parts divide(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape, void *base)
{
    const struct tw_gemm_shape forward = shape_of(shape, false), gradient = shape_of(shape, true),
                               weights = weight_shape(shape);
    struct tw_workspace workspace = {.base = base};
    struct parts parts = {0};

    if (is_strided(shape)) {
        parts.met = tw_workspace_take(&workspace, forward.k * forward.n, sizeof(float));
    }
    parts.product = tw_workspace_take(&workspace,
                                      (ptrdiff_t)larger(tw_gemm_blocked_workspace(tiles, &forward),
                                                        larger(tw_gemm_blocked_workspace(tiles, &gradient),
                                                               tw_gemm_blocked_workspace(tiles, &weights))),
                                      1);
    parts.bytes = workspace.used;
    return parts;
}

size_t tw_conv_gemm_workspace(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape)
{
    return divide(tiles, shape, NULL).bytes;
}

/* The pixels of a row that positions meet; with a constant stride in vectors. */
static void take_row(ptrdiff_t count, ptrdiff_t stride, const float *x, float *met)
{
    if (stride == 2) {
        for (ptrdiff_t c = 0; c < count; c++) {
            met[c] = x[c * 2];
        }
        return;
    }
    for (ptrdiff_t c = 0; c < count; c++) {
        met[c] = x[c * stride];
    }
}

static void take_met(const struct tw_conv2d_shape *shape, ptrdiff_t planes, const float *x, float *met)
{
    for (ptrdiff_t i = 0; i < planes; i++, x += shape->in_height * shape->in_width) {
        for (ptrdiff_t r = 0; r < shape->out_height; r++, met += shape->out_width) {
            take_row(shape->out_width, shape->stride[1], x + r * shape->stride[0] * shape->in_width, met);
        }
    }
}

/* The other way; pixels that no position meets are 0. */
static void put_met(const struct tw_conv2d_shape *shape, ptrdiff_t planes, const float *met, float *x)
{
    const ptrdiff_t plane = shape->in_height * shape->in_width;

    for (ptrdiff_t i = 0; i < planes; i++, x += plane) {
        memset(x, 0, (size_t)plane * sizeof *x);
        for (ptrdiff_t r = 0; r < shape->out_height; r++, met += shape->out_width) {
            for (ptrdiff_t c = 0; c < shape->out_width; c++) {
                x[r * shape->stride[0] * shape->in_width + c * shape->stride[1]] = met[c];
            }
        }
    }
}

void tw_conv_gemm_forward(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                          ptrdiff_t samples, const float *x, const float *w, const float *bias, float *y,
                          void *workspace)
{
    const struct tw_gemm_shape product = shape_of(shape, false);
    const struct parts parts = divide(tiles, shape, workspace);

    for (ptrdiff_t n = 0; n < samples * shape->groups; n++) {
        const ptrdiff_t g = n % shape->groups;
        const bool fetches = !parts.met && n + 1 < samples * shape->groups;
        const struct tw_gemm_around around = {.start = bias ? bias + g * product.m : NULL,
                                              .next_b = fetches ? x + product.k * product.n : NULL};

        if (parts.met) {
            take_met(shape, product.k, x, parts.met);
        }
        tw_gemm_blocked_around(tiles, &product, &around, w + g * product.m * product.k,
                               parts.met ? parts.met : x, y, parts.product);
        x += product.k * shape->in_height * shape->in_width;
        y += product.m * product.n;
    }
}

void tw_conv_gemm_input_gradient(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                                 ptrdiff_t samples, const float *dy, const float *w, float *dx,
                                 void *workspace)
{
    const struct tw_gemm_shape product = shape_of(shape, true);
    const struct parts parts = divide(tiles, shape, workspace);

    for (ptrdiff_t n = 0; n < samples * shape->groups; n++) {
        const bool fetches = n + 1 < samples * shape->groups;
        const struct tw_gemm_around around = {.next_b = fetches ? dy + product.k * product.n : NULL};

        tw_gemm_blocked_around(tiles, &product, &around, w + n % shape->groups * product.m * product.k, dy,
                               parts.met ? parts.met : dx, parts.product);
        if (parts.met) {
            put_met(shape, product.m, parts.met, dx);
        }
        dy += product.k * product.n;
        dx += product.m * shape->in_height * shape->in_width;
    }
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
        take_met(shape, product.n, x, parts->met);
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
