/* Work counted from shapes: operations, dense and done, and bytes. */
#include "layers/plan/plan_profile_internal.h"

static double value_bytes(const tw_plan *plan, uint32_t value, ptrdiff_t samples)
{
    const struct tw_graph_value *entry = &plan->graph->values[value];
    struct tw_shape shape = entry->shape;

    if (entry->batched && shape.ndim > 0) {
        shape.extent[0] = samples;
    }
    return (double)tw_shape_count(&shape) * (double)tw_dtype_size(entry->dtype);
}

static bool runs(const tw_plan *plan, uint32_t node)
{
    return plan->graph->nodes[node].operation->run != NULL;
}

/* Whether node `node` has the memory of value `root` among its first `inputs` inputs. */
static bool reads(const tw_plan *plan, uint32_t node, int inputs, uint32_t root)
{
    for (int i = 0; i < inputs; i++) {
        uint32_t value = plan->graph->nodes[node].input[i];

        if (value != 0 && plan->places[value].root == root) {
            return true;
        }
    }
    return false;
}

/* Whether a node that runs in [first, end) reads `root`. */
static bool read_within(const tw_plan *plan, uint32_t first, uint32_t end, uint32_t root)
{
    for (uint32_t n = first; n < end; n++) {
        if (runs(plan, n) && reads(plan, n, plan->graph->nodes[n].inputs, root)) {
            return true;
        }
    }
    return false;
}

/* What nodes [first, end) read that others wrote, and wrote that others read or that stays. */
static void count_bytes(const tw_plan *plan, uint32_t first, uint32_t end, ptrdiff_t samples,
                        struct tw_plan_work *work)
{
    for (uint32_t i = 1; i < plan->graph->value_count; i++) {
        const struct tw_graph_value *value = &plan->graph->values[i];
        uint32_t producer = value->kind == TW_VALUE_RESULT ? value->producer : 0;
        bool inside = producer >= first && producer < end;

        if (plan->places[i].root != i) {
            continue;
        }
        if (!inside && read_within(plan, first, end, i)) {
            work->read += value_bytes(plan, i, samples);
        }
        if (inside && (end == first + 1 || plan->places[i].lasting ||
                       plan->places[i].kind == TW_PLACE_GRADIENT || read_within(plan, 1, first, i) ||
                       read_within(plan, end, (uint32_t)plan->graph->node_count, i))) {
            work->written += value_bytes(plan, i, samples);
        }
    }
}

/* As an operation is asked before it has run: without data. */
static double done_by_shapes(struct tw_execution execution, ptrdiff_t units)
{
    for (int i = 0; i < TW_NODE_MAX_INPUTS; i++) {
        execution.in[i] = NULL;
    }
    return execution.node->operation->flops_done(&execution, 0, units);
}

/* Mean over the runs that counted; false where none did. */
static bool done_as_counted(const tw_plan *plan, uint32_t node, double *done)
{
    const struct tw_profile *profile = plan->profile;
    int64_t counted;
    double sum = 0.0;

    if (!profile) {
        return false;
    }
    counted = plan->graph->nodes[node].backward ? profile->backward_counted : profile->counted;
    for (int rank = 0; rank < profile->threads; rank++) {
        sum += profile->members[rank].done[node];
    }
    *done = counted > 0 ? sum / (double)counted : 0.0;
    return counted > 0;
}

static void add_operations(const tw_plan *plan, uint32_t index, ptrdiff_t samples, struct tw_plan_work *work)
{
    struct tw_execution execution = tw_plan_execution(plan, index, samples);
    const struct tw_operation *operation = execution.node->operation;
    double dense = operation->flops(&execution), done = dense;

    if (operation->flops_done && !done_as_counted(plan, index, &done)) {
        done = done_by_shapes(execution, tw_plan_units(&execution));
    }
    work->dense += dense;
    work->done += done;
}

struct tw_plan_work tw_plan_work(const tw_plan *plan, uint32_t first, uint32_t end, ptrdiff_t samples)
{
    struct tw_plan_work work = {0};

    for (uint32_t i = first; i < end; i++) {
        if (runs(plan, i)) {
            add_operations(plan, i, samples, &work);
        }
    }
    count_bytes(plan, first, end, samples, &work);
    return work;
}
