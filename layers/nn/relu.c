#include "layers/nn/nn.h"

static tw_value relu_forward(tw_module *self, tw_graph *graph, tw_value x)
{
    (void)self;
    return tw_relu(graph, x);
}

static const tw_module_class relu_class = {.name = "ReLU", .forward = relu_forward};

tw_module *tw_nn_relu(void)
{
    return tw_module_new(sizeof(tw_module), &relu_class);
}
