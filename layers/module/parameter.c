#include "layers/module/parameter.h"

#include "core/memory.h"

tw_parameter *tw_parameter_new(struct tw_shape shape)
{
    tw_parameter *parameter = tw_alloc(sizeof *parameter);

    if (parameter == NULL) {
        return NULL;
    }
    parameter->data = tw_tensor_new(TW_F32, shape);
    if (parameter->data == NULL) {
        tw_free(parameter);
        return NULL;
    }
    parameter->gradient_is_zero = true;
    parameter->requires_grad = true;
    parameter->references = 1;
    return parameter;
}

tw_parameter *tw_parameter_retain(tw_parameter *parameter)
{
    if (parameter != NULL) {
        parameter->references++;
    }
    return parameter;
}

void tw_parameter_release(tw_parameter *parameter)
{
    if (parameter == NULL || --parameter->references > 0) {
        return;
    }
    tw_tensor_release(parameter->data);
    tw_tensor_release(parameter->gradient);
    tw_free(parameter);
}

struct tw_tensor *tw_parameter_gradient(tw_parameter *parameter)
{
    if (parameter->gradient_is_gone) {
        return tw_fail_null(
            TW_ERROR_STATE,
            "parameter: its gradient was used up by the update within the latest run; a plan with "
            "keep_gradients leaves it to be read");
    }
    if (parameter->gradient == NULL) {
        parameter->gradient = tw_tensor_new(TW_F32, parameter->data->shape);
        if (parameter->gradient == NULL) {
            return NULL;
        }
    } else if (parameter->gradient_is_zero) {
        tw_tensor_fill(parameter->gradient, 0.0);
    }
    /* What the caller writes into it is the gradient from here on: another call must not wipe it out. */
    parameter->gradient_is_zero = false;
    return parameter->gradient;
}

void tw_parameter_zero_grad(tw_parameter *parameter)
{
    if (parameter != NULL) {
        parameter->gradient_is_zero = true;
        parameter->gradient_is_gone = false;
    }
}
