/* Operations that only a plan with constant parameters records: linear layers on weights packed once.
 */
#ifndef TOWER_LAYERS_OPERATION_LINEAR_PACKED_H
#define TOWER_LAYERS_OPERATION_LINEAR_PACKED_H

#include "layers/graph/operation.h"

/* Weights (out, in) to (out/16, in, 16). */
extern const struct tw_operation tw_operation_pack_linear;
/* (x plain or blocked, packed weights, bias or none) -> y (N, out); the second one with relu. */
extern const struct tw_operation tw_operation_linear_packed;
extern const struct tw_operation tw_operation_linear_relu_packed;

#endif
