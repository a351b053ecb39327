/* The operations themselves, for those who look for patterns in a graph, and the recorders that only
 * differentiation uses.
 */
#ifndef TOWER_LAYERS_OPERATION_OPERATIONS_H
#define TOWER_LAYERS_OPERATION_OPERATIONS_H

#include "layers/graph/operation.h"

extern const struct tw_operation tw_operation_one;
extern const struct tw_operation tw_operation_copy;
extern const struct tw_operation tw_operation_add;
extern const struct tw_operation tw_operation_view;
extern const struct tw_operation tw_operation_normalize;
extern const struct tw_operation tw_operation_conv2d;
extern const struct tw_operation tw_operation_conv2d_input_gradient;
extern const struct tw_operation tw_operation_conv2d_weight_gradient;
extern const struct tw_operation tw_operation_conv2d_bias_gradient;
extern const struct tw_operation tw_operation_fold_slots;
extern const struct tw_operation tw_operation_linear;
extern const struct tw_operation tw_operation_linear_input_gradient;
extern const struct tw_operation tw_operation_linear_weight_gradient;
extern const struct tw_operation tw_operation_linear_bias_gradient;
extern const struct tw_operation tw_operation_relu;
extern const struct tw_operation tw_operation_relu_gradient;
extern const struct tw_operation tw_operation_max_pool2d;
extern const struct tw_operation tw_operation_max_pool2d_gradient;
extern const struct tw_operation tw_operation_avg_pool2d;
extern const struct tw_operation tw_operation_avg_pool2d_gradient;
extern const struct tw_operation tw_operation_dropout;
extern const struct tw_operation tw_operation_dropout_gradient;
extern const struct tw_operation tw_operation_softmax;
extern const struct tw_operation tw_operation_softmax_gradient;
extern const struct tw_operation tw_operation_log_softmax;
extern const struct tw_operation tw_operation_log_softmax_gradient;
extern const struct tw_operation tw_operation_nll_loss;
extern const struct tw_operation tw_operation_nll_loss_gradient;
/* (label, dloss, log-probabilities) -> dx: nll_loss_gradient and log_softmax_gradient in one, bit for bit; only a plan
 * records it. */
extern const struct tw_operation tw_operation_cross_entropy_gradient;

/* The float32 1 in a shape of one element: d loss / d loss. */
tw_value tw_record_one(tw_graph *graph, struct tw_shape shape);

/* The same elements in memory of their own. */
tw_value tw_record_copy(tw_graph *graph, tw_value x);

/* Slots (TW_GRADIENT_SLOTS, …) folded in their fixed order: (…). */
tw_value tw_record_fold_slots(tw_graph *graph, tw_value slots);

/* Operations counted as one per element of output 0: the cost of moving or mapping it. */
double tw_flops_per_output_element(const struct tw_execution *execution);

/* One unit: for work that is too small or too sequential to split. */
ptrdiff_t tw_units_one(const struct tw_execution *execution);

/* Checks that `x` is a valid float32 value; otherwise an error on the graph that names the operation. */
bool tw_expect_f32(tw_graph *graph, const char *operation, tw_value x);

/* As above, with exactly `ndim` dimensions, written out in `layout` ("(N, C, H, W)"). */
bool tw_expect_f32_shape(tw_graph *graph, const char *operation, tw_value x, int ndim, const char *layout);

/* Checks that a valid value is no batch: every sample reads all of it, and it has as many entries in every run. */
bool tw_expect_unbatched(tw_graph *graph, const char *operation, tw_value x);

/* Checks that two valid values are batches, or that neither is. */
bool tw_expect_same_batching(tw_graph *graph, const char *operation, tw_value a, tw_value b);

#endif
