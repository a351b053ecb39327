/* What the constructors of Linear and Conv2d share: torch's _ConvNd.reset_parameters and
 * Linear.reset_parameters are the same draws. For the files of layers/nn/ only.
 */
#ifndef TOWER_LAYERS_NN_NN_INIT_H
#define TOWER_LAYERS_NN_NN_INIT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/rng.h"
#include "layers/module/module.h"

/* Registers "bias" (extent) and returns it, or registers it as none and returns NULL. A failure is found by
 * tw_module_ready. */
tw_parameter *tw_nn_new_bias(tw_module *self, ptrdiff_t extent, bool bias);

/* The end of a constructor: tw_module_ready, then the first weights unless `rng` is NULL: weight
 * kaiming-uniform with a = sqrt(5), bias (may be NULL) uniform in +-1/sqrt(fan_in). */
tw_module *tw_nn_ready(tw_module *self, tw_parameter *weight, tw_parameter *bias, struct tw_rng *rng);

#endif
