#include <math.h>

#include "core/cpu.h"
#include "layers/optim/optim.h"

/* A parameter's gradient, or NULL where there is nothing to clip: none yet, or marked zero. */
static float *gradient_of(const tw_parameter *parameter)
{
    return parameter->gradient && !parameter->gradient_is_zero ? parameter->gradient->data : NULL;
}

static enum tw_status check_there(const struct tw_parameter_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].parameter->gradient_is_gone) {
            return tw_fail(
                TW_ERROR_STATE,
                "gradient clipping: the gradient of \"%s\" was used up by the update within the latest run",
                list->items[i].name);
        }
    }
    return TW_OK;
}

static double gradient_norm(const struct tw_parameter_list *list, const struct tw_kernels *kernels)
{
    double sum = 0;

    for (size_t i = 0; i < list->count; i++) {
        const tw_parameter *parameter = list->items[i].parameter;
        const float *gradient = gradient_of(parameter);
        ptrdiff_t count = tw_tensor_count(parameter->data);

        for (ptrdiff_t begin = 0; gradient && begin < count; begin += TW_CLIP_BLOCK) {
            ptrdiff_t left = count - begin;

            sum += (double)kernels->f32_sum_of_squares(left < TW_CLIP_BLOCK ? left : TW_CLIP_BLOCK,
                                                       gradient + begin);
        }
    }
    return sqrt(sum);
}

enum tw_status tw_clip_gradient_norm(const struct tw_parameter_list *list, double max_norm,
                                     const struct tw_kernels *kernels, double *norm)
{
    double found, factor;
    enum tw_isa isa;

    if (!(max_norm > 0)) {
        return tw_fail(TW_ERROR_ARGUMENT, "gradient clipping: max_norm is %g, expected a number above 0",
                       max_norm);
    }
    if (!kernels && tw_isa_choose(TW_ISA_COUNT, &isa, NULL) == TW_OK) {
        kernels = tw_kernels_of(isa);
    }
    if (!kernels) {
        return tw_error_status();
    }
    if (check_there(list) != TW_OK) {
        return TW_ERROR_STATE;
    }
    found = gradient_norm(list, kernels);
    factor = max_norm / (found + 1e-6);
    if (norm) {
        *norm = found;
    }
    if (factor >= 1) {
        return TW_OK;
    }
    /* Also for a factor that is not a number: as in PyTorch the gradients then become so, rather than
     * passing unclipped. */
    for (size_t i = 0; i < list->count; i++) {
        float *gradient = gradient_of(list->items[i].parameter);

        if (gradient) {
            kernels->f32_scale(tw_tensor_count(list->items[i].parameter->data), gradient, (float)factor,
                               gradient);
        }
    }
    return TW_OK;
}

enum tw_status tw_clip_gradient_value(const struct tw_parameter_list *list, double limit)
{
    float bound = (float)limit;

    if (!(limit >= 0)) {
        return tw_fail(TW_ERROR_ARGUMENT, "gradient clipping: limit is %g, expected a number of at least 0",
                       limit);
    }
    if (check_there(list) != TW_OK) {
        return TW_ERROR_STATE;
    }
    for (size_t i = 0; i < list->count; i++) {
        const tw_parameter *parameter = list->items[i].parameter;
        float *gradient = gradient_of(parameter);
        ptrdiff_t count = gradient ? tw_tensor_count(parameter->data) : 0;

        for (ptrdiff_t j = 0; j < count; j++) {
            float value = gradient[j] < -bound ? -bound : gradient[j];

            gradient[j] = value > bound ? bound : value;
        }
    }
    return TW_OK;
}
