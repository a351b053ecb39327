#include <stdio.h>

#include "apps/common/compute.h"
#include "apps/common/digits.h"
#include "apps/common/model_table.h"
#include "apps/tower-inspect/inspect.h"
#include "core/memory.h"
#include "layers/graph/functional.h"
#include "layers/models/tower.h"
#include "layers/plan/plan.h"

/* The tower recorded up to its logits, or with `training` up to the gradients of its loss. */
struct recorded {
    tw_module *model;
    tw_graph *graph;
};

static enum tw_status record(ptrdiff_t batch, bool training, struct recorded *recorded)
{
    tw_graph *g = tw_graph_new();
    tw_value x, labels, loss;
    enum tw_status status;

    *recorded = (struct recorded){.model = tw_tower_new(NULL), .graph = g};
    if (!recorded->model || !g)
        return tw_error_status();
    x = tw_graph_input(g, "images", TW_U8, TW_SHAPE(batch, 1, 28, 28), true);
    x = tw_call(recorded->model, g, tw_normalize(g, x, DIGITS_MEAN, DIGITS_STANDARD_DEVIATION));
    if (!training)
        return tw_graph_status(g);
    labels = tw_graph_input(g, "labels", TW_I32, TW_SHAPE(batch), true);
    loss = tw_cross_entropy(g, x, labels, TW_REDUCTION_MEAN);
    status = tw_graph_status(g);
    return status ? status : tw_graph_differentiate(g, loss);
}

static void release(struct recorded *recorded)
{
    tw_graph_release(recorded->graph);
    tw_module_release(recorded->model);
}

/* Prints text made by a library and gives it back; NULL is a failure. */
static enum tw_status print_text(char *text)
{
    if (!text)
        return tw_error_status();
    fputs(text, stdout);
    tw_free(text);
    return TW_OK;
}

enum tw_status inspect_model(void)
{
    struct recorded recorded;
    enum tw_status status = record(1, false, &recorded);

    if (!status)
        status = print_text(tw_module_text(recorded.model));
    if (!status) {
        printf("\n\n");
        model_table_print(stdout, recorded.graph, recorded.model, "torch");
    }
    release(&recorded);
    return status;
}

enum tw_status inspect_plan(int64_t level, int64_t batch_size)
{
    struct recorded recorded;
    struct compute compute = {0};
    struct tw_plan_options options = {.level = (int)level};
    tw_plan *plan = NULL;
    enum tw_status status = record((ptrdiff_t)batch_size, true, &recorded);

    if (!status)
        status = compute_open(TW_ISA_COUNT, 0, (ptrdiff_t)batch_size, TW_BIND_NONE, (int)level, &compute);
    if (!status) {
        options.kernels = compute.kernels;
        options.team = compute.team;
        plan = tw_plan_new(recorded.graph, &options);
        status = plan ? print_text(tw_plan_text(plan)) : tw_error_status();
    }
    tw_plan_release(plan);
    compute_release(&compute);
    release(&recorded);
    return status;
}
