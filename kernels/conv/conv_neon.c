/* Convolution on the NEON tiles: the entry points. */
#include "kernels/conv/conv_depthwise.h"
#include "kernels/conv/conv_winograd.h"

#if !defined(__aarch64__) || !defined(__ARM_NEON)
#error "conv_neon.c must be compiled for AArch64 with Advanced SIMD"
#endif

/* There are no vectors along rows here yet: small groups go through columns. */
static enum tw_conv_algorithm select(const struct tw_conv2d_shape *shape, bool input_gradient)
{
    const enum tw_conv_algorithm algorithm = tw_conv_select(shape, input_gradient);

    return algorithm == TW_CONV_ALONG_ROWS ? TW_CONV_COLUMNS : algorithm;
}

void tw_f32_conv2d_forward__neon(const struct tw_conv2d_shape *shape, ptrdiff_t samples, const float *x,
                                 const float *w, const float *bias, float *y, void *workspace)
{
    const enum tw_conv_algorithm algorithm = select(shape, false);

    if (algorithm == TW_CONV_WINOGRAD) {
        tw_conv_winograd(&tw_f32_tiles__neon, &tw_conv_winograd__neon, shape, false, samples, x, w, bias, y,
                         workspace);
    } else {
        tw_conv_forward(&tw_f32_tiles__neon, algorithm, shape, samples, x, w, bias, y, workspace);
    }
}

void tw_f32_conv2d_input_gradient__neon(const struct tw_conv2d_shape *shape, ptrdiff_t samples,
                                        const float *dy, const float *w, float *dx, void *workspace)
{
    const enum tw_conv_algorithm algorithm = select(shape, true);

    if (algorithm == TW_CONV_WINOGRAD) {
        tw_conv_winograd(&tw_f32_tiles__neon, &tw_conv_winograd__neon, shape, true, samples, dy, w, NULL, dx,
                         workspace);
    } else {
        tw_conv_input_gradient(&tw_f32_tiles__neon, algorithm, shape, samples, dy, w, dx, workspace);
    }
}

void tw_f32_conv2d_weight_gradient__neon(const struct tw_conv2d_shape *shape, ptrdiff_t samples,
                                         const float *x, const float *dy, float *dw, float *db,
                                         void *workspace)
{
    if (tw_conv2d_is_depthwise(shape)) {
        tw_f32_conv2d_weight_gradient__reference(shape, samples, x, dy, dw, db, workspace);
    } else if (tw_conv2d_is_winograd(shape, TW_CONV2D_WEIGHT_GRADIENT)) {
        tw_conv_winograd_weights(&tw_f32_tiles__neon, &tw_conv_winograd__neon, shape, samples, x, dy, dw, db,
                                 workspace);
    } else {
        tw_conv_weight_gradient(&tw_f32_tiles__neon, shape, samples, x, dy, dw, db, workspace);
    }
}

size_t tw_f32_conv2d_workspace__neon(const struct tw_conv2d_shape *shape)
{
    const size_t forward = tw_conv_workspace(&tw_f32_tiles__neon, select(shape, false), shape);
    const size_t gradient = tw_conv_workspace(&tw_f32_tiles__neon, select(shape, true), shape);

    return forward > gradient ? forward : gradient;
}

const char *tw_f32_conv2d_algorithm__neon(const struct tw_conv2d_shape *shape, enum tw_conv2d_pass pass)
{
    if (pass == TW_CONV2D_WEIGHT_GRADIENT) {
        return tw_conv2d_is_depthwise(shape)
                   ? "reference"
                   : tw_conv_algorithm_name(tw_conv_select_weight_gradient(&tw_f32_tiles__neon, shape));
    }
    return tw_conv_algorithm_name(select(shape, pass == TW_CONV2D_INPUT_GRADIENT));
}
