/* The order of a lowered graph's nodes: as few stages as the dependencies allow.
 *
 * Recording leaves nodes in the order of differentiation, where a sum over the batch (a weight's gradient) comes
 * between two steps that go sample by sample, each of them a stage of its own. Any order that respects the
 * dependencies computes the same. A greedy one keeps the stage at hand open as long as some node that is ready fits
 * into it; the next stage is one of samples if there is one, so that tiles wait and share theirs.
 */
#include <string.h>

#include "core/memory.h"
#include "layers/operation/operations.h"
#include "layers/plan/lower.h"

struct schedule {
    const tw_graph *graph;
    uint32_t *order; /* entry 0 is unused, as in the graph */
    uint32_t count;  /* entries, the unused one included */
    bool *placed;    /* of each node: it is in `order` */
    bool *open;      /* of each node: it is in the stage at hand */
    bool tiles;      /* the stage at hand is one of tiles */
    bool updates;    /* parameters change where their gradients are written */
};

bool tw_changes_under(const tw_graph *graph, const struct tw_graph_node *writer,
                      const struct tw_graph_node *reader)
{
    const struct tw_graph_value *gradient = &graph->values[writer->outputs > 0 ? writer->output[0] : 0];

    for (int i = 0; i < reader->inputs && gradient->is_parameter_gradient; i++) {
        const struct tw_graph_value *value = &graph->values[reader->input[i]];

        if (value->kind == TW_VALUE_PARAMETER && value->parameter == gradient->parameter) {
            return true;
        }
    }
    return false;
}

/* Whether a node that is not placed yet reads the parameter that this one's gradient changes. */
static bool waits_for_readers(const struct schedule *schedule, uint32_t index)
{
    const tw_graph *graph = schedule->graph;

    for (uint32_t i = 1; i < graph->node_count && schedule->updates; i++) {
        if (!schedule->placed[i] && tw_changes_under(graph, &graph->nodes[index], &graph->nodes[i])) {
            return true;
        }
    }
    return false;
}

static bool is_ready(const struct schedule *schedule, uint32_t index)
{
    const struct tw_graph_node *node = &schedule->graph->nodes[index];

    if (schedule->placed[index]) {
        return false;
    }
    for (int i = 0; i < node->inputs; i++) {
        uint32_t producer = schedule->graph->values[node->input[i]].producer;

        if (producer != 0 && !schedule->placed[producer]) {
            return false;
        }
    }
    return !waits_for_readers(schedule, index);
}

static bool is_tiles(const struct schedule *schedule, uint32_t index)
{
    const struct tw_graph_node *node = &schedule->graph->nodes[index];

    return node->operation->split == TW_SPLIT_TILES ||
           (node->operation->split == TW_SPLIT_SAMPLES && !schedule->graph->values[node->output[0]].batched);
}

/* Whether a node that is ready may join the stage at hand: as tw_plan_make_stages will see it. */
static bool fits(const struct schedule *schedule, uint32_t index)
{
    const struct tw_graph_node *node = &schedule->graph->nodes[index];

    if (!node->operation->run) {
        return true;
    }
    if (!schedule->tiles || !is_tiles(schedule, index)) {
        return !schedule->tiles && !is_tiles(schedule, index);
    }
    for (int i = 0; i < node->inputs; i++) {
        if (schedule->open[tw_graph_root_producer(schedule->graph, node->input[i])]) {
            return false;
        }
    }
    for (uint32_t i = 1; i < schedule->graph->node_count && schedule->updates; i++) {
        if (schedule->open[i] && tw_changes_under(schedule->graph, node, &schedule->graph->nodes[i])) {
            return false;
        }
    }
    return !node->operation->in_place;
}

/* The first node of a half that is ready and, if `kind` says so, fits or is one of samples; 0 if there is none. */
enum wanted { FITTING, SAMPLES, ANY };

static uint32_t find(const struct schedule *schedule, bool backward, enum wanted wanted)
{
    for (uint32_t i = 1; i < schedule->graph->node_count; i++) {
        if (schedule->graph->nodes[i].backward == backward && is_ready(schedule, i) &&
            (wanted == ANY || (wanted == FITTING ? fits(schedule, i) : !is_tiles(schedule, i)))) {
            return i;
        }
    }
    return 0;
}

static void place(struct schedule *schedule, uint32_t index)
{
    schedule->order[schedule->count++] = index;
    schedule->placed[index] = true;
    schedule->open[index] = schedule->graph->nodes[index].operation->run != NULL;
}

static void begin_stage(struct schedule *schedule, uint32_t index)
{
    memset(schedule->open, 0, schedule->graph->node_count * sizeof *schedule->open);
    schedule->tiles = is_tiles(schedule, index);
    place(schedule, index);
}

/* What depends on parameters alone stays in front, where a plan can leave it out. */
static void place_constants(struct schedule *schedule)
{
    const uint32_t end = tw_graph_constants_end(schedule->graph);

    for (uint32_t i = 1; i < end; i++) {
        if (i > 1 && fits(schedule, i)) {
            place(schedule, i);
        } else {
            begin_stage(schedule, i);
        }
    }
}

static void place_half(struct schedule *schedule, bool backward)
{
    uint32_t next;

    do {
        next = schedule->count > 1 ? find(schedule, backward, FITTING) : 0;
        if (next != 0) {
            place(schedule, next);
            continue;
        }
        next = find(schedule, backward, SAMPLES);
        next = next != 0 ? next : find(schedule, backward, ANY);
        if (next != 0) {
            begin_stage(schedule, next);
        }
    } while (next != 0);
}

/* Moves the nodes into their order. */
static void permute(tw_graph *graph, const uint32_t *order, struct tw_graph_node *nodes)
{
    for (uint32_t i = 1; i < graph->node_count; i++) {
        nodes[i] = graph->nodes[order[i]];
        for (int j = 0; j < nodes[i].outputs; j++) {
            if (nodes[i].output[j] != 0) {
                graph->values[nodes[i].output[j]].producer = i;
            }
        }
    }
    memcpy(graph->nodes, nodes, graph->node_count * sizeof *nodes);
}

enum tw_status tw_graph_schedule(tw_graph *graph, bool updates)
{
    struct schedule schedule = {.graph = graph, .count = 1, .updates = updates};
    struct tw_graph_node *nodes = tw_alloc_array(graph->node_count + 1, sizeof *nodes);
    enum tw_status status = TW_ERROR_MEMORY;

    schedule.order = tw_alloc_array(graph->node_count + 1, sizeof *schedule.order);
    schedule.placed = tw_alloc_array(graph->node_count + 1, sizeof *schedule.placed);
    schedule.open = tw_alloc_array(graph->node_count + 1, sizeof *schedule.open);
    if (nodes && schedule.order && schedule.placed && schedule.open) {
        place_constants(&schedule);
        place_half(&schedule, false);
        place_half(&schedule, true);
        status = schedule.count == graph->node_count
                     ? TW_OK
                     : tw_fail(TW_ERROR_UNSUPPORTED,
                               "plan: a parameter is read by what its own gradient leads to, and "
                               "cannot be updated in the same run");
    }
    if (status == TW_OK) {
        permute(graph, schedule.order, nodes);
    }
    tw_free(nodes);
    tw_free(schedule.order);
    tw_free(schedule.placed);
    tw_free(schedule.open);
    return status;
}
