/* CrossEntropyLoss and NLLLoss: modules that take a prediction and a label. */
#include "layers/nn/nn.h"

#include "layers/graph/operation.h"
#include "layers/module/module_call.h"

struct loss {
    tw_module super;
    enum tw_reduction reduction;
    double smoothing; /* of the labels; CrossEntropyLoss */
};

static const tw_module_class cross_entropy_loss_class = {.name = "CrossEntropyLoss"};
static const tw_module_class nll_loss_class = {.name = "NLLLoss"};

static tw_module *new_loss(const tw_module_class *class, enum tw_reduction reduction)
{
    struct loss *loss;

    if (reduction != TW_REDUCTION_MEAN && reduction != TW_REDUCTION_SUM) {
        return tw_fail_null(TW_ERROR_ARGUMENT,
                            "%s: reduction %d, expected TW_REDUCTION_MEAN or TW_REDUCTION_SUM", class->name,
                            (int)reduction);
    }
    loss = tw_module_new(sizeof *loss, class);
    if (loss == NULL) {
        return NULL;
    }
    loss->reduction = reduction;
    return &loss->super;
}

tw_module *tw_nn_cross_entropy_loss(enum tw_reduction reduction)
{
    return new_loss(&cross_entropy_loss_class, reduction);
}

tw_module *tw_nn_cross_entropy_loss_with(enum tw_reduction reduction, double smoothing)
{
    tw_module *loss;

    if (!(smoothing >= 0 && smoothing <= 1)) {
        return tw_fail_null(TW_ERROR_ARGUMENT, "%s: label smoothing is %g, expected a number in [0, 1]",
                            cross_entropy_loss_class.name, smoothing);
    }
    loss = new_loss(&cross_entropy_loss_class, reduction);
    if (loss != NULL) {
        TW_SELF(loss, struct loss)->smoothing = smoothing;
    }
    return loss;
}

tw_module *tw_nn_nll_loss(enum tw_reduction reduction)
{
    return new_loss(&nll_loss_class, reduction);
}

static tw_value record(tw_module *self, tw_graph *graph, tw_value prediction, tw_value label)
{
    if (self->class == &cross_entropy_loss_class) {
        const struct loss *loss = TW_SELF(self, struct loss);

        return tw_cross_entropy_with(graph, prediction, label, loss->reduction, loss->smoothing);
    }
    if (self->class == &nll_loss_class) {
        return tw_nll_loss(graph, prediction, label, TW_SELF(self, struct loss)->reduction);
    }
    return tw_graph_fail(graph, TW_ERROR_ARGUMENT, "%s is no loss, expected CrossEntropyLoss or NLLLoss",
                         self->class->name);
}

tw_value tw_call_loss(tw_module *loss, tw_graph *graph, tw_value prediction, tw_value label)
{
    struct tw_call_frame frame;
    tw_value value = TW_INVALID_VALUE;

    if (!tw_call_enter(&frame, loss, graph)) {
        return value;
    }
    if (tw_graph_accepts(graph, (tw_value[]){prediction, label}, 2)) {
        value = record(loss, graph, prediction, label);
    } else {
        tw_graph_fail(graph, TW_ERROR_ARGUMENT, "%s: its prediction or label is not a value of this graph",
                      loss->class->name);
    }
    tw_call_leave(&frame, graph);
    return value;
}
