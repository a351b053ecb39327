/* The modules: torch.nn in C. Each constructor gives one reference to the caller; NULL on failure.
 *
 * Constructors draw initial weights from `rng` in PyTorch's order and amounts: weight kaiming-uniform with
 * a = sqrt(5), then bias uniform in +-1/sqrt(fan_in), so that building the same modules in the same order
 * after tw_rng_seed(s) gives the weights of torch.manual_seed(s), bit for bit. `rng` NULL leaves zeros.
 */
#ifndef TOWER_LAYERS_NN_NN_H
#define TOWER_LAYERS_NN_NN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/rng.h"
#include "layers/graph/functional.h"
#include "layers/module/module.h"

/* "weight" (out, in), "bias" (out) or none. (N, in) -> (N, out). */
tw_module *tw_nn_linear(struct tw_rng *rng, ptrdiff_t in_features, ptrdiff_t out_features, bool bias);

/* "weight" (out, in/groups, KH, KW), "bias" (out) or none. kernel must be positive; 0 in stride, dilation,
 * groups means 1. */
tw_module *tw_nn_conv2d(struct tw_rng *rng, ptrdiff_t in_channels, ptrdiff_t out_channels,
                        tw_conv2d_geometry geometry, bool bias);

tw_module *tw_nn_max_pool2d(tw_pool2d_geometry geometry);
tw_module *tw_nn_avg_pool2d(tw_pool2d_geometry geometry);
tw_module *tw_nn_relu(void);
tw_module *tw_nn_flatten(void);
/* Records a dropout while training, nothing in eval. probability in [0, 1). */
tw_module *tw_nn_dropout(double probability);
tw_module *tw_nn_softmax(void);
tw_module *tw_nn_log_softmax(void);

/* Losses as modules: they take two values, so they have a call of their own beside tw_call. */
tw_module *tw_nn_cross_entropy_loss(enum tw_reduction reduction);
/* With labels smoothed by `smoothing` in [0, 1]: tw_cross_entropy_with. */
tw_module *tw_nn_cross_entropy_loss_with(enum tw_reduction reduction, double smoothing);
tw_module *tw_nn_nll_loss(enum tw_reduction reduction);
tw_value tw_call_loss(tw_module *loss, tw_graph *graph, tw_value prediction, tw_value label);

/* Children "0", "1", …; takes over the references of `modules` also on failure; a NULL among them is a failed
 * constructor. */
tw_module *tw_nn_sequential(tw_module *const *modules, size_t count);

/* A list of children "0", "1", … without a forward. tw_nn_module_list_append takes over `module`. */
tw_module *tw_nn_module_list(void);
enum tw_status tw_nn_module_list_append(tw_module *list, tw_module *module);
/* Number of children; child `i` (borrowed), NULL beyond the end with TW_ERROR_ARGUMENT. Also for a
 * sequential. */
size_t tw_nn_module_list_count(const tw_module *list);
tw_module *tw_nn_module_list_at(const tw_module *list, size_t i);

#endif
