/* A plan as a table: what --print-plan shows. */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "layers/plan/plan_internal.h"

/* Text that grows; `failed` once there was no memory. */
struct text {
    char *bytes;
    size_t length, capacity;
    bool failed;
};

static void append(struct text *text, const char *piece)
{
    size_t length = strlen(piece);
    char *grown = NULL;

    if (!text->failed) {
        grown = tw_array_grow(text->bytes, &text->capacity, text->length + length + 1, sizeof *text->bytes);
    }
    if (!grown) {
        text->failed = true;
        return;
    }
    text->bytes = grown;
    memcpy(text->bytes + text->length, piece, length + 1);
    text->length += length;
}

/* "memory +0x1a400", "in place of %12", "gradient of conv1.weight", "input", "view of %7". */
static void describe_place(const tw_plan *plan, uint32_t value, char *line, size_t bytes)
{
    const struct tw_place *place = &plan->places[value];

    if (place->root != value) {
        snprintf(line, bytes, "view of %%%u", (unsigned)place->root);
    } else if (place->kind == TW_PLACE_GRADIENT) {
        snprintf(line, bytes, "gradient of a parameter");
    } else if (place->slot != value) {
        snprintf(line, bytes, "in place of %%%u", (unsigned)place->slot);
    } else {
        snprintf(line, bytes, "+%zu%s", plan->places[place->slot].offset, place->lasting ? ", kept" : "");
    }
}

/* What one unit of a node is called, by its split. */
static const char *const unit_names[] = {"sample", "slot", "tile"};

static void append_node(struct text *text, const tw_plan *plan, uint32_t index)
{
    struct tw_execution execution = tw_plan_execution(plan, index, plan->capacity);
    const struct tw_graph_node *node = execution.node;
    const struct tw_operation *operation = node->operation;
    const char *algorithm = operation->algorithm ? operation->algorithm(&execution) : "";
    char shape[TW_SHAPE_TEXT_BYTES], place[64], name[64], line[512];

    if (!operation->run) {
        return;
    }
    snprintf(name, sizeof name, "%s%s%s%s", operation->name, algorithm[0] ? " (" : "", algorithm,
             algorithm[0] ? ")" : "");
    describe_place(plan, node->output[0], place, sizeof place);
    snprintf(line, sizeof line, "       %%%-4u %-36s %-8s %-22s %8.3f  %6td x %-7s %s\n",
             (unsigned)node->output[0], name, node->path,
             tw_shape_text(&plan->graph->values[node->output[0]].shape, shape),
             operation->flops(&execution) * 1e-6, tw_plan_units(&execution), unit_names[operation->split],
             place);
    append(text, line);
}

static void append_stage(struct text *text, const tw_plan *plan, size_t index)
{
    const struct tw_stage *stage = &plan->stages[index];
    int active = tw_plan_active_threads(plan, stage, plan->capacity);
    char line[128];

    snprintf(line, sizeof line, "%s stage %zu, %d thread%s\n", stage->backward ? "backward" : "forward",
             index + 1, active, active == 1 ? "" : "s");
    append(text, line);
    for (uint32_t i = stage->first; i < stage->end; i++) {
        append_node(text, plan, i);
    }
}

char *tw_plan_text(const tw_plan *plan)
{
    struct tw_plan_facts facts = tw_plan_facts(plan);
    struct text text = {0};
    char line[256];

    snprintf(line, sizeof line, "plan level %d, %s kernels, %d threads, batches of up to %td\n", plan->level,
             tw_isa_name(plan->kernels->isa), tw_team_threads(plan->team), plan->capacity);
    append(&text, line);
    snprintf(line, sizeof line, "       %-5s %-36s %-8s %-22s %8s  %-16s %s\n", "value",
             "operation (algorithm)", "module", "shape", "Mop", "units", "memory");
    append(&text, line);
    for (size_t s = 0; s < plan->stage_count; s++) {
        append_stage(&text, plan, s);
    }
    snprintf(line, sizeof line,
             "%d stages, %d barriers; values %.1f MiB, workspace %.1f MiB; forward %.1f, backward %.1f Mop\n",
             facts.stages, facts.barriers, (double)facts.memory_bytes / 1048576.0,
             (double)facts.workspace_bytes / 1048576.0, facts.forward_flops * 1e-6,
             facts.backward_flops * 1e-6);
    append(&text, line);
    if (text.failed) {
        tw_free(text.bytes);
        return NULL;
    }
    return text.bytes;
}
