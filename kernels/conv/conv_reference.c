/* Convolution and its gradients straight from the formulas of conv.h: what every other variant is compared
 * with. */
#include <math.h>

#include "kernels/conv/conv_winograd.h"

/* A row of a plane, NULL outside; and the value of such a row at a column, 0 outside. */
static const float *line_of(const float *plane, ptrdiff_t height, ptrdiff_t width, ptrdiff_t row)
{
    return row >= 0 && row < height ? plane + row * width : NULL;
}

static bool is_inside(const float *line, ptrdiff_t width, ptrdiff_t column)
{
    return line && column >= 0 && column < width;
}

static float at(const float *line, ptrdiff_t width, ptrdiff_t column)
{
    return is_inside(line, width, column) ? line[column] : 0.0f;
}

/* One step of a chain; outside the image it is left out or multiplies a zero. */
static float step(bool leaves_out, const float *line, ptrdiff_t width, ptrdiff_t column, float factor,
                  float sum)
{
    if (leaves_out && !is_inside(line, width, column)) {
        return sum;
    }
    return fmaf(at(line, width, column), factor, sum);
}

/* One output element: the chain over (i, u, v) of group g's channels. */
static float forward_element(const struct tw_conv2d_shape *s, const float *x, const float *w, ptrdiff_t r,
                             ptrdiff_t c, float sum)
{
    const ptrdiff_t plane = s->in_height * s->in_width;
    const ptrdiff_t top = r * s->stride[0] - s->padding[0], left = c * s->stride[1] - s->padding[1];
    const bool leaves_out = tw_conv2d_leaves_out_padding(s, TW_CONV2D_FORWARD);

    for (ptrdiff_t i = 0; i < s->in_channels / s->groups; i++, x += plane) {
        for (ptrdiff_t u = 0; u < s->kernel_height; u++) {
            const float *line = line_of(x, s->in_height, s->in_width, top + u * s->dilation[0]);

            for (ptrdiff_t v = 0, column = left; v < s->kernel_width; v++, column += s->dilation[1]) {
                sum = step(leaves_out, line, s->in_width, column, *w++, sum);
            }
        }
    }
    return sum;
}

void tw_f32_conv2d_forward__reference(const struct tw_conv2d_shape *s, ptrdiff_t samples, const float *x,
                                      const float *w, const float *bias, float *y, void *workspace)
{
    const ptrdiff_t ipg = s->in_channels / s->groups, opg = s->out_channels / s->groups;
    const ptrdiff_t plane = s->in_height * s->in_width, taps = s->kernel_height * s->kernel_width;

    (void)workspace;
    if (tw_conv2d_is_winograd(s, TW_CONV2D_FORWARD)) {
        tw_conv_winograd_reference(s, false, samples, x, w, bias, y);
        return;
    }
    for (ptrdiff_t n = 0; n < samples; n++) {
        for (ptrdiff_t o = 0; o < s->out_channels; o++) {
            for (ptrdiff_t r = 0; r < s->out_height; r++) {
                for (ptrdiff_t c = 0; c < s->out_width; c++) {
                    *y++ = forward_element(s, x + (n * s->in_channels + o / opg * ipg) * plane,
                                           w + o * ipg * taps, r, c, bias ? bias[o] : 0.0f);
                }
            }
        }
    }
}

/* One element of dx in channel i of its group: the chain over (o, r, c), that is over descending taps. The
 * quotient is whole or the tap does not touch the element. */
static float input_gradient_element(const struct tw_conv2d_shape *s, const float *dy, const float *w,
                                    ptrdiff_t h, ptrdiff_t column)
{
    const ptrdiff_t plane = s->out_height * s->out_width, taps = s->kernel_height * s->kernel_width;
    const ptrdiff_t ipg = s->in_channels / s->groups;
    const bool leaves_out = tw_conv2d_leaves_out_padding(s, TW_CONV2D_INPUT_GRADIENT);
    float sum = 0.0f;

    for (ptrdiff_t o = 0; o < s->out_channels / s->groups; o++, dy += plane, w += ipg * taps) {
        for (ptrdiff_t u = s->kernel_height - 1; u >= 0; u--) {
            const ptrdiff_t r = h + s->padding[0] - u * s->dilation[0];
            const float *line = line_of(dy, s->out_height, s->out_width, r / s->stride[0]);

            for (ptrdiff_t v = s->kernel_width - 1; v >= 0 && r % s->stride[0] == 0; v--) {
                const ptrdiff_t c = column + s->padding[1] - v * s->dilation[1];

                if (c % s->stride[1] == 0) {
                    sum = step(leaves_out, line, s->out_width, c / s->stride[1], w[u * s->kernel_width + v],
                               sum);
                }
            }
        }
    }
    return sum;
}

void tw_f32_conv2d_input_gradient__reference(const struct tw_conv2d_shape *s, ptrdiff_t samples,
                                             const float *dy, const float *w, float *dx, void *workspace)
{
    const ptrdiff_t ipg = s->in_channels / s->groups, opg = s->out_channels / s->groups;
    const ptrdiff_t plane = s->out_height * s->out_width, taps = s->kernel_height * s->kernel_width;

    (void)workspace;
    if (tw_conv2d_is_winograd(s, TW_CONV2D_INPUT_GRADIENT)) {
        tw_conv_winograd_reference(s, true, samples, dy, w, NULL, dx);
        return;
    }
    for (ptrdiff_t n = 0; n < samples; n++) {
        for (ptrdiff_t i = 0; i < s->in_channels; i++) {
            for (ptrdiff_t h = 0; h < s->in_height; h++) {
                for (ptrdiff_t c = 0; c < s->in_width; c++) {
                    const ptrdiff_t first = i / ipg * opg; /* the group's first output channel */

                    *dx++ = input_gradient_element(s, dy + (n * s->out_channels + first) * plane,
                                                   w + (first * ipg + i % ipg) * taps, h, c);
                }
            }
        }
    }
}

/* One sample's part of the chain of dw[o][i][u][v]: over (r, c). */
static float weight_gradient_element(const struct tw_conv2d_shape *s, const float *x, const float *dy,
                                     ptrdiff_t u, ptrdiff_t v, float sum)
{
    const ptrdiff_t top = u * s->dilation[0] - s->padding[0], left = v * s->dilation[1] - s->padding[1];
    const bool leaves_out = tw_conv2d_leaves_out_padding(s, TW_CONV2D_WEIGHT_GRADIENT);

    for (ptrdiff_t r = 0; r < s->out_height; r++) {
        const float *line = line_of(x, s->in_height, s->in_width, top + r * s->stride[0]);

        for (ptrdiff_t c = 0, column = left; c < s->out_width; c++, column += s->stride[1]) {
            sum = step(leaves_out, line, s->in_width, column, *dy++, sum);
        }
    }
    return sum;
}

static void bias_gradient(const struct tw_conv2d_shape *s, ptrdiff_t samples, const float *dy, float *db)
{
    const ptrdiff_t plane = s->out_height * s->out_width;

    for (ptrdiff_t o = 0; o < s->out_channels; o++) {
        float sum = 0.0f;

        for (ptrdiff_t n = 0; n < samples; n++) {
            for (ptrdiff_t p = 0; p < plane; p++) {
                sum += dy[(n * s->out_channels + o) * plane + p];
            }
        }
        db[o] = sum;
    }
}

/* One sample's part of the sixteen chains of dw[o][0][u][v] in a depthwise convolution. */
static void depthwise_chains(const struct tw_conv2d_shape *s, const float *x, const float *dy, ptrdiff_t u,
                             ptrdiff_t v, float chain[16])
{
    const ptrdiff_t top = u * s->dilation[0] - s->padding[0], left = v * s->dilation[1] - s->padding[1];

    for (ptrdiff_t c = 0; c < s->out_width; c++) {
        for (ptrdiff_t r = 0; r < s->out_height; r++) {
            const float *line = line_of(x, s->in_height, s->in_width, top + r * s->stride[0]);

            chain[c % 16] =
                fmaf(at(line, s->in_width, left + c * s->stride[1]), dy[r * s->out_width + c], chain[c % 16]);
        }
    }
}

static float fold_chains(const float chain[16])
{
    float sum[16];

    for (int l = 0; l < 16; l++) {
        sum[l] = chain[l];
    }
    for (int half = 8; half > 0; half /= 2) {
        for (int l = 0; l < half; l++) {
            sum[l] += sum[l + half];
        }
    }
    return sum[0];
}

static void depthwise_bias_gradient(const struct tw_conv2d_shape *s, ptrdiff_t samples, const float *dy,
                                    float *db)
{
    const ptrdiff_t plane = s->out_height * s->out_width;

    for (ptrdiff_t o = 0; o < s->out_channels; o++) {
        float chain[16] = {0.0f};

        for (ptrdiff_t n = 0; n < samples; n++) {
            const float *from = dy + (n * s->out_channels + o) * plane;

            for (ptrdiff_t c = 0; c < s->out_width; c++) {
                for (ptrdiff_t r = 0; r < s->out_height; r++) {
                    chain[c % 16] += from[r * s->out_width + c];
                }
            }
        }
        db[o] = fold_chains(chain);
    }
}

static void depthwise_weight_gradient(const struct tw_conv2d_shape *s, ptrdiff_t samples, const float *x,
                                      const float *dy, float *dw, float *db)
{
    const ptrdiff_t taps = s->kernel_height * s->kernel_width, opg = s->out_channels / s->groups;
    const ptrdiff_t in_plane = s->in_height * s->in_width, out_plane = s->out_height * s->out_width;

    for (ptrdiff_t o = 0; o < s->out_channels; o++) {
        for (ptrdiff_t t = 0; t < taps; t++) {
            float chain[16] = {0.0f};

            for (ptrdiff_t n = 0; n < samples; n++) {
                depthwise_chains(s, x + (n * s->in_channels + o / opg) * in_plane,
                                 dy + (n * s->out_channels + o) * out_plane, t / s->kernel_width,
                                 t % s->kernel_width, chain);
            }
            *dw++ = fold_chains(chain);
        }
    }
    if (db) {
        depthwise_bias_gradient(s, samples, dy, db);
    }
}

static void weight_gradient(const struct tw_conv2d_shape *s, ptrdiff_t samples, const float *x,
                            const float *dy, float *dw)
{
    const ptrdiff_t ipg = s->in_channels / s->groups, opg = s->out_channels / s->groups;
    const ptrdiff_t in_plane = s->in_height * s->in_width, out_plane = s->out_height * s->out_width;

    for (ptrdiff_t o = 0; o < s->out_channels; o++) {
        for (ptrdiff_t i = 0; i < ipg; i++) {
            for (ptrdiff_t u = 0; u < s->kernel_height; u++) {
                for (ptrdiff_t v = 0; v < s->kernel_width; v++) {
                    float sum = 0.0f;

                    for (ptrdiff_t n = 0; n < samples; n++) {
                        sum = weight_gradient_element(s,
                                                      x + (n * s->in_channels + o / opg * ipg + i) * in_plane,
                                                      dy + (n * s->out_channels + o) * out_plane, u, v, sum);
                    }
                    *dw++ = sum;
                }
            }
        }
    }
}

void tw_f32_conv2d_weight_gradient__reference(const struct tw_conv2d_shape *s, ptrdiff_t samples,
                                              const float *x, const float *dy, float *dw, float *db,
                                              void *workspace)
{
    (void)workspace;
    if (tw_conv2d_is_depthwise(s)) {
        depthwise_weight_gradient(s, samples, x, dy, dw, db);
        return;
    }
    if (tw_conv2d_is_winograd(s, TW_CONV2D_WEIGHT_GRADIENT)) {
        tw_conv_winograd_weights_reference(s, samples, x, dy, dw);
    } else {
        weight_gradient(s, samples, x, dy, dw);
    }
    if (db) {
        bias_gradient(s, samples, dy, db);
    }
}

size_t tw_f32_conv2d_workspace__reference(const struct tw_conv2d_shape *shape)
{
    (void)shape;
    return 0;
}

const char *tw_f32_conv2d_algorithm__reference(const struct tw_conv2d_shape *shape, enum tw_conv2d_pass pass)
{
    (void)shape;
    (void)pass;
    return "reference";
}
