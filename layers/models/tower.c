#include "layers/models/tower.h"

#include "layers/graph/functional.h"
#include "layers/nn/nn.h"

typedef struct tw_tower {
    tw_module super;
    tw_module *conv1, *conv2, *fc1, *fc2;
} tw_tower;

static tw_value tower_forward(tw_module *self, tw_graph *g, tw_value x)
{
    tw_tower *t = TW_SELF(self, tw_tower);

    x = tw_max_pool2d(g, tw_relu(g, tw_call(t->conv1, g, x)), 2); /* (N, 32, 14, 14) */
    x = tw_max_pool2d(g, tw_relu(g, tw_call(t->conv2, g, x)), 2); /* (N, 64,  7,  7) */
    x = tw_flatten(g, x);                                         /* (N, 3136)       */
    x = tw_relu(g, tw_call(t->fc1, g, x));                        /* (N, 128)        */
    return tw_call(t->fc2, g, x);                                 /* (N, 10) logits  */
}

static const tw_module_class tower_class = {.name = "Tower", .forward = tower_forward};

tw_module *tw_tower_new(struct tw_rng *rng)
{
    const tw_conv2d_geometry same = {.kernel = {3, 3}, .padding = {1, 1}};
    tw_tower *t = tw_module_new(sizeof *t, &tower_class);

    if (t == NULL) {
        return NULL;
    }
    t->conv1 = tw_module_add(&t->super, "conv1", tw_nn_conv2d(rng, 1, 32, same, true));
    t->conv2 = tw_module_add(&t->super, "conv2", tw_nn_conv2d(rng, 32, 64, same, true));
    t->fc1 = tw_module_add(&t->super, "fc1", tw_nn_linear(rng, 3136, 128, true));
    t->fc2 = tw_module_add(&t->super, "fc2", tw_nn_linear(rng, 128, 10, true));
    return tw_module_ready(&t->super);
}
