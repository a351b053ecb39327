#include "layers/nn/nn.h"

#include "layers/nn/nn_children.h"

static tw_value sequential_forward(tw_module *self, tw_graph *graph, tw_value x)
{
    for (size_t i = 0; i < self->child_count; i++) {
        x = tw_call(self->children[i].module, graph, x);
    }
    return x;
}

static const tw_module_class sequential_class = {.name = "Sequential", .forward = sequential_forward};

tw_module *tw_nn_sequential(tw_module *const *modules, size_t count)
{
    tw_module *self;

    if (modules == NULL && count > 0) {
        return tw_fail_null(TW_ERROR_ARGUMENT, "Sequential: %zu modules at NULL", count);
    }
    self = tw_module_new(sizeof *self, &sequential_class);
    for (size_t i = 0; i < count; i++) {
        if (self != NULL) {
            (void)tw_nn_append_child(self, modules[i]);
        } else {
            tw_module_release(modules[i]);
        }
    }
    return tw_module_ready(self);
}
