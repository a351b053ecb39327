#include "layers/nn/nn.h"

#include <stdio.h>

#include "layers/nn/nn_init.h"

struct linear {
    tw_module super;
    tw_parameter *weight, *bias; /* bias NULL: none */
};

static tw_value linear_forward(tw_module *self, tw_graph *graph, tw_value x)
{
    struct linear *linear = TW_SELF(self, struct linear);
    tw_value weight = tw_graph_parameter(graph, "weight", linear->weight);
    tw_value bias = tw_graph_parameter(graph, "bias", linear->bias);

    return tw_linear(graph, x, weight, bias);
}

static void linear_describe(const tw_module *self, char *text, size_t bytes)
{
    const struct linear *linear = TW_SELF(self, const struct linear);
    const ptrdiff_t *extent = linear->weight->data->shape.extent;

    snprintf(text, bytes, "in_features=%td, out_features=%td, bias=%s", extent[1], extent[0],
             linear->bias != NULL ? "True" : "False");
}

static const tw_module_class linear_class = {
    .name = "Linear",
    .forward = linear_forward,
    .describe = linear_describe,
};

tw_module *tw_nn_linear(struct tw_rng *rng, ptrdiff_t in_features, ptrdiff_t out_features, bool bias)
{
    struct linear *linear;

    if (in_features < 1 || out_features < 1) {
        return tw_fail_null(TW_ERROR_ARGUMENT,
                            "Linear: in_features %td, out_features %td, expected 1 or more", in_features,
                            out_features);
    }
    linear = tw_module_new(sizeof *linear, &linear_class);
    if (linear == NULL) {
        return NULL;
    }
    linear->weight = tw_module_new_parameter(&linear->super, "weight", TW_SHAPE(out_features, in_features));
    linear->bias = tw_nn_new_bias(&linear->super, out_features, bias);
    return tw_nn_ready(&linear->super, linear->weight, linear->bias, rng);
}
