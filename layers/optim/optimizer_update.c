/* An optimizer as a plan sees it: it updates what it is told to, as soon as the gradient is there. */
#include "layers/optim/optimizer_internal.h"

static ptrdiff_t find_slot(void *context, const tw_parameter *parameter)
{
    tw_optimizer *optimizer = context;

    for (size_t i = 0; i < optimizer->slot_count; i++) {
        if (optimizer->slots[i].parameter == parameter) {
            optimizer->slots[i].planned = true;
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

static enum tw_status begin_step(void *context)
{
    tw_optimizer *optimizer = context;
    enum tw_status status = tw_optimizer_check_groups(optimizer);

    for (size_t i = 0; status == TW_OK && i < optimizer->slot_count; i++) {
        struct tw_optimizer_slot *slot = &optimizer->slots[i];

        if (slot->planned) {
            /* Marked zero until the run has written it: not through the function that would clear it. */
            tw_optimizer_prepare_slot(optimizer, slot, slot->parameter->gradient->data);
        }
    }
    return status;
}

static void update_range(void *context, ptrdiff_t handle, ptrdiff_t begin, ptrdiff_t end,
                         const float *gradient)
{
    const tw_optimizer *optimizer = context;

    tw_optimizer_update_range(optimizer, &optimizer->slots[handle], begin, end, gradient);
}

struct tw_parameter_update tw_optimizer_update(tw_optimizer *optimizer)
{
    return (struct tw_parameter_update){optimizer, find_slot, begin_step, update_range};
}
