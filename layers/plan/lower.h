/* Lowering: a graph rewritten into one that computes the same with fused operations and layouts of their own.
 * Level 2 plans the lowered graph.
 *
 * Rules are matched on the recorded graph, whatever network it came from:
 *
 *   conv2d 3x3 (stride 1, padding 1, one group) -> relu -> max_pool2d 2x2
 *                                        becomes one operation, its backward another, from 12 output channels on, and from
 *                                        6 input channels and 3 rows on unless the input is an image of at most 4 channels
 *                                        whose gradient nobody wants;
 *   a normalize in front of a convolution of few channels
 *                                        is taken in;
 *   one such operation after another     hand over blocked activations as they are;
 *   linear -> relu                       becomes one operation;
 *   a linear behind a relu, the gradients of one in front of it
 *                                        leave out the zeros, where the weight is large enough (nonzeros.h);
 *   the gradients of log_softmax and nll_loss
 *                                        become one;
 *   a linear of few weights              goes by samples, with whatever stands around it;
 *   linear (-> relu), without a backward half and with constant parameters
 *                                        becomes one operation on packed weights (lower_linear.h).
 *
 * The nodes are then put into the order with the fewest stages (tw_graph_schedule).
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
 * recorded one, 0 where it is fused away. `constant_parameters`: weights may be packed for more than a run. `updates`:
 * as for tw_graph_schedule. NULL on failure. */
tw_graph *tw_graph_lower(const tw_graph *graph, bool constant_parameters, bool updates, uint32_t **map);

/* Whether a weight fits into the L1 cache beside the samples. */
bool tw_linear_is_small(const struct tw_shape *weight);

/* Rewrites single nodes of a lowered graph by the rules of lower_rules.c; of the `recorded` entries of `map` those whose
 * value is fused away become 0. TW_ERROR_MEMORY, and nothing has changed. */
enum tw_status tw_graph_apply_rules(tw_graph *graph, uint32_t *map, size_t recorded);

/* Reorders the nodes of a graph, each half in itself, so that they fall into few stages; nodes that depend on
 * parameters alone and are in front stay there. `updates`: a parameter's gradient comes in a later stage than all that
 * reads the parameter. TW_ERROR_MEMORY, and nothing has changed. */
enum tw_status tw_graph_schedule(tw_graph *graph, bool updates);

/* Whether an update behind `writer`, which writes a parameter's gradient, would change what `reader` reads. */
bool tw_changes_under(const tw_graph *graph, const struct tw_graph_node *writer,
                      const struct tw_graph_node *reader);

/* The end of the leading nodes behind which stand nothing but parameters, so that they compute the same until one of
 * those changes; 1: there are none. */
uint32_t tw_graph_constants_end(const tw_graph *graph);

#endif
