/* Stages: which nodes run without waiting for each other, and on how many threads. */
#include "core/memory.h"
#include "layers/plan/lower.h"
#include "layers/plan/plan_profile_internal.h"

struct tw_execution tw_plan_execution(const tw_plan *plan, uint32_t index, ptrdiff_t samples)
{
    const struct tw_graph_node *node = &plan->graph->nodes[index];
    struct tw_execution execution = {
        .graph = plan->graph,
        .node = node,
        .kernels = plan->kernels,
        .samples = samples,
        .threads = tw_team_working(plan->team),
        .reorders = plan->level > 1,
        .key = plan->seed * UINT64_C(0xd1342543de82ef95) + plan->runs,
    };

    for (int i = 0; i < node->inputs; i++) {
        execution.in[i] = plan->address[node->input[i]];
    }
    for (int i = 0; i < node->outputs; i++) {
        execution.out[i] = plan->address[node->output[i]];
    }
    return execution;
}

/* The kind of stage a node makes on its own. Without a batch its first dimension is split like any tiles. */
static enum tw_stage_kind kind_of(const tw_plan *plan, const struct tw_graph_node *node)
{
    if (node->operation->split == TW_SPLIT_SLOTS) {
        return TW_STAGE_SLOTS;
    }
    return node->operation->split == TW_SPLIT_SAMPLES && plan->graph->values[node->output[0]].batched
               ? TW_STAGE_SAMPLES
               : TW_STAGE_TILES;
}

ptrdiff_t tw_plan_units(const struct tw_execution *execution)
{
    struct tw_shape shape = tw_execution_output_shape(execution, 0);

    switch (execution->node->operation->split) {
    case TW_SPLIT_TILES:
        return execution->node->operation->units(execution);
    case TW_SPLIT_SLOTS:
        return TW_GRADIENT_SLOTS;
    default:
        return shape.ndim > 0 ? shape.extent[0] : 1;
    }
}

ptrdiff_t tw_plan_stage_units(const tw_plan *plan, const struct tw_stage *stage, ptrdiff_t samples)
{
    ptrdiff_t units = 0;

    if (stage->kind != TW_STAGE_TILES) {
        return stage->kind == TW_STAGE_SLOTS ? TW_GRADIENT_SLOTS : samples;
    }
    for (uint32_t i = stage->first; i < stage->end; i++) {
        struct tw_execution execution = tw_plan_execution(plan, i, samples);

        units += execution.node->operation->run ? tw_plan_units(&execution) : 0;
    }
    return units;
}

/* Bytes per sample of what the nodes of a stage write. */
static double sample_bytes(const tw_plan *plan, const struct tw_stage *stage)
{
    double bytes = 0.0;

    for (uint32_t i = stage->first; i < stage->end; i++) {
        const struct tw_graph_node *node = &plan->graph->nodes[i];

        for (int j = 0; j < node->outputs && node->operation->run; j++) {
            const struct tw_graph_value *value = &plan->graph->values[node->output[j]];

            if (node->output[j] != 0 && value->batched) {
                bytes += (double)tw_shape_count(&value->shape) * (double)tw_dtype_size(value->dtype) /
                         (double)value->shape.extent[0];
            }
        }
    }
    return bytes;
}

/* Half of a usual L2 cache, and the samples below which going from node to node would cost too much. */
static const double DEPTH_FIRST_BYTES = 256.0 * 1024;
enum { DEPTH_FIRST_SAMPLES = 4 };

ptrdiff_t tw_plan_stage_grain(const tw_plan *plan, const struct tw_stage *stage, ptrdiff_t samples)
{
    ptrdiff_t grain = 1;

    if (plan->level < 2 || (stage->kind == TW_STAGE_SAMPLES &&
                            sample_bytes(plan, stage) * (double)samples <= DEPTH_FIRST_BYTES)) {
        return tw_plan_stage_units(plan, stage, samples) + 1;
    }
    if (stage->kind == TW_STAGE_SAMPLES) {
        grain = (ptrdiff_t)(DEPTH_FIRST_BYTES / sample_bytes(plan, stage));
        return grain > DEPTH_FIRST_SAMPLES ? grain : DEPTH_FIRST_SAMPLES;
    }
    for (uint32_t i = stage->first; i < stage->end; i++) {
        ptrdiff_t wanted = plan->graph->nodes[i].operation->grain;

        grain = wanted > grain ? wanted : grain;
    }
    return grain;
}

ptrdiff_t tw_plan_stage_samples(const tw_plan *plan, const struct tw_stage *stage)
{
    double bytes = sample_bytes(plan, stage), fit = bytes > 0.0 ? DEPTH_FIRST_BYTES / bytes : 0.0;
    ptrdiff_t most = stage->kind == TW_STAGE_SLOTS
                         ? (plan->capacity + TW_GRADIENT_SLOTS - 1) / TW_GRADIENT_SLOTS
                         : (ptrdiff_t)(fit < (double)plan->capacity ? fit : (double)plan->capacity);

    most = most > DEPTH_FIRST_SAMPLES ? most : DEPTH_FIRST_SAMPLES;
    return most < plan->capacity ? most : plan->capacity;
}

/* Whether a node reads what a node of the stage writes. */
static bool reads_from(const tw_plan *plan, const struct tw_stage *stage, const struct tw_graph_node *node)
{
    for (int i = 0; i < node->inputs; i++) {
        uint32_t producer = tw_graph_root_producer(plan->graph, node->input[i]);

        if (producer >= stage->first && producer < stage->end) {
            return true;
        }
    }
    return false;
}

/* Whether an update in the stage would change what another node of it reads. */
static bool changes_under(const tw_plan *plan, const struct tw_stage *stage, const struct tw_graph_node *node)
{
    for (uint32_t i = stage->first; i < stage->end && plan->update; i++) {
        const struct tw_graph_node *other = &plan->graph->nodes[i];

        if (tw_changes_under(plan->graph, node, other) || tw_changes_under(plan->graph, other, node)) {
            return true;
        }
    }
    return false;
}

/* Whether a node of `kind` may join a stage. A view does nothing and so fits everywhere. Samples and slots go
 * together: the samples of a slot are in cache when its gradient is computed. Tiles go together while none needs
 * another's; one that overwrites its input might take it from a neighbour that still reads. */
static bool joins(const tw_plan *plan, const struct tw_stage *stage, const struct tw_graph_node *node,
                  enum tw_stage_kind kind)
{
    if (stage->backward != node->backward) {
        return false;
    }
    if (!node->operation->run) {
        return true;
    }
    if (kind == TW_STAGE_TILES && stage->kind == TW_STAGE_TILES) {
        return !node->operation->in_place && !reads_from(plan, stage, node) &&
               !changes_under(plan, stage, node);
    }
    return kind != TW_STAGE_TILES && stage->kind != TW_STAGE_TILES;
}

enum tw_status tw_plan_make_stages(tw_plan *plan)
{
    for (uint32_t i = 1; i < plan->graph->node_count; i++) {
        const struct tw_graph_node *node = &plan->graph->nodes[i];
        struct tw_stage stage = {
            .first = i, .end = i + 1, .kind = kind_of(plan, node), .backward = node->backward};
        struct tw_stage *last = plan->stage_count > 0 ? &plan->stages[plan->stage_count - 1] : NULL;
        struct tw_stage *grown;

        if (last && joins(plan, last, node, stage.kind)) {
            last->end = stage.end;
            last->kind = node->operation->run && stage.kind == TW_STAGE_SLOTS ? TW_STAGE_SLOTS : last->kind;
            continue;
        }
        grown =
            tw_array_grow(plan->stages, &plan->stage_capacity, plan->stage_count + 1, sizeof *plan->stages);
        if (!grown) {
            return TW_ERROR_MEMORY;
        }
        plan->stages = grown;
        plan->stages[plan->stage_count++] = stage;
        plan->forward_stages += !stage.backward;
    }
    return TW_OK;
}

/* Dense operations and bytes that one thread should have before another one joins: a few microseconds of work, several
 * times what waking it and the barrier cost. */
static const double WORK_PER_THREAD = 50e3;

int tw_plan_active_threads(const tw_plan *plan, const struct tw_stage *stage, ptrdiff_t samples)
{
    struct tw_plan_work work = tw_plan_work(plan, stage->first, stage->end, samples);
    double threads = (work.dense + work.read + work.written) / WORK_PER_THREAD,
           units = (double)tw_plan_stage_units(plan, stage, samples);

    threads = threads < units ? threads : units;
    threads = threads < tw_team_working(plan->team) ? threads : tw_team_working(plan->team);
    return threads < 1.0 ? 1 : (int)threads;
}

bool tw_plan_barrier_after(const tw_plan *plan, size_t i)
{
    if (i + 1 >= plan->stage_count) {
        return false;
    }
    /* What one thread does alone twice in a row, it does in order. */
    return plan->stages[i].active > 1 || plan->stages[i + 1].active > 1;
}
