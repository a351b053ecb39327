#include "layers/nn/nn.h"

#include <stdio.h>

struct dropout {
    tw_module super;
    double probability; /* of an element to become 0 */
};

static tw_value dropout_forward(tw_module *self, tw_graph *graph, tw_value x)
{
    return self->training ? tw_dropout(graph, x, TW_SELF(self, struct dropout)->probability) : x;
}

static void dropout_describe(const tw_module *self, char *text, size_t bytes)
{
    snprintf(text, bytes, "p=%g, inplace=False", TW_SELF(self, const struct dropout)->probability);
}

static const tw_module_class dropout_class = {
    .name = "Dropout",
    .forward = dropout_forward,
    .describe = dropout_describe,
};

tw_module *tw_nn_dropout(double probability)
{
    struct dropout *dropout;

    /* Written so that NaN fails. */
    if (!(probability >= 0.0 && probability < 1.0)) {
        return tw_fail_null(TW_ERROR_ARGUMENT, "Dropout: probability %g, expected one in [0, 1)",
                            probability);
    }
    dropout = tw_module_new(sizeof *dropout, &dropout_class);
    if (dropout == NULL) {
        return NULL;
    }
    dropout->probability = probability;
    return &dropout->super;
}
