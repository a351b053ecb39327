/* The rewriting: leaves, packed weights, then every node in order, copied or fused; folds of slots last. */
#include "layers/plan/lower_linear.h"

#include "core/memory.h"
#include "layers/operation/conv_pool.h"
#include "layers/operation/operations.h"

struct lowering {
    const tw_graph *from;
    tw_graph *to;
    uint32_t *map; /* recorded value -> lowered value */
    struct tw_fusions fusions;
    struct tw_linear_rules linears;
};

static tw_value mapped(const struct lowering *lowering, uint32_t value)
{
    return (tw_value){lowering->map[value]};
}

/* New nodes carry the half and the path of the recorded node they stand for. */
static void stand_for(struct lowering *lowering, uint32_t node)
{
    tw_graph *to = lowering->to;

    to->backward = lowering->from->nodes[node].backward;
    tw_free(to->path);
    to->path = tw_strdup(lowering->from->nodes[node].path);
    if (!to->path) {
        tw_graph_fail(to, TW_ERROR_MEMORY, "plan: no memory to lower the graph");
    }
}

/* The lowered value takes over what the recorded one promised. */
static void settle(struct lowering *lowering, uint32_t recorded, tw_value value)
{
    const struct tw_graph_value *source = &lowering->from->values[recorded];
    struct tw_graph_value *target = &lowering->to->values[value.index];

    lowering->map[recorded] = value.index;
    if (value.index == 0 || source->kind != TW_VALUE_RESULT) {
        return;
    }
    target->keep = source->keep;
    if (source->is_parameter_gradient) {
        target->is_parameter_gradient = true;
        target->parameter = tw_parameter_retain(source->parameter);
    }
}

static void copy_leaves(struct lowering *lowering)
{
    for (uint32_t i = 1; i < lowering->from->value_count; i++) {
        const struct tw_graph_value *value = &lowering->from->values[i];

        if (value->kind == TW_VALUE_INPUT) {
            settle(lowering, i,
                   tw_graph_input(lowering->to, value->name, value->dtype, value->shape, value->batched));
        } else if (value->kind == TW_VALUE_PARAMETER) {
            settle(lowering, i, tw_graph_parameter(lowering->to, value->name, value->parameter));
        }
    }
}

static void copy_node(struct lowering *lowering, uint32_t index)
{
    const struct tw_graph_node *node = &lowering->from->nodes[index];
    tw_value inputs[TW_NODE_MAX_INPUTS], first = TW_INVALID_VALUE;

    for (int i = 0; i < node->inputs; i++) {
        inputs[i] = mapped(lowering, node->input[i]);
    }
    stand_for(lowering, index);
    for (int i = 0; i < node->outputs; i++) {
        const struct tw_graph_value *output = &lowering->from->values[node->output[i]];
        tw_value value =
            i == 0 ? tw_graph_record(lowering->to, node->operation, inputs, node->inputs, &node->attributes,
                                     output->dtype, output->shape, output->batched)
                   : tw_graph_add_output(lowering->to, first, output->dtype, output->shape, output->batched);

        first = i == 0 ? value : first;
        settle(lowering, node->output[i], value);
        if (output->alias_of != 0) {
            lowering->to->values[value.index].alias_of = lowering->map[output->alias_of];
        }
    }
}

/* --- fused nodes -------------------------------------------------------------------------------------------
 */

static union tw_attributes attributes_of(const struct tw_fusion *fusion)
{
    return (union tw_attributes){.conv_pool = {fusion->shape, fusion->bytes, fusion->pixels}};
}

static tw_value record_pack(struct lowering *lowering, const struct tw_operation *operation,
                            const struct tw_fusion *fusion, struct tw_shape shape)
{
    tw_value weight = mapped(lowering, lowering->from->nodes[fusion->conv].input[1]);
    union tw_attributes attributes = attributes_of(fusion);

    stand_for(lowering, fusion->conv);
    return tw_graph_record(lowering->to, operation, &weight, 1, &attributes, TW_F32, shape, false);
}

static struct tw_shape scatter_shape(const struct tw_conv_pool_shape *shape)
{
    return TW_SHAPE(tw_blocks(shape->in_channels), shape->out_channels, 9, TW_BLOCK);
}

/* All weights are packed first: they depend on no activation, and stages of samples are not interrupted for
 * them. */
static void pack_weights(struct lowering *lowering)
{
    for (size_t i = 0; i < lowering->fusions.count; i++) {
        struct tw_fusion *fusion = &lowering->fusions.items[i];
        const struct tw_conv_pool_shape *shape = &fusion->shape;
        ptrdiff_t blocks = tw_blocks(shape->out_channels);

        fusion->packed = fusion->planar ? record_pack(lowering, &tw_operation_pack_planar, fusion,
                                                      TW_SHAPE(blocks, shape->in_channels, 9, TW_BLOCK))
                                        : record_pack(lowering, &tw_operation_pack_winograd, fusion,
                                                      TW_SHAPE(blocks, 16, shape->in_channels, TW_BLOCK));
        if (fusion->input_gradient) {
            fusion->scatter = record_pack(lowering, &tw_operation_pack_scatter, fusion, scatter_shape(shape));
        }
    }
    for (size_t i = 0; i < lowering->linears.count; i++) {
        struct tw_linear_rule *rule = &lowering->linears.items[i];

        stand_for(lowering, rule->linear);
        tw_linear_rule_pack(rule, lowering->to,
                            mapped(lowering, lowering->from->nodes[rule->linear].input[1]));
    }
}

/* A change of layout of one activation. */
static tw_value record_layout(struct lowering *lowering, const struct tw_operation *operation, tw_value x,
                              ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width, ptrdiff_t halo)
{
    const union tw_attributes attributes = {.block = {channels, height, width, halo}};
    struct tw_shape shape;

    if (!tw_graph_accepts(lowering->to, &x, 1)) {
        return TW_INVALID_VALUE;
    }
    shape = operation == &tw_operation_unblock
                ? TW_SHAPE(lowering->to->values[x.index].shape.extent[0], channels, height, width)
                : TW_SHAPE(lowering->to->values[x.index].shape.extent[0], tw_blocks(channels),
                           height + 2 * halo, width + 2 * halo, TW_BLOCK);
    return tw_graph_record(lowering->to, operation, &x, 1, &attributes, TW_F32, shape, true);
}

static tw_value fused_input(struct lowering *lowering, const struct tw_fusion *fusion)
{
    const struct tw_graph_node *conv = &lowering->from->nodes[fusion->conv];

    if (fusion->from >= 0) {
        return lowering->fusions.items[fusion->from].y;
    }
    if (fusion->planar) {
        return mapped(lowering,
                      fusion->bytes ? lowering->from->nodes[fusion->normalize].input[0] : conv->input[0]);
    }
    return record_layout(lowering, &tw_operation_block, mapped(lowering, conv->input[0]),
                         fusion->shape.in_channels, fusion->shape.height, fusion->shape.width, 1);
}

static void fuse_forward(struct lowering *lowering, struct tw_fusion *fusion)
{
    const struct tw_conv_pool_shape *shape = &fusion->shape;
    const struct tw_graph_node *conv = &lowering->from->nodes[fusion->conv];
    ptrdiff_t samples = lowering->from->values[conv->input[0]].shape.extent[0],
              blocks = tw_blocks(shape->out_channels);
    ptrdiff_t rows = shape->height / 2, columns = shape->width / 2, halo = shape->y_halo;
    union tw_attributes attributes = attributes_of(fusion);
    uint32_t y = lowering->from->nodes[fusion->pool].output[0];

    stand_for(lowering, fusion->conv);
    fusion->x = fused_input(lowering, fusion);
    fusion->y = tw_graph_record(
        lowering->to, fusion->planar ? &tw_operation_conv_pool_planar : &tw_operation_conv_pool,
        (tw_value[]){fusion->x, fusion->packed, mapped(lowering, conv->input[2])}, 3, &attributes, TW_F32,
        TW_SHAPE(samples, blocks, rows + 2 * halo, columns + 2 * halo, TW_BLOCK), true);
    if (fusion->weight_gradient) {
        fusion->code = tw_graph_add_output(lowering->to, fusion->y, TW_U8,
                                           TW_SHAPE(samples, blocks, rows, columns, TW_BLOCK), true);
    }
    if (fusion->to < 0 && !fusion->stays_blocked) {
        settle(lowering, y,
               record_layout(lowering, &tw_operation_unblock, fusion->y, shape->out_channels, rows, columns,
                             halo));
    }
}

/* The gradient that enters the pool, blocked. */
static tw_value fused_gradient(struct lowering *lowering, const struct tw_fusion *fusion)
{
    if (fusion->to >= 0) {
        return lowering->fusions.items[fusion->to].dx;
    }
    return record_layout(lowering, &tw_operation_block,
                         mapped(lowering, lowering->from->nodes[fusion->pool_gradient].input[0]),
                         fusion->shape.out_channels, fusion->shape.height / 2, fusion->shape.width / 2,
                         fusion->shape.y_halo);
}

static void fuse_backward(struct lowering *lowering, struct tw_fusion *fusion)
{
    const struct tw_conv_pool_shape *shape = &fusion->shape;
    const struct tw_graph_node *weight = &lowering->from->nodes[fusion->weight_gradient];
    union tw_attributes attributes = attributes_of(fusion);
    struct tw_shape slots = lowering->from->values[weight->output[0]].shape, packed = scatter_shape(shape);
    tw_value inputs[4], dw;

    stand_for(lowering, fusion->weight_gradient);
    inputs[0] = fusion->x;
    inputs[1] = fusion->code;
    inputs[2] = fused_gradient(lowering, fusion);
    inputs[3] = fusion->scatter;
    if (!fusion->planar) {
        slots = TW_SHAPE(TW_GRADIENT_SLOTS, packed.extent[0], packed.extent[1], packed.extent[2],
                         packed.extent[3]);
    }
    dw = tw_graph_record(lowering->to,
                         fusion->planar ? &tw_operation_conv_pool_planar_gradient
                                        : &tw_operation_conv_pool_gradient,
                         inputs, fusion->planar ? 3 : 4, &attributes, TW_F32, slots, false);
    settle(lowering, weight->output[0], dw);
    slots = TW_SHAPE(TW_GRADIENT_SLOTS, shape->out_channels);
    if (weight->outputs > 1) {
        settle(lowering, weight->output[1], tw_graph_add_output(lowering->to, dw, TW_F32, slots, false));
    } else if (fusion->input_gradient) {
        tw_graph_add_output(lowering->to, dw, TW_F32, slots, false);
    }
    if (fusion->input_gradient) {
        fusion->dx =
            tw_graph_add_output(lowering->to, dw, TW_F32, lowering->to->values[fusion->x.index].shape, true);
    }
    if (fusion->input_gradient && fusion->from < 0) {
        settle(lowering, lowering->from->nodes[fusion->input_gradient].output[0],
               record_layout(lowering, &tw_operation_unblock, fusion->dx, shape->in_channels, shape->height,
                             shape->width, 1));
    }
}

/* The fold of a fused weight gradient in scatter form goes back to the weight's own form. */
static void fold(struct lowering *lowering, uint32_t index)
{
    const struct tw_graph_node *node = &lowering->from->nodes[index];
    uint32_t producer = lowering->from->values[node->input[0]].producer;
    int of = lowering->fusions.of_node[producer];
    struct tw_fusion *fusion = of >= 0 ? &lowering->fusions.items[of] : NULL;
    tw_value slots = mapped(lowering, node->input[0]), dw;

    if (!fusion || fusion->planar || lowering->from->nodes[producer].output[0] != node->input[0]) {
        copy_node(lowering, index);
        return;
    }
    stand_for(lowering, index);
    dw = tw_graph_record(lowering->to, &tw_operation_fold_scatter, &slots, 1,
                         &(union tw_attributes){.conv_pool = {.shape = fusion->shape}}, TW_F32,
                         lowering->from->values[node->output[0]].shape, false);
    tw_graph_add_output(lowering->to, dw, TW_F32, scatter_shape(&fusion->shape), false);
    settle(lowering, node->output[0], dw);
}

static bool is_deferred(const struct lowering *lowering, uint32_t index)
{
    const struct tw_graph_node *node = &lowering->from->nodes[index];

    return node->operation == &tw_operation_fold_slots && lowering->fusions.uses[node->output[0]] == 0;
}

/* A linear layer takes the place of its last node. */
static void lower_linear(struct lowering *lowering, const struct tw_linear_rule *rule, uint32_t index)
{
    const struct tw_graph_node *linear = &lowering->from->nodes[rule->linear];

    if (index == (rule->relu ? rule->relu : rule->linear)) {
        tw_value x =
            rule->from >= 0 ? lowering->fusions.items[rule->from].y : mapped(lowering, linear->input[0]);

        stand_for(lowering, rule->linear);
        settle(lowering, lowering->from->nodes[index].output[0],
               tw_linear_rule_record(rule, lowering->to, x, mapped(lowering, linear->input[2])));
    }
}

static void lower_node(struct lowering *lowering, uint32_t index)
{
    const struct tw_linear_rule *linear = tw_linear_rule_of(&lowering->linears, index);
    int of = lowering->fusions.of_node[index];
    struct tw_fusion *fusion = of >= 0 ? &lowering->fusions.items[of] : NULL;

    if (linear) {
        lower_linear(lowering, linear, index);
    } else if (!fusion && lowering->from->nodes[index].operation == &tw_operation_fold_slots) {
        fold(lowering, index);
    } else if (!fusion) {
        copy_node(lowering, index);
    } else if (index == fusion->pool) {
        fuse_forward(lowering, fusion);
    } else if (index == fusion->weight_gradient) {
        fuse_backward(lowering, fusion);
    }
}

static void lower_all(struct lowering *lowering)
{
    copy_leaves(lowering);
    pack_weights(lowering);
    for (uint32_t i = 1; i < lowering->from->node_count; i++) {
        if (!is_deferred(lowering, i)) {
            lower_node(lowering, i);
        }
    }
    for (uint32_t i = 1; i < lowering->from->node_count; i++) {
        if (is_deferred(lowering, i)) {
            fold(lowering, i);
        }
    }
    lowering->to->backward = false;
    lowering->to->differentiated = lowering->from->differentiated;
}

tw_graph *tw_graph_lower(const tw_graph *graph, bool constant_parameters, bool updates, uint32_t **map)
{
    struct lowering lowering = {.from = graph, .to = tw_graph_new()};
    bool done = false;

    lowering.map = lowering.to ? tw_alloc_array(graph->value_count, sizeof *lowering.map) : NULL;
    if (lowering.map && tw_fusions_find(graph, &lowering.fusions) == TW_OK &&
        tw_linear_rules_find(graph, constant_parameters, &lowering.fusions, &lowering.linears) == TW_OK) {
        lower_all(&lowering);
        done = tw_graph_status(lowering.to) == TW_OK &&
               tw_graph_apply_rules(lowering.to, lowering.map, graph->value_count) == TW_OK &&
               tw_graph_schedule(lowering.to, updates) == TW_OK;
    }
    tw_fusions_release(&lowering.fusions);
    tw_linear_rules_release(&lowering.linears);
    if (!done) {
        tw_graph_release(lowering.to);
        tw_free(lowering.map);
        return NULL;
    }
    *map = lowering.map;
    return lowering.to;
}
