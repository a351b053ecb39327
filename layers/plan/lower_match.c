/* Which nodes of a recorded graph become one. */
#include "core/memory.h"
#include "layers/operation/operations.h"
#include "layers/plan/lower.h"

/* The node that writes a value, if it is of this operation; 0 otherwise. */
static uint32_t producer(const tw_graph *graph, uint32_t value, const struct tw_operation *operation)
{
    uint32_t node = graph->values[value].producer;

    return node != 0 && graph->nodes[node].operation == operation ? node : 0;
}

/* The first node of this operation that reads `value` as its input `position`; 0 if there is none. */
static uint32_t user(const tw_graph *graph, uint32_t value, int position,
                     const struct tw_operation *operation)
{
    for (uint32_t i = 1; i < graph->node_count && value != 0; i++) {
        const struct tw_graph_node *node = &graph->nodes[i];

        if (node->operation == operation && position < node->inputs && node->input[position] == value) {
            return i;
        }
    }
    return 0;
}

/* Whether exactly `uses` nodes read output `i` of a node and nobody asked to keep it. */
static bool is_private(const tw_graph *graph, const struct tw_fusions *fusions, uint32_t node, int i,
                       uint32_t uses)
{
    uint32_t value = graph->nodes[node].output[i];

    return fusions->uses[value] == uses && !graph->values[value].keep;
}

static bool is_pair(const ptrdiff_t pair[2], ptrdiff_t value)
{
    return pair[0] == value && pair[1] == value;
}

/* The kernels' lists hold 32-bit offsets: into a block of a sample's x, into the scatter form of one vector of input
 * channels, and into the list of all its windows. Larger shapes stay separate operations. */
static bool fits_offsets(const struct tw_conv_pool_shape *shape)
{
    double plane = (double)(shape->height + 2) * (double)(shape->width + 2);

    return plane * TW_BLOCK < INT32_MAX && plane * (double)shape->out_channels < INT32_MAX &&
           9.0 * TW_BLOCK * ((double)shape->out_channels + TW_BLOCK) < INT32_MAX;
}

/* Weights are packed before any node has run: what a node computes is not there yet. */
static bool is_leaf(const struct tw_graph_value *value)
{
    return value->kind == TW_VALUE_PARAMETER || value->kind == TW_VALUE_INPUT;
}

/* conv2d 3x3 -> relu -> max_pool2d 2x2 on a batch, read by nobody else in the forward. */
static bool match_forward(const tw_graph *graph, uint32_t pool, struct tw_fusion *fusion)
{
    const tw_pool2d_geometry *window = &graph->nodes[pool].attributes.pool2d;
    const tw_conv2d_geometry *conv;
    const struct tw_graph_value *x;

    *fusion = (struct tw_fusion){.pool = pool, .from = -1, .to = -1};
    if (graph->nodes[pool].operation != &tw_operation_max_pool2d || !is_pair(window->kernel, 2) ||
        !is_pair(window->stride, 2) || !is_pair(window->padding, 0)) {
        return false;
    }
    fusion->relu = producer(graph, graph->nodes[pool].input[0], &tw_operation_relu);
    fusion->conv =
        fusion->relu ? producer(graph, graph->nodes[fusion->relu].input[0], &tw_operation_conv2d) : 0;
    if (!fusion->conv) {
        return false;
    }
    conv = &graph->nodes[fusion->conv].attributes.conv2d;
    x = &graph->values[graph->nodes[fusion->conv].input[0]];
    fusion->shape = (struct tw_conv_pool_shape){
        .in_channels = x->shape.extent[1],
        .out_channels = graph->values[graph->nodes[fusion->conv].output[0]].shape.extent[1],
        .height = x->shape.extent[2],
        .width = x->shape.extent[3],
    };
    return is_pair(conv->kernel, 3) && is_pair(conv->stride, 1) && is_pair(conv->padding, 1) &&
           is_pair(conv->dilation, 1) && conv->groups == 1 && x->batched &&
           is_leaf(&graph->values[graph->nodes[fusion->conv].input[1]]) && fits_offsets(&fusion->shape);
}

/* The backward half of it: every gradient on the way is read by the next step alone. Without a backward half
 * there is nothing to match; with one that lacks the weight's gradient (a frozen weight) the three operations
 * stay. */
static bool match_backward(const tw_graph *graph, struct tw_fusion *fusion)
{
    const struct tw_graph_node *conv = &graph->nodes[fusion->conv];
    uint32_t gradient;

    fusion->pool_gradient =
        user(graph, graph->nodes[fusion->pool].output[1], 1, &tw_operation_max_pool2d_gradient);
    if (!fusion->pool_gradient) {
        return true;
    }
    fusion->relu_gradient =
        user(graph, graph->nodes[fusion->pool_gradient].output[0], 0, &tw_operation_relu_gradient);
    if (!fusion->relu_gradient ||
        graph->nodes[fusion->relu_gradient].input[1] != graph->nodes[fusion->relu].output[0]) {
        return false;
    }
    gradient = graph->nodes[fusion->relu_gradient].output[0];
    fusion->weight_gradient = user(graph, gradient, 1, &tw_operation_conv2d_weight_gradient);
    fusion->input_gradient = user(graph, gradient, 0, &tw_operation_conv2d_input_gradient);
    return fusion->weight_gradient && graph->nodes[fusion->weight_gradient].input[0] == conv->input[0];
}

static bool is_closed(const tw_graph *graph, const struct tw_fusions *fusions, const struct tw_fusion *fusion)
{
    uint32_t backward = fusion->pool_gradient != 0, dx = fusion->input_gradient != 0;

    return is_private(graph, fusions, fusion->conv, 0, 1) &&
           is_private(graph, fusions, fusion->relu, 0, 1 + backward) &&
           is_private(graph, fusions, fusion->pool, 1, backward) &&
           (!backward || (is_private(graph, fusions, fusion->pool_gradient, 0, 1) &&
                          is_private(graph, fusions, fusion->relu_gradient, 0, 1 + dx)));
}

/* Planar input for few channels whose own gradient nobody wants, pixels where they come straight from a
 * normalize. */
static void choose_input(const tw_graph *graph, const struct tw_fusions *fusions, struct tw_fusion *fusion)
{
    uint32_t x = graph->nodes[fusion->conv].input[0], normalize;

    fusion->planar = fusion->shape.in_channels <= TW_CONV_POOL_PLANAR_CHANNELS && !fusion->input_gradient;
    normalize = fusion->planar ? producer(graph, x, &tw_operation_normalize) : 0;
    if (normalize && is_private(graph, fusions, normalize, 0, fusion->weight_gradient ? 2 : 1)) {
        const union tw_attributes *attributes = &graph->nodes[normalize].attributes;

        fusion->normalize = normalize;
        fusion->bytes = true;
        fusion->pixels.mean = (float)attributes->normalize.mean;
        fusion->pixels.standard_deviation = (float)attributes->normalize.standard_deviation;
    }
}

/* Whether the fused operation is faster than the three: its vectors are sixteen output channels, whatever the image, so
 * few of them leave lanes empty; Winograd's transforms want input channels to be repaid by; and in an image of two rows a
 * third of a convolution's taps fall on the padding, which kernels/conv leaves out. Shapes alone decide, since
 * Winograd rounds in its own way: results must not depend on the batch. */
static bool pays(const struct tw_fusion *fusion)
{
    enum { FEWEST_OUT_CHANNELS = 12, FEWEST_IN_CHANNELS = 6, FEWEST_ROWS = 3 };
    const struct tw_conv_pool_shape *shape = &fusion->shape;

    return shape->out_channels >= FEWEST_OUT_CHANNELS &&
           (fusion->planar || (shape->in_channels >= FEWEST_IN_CHANNELS && shape->height >= FEWEST_ROWS));
}

static enum tw_status add(struct tw_fusions *fusions, const struct tw_fusion *fusion)
{
    const uint32_t nodes[] = {fusion->normalize,
                              fusion->conv,
                              fusion->relu,
                              fusion->pool,
                              fusion->pool_gradient,
                              fusion->relu_gradient,
                              fusion->weight_gradient,
                              fusion->input_gradient};
    struct tw_fusion *grown =
        tw_array_grow(fusions->items, &fusions->capacity, fusions->count + 1, sizeof *fusions->items);

    if (!grown) {
        return TW_ERROR_MEMORY;
    }
    fusions->items = grown;
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        fusions->of_node[nodes[i]] = nodes[i] ? (int)fusions->count : -1;
    }
    fusions->items[fusions->count++] = *fusion;
    return TW_OK;
}

/* `next` takes its blocked x from `fusion` as it is, if it is the only one who wants it, and gives back its
 * blocked dx likewise. */
static void chain(const tw_graph *graph, struct tw_fusions *fusions, int first, int second)
{
    struct tw_fusion *fusion = &fusions->items[first], *next = &fusions->items[second];
    uint32_t y = graph->nodes[fusion->pool].output[0], dx;

    if (next->planar || graph->nodes[next->conv].input[0] != y ||
        !is_private(graph, fusions, fusion->pool, 0, next->weight_gradient ? 2 : 1) ||
        (next->input_gradient != 0) != (fusion->pool_gradient != 0)) {
        return;
    }
    if (next->input_gradient) {
        dx = graph->nodes[next->input_gradient].output[0];
        if (graph->nodes[fusion->pool_gradient].input[0] != dx ||
            !is_private(graph, fusions, next->input_gradient, 0, 1)) {
            return;
        }
    }
    fusion->to = second;
    fusion->shape.y_halo = 1;
    next->from = first;
}

enum tw_status tw_fusions_find(const tw_graph *graph, struct tw_fusions *fusions)
{
    enum tw_status status = TW_OK;

    *fusions = (struct tw_fusions){.uses = tw_alloc_array(graph->value_count, sizeof *fusions->uses),
                                   .of_node = tw_alloc_array(graph->node_count, sizeof *fusions->of_node)};
    if (!fusions->uses || !fusions->of_node) {
        return TW_ERROR_MEMORY;
    }
    for (uint32_t i = 0; i < graph->node_count; i++) {
        fusions->of_node[i] = -1;
        for (int j = 0; j < graph->nodes[i].inputs; j++) {
            fusions->uses[graph->nodes[i].input[j]]++;
        }
    }
    for (uint32_t i = 1; i < graph->node_count && status == TW_OK; i++) {
        struct tw_fusion fusion;

        if (match_forward(graph, i, &fusion) && match_backward(graph, &fusion) &&
            is_closed(graph, fusions, &fusion)) {
            choose_input(graph, fusions, &fusion);
            status = pays(&fusion) ? add(fusions, &fusion) : TW_OK;
        }
    }
    for (int i = 0; i < (int)fusions->count; i++) {
        for (int j = 0; j < (int)fusions->count; j++) {
            chain(graph, fusions, i, j);
        }
    }
    return status;
}

void tw_fusions_release(struct tw_fusions *fusions)
{
    tw_free(fusions->items);
    tw_free(fusions->uses);
    tw_free(fusions->of_node);
}
