/* Parameters that change inside the run: each piece of a gradient is followed by the update of the same elements, on the
 * thread that has it in cache. By then nobody reads the parameter any more: lowering has seen to it. */
#include "core/memory.h"
#include "layers/plan/lower.h"
#include "layers/plan/plan_internal.h"

static enum tw_status refuse(const struct tw_graph_node *node)
{
    return tw_fail(TW_ERROR_UNSUPPORTED,
                   "plan: %s of module \"%s\" does not tell which gradients it has written",
                   node->operation->name, node->path);
}

enum tw_status tw_plan_find_updates(tw_plan *plan, const struct tw_parameter_update *update,
                                    bool keep_gradients)
{
    if (!update) {
        return TW_OK;
    }
    if (plan->level < 2) {
        return tw_fail(TW_ERROR_UNSUPPORTED, "plan: updates inside a run need level 2, not level %d",
                       plan->level);
    }
    plan->update_handles = tw_alloc_array(plan->graph->node_count, sizeof *plan->update_handles);
    plan->delivers = tw_alloc_array(plan->graph->node_count, sizeof *plan->delivers);
    if (!plan->update_handles || !plan->delivers) {
        return TW_ERROR_MEMORY;
    }
    for (uint32_t i = 1; i < plan->graph->node_count; i++) {
        const struct tw_graph_node *node = &plan->graph->nodes[i];

        plan->update_handles[i] = -1;
        for (int j = 0; j < node->outputs; j++) {
            const struct tw_graph_value *value = &plan->graph->values[node->output[j]];

            if (!value->is_parameter_gradient) {
                continue;
            }
            if (j > 0 || !node->operation->written) {
                return refuse(node);
            }
            plan->update_handles[i] = update->find(update->context, value->parameter);
            plan->delivers[i] = plan->update_handles[i] >= 0 && node->operation->delivers && !keep_gradients;
        }
    }
    plan->update = update;
    return TW_OK;
}

enum tw_status tw_plan_begin_updates(const tw_plan *plan, bool adds)
{
    if (adds) {
        return tw_fail(TW_ERROR_STATE,
                       "plan: gradients of an earlier run have not been zeroed; a run that updates "
                       "parameters does not add to them");
    }
    return plan->update->begin(plan->update->context, plan->update_handles + 1, plan->graph->node_count - 1);
}

struct target {
    const struct tw_parameter_update *update;
    ptrdiff_t handle;
    const float *gradient; /* of element 0 */
};

static void apply(void *context, ptrdiff_t begin, ptrdiff_t end)
{
    const struct target *target = context;

    target->update->apply(target->update->context, target->handle, begin, end, target->gradient + begin);
}

void tw_plan_update_behind(const tw_plan *plan, const struct tw_execution *execution, uint32_t index,
                           ptrdiff_t begin, ptrdiff_t end)
{
    struct target target = {plan->update, plan->update_handles[index], execution->out[0]};

    if (target.handle >= 0 && !execution->sink) {
        execution->node->operation->written(execution, begin, end, apply, &target);
    }
}
