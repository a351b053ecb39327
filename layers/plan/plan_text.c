/* A plan as a table: what --print-plan shows. */
#include <stdio.h>

#include "layers/operation/nonzeros.h"
#include "layers/plan/plan_profile_internal.h"
#include "layers/plan/plan_text_internal.h"

/* "+1a400", "in place of %12", "passes by", "gradient of a parameter", "view of %7". */
static void describe_place(const tw_plan *plan, uint32_t value, char *line, size_t bytes)
{
    const struct tw_place *place = &plan->places[value];

    if (place->root != value) {
        snprintf(line, bytes, "view of %%%u", (unsigned)place->root);
    } else if (place->kind == TW_PLACE_GRADIENT) {
        snprintf(line, bytes, "gradient of a parameter%s",
                 !plan->update ? ""
                 : plan->delivers[plan->graph->values[value].producer]
                     ? ", updated piece by piece and not written"
                     : ", which is then updated");
    } else if (plan->places[place->slot].kind == TW_PLACE_PASSING) {
        snprintf(line, bytes, "passes by");
    } else if (place->slot != value) {
        snprintf(line, bytes, "in place of %%%u", (unsigned)place->slot);
    } else {
        snprintf(line, bytes, "+%zu%s", plan->places[place->slot].offset, place->lasting ? ", kept" : "");
    }
}

/* What one unit of a node is called, by its split. */
static const char *const unit_names[] = {"sample", "slot", "tile"};

static void add_node(struct tw_plan_lines *lines, const tw_plan *plan, uint32_t index)
{
    struct tw_execution execution = tw_plan_execution(plan, index, plan->capacity);
    const struct tw_graph_node *node = execution.node;
    const struct tw_operation *operation = node->operation;
    const char *algorithm = operation->algorithm ? operation->algorithm(&execution) : "";
    char shape[TW_SHAPE_TEXT_BYTES], place[64], name[64];
    struct tw_plan_work work;

    if (!operation->run) {
        return;
    }
    work = tw_plan_work(plan, index, index + 1, plan->capacity);
    snprintf(name, sizeof name, "%s%s%s%s", operation->name, algorithm[0] ? " (" : "", algorithm,
             algorithm[0] ? ")" : "");
    describe_place(plan, node->output[0], place, sizeof place);
    tw_plan_lines_add(lines, "       %%%-4u %-43s %-8s %-22s %-13s %8.3f %8.3f %8.0f %8.0f %5td x %-7s %s\n",
                      (unsigned)node->output[0], name, node->path,
                      tw_shape_text(&plan->graph->values[node->output[0]].shape, shape),
                      operation->layout ? operation->layout : "plain", work.dense * 1e-6, work.done * 1e-6,
                      work.read / 1024.0, work.written / 1024.0, tw_plan_units(&execution),
                      unit_names[operation->split], place);
}

static void add_stage(struct tw_plan_lines *lines, const tw_plan *plan, size_t index)
{
    const struct tw_stage *stage = &plan->stages[index];
    int active = tw_plan_active_threads(plan, stage, plan->capacity);
    struct tw_plan_work work = tw_plan_work(plan, stage->first, stage->end, plan->capacity);

    tw_plan_lines_add(lines, "%s stage %zu, %d thread%s, %.0f KiB in, %.0f KiB out%s\n",
                      stage->backward ? "backward" : "forward", index + 1, active, active == 1 ? "" : "s",
                      work.read / 1024.0, work.written / 1024.0,
                      tw_plan_barrier_after(plan, index) ? ", then a barrier" : "");
    for (uint32_t i = stage->first; i < stage->end; i++) {
        add_node(lines, plan, i);
    }
}

/* What "while few" means, where a node says so. */
static void add_density(struct tw_plan_lines *lines, const tw_plan *plan)
{
    const double *density = plan->kernels->sparse_density;

    for (uint32_t i = 1; i < plan->graph->node_count; i++) {
        if (plan->graph->nodes[i].operation->algorithm == tw_nonzeros_algorithm) {
            tw_plan_lines_add(
                lines,
                "non-zeros while few: up to %.2f of the elements, %.2f where weights are read "
                "transposed, for %td "
                "samples and more at a time, %.1f times that in small products; a dense product above\n",
                density[0], density[1], plan->kernels->sparse_rows, TW_NONZEROS_NARROW);
            return;
        }
    }
}

char *tw_plan_text(const tw_plan *plan)
{
    struct tw_plan_facts facts = tw_plan_facts(plan);
    struct tw_plan_lines lines = {0};

    tw_plan_lines_add(&lines, "plan level %d, %s kernels, %d threads, batches of up to %td\n", plan->level,
                      tw_isa_name(plan->kernels->isa), tw_team_threads(plan->team), plan->capacity);
    tw_plan_lines_add(&lines, "       %-5s %-43s %-8s %-22s %-13s %8s %8s %8s %8s  %-14s %s\n", "value",
                      "operation (algorithm)", "module", "shape", "layout", "Mop", "done", "KiB in",
                      "KiB out", "units", "memory");
    for (size_t s = 0; s < plan->stage_count; s++) {
        add_stage(&lines, plan, s);
    }
    add_density(&lines, plan);
    tw_plan_lines_add(
        &lines,
        "%d stages, %d barriers; values %.1f MiB, workspace %.1f MiB; forward %.1f, backward %.1f Mop\n",
        facts.stages, facts.barriers, (double)facts.memory_bytes / 1048576.0,
        (double)facts.workspace_bytes / 1048576.0, facts.forward_flops * 1e-6, facts.backward_flops * 1e-6);
    return tw_plan_lines_finish(&lines);
}
