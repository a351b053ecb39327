/* Parameters: tensors that training changes.
 *
 * A plain tensor is data. A parameter is a tensor that a module has registered, that has a gradient, that an
 * optimizer updates and that a state dict saves. Parameters are reference counted, so that two modules can
 * share one.
 */
#ifndef TOWER_LAYERS_MODULE_PARAMETER_H
#define TOWER_LAYERS_MODULE_PARAMETER_H

#include <stdbool.h>

#include "core/tensor.h"

typedef struct tw_parameter {
    struct tw_tensor *data;     /* float32, contiguous; owned */
    struct tw_tensor *gradient; /* same shape; NULL until a plan or tw_parameter_gradient needs it; owned */
    bool gradient_is_zero;      /* the next backward overwrites `gradient` instead of adding to it */
    bool gradient_is_gone;      /* an update within a run used it up: until zero_grad there is none to read */
    bool requires_grad;         /* false: frozen; no gradient is computed, no optimizer touches it */
    int references;
} tw_parameter;

/* A parameter of zeros that requires a gradient, with one reference owned by the caller. NULL on failure. */
tw_parameter *tw_parameter_new(struct tw_shape shape);

/* One more reference to / one fewer reference from the caller; the last one frees it. Both accept NULL. Not
 * thread-safe. */
tw_parameter *tw_parameter_retain(tw_parameter *parameter);
void tw_parameter_release(tw_parameter *parameter);

/* The gradient in memory, to be read or written: allocated if need be, zeros after tw_parameter_zero_grad.
 * What it holds counts from then on (gradient_is_zero is false): the next backward adds to it. Owned by the
 * parameter. NULL with TW_ERROR_MEMORY, or with TW_ERROR_STATE where the latest run used its gradient up
 * (tw_plan_options.keep_gradients). */
struct tw_tensor *tw_parameter_gradient(tw_parameter *parameter);

/* Makes the gradient zero, by marking it: no memory is touched until somebody reads it or a backward
 * overwrites it. */
void tw_parameter_zero_grad(tw_parameter *parameter);

#endif
