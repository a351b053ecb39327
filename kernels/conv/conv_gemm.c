/* Convolution of one tap with stride 1 and without padding: a GEMM per sample and group on the images
 * themselves.
 *
 *   y  (output channels x positions)  =  w (output x input channels) * x (input channels x positions)
 *   dx (input channels x positions)   =  w^T * dy
 */
#include "kernels/conv/conv_pass.h"

/* y = w x of one sample and group, or dx = w^T dy: rows x depth times depth x positions. */
static struct tw_gemm_shape shape_of(const struct tw_conv2d_shape *shape, bool gradient, bool accumulate)
{
    const ptrdiff_t positions = shape->in_height * shape->in_width;
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
        .accumulate = accumulate,
    };
}

static size_t larger(size_t x, size_t y)
{
    return x > y ? x : y;
}

size_t tw_conv_gemm_workspace(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape)
{
    const struct tw_gemm_shape forward = shape_of(shape, false, true),
                               gradient = shape_of(shape, true, false);

    return larger(tw_gemm_blocked_workspace(tiles, &forward), tw_gemm_blocked_workspace(tiles, &gradient));
}

void tw_conv_gemm_forward(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                          ptrdiff_t samples, const float *x, const float *w, const float *bias, float *y,
                          void *workspace)
{
    const struct tw_gemm_shape product = shape_of(shape, false, bias != NULL);

    for (ptrdiff_t n = 0; n < samples; n++) {
        for (ptrdiff_t o = 0; o < shape->out_channels && bias; o++) {
            for (ptrdiff_t p = 0; p < product.n; p++) {
                y[o * product.n + p] = bias[o];
            }
        }
        for (ptrdiff_t g = 0; g < shape->groups; g++) {
            tw_gemm_blocked(tiles, &product, w + g * product.m * product.k, x, y, workspace);
            x += product.k * product.n;
            y += product.m * product.n;
        }
    }
}

void tw_conv_gemm_input_gradient(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                                 ptrdiff_t samples, const float *dy, const float *w, float *dx,
                                 void *workspace)
{
    const struct tw_gemm_shape product = shape_of(shape, true, false);

    for (ptrdiff_t n = 0; n < samples; n++) {
        for (ptrdiff_t g = 0; g < shape->groups; g++) {
            tw_gemm_blocked(tiles, &product, w + g * product.m * product.k, dy, dx, workspace);
            dy += product.k * product.n;
            dx += product.m * product.n;
        }
    }
}
