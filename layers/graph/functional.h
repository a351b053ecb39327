/* The operations a forward is written with: torch.nn.functional in C.
 *
 * Each takes the graph and values and records one node (or few). Wrong dtypes, ranks or extents give the
 * invalid value and an error on the graph that quotes both shapes and what would fit. Shapes: N is the batch.
 */
#ifndef TOWER_LAYERS_GRAPH_FUNCTIONAL_H
#define TOWER_LAYERS_GRAPH_FUNCTIONAL_H

#include "layers/graph/graph.h"

/* uint8 of any shape -> float32: (x / 255 - mean) / standard_deviation. Has no gradient. */
tw_value tw_normalize(tw_graph *graph, tw_value x, double mean, double standard_deviation);

/* x (N, C, H, W), weight (O, C/groups, KH, KW), bias (O) or invalid -> (N, O, H', W'); kernels/conv/conv.h
 * has the formula. geometry.kernel may be 0 (taken from the weight). Weight and bias are the same for every
 * sample: batched ones are refused. */
tw_value tw_conv2d(tw_graph *graph, tw_value x, tw_value weight, tw_value bias, tw_conv2d_geometry geometry);

/* x (N, I), weight (O, I), bias (O) or invalid -> (N, O): x weight^T + bias, neither of them batched. */
tw_value tw_linear(tw_graph *graph, tw_value x, tw_value weight, tw_value bias);

tw_value tw_relu(tw_graph *graph, tw_value x);

/* x (N, C, H, W) -> (N, C, H', W'). tw_max_pool2d: square windows, stride = kernel, no padding. */
tw_value tw_max_pool2d(tw_graph *graph, tw_value x, ptrdiff_t kernel);
tw_value tw_max_pool2d_with(tw_graph *graph, tw_value x, tw_pool2d_geometry geometry);
tw_value tw_avg_pool2d(tw_graph *graph, tw_value x, ptrdiff_t kernel);
tw_value tw_avg_pool2d_with(tw_graph *graph, tw_value x, tw_pool2d_geometry geometry);

/* (N, …) -> (N, product). The same memory seen otherwise: no work. */
tw_value tw_flatten(tw_graph *graph, tw_value x);

/* The same elements in another shape; one extent may be -1. A batched value keeps its first extent:
 * shape.extent[0] must be -1 or the batch. No work. */
tw_value tw_view(tw_graph *graph, tw_value x, struct tw_shape shape);

/* Inverted dropout with probability in [0, 1); recorded for training only (the module form records nothing in
 * eval). The mask depends on (seed of the plan, number of the plan's run, place of the dropout in the graph,
 * element), not on threads. Every run counts, a forward as well: runs between two steps change the masks after them. */
tw_value tw_dropout(tw_graph *graph, tw_value x, double probability);

/* Elementwise a + b, equal shapes (residual connections). */
tw_value tw_add(tw_graph *graph, tw_value a, tw_value b);

/* Over the last dimension. */
tw_value tw_softmax(tw_graph *graph, tw_value x);
tw_value tw_log_softmax(tw_graph *graph, tw_value x);

/* log_probability (N, C), label (N) int32 in [0, C) -> scalar. Labels are checked before a run:
 * TW_ERROR_ARGUMENT names sample and value. */
tw_value tw_nll_loss(tw_graph *graph, tw_value log_probability, tw_value label, enum tw_reduction reduction);

/* tw_nll_loss of tw_log_softmax of logits (N, C). */
tw_value tw_cross_entropy(tw_graph *graph, tw_value logits, tw_value label, enum tw_reduction reduction);

/* The same with the labels smoothed by `smoothing` in [0, 1] (torch's label_smoothing): the target of a sample is
 * smoothing / C at every class and 1 - smoothing more at its label (Szegedy et al., arXiv 1512.00567). 0 records
 * what tw_cross_entropy records. TW_ERROR_ARGUMENT for a smoothing outside. */
tw_value tw_cross_entropy_with(tw_graph *graph, tw_value logits, tw_value label, enum tw_reduction reduction,
                               double smoothing);

#endif
