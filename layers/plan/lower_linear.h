/* Lowering of linear layers that read their weights in another layout; a relu after the layer becomes part of it.
 *
 *   behind a relu                     zeros are left out while they are many (linear_nonzeros.h): if the weight is not small
 *                                     (tw_linear_is_small) and an input's weights fill several vectors; they are transposed
 *                                     once where parameters are constant, else on the way if samples pay for it
 *   otherwise, constant parameters    weights are packed once (linear_packed.h), and what flattens the blocked activation
 *                                     of a fused convolution (lower.h) is left out: the layer reads it as it is
 */
#ifndef TOWER_LAYERS_PLAN_LOWER_LINEAR_H
#define TOWER_LAYERS_PLAN_LOWER_LINEAR_H

#include "layers/plan/lower.h"

/* Nodes of the recorded graph that become one linear layer; 0: there is none. */
struct tw_linear_rule {
    uint32_t view, linear, relu;
    bool nonzeros;          /* multiplies those of x only */
    bool packs, transposed; /* weights come in another layout; as (in, out) */
    int from;               /* the fusion whose blocked y is x; -1: x is plain */
    struct tw_linear_shape shape;
    tw_value packed; /* in the lowered graph */
};

struct tw_linear_rules {
    struct tw_linear_rule *items;
    size_t count, capacity;
};

/* Finds every such layer, and tells the fusions it reads blocked activations from that these stay blocked
 * (tw_fusion.stays_blocked). Released with tw_linear_rules_release, also after a failure. */
enum tw_status tw_linear_rules_find(const tw_graph *graph, bool constant_parameters,
                                    struct tw_fusions *fusions, struct tw_linear_rules *rules);
void tw_linear_rules_release(struct tw_linear_rules *rules);

/* The rule that swallows a node; NULL: none. */
const struct tw_linear_rule *tw_linear_rule_of(const struct tw_linear_rules *rules, uint32_t node);

/* Record the packing of `weight`, and the layer itself, in the lowered graph. */
void tw_linear_rule_pack(struct tw_linear_rule *rule, tw_graph *graph, tw_value weight);
tw_value tw_linear_rule_record(const struct tw_linear_rule *rule, tw_graph *graph, tw_value x, tw_value bias);

#endif
