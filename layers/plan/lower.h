/* Lowering: a graph rewritten into one that computes the same with fused operations and layouts of their own.
 * Level 2 plans the lowered graph.
 *
 * Rules are matched on the recorded graph, whatever network it came from:
 *
 *   conv2d 3x3 (stride 1, padding 1, one group) -> relu -> max_pool2d 2x2
 *                                        becomes one operation, its backward another;
 *   a normalize in front of a convolution of few channels
 *                                        is taken in;
 *   one such operation after another     hand over blocked activations as they are;
 *   folds of gradient slots              wait until the end, so that stages stay long;
 *   linear -> relu, without a backward half and with constant parameters
 *                                        becomes one operation on packed weights (lower_linear.h).
 *
 * A value that somebody else reads, or that is to be kept (tw_graph_keep), is not fused away.
 */
#ifndef TOWER_LAYERS_PLAN_LOWER_H
#define TOWER_LAYERS_PLAN_LOWER_H

#include "layers/graph/graph.h"

/* Nodes of the recorded graph that become one operation and its gradient; 0: there is none. */
struct tw_fusion {
    uint32_t normalize, conv, relu, pool;
    uint32_t pool_gradient, relu_gradient, weight_gradient, input_gradient;
    struct tw_conv_pool_shape shape;
    struct tw_pixel_scale pixels;
    bool planar, bytes;
    bool stays_blocked; /* whoever reads y takes it as it is */
    int from, to;       /* the fusion whose blocked y this one's x is / whose x this one's y is; -1: none */
    tw_value x, y, code, dx; /* in the lowered graph; y and dx blocked */
    tw_value packed, scatter;
};

struct tw_fusions {
    struct tw_fusion *items;
    size_t count, capacity;
    uint32_t *uses; /* of each value of the recorded graph, by nodes that read it */
    int *of_node;   /* fusion that swallows a node, -1: none */
};

/* Finds every fusion of `graph`. Released with tw_fusions_release, also after a failure. */
enum tw_status tw_fusions_find(const tw_graph *graph, struct tw_fusions *fusions);
void tw_fusions_release(struct tw_fusions *fusions);

/* The lowered graph, owned by the caller, and in `*map` (released with tw_free) the lowered value of every
 * recorded one, 0 where it is fused away. `constant_parameters`: weights may be packed for more than a run. NULL on
 * failure. */
tw_graph *tw_graph_lower(const tw_graph *graph, bool constant_parameters, uint32_t **map);

#endif
