/* Convolution on the AVX-512 tiles: the entry points. */
#include "kernels/conv/conv_depthwise.h"
#include "kernels/conv/conv_direct_rows.h"
#include "kernels/conv/conv_weight_rows.h"
#include "kernels/conv/conv_winograd.h"

#if !defined(__AVX512F__)
#error "conv_avx512.c must be compiled with -mavx512f and its companions"
#endif

static enum tw_conv_algorithm select_algorithm(const struct tw_conv2d_shape *shape, bool input_gradient)
{
    return tw_conv_suits_direct_rows(shape, input_gradient) ? TW_CONV_DIRECT_ROWS
                                                            : tw_conv_select(shape, input_gradient);
}

void tw_f32_conv2d_forward__avx512(const struct tw_conv2d_shape *shape, ptrdiff_t samples, const float *x,
                                   const float *w, const float *bias, float *y, void *workspace)
{
    const enum tw_conv_algorithm algorithm = select_algorithm(shape, false);

    if (algorithm == TW_CONV_ALONG_ROWS) {
        tw_conv_depthwise_forward(&tw_conv_depthwise__avx512, shape, samples, x, w, bias, y, workspace);
    } else if (algorithm == TW_CONV_WINOGRAD) {
        tw_conv_winograd(&tw_f32_tiles__avx512, &tw_conv_winograd__avx512, shape, false, samples, x, w, bias,
                         y, workspace);
    } else if (algorithm == TW_CONV_DIRECT_ROWS) {
        tw_conv_direct_rows__avx512(shape, false, samples, x, w, bias, y, workspace);
    } else {
        tw_conv_forward(&tw_f32_tiles__avx512, algorithm, shape, samples, x, w, bias, y, workspace);
    }
}

void tw_f32_conv2d_input_gradient__avx512(const struct tw_conv2d_shape *shape, ptrdiff_t samples,
                                          const float *dy, const float *w, float *dx, void *workspace)
{
    const enum tw_conv_algorithm algorithm = select_algorithm(shape, true);

    if (algorithm == TW_CONV_ALONG_ROWS) {
        tw_conv_depthwise_input_gradient(&tw_conv_depthwise__avx512, shape, samples, dy, w, dx, workspace);
    } else if (algorithm == TW_CONV_WINOGRAD) {
        tw_conv_winograd(&tw_f32_tiles__avx512, &tw_conv_winograd__avx512, shape, true, samples, dy, w, NULL,
                         dx, workspace);
    } else if (algorithm == TW_CONV_DIRECT_ROWS) {
        tw_conv_direct_rows__avx512(shape, true, samples, dy, w, NULL, dx, workspace);
    } else {
        tw_conv_input_gradient(&tw_f32_tiles__avx512, algorithm, shape, samples, dy, w, dx, workspace);
    }
}

void tw_f32_conv2d_weight_gradient__avx512(const struct tw_conv2d_shape *shape, ptrdiff_t samples,
                                           const float *x, const float *dy, float *dw, float *db,
                                           void *workspace)
{
    if (tw_conv2d_is_depthwise(shape)) {
        tw_conv_depthwise_weight_gradient(&tw_conv_depthwise__avx512, shape, samples, x, dy, dw, db,
                                          workspace);
    } else if (tw_conv2d_is_winograd(shape, TW_CONV2D_WEIGHT_GRADIENT)) {
        tw_conv_winograd_weights(&tw_f32_tiles__avx512, &tw_conv_winograd__avx512, shape, samples, x, dy, dw,
                                 db, workspace);
    } else if (tw_conv_suits_weight_rows(shape)) {
        tw_conv_weight_rows__avx512(shape, samples, x, dy, dw, db, workspace);
    } else {
        tw_conv_weight_gradient(&tw_f32_tiles__avx512, shape, samples, x, dy, dw, db, workspace);
    }
}

size_t tw_f32_conv2d_workspace__avx512(const struct tw_conv2d_shape *shape)
{
    const size_t bytes[] = {tw_conv_selected_workspace(&tw_f32_tiles__avx512, shape),
                            tw_conv_direct_rows_workspace__avx512(shape, false),
                            tw_conv_direct_rows_workspace__avx512(shape, true),
                            tw_conv_weight_rows_workspace__avx512(shape)};
    size_t most = 0;

    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        most = bytes[i] > most ? bytes[i] : most;
    }
    return most;
}

const char *tw_f32_conv2d_algorithm__avx512(const struct tw_conv2d_shape *shape, enum tw_conv2d_pass pass)
{
    if (pass == TW_CONV2D_WEIGHT_GRADIENT) {
        return tw_conv_algorithm_name(tw_conv_suits_weight_rows(shape)
                                          ? TW_CONV_DIRECT_ROWS
                                          : tw_conv_select_weight_gradient(&tw_f32_tiles__avx512, shape));
    }
    return tw_conv_algorithm_name(select_algorithm(shape, pass == TW_CONV2D_INPUT_GRADIENT));
}
