/* Softmax and LogSoftmax over the last dimension. */
#include "layers/nn/nn.h"

#include <stdio.h>

static tw_value softmax_forward(tw_module *self, tw_graph *graph, tw_value x)
{
    (void)self;
    return tw_softmax(graph, x);
}

static tw_value log_softmax_forward(tw_module *self, tw_graph *graph, tw_value x)
{
    (void)self;
    return tw_log_softmax(graph, x);
}

static void describe(const tw_module *self, char *text, size_t bytes)
{
    (void)self;
    snprintf(text, bytes, "dim=-1");
}

static const tw_module_class softmax_class = {
    .name = "Softmax",
    .forward = softmax_forward,
    .describe = describe,
};

static const tw_module_class log_softmax_class = {
    .name = "LogSoftmax",
    .forward = log_softmax_forward,
    .describe = describe,
};

tw_module *tw_nn_softmax(void)
{
    return tw_module_new(sizeof(tw_module), &softmax_class);
}

tw_module *tw_nn_log_softmax(void)
{
    return tw_module_new(sizeof(tw_module), &log_softmax_class);
}
