/* One constant table per ISA. Every kernel of an ISA follows one naming grammar (docs/kernels.md), so the
 * list of kernels stands here once and the ISA's suffix fills it. */
#include "kernels/kernels.h"

#define TW_TABLE(which, lanes, density, density_transposed, rows, suffix)                                   \
    {                                                                                                       \
        .isa = (which), .vector_lanes = (lanes), .sparse_density = {(density), (density_transposed)},       \
        .sparse_rows = (rows), .f32_gemm = tw_f32_gemm__##suffix,                                           \
        .f32_gemm_workspace = tw_f32_gemm_workspace__##suffix,                                              \
        .f32_linear_forward = tw_f32_linear_forward__##suffix,                                              \
        .f32_gemm_algorithm = tw_f32_gemm_algorithm__##suffix, .f32_transpose = tw_f32_transpose__##suffix, \
        .f32_sparse_gemm = tw_f32_sparse_gemm__##suffix,                                                    \
        .f32_conv2d_forward = tw_f32_conv2d_forward__##suffix,                                              \
        .f32_conv2d_input_gradient = tw_f32_conv2d_input_gradient__##suffix,                                \
        .f32_conv2d_weight_gradient = tw_f32_conv2d_weight_gradient__##suffix,                              \
        .f32_conv2d_workspace = tw_f32_conv2d_workspace__##suffix,                                          \
        .f32_conv2d_algorithm = tw_f32_conv2d_algorithm__##suffix,                                          \
        .f32_conv_pool_planar_forward = tw_f32_conv_pool_planar_forward__##suffix,                          \
        .f32_conv_pool_forward = tw_f32_conv_pool_forward__##suffix,                                        \
        .f32_conv_pool_planar_gradient = tw_f32_conv_pool_planar_gradient__##suffix,                        \
        .f32_conv_pool_gradient = tw_f32_conv_pool_gradient__##suffix,                                      \
        .f32_max_pool2d_forward = tw_f32_max_pool2d_forward__##suffix,                                      \
        .f32_max_pool2d_gradient = tw_f32_max_pool2d_gradient__##suffix,                                    \
        .f32_avg_pool2d_forward = tw_f32_avg_pool2d_forward__##suffix,                                      \
        .f32_avg_pool2d_gradient = tw_f32_avg_pool2d_gradient__##suffix,                                    \
        .f32_relu_forward = tw_f32_relu_forward__##suffix,                                                  \
        .f32_relu_gradient = tw_f32_relu_gradient__##suffix, .f32_add = tw_f32_add__##suffix,               \
        .f32_scale = tw_f32_scale__##suffix, .f32_fill_rows = tw_f32_fill_rows__##suffix,                   \
        .f32_sum_rows = tw_f32_sum_rows__##suffix, .f32_normalize_u8 = tw_f32_normalize_u8__##suffix,       \
        .f32_fold_slots = tw_f32_fold_slots__##suffix, .f32_dropout = tw_f32_dropout__##suffix,             \
        .f32_sum = tw_f32_sum__##suffix, .f32_sum_of_squares = tw_f32_sum_of_squares__##suffix,             \
        .f32_softmax_forward = tw_f32_softmax_forward__##suffix,                                            \
        .f32_softmax_gradient = tw_f32_softmax_gradient__##suffix,                                          \
        .f32_log_softmax_forward = tw_f32_log_softmax_forward__##suffix,                                    \
        .f32_log_softmax_gradient = tw_f32_log_softmax_gradient__##suffix,                                  \
        .f32_nll_forward = tw_f32_nll_forward__##suffix, .f32_nll_gradient = tw_f32_nll_gradient__##suffix, \
        .f32_smoothed_nll_forward = tw_f32_smoothed_nll_forward__##suffix,                                  \
        .f32_smoothed_nll_gradient = tw_f32_smoothed_nll_gradient__##suffix,                                \
        .f32_exp = tw_f32_exp__##suffix, .f32_log = tw_f32_log__##suffix, .f32_sgd = tw_f32_sgd__##suffix,  \
        .f32_adam = tw_f32_adam__##suffix,                                                                  \
    }

static const struct tw_kernels reference_kernels = TW_TABLE(TW_ISA_REFERENCE, 16, 1.0, 1.0, 1, reference);

#if defined(__x86_64__)
static const struct tw_kernels avx2_kernels = TW_TABLE(TW_ISA_AVX2, 8, 0.55, 0.55, 32, avx2);
static const struct tw_kernels avx512_kernels = TW_TABLE(TW_ISA_AVX512, 16, 0.62, 0.45, 64, avx512);
#elif defined(__aarch64__)
static const struct tw_kernels neon_kernels = TW_TABLE(TW_ISA_NEON, 8, 0.55, 0.55, 32, neon);
#endif

/* The table this build holds for an ISA, or NULL. */
static const struct tw_kernels *built_for(enum tw_isa isa)
{
    switch (isa) {
    case TW_ISA_REFERENCE:
        return &reference_kernels;
#if defined(__x86_64__)
    case TW_ISA_AVX2:
        return &avx2_kernels;
    case TW_ISA_AVX512:
        return &avx512_kernels;
#elif defined(__aarch64__)
    case TW_ISA_NEON:
        return &neon_kernels;
#endif
    default:
        return NULL;
    }
}

const struct tw_kernels *tw_kernels_of(enum tw_isa isa)
{
    const struct tw_kernels *kernels = built_for(isa);

    if ((int)isa < 0 || isa >= TW_ISA_COUNT) {
        return tw_fail_null(TW_ERROR_UNSUPPORTED, "kernels: ISA number %d, expected 0 to %d", (int)isa,
                            TW_ISA_COUNT - 1);
    }
    if (!kernels) {
        return tw_fail_null(TW_ERROR_UNSUPPORTED, "kernels: this build has no kernels for %s",
                            tw_isa_name(isa));
    }
    if (!tw_isa_available(isa)) {
        return tw_fail_null(TW_ERROR_UNSUPPORTED, "kernels: this CPU cannot run %s", tw_isa_name(isa));
    }
    return kernels;
}
