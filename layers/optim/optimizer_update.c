/* An optimizer as a plan sees it: it updates what it is told to, as soon as the gradient is there. */
#include "layers/optim/optimizer_internal.h"

static ptrdiff_t find_slot(void *context, const tw_parameter *parameter)
{
    const tw_optimizer *optimizer = context;

    for (size_t i = 0; i < optimizer->slot_count; i++) {
        if (optimizer->slots[i].parameter == parameter) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

/* A parameter may have been frozen since the plan was made, which goes on computing its gradient. */
static void begin_slot(const tw_optimizer *optimizer, struct tw_optimizer_slot *slot)
{
    slot->gradient = NULL;
    if (slot->parameter->requires_grad) {
        /* Marked zero until the run has written it: not through the function that would clear it. */
        tw_optimizer_prepare_slot(optimizer, slot, slot->parameter->gradient->data);
    }
}

/* Only what this run updates: parameters of another plan have their own steps. */
static enum tw_status begin_step(void *context, const ptrdiff_t *handles, size_t count)
{
    tw_optimizer *optimizer = context;
    enum tw_status status = tw_optimizer_check_groups(optimizer);

    for (size_t i = 0; status == TW_OK && i < count; i++) {
        if (handles[i] >= 0) {
            status = tw_optimizer_check_slot(optimizer, &optimizer->slots[handles[i]]);
        }
    }
    for (size_t i = 0; status == TW_OK && i < count; i++) {
        if (handles[i] >= 0) {
            begin_slot(optimizer, &optimizer->slots[handles[i]]);
        }
    }
    return status;
}

static void update_range(void *context, ptrdiff_t handle, ptrdiff_t begin, ptrdiff_t end,
                         const float *gradient)
{
    const tw_optimizer *optimizer = context;

    if (optimizer->slots[handle].gradient) {
        tw_optimizer_update_range(optimizer, &optimizer->slots[handle], begin, end, gradient);
    }
}

struct tw_parameter_update tw_optimizer_update(tw_optimizer *optimizer)
{
    return (struct tw_parameter_update){optimizer, find_slot, begin_step, update_range};
}
