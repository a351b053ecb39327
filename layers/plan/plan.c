/* Life of a plan, its inputs, and what can be read after a run. */
#include "layers/plan/plan.h"

#include <math.h>

#include "core/memory.h"
#include "layers/plan/lower.h"
#include "layers/plan/plan_profile_internal.h"

/* The one batch size behind all batched inputs. */
static enum tw_status find_capacity(tw_plan *plan)
{
    const tw_graph *graph = plan->graph;

    for (size_t i = 1; i < graph->value_count; i++) {
        const struct tw_graph_value *value = &graph->values[i];

        if (value->kind != TW_VALUE_INPUT || !value->batched) {
            continue;
        }
        if (plan->capacity != 0 && plan->capacity != value->shape.extent[0]) {
            return tw_fail(TW_ERROR_SHAPE,
                           "plan: input %s is recorded for %td samples, another input for %td", value->name,
                           value->shape.extent[0], plan->capacity);
        }
        plan->capacity = value->shape.extent[0];
    }
    return TW_OK;
}

static enum tw_status choose_kernels(tw_plan *plan, const struct tw_kernels *wanted)
{
    enum tw_isa isa = TW_ISA_REFERENCE;
    enum tw_status status;

    if (wanted) {
        plan->kernels = wanted;
        return TW_OK;
    }
    if (plan->level > 0) {
        status = tw_isa_choose(TW_ISA_COUNT, &isa, NULL);
        if (status != TW_OK) {
            return status;
        }
    }
    plan->kernels = tw_kernels_of(isa);
    return plan->kernels ? TW_OK : tw_error_status();
}

/* Gradients exist before the first run, so that no run allocates; it overwrites them, as nobody has written any. */
static enum tw_status make_gradients(const tw_plan *plan)
{
    for (size_t i = 1; i < plan->graph->value_count; i++) {
        const struct tw_graph_value *value = &plan->graph->values[i];

        if (!value->is_parameter_gradient || value->parameter->gradient) {
            continue;
        }
        if (!tw_parameter_gradient(value->parameter)) {
            return tw_error_status();
        }
        tw_parameter_zero_grad(value->parameter);
    }
    return TW_OK;
}

/* Sizes the threads' workspace and counts the work. */
static enum tw_status measure(tw_plan *plan)
{
    size_t bytes = 0;

    for (uint32_t i = 1; i < plan->graph->node_count; i++) {
        const struct tw_graph_node *node = &plan->graph->nodes[i];
        struct tw_execution execution = tw_plan_execution(plan, i, plan->capacity);
        size_t needed = node->operation->workspace ? node->operation->workspace(&execution) : 0;

        if (node->operation->run) {
            *(node->backward ? &plan->backward_flops : &plan->forward_flops) +=
                node->operation->flops(&execution);
        }
        bytes = needed > bytes ? needed : bytes;
    }
    plan->workspace_bytes = tw_align_up(bytes);
    plan->workspace = tw_alloc_array((size_t)tw_team_threads(plan->team), plan->workspace_bytes);
    return plan->workspace ? TW_OK : TW_ERROR_MEMORY;
}

static enum tw_status compile(tw_plan *plan, const struct tw_plan_options *options)
{
    enum tw_status status = tw_graph_status(plan->graph);

    if (status == TW_OK && (options->level < 0 || options->level > TW_PLAN_LEVELS - 1)) {
        status = tw_fail(TW_ERROR_ARGUMENT, "plan: level %d, expected 0 to %d", options->level,
                         TW_PLAN_LEVELS - 1);
    }
    if (status == TW_OK && !options->team) {
        status = tw_fail(TW_ERROR_ARGUMENT, "plan: no team to run on");
    }
    if (status == TW_OK && plan->level > 1) {
        plan->lowered =
            tw_graph_lower(plan->graph, plan->constant_parameters, options->update != NULL, &plan->map);
        plan->graph = plan->lowered;
        status = plan->lowered ? TW_OK : tw_error_status();
    }
    if (status == TW_OK) {
        status = find_capacity(plan);
    }
    if (status == TW_OK) {
        status = choose_kernels(plan, options->kernels);
    }
    if (status == TW_OK) {
        status = make_gradients(plan);
    }
    if (status == TW_OK) {
        status = tw_plan_find_updates(plan, options->update, options->keep_gradients);
    }
    plan->address = status == TW_OK ? tw_alloc_array(plan->graph->value_count, sizeof *plan->address) : NULL;
    if (status == TW_OK && !plan->address) {
        status = TW_ERROR_MEMORY;
    }
    if (status == TW_OK) {
        status = measure(plan);
    }
    if (status == TW_OK) {
        tw_plan_find_constants(plan);
        status = tw_plan_make_stages(plan);
    }
    if (status == TW_OK) {
        tw_plan_count_constant_stages(plan);
        status = tw_plan_make_shares(plan);
    }
    if (status == TW_OK) {
        status = tw_plan_place_values(plan);
    }
    if (status == TW_OK) {
        tw_plan_share_out(plan, plan->capacity);
    }
    return status;
}

tw_plan *tw_plan_new(tw_graph *graph, const struct tw_plan_options *options)
{
    tw_plan *plan = tw_alloc(sizeof *plan);

    if (!plan) {
        return NULL;
    }
    plan->graph = graph;
    plan->recorded_values = graph->value_count;
    plan->team = options->team;
    plan->level = options->level;
    plan->seed = options->seed;
    plan->constant_parameters = options->constant_parameters;
    plan->beside = options->beside;
    plan->beside_context = options->beside_context;
    if (compile(plan, options) != TW_OK) {
        tw_plan_release(plan);
        return NULL;
    }
    return plan;
}

void tw_plan_release(tw_plan *plan)
{
    if (!plan) {
        return;
    }
    tw_free(plan->stages);
    tw_free(plan->shares);
    tw_free(plan->update_handles);
    tw_free(plan->delivers);
    tw_free(plan->places);
    tw_free(plan->address);
    tw_free(plan->memory);
    tw_free(plan->sums);
    tw_free(plan->passing);
    tw_free(plan->workspace);
    tw_profile_release(plan->profile);
    tw_graph_release(plan->lowered);
    tw_free(plan->map);
    tw_free(plan);
}

/* The planned graph's value for a recorded one; invalid if it was fused away or never was. */
static tw_value planned(const tw_plan *plan, tw_value value)
{
    if (!plan->map) {
        return value;
    }
    return (tw_value){value.index < plan->recorded_values ? plan->map[value.index] : 0};
}

enum tw_status tw_plan_bind(tw_plan *plan, tw_value recorded, const void *data)
{
    tw_value value = planned(plan, recorded);
    const struct tw_graph_value *entry = tw_graph_value_of(plan->graph, value);

    if (!entry || entry->kind != TW_VALUE_INPUT) {
        return tw_fail(TW_ERROR_ARGUMENT, "plan: value %u is not an input of the graph",
                       (unsigned)value.index);
    }
    plan->address[value.index] = (void *)(uintptr_t)data;
    return TW_OK;
}

const void *tw_plan_data(const tw_plan *plan, tw_value recorded)
{
    tw_value value = planned(plan, recorded);
    const struct tw_graph_value *entry = tw_graph_value_of(plan->graph, value), *root;
    const struct tw_place *place;

    if (!entry && recorded.index > 0 && recorded.index < plan->recorded_values) {
        return tw_fail_null(
            TW_ERROR_STATE,
            "plan: value %u is fused away at level %d; keep it (tw_graph_keep) or run at a lower level",
            (unsigned)recorded.index, plan->level);
    }
    if (!entry) {
        return tw_fail_null(TW_ERROR_ARGUMENT, "plan: value %u is not a value of the graph",
                            (unsigned)value.index);
    }
    place = &plan->places[plan->places[value.index].root];
    root = &plan->graph->values[plan->places[value.index].root];
    if (place->kind == TW_PLACE_GRADIENT && root->parameter->gradient_is_gone) {
        return tw_fail_null(
            TW_ERROR_STATE,
            "plan: gradient %u was used up by the update within the run; plan with keep_gradients to "
            "read it",
            (unsigned)recorded.index);
    }
    if (place->kind == TW_PLACE_BOUND && !plan->address[place->root]) {
        return tw_fail_null(TW_ERROR_STATE, "plan: input %s is not bound", root->name);
    }
    if (place->kind == TW_PLACE_GRADIENT) {
        return root->parameter->gradient_is_zero
                   ? tw_fail_null(TW_ERROR_STATE, "plan: no backward has run yet")
                   : root->parameter->gradient->data;
    }
    if (place->kind == TW_PLACE_MEMORY || place->kind == TW_PLACE_PASSING) {
        if (plan->runs == 0 ||
            (plan->last_half == TW_PLAN_FORWARD && plan->graph->nodes[root->producer].backward)) {
            return tw_fail_null(TW_ERROR_STATE, "plan: value %u has not been computed by the latest run",
                                (unsigned)value.index);
        }
        if (!place->lasting) {
            return tw_fail_null(
                TW_ERROR_STATE,
                "plan: the memory of value %u is reused at level %d; keep it (tw_graph_keep) or run at "
                "level 0",
                (unsigned)value.index, plan->level);
        }
    }
    return plan->address[place->root];
}

float tw_plan_scalar(const tw_plan *plan, tw_value value)
{
    const float *data = tw_plan_data(plan, value);
    uint32_t index = planned(plan, value).index;

    if (data && (plan->graph->values[index].dtype != TW_F32 ||
                 tw_shape_count(&plan->graph->values[index].shape) != 1)) {
        tw_fail(TW_ERROR_SHAPE, "plan: value %u is not a float32 scalar", (unsigned)value.index);
        data = NULL;
    }
    return data ? *data : NAN;
}

struct tw_plan_facts tw_plan_facts(const tw_plan *plan)
{
    struct tw_plan_facts facts = {
        .memory_bytes = plan->memory_bytes + plan->sums_bytes,
        .workspace_bytes =
            (plan->workspace_bytes + plan->passing_bytes) * (size_t)tw_team_threads(plan->team),
        .forward_flops = plan->forward_flops,
        .backward_flops = plan->backward_flops,
        .stages = (int)plan->stage_count,
    };

    for (size_t i = 0; i < plan->stage_count; i++) {
        facts.barriers += tw_plan_barrier_after(plan, i);
    }
    return facts;
}
