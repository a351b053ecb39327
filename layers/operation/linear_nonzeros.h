/* Forms of linear that leave out zeros while there are many of them (nonzeros.h): what a plan records where a relu stands
 * in front of a layer or behind it. Where weights and activations are finite they have the bits of the plain forms.
 */
#ifndef TOWER_LAYERS_OPERATION_LINEAR_NONZEROS_H
#define TOWER_LAYERS_OPERATION_LINEAR_NONZEROS_H

#include "layers/graph/operation.h"

/* Weights (out, in) to (in, out): what meets one element of x then lies side by side. */
extern const struct tw_operation tw_operation_transpose_linear;
/* (x, weights, bias or none) -> y (N, out), of the non-zeros of x; the second one with relu. Weights that are not
 * transposed (attributes.linear.transposed) are while they are read. */
extern const struct tw_operation tw_operation_linear_nonzeros;
extern const struct tw_operation tw_operation_linear_relu_nonzeros;

/* As tw_operation_linear_input_gradient and tw_operation_linear_weight_gradient, of the non-zeros of dy. The latter can
 * deliver its gradient. */
extern const struct tw_operation tw_operation_linear_input_gradient_nonzeros;
extern const struct tw_operation tw_operation_linear_weight_gradient_nonzeros;

#endif
