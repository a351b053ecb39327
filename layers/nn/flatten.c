#include "layers/nn/nn.h"

#include <stdio.h>

static tw_value flatten_forward(tw_module *self, tw_graph *graph, tw_value x)
{
    (void)self;
    return tw_flatten(graph, x);
}

static void flatten_describe(const tw_module *self, char *text, size_t bytes)
{
    (void)self;
    snprintf(text, bytes, "start_dim=1, end_dim=-1");
}

static const tw_module_class flatten_class = {
    .name = "Flatten",
    .forward = flatten_forward,
    .describe = flatten_describe,
};

tw_module *tw_nn_flatten(void)
{
    return tw_module_new(sizeof(tw_module), &flatten_class);
}
