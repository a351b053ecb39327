/* The Tower of Insight: the network that the rest of this framework was built for.
 *
 *   conv1 1->32 3x3 pad 1, relu, max-pool 2      (N,  1, 28, 28) -> (N, 32, 14, 14)
 *   conv2 32->64 3x3 pad 1, relu, max-pool 2                     -> (N, 64,  7,  7)
 *   flatten, fc1 3136->128, relu, fc2 128->10                    -> (N, 10) logits
 *
 * 421,642 parameters.
 */
#ifndef TOWER_LAYERS_MODELS_TOWER_H
#define TOWER_LAYERS_MODELS_TOWER_H

#include "core/rng.h"
#include "layers/module/module.h"

/* A tower with weights drawn from `rng` as PyTorch draws them (NULL: zeros). One reference for the caller;
 * NULL on failure. */
tw_module *tw_tower_new(struct tw_rng *rng);

#endif
