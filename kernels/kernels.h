/* The table of kernels: one pointer per operation, filled per ISA.
 *
 * One constant table per ISA, in which every pointer is set: to the reference's or a portable kernel where the ISA has none.
 * Kernels take raw pointers, sizes and strides; they allocate nothing, start no threads and keep no state, not even
 * a pointer: all arrays stay the caller's. Any number of threads may call them at once on results, and workspaces,
 * that do not overlap; inputs may be shared. They check nothing and report no errors: what a contract excludes is the
 * caller's to exclude. Contracts: the family headers.
 */
#ifndef TOWER_KERNELS_KERNELS_H
#define TOWER_KERNELS_KERNELS_H

#include "core/cpu.h"
#include "kernels/conv/conv.h"
#include "kernels/conv_pool/conv_pool.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/transpose.h"
#include "kernels/linear/linear.h"
#include "kernels/optimizer/optimizer.h"
#include "kernels/pool/pool.h"
#include "kernels/softmax/softmax.h"
#include "kernels/sparse/sparse.h"

struct tw_kernels {
    enum tw_isa isa;
    ptrdiff_t vector_lanes; /* floats of one register; what kernels/conv_pool packs its scatter form by */

    /* Of A: up to which f32_sparse_gemm takes no longer than f32_gemm; [1]: where B is transposed. Measured on Zen 5 (AVX-512) and
     * Zen 4, the lower of both, with 128 columns and more (nonzeros.h tells what layers make of it). */
    double sparse_density[2];
    /* Rows of A from which on that holds for a part of a product that transposes B for itself; measured on Zen 5. */
    ptrdiff_t sparse_rows;

    tw_f32_gemm_fn *f32_gemm;
    tw_f32_gemm_workspace_fn *f32_gemm_workspace;
    tw_f32_linear_forward_fn *f32_linear_forward;
    tw_f32_gemm_algorithm_fn *f32_gemm_algorithm;
    tw_f32_transpose_fn *f32_transpose;
    tw_f32_sparse_gemm_fn *f32_sparse_gemm;

    tw_f32_conv2d_forward_fn *f32_conv2d_forward;
    tw_f32_conv2d_input_gradient_fn *f32_conv2d_input_gradient;
    tw_f32_conv2d_weight_gradient_fn *f32_conv2d_weight_gradient;
    tw_f32_conv2d_workspace_fn *f32_conv2d_workspace;
    tw_f32_conv2d_algorithm_fn *f32_conv2d_algorithm;

    tw_f32_conv_pool_planar_forward_fn *f32_conv_pool_planar_forward;
    tw_f32_conv_pool_forward_fn *f32_conv_pool_forward;
    tw_f32_conv_pool_planar_gradient_fn *f32_conv_pool_planar_gradient;
    tw_f32_conv_pool_gradient_fn *f32_conv_pool_gradient;

    tw_f32_max_pool2d_forward_fn *f32_max_pool2d_forward;
    tw_f32_max_pool2d_gradient_fn *f32_max_pool2d_gradient;
    tw_f32_avg_pool2d_forward_fn *f32_avg_pool2d_forward;
    tw_f32_avg_pool2d_gradient_fn *f32_avg_pool2d_gradient;

    tw_f32_relu_forward_fn *f32_relu_forward;
    tw_f32_relu_gradient_fn *f32_relu_gradient;
    tw_f32_add_fn *f32_add;
    tw_f32_scale_fn *f32_scale;
    tw_f32_fill_rows_fn *f32_fill_rows;
    tw_f32_sum_rows_fn *f32_sum_rows;
    tw_f32_normalize_u8_fn *f32_normalize_u8;
    tw_f32_fold_slots_fn *f32_fold_slots;
    tw_f32_dropout_fn *f32_dropout;
    tw_f32_sum_fn *f32_sum;
    tw_f32_sum_of_squares_fn *f32_sum_of_squares;

    tw_f32_softmax_forward_fn *f32_softmax_forward;
    tw_f32_softmax_gradient_fn *f32_softmax_gradient;
    tw_f32_softmax_forward_fn *f32_log_softmax_forward;
    tw_f32_softmax_gradient_fn *f32_log_softmax_gradient;
    tw_f32_nll_forward_fn *f32_nll_forward;
    tw_f32_nll_gradient_fn *f32_nll_gradient;
    tw_f32_smoothed_nll_forward_fn *f32_smoothed_nll_forward;
    tw_f32_smoothed_nll_gradient_fn *f32_smoothed_nll_gradient;
    tw_f32_map_fn *f32_exp;
    tw_f32_map_fn *f32_log;

    tw_f32_sgd_fn *f32_sgd;
    tw_f32_adam_fn *f32_adam;
};

/* The table of one ISA: constant, built once, shared by all threads; NULL with TW_ERROR_UNSUPPORTED if this
 * CPU or this build cannot run it. */
const struct tw_kernels *tw_kernels_of(enum tw_isa isa);

#endif
