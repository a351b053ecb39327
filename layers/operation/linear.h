/* Forms of linear that only a plan records.
 */
#ifndef TOWER_LAYERS_OPERATION_LINEAR_H
#define TOWER_LAYERS_OPERATION_LINEAR_H

#include "layers/graph/operation.h"

/* As tw_operation_linear and its input gradient, bit for bit, split by samples. */
extern const struct tw_operation tw_operation_linear_samples;
extern const struct tw_operation tw_operation_linear_input_gradient_samples;

/* As tw_operation_linear with relu on what it gives, while that is in cache. */
extern const struct tw_operation tw_operation_linear_relu;

#endif
