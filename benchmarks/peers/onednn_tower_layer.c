#include "benchmarks/peers/onednn_tower_layer.h"

/* Free layouts of a layer's arrays. */
struct free_layouts {
    dnnl_memory_desc_t x, w, bias, y;
};

static struct free_layouts free_layouts(const struct tw_onednn_layer *layer)
{
    const dnnl_dims_t bias = {layer->y[1]};

    return (struct free_layouts){.x = tw_program_any(layer->ndims, layer->x),
                                 .w = tw_program_any(layer->ndims, layer->w),
                                 .bias = tw_program_any(1, bias),
                                 .y = tw_program_any(layer->y_ndims, layer->y)};
}

static const dnnl_dims_t one = {1, 1};

static dnnl_primitive_attr_t append_relu(void)
{
    dnnl_primitive_attr_t attributes;
    dnnl_post_ops_t operations;

    tw_program_must(dnnl_primitive_attr_create(&attributes), "attributes");
    tw_program_must(dnnl_post_ops_create(&operations), "post-ops");
    tw_program_must(dnnl_post_ops_append_eltwise(operations, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f), "relu");
    tw_program_must(dnnl_primitive_attr_set_post_ops(attributes, operations), "relu");
    dnnl_post_ops_destroy(operations);
    return attributes;
}

static void describe_convolution(const struct tw_program *program, struct tw_onednn_layer *layer, bool first)
{
    const struct free_layouts l = free_layouts(layer);
    const dnnl_alg_kind_t any = dnnl_convolution_auto;
    dnnl_primitive_attr_t attributes = layer->relu ? append_relu() : NULL;
    dnnl_convolution_desc_t operation;

    tw_program_must(dnnl_convolution_forward_desc_init(&operation, dnnl_forward_training, any, &l.x, &l.w,
                                                       &l.bias, &l.y, one, one, one),
                    layer->name.forward);
    layer->forward = tw_program_describe(program, layer->name.forward, &operation, attributes, NULL);
    dnnl_primitive_attr_destroy(attributes);
    tw_program_must(dnnl_convolution_backward_weights_desc_init(&operation, any, &l.x, &l.w, &l.bias, &l.y,
                                                                one, one, one),
                    layer->name.weight_gradient);
    layer->weight_gradient =
        tw_program_describe(program, layer->name.weight_gradient, &operation, NULL, layer->forward);
    if (first)
        return;
    tw_program_must(
        dnnl_convolution_backward_data_desc_init(&operation, any, &l.x, &l.w, &l.y, one, one, one),
        layer->name.input_gradient);
    layer->input_gradient =
        tw_program_describe(program, layer->name.input_gradient, &operation, NULL, layer->forward);
}

static void describe_inner_product(const struct tw_program *program, struct tw_onednn_layer *layer,
                                   bool first)
{
    const struct free_layouts l = free_layouts(layer);
    dnnl_primitive_attr_t attributes = layer->relu ? append_relu() : NULL;
    dnnl_inner_product_desc_t operation;

    tw_program_must(
        dnnl_inner_product_forward_desc_init(&operation, dnnl_forward_training, &l.x, &l.w, &l.bias, &l.y),
        layer->name.forward);
    layer->forward = tw_program_describe(program, layer->name.forward, &operation, attributes, NULL);
    dnnl_primitive_attr_destroy(attributes);
    tw_program_must(dnnl_inner_product_backward_weights_desc_init(&operation, &l.x, &l.w, &l.bias, &l.y),
                    layer->name.weight_gradient);
    layer->weight_gradient =
        tw_program_describe(program, layer->name.weight_gradient, &operation, NULL, layer->forward);
    if (first)
        return;
    tw_program_must(dnnl_inner_product_backward_data_desc_init(&operation, &l.x, &l.w, &l.y),
                    layer->name.input_gradient);
    layer->input_gradient =
        tw_program_describe(program, layer->name.input_gradient, &operation, NULL, layer->forward);
}

void tw_onednn_layer_describe(const struct tw_program *program, struct tw_onednn_layer *layer, bool first)
{
    if (layer->convolution)
        describe_convolution(program, layer, first);
    else
        describe_inner_product(program, layer, first);
}

void tw_onednn_layer_release(struct tw_onednn_layer *layer)
{
    dnnl_primitive_desc_destroy(layer->forward);
    dnnl_primitive_desc_destroy(layer->input_gradient);
    dnnl_primitive_desc_destroy(layer->weight_gradient);
}

static ptrdiff_t floats_of(const struct tw_onednn_layer *layer, int argument)
{
    const dnnl_memory_desc_t desc = tw_program_wanted(layer->weight_gradient, argument);

    return (ptrdiff_t)(dnnl_memory_desc_get_size(&desc) / sizeof(float));
}

ptrdiff_t tw_onednn_layer_weight_floats(const struct tw_onednn_layer *layer)
{
    return floats_of(layer, DNNL_ARG_DIFF_WEIGHTS);
}

ptrdiff_t tw_onednn_layer_bias_floats(const struct tw_onednn_layer *layer)
{
    return floats_of(layer, DNNL_ARG_DIFF_BIAS);
}

/* Brings row-major values into a memory. */
static void fill(struct tw_program *program, dnnl_memory_t memory, int ndims, const dnnl_dims_t sizes,
                 const float *values)
{
    const dnnl_memory_desc_t rows = tw_program_rows(ndims, sizes);
    dnnl_memory_t from;

    tw_program_must(dnnl_memory_create(&from, &rows, program->engine, (void *)(uintptr_t)values), "memory");
    tw_program_copy(program, from, memory);
    dnnl_memory_destroy(from);
}

void tw_onednn_layer_place(struct tw_program *program, struct tw_onednn_layer *layer, float *parameters,
                           float *gradients, ptrdiff_t bias_offset, const float *weight, const float *bias)
{
    const dnnl_memory_desc_t w = tw_program_wanted(layer->weight_gradient, DNNL_ARG_DIFF_WEIGHTS);
    const dnnl_memory_desc_t b = tw_program_wanted(layer->weight_gradient, DNNL_ARG_DIFF_BIAS);
    const dnnl_dims_t bias_sizes = {layer->y[1]};

    layer->weight = tw_program_memory(program, &w, parameters);
    layer->bias = tw_program_memory(program, &b, parameters + bias_offset);
    layer->weight_sum = tw_program_memory(program, &w, gradients);
    layer->bias_sum = tw_program_memory(program, &b, gradients + bias_offset);
    fill(program, layer->weight, layer->ndims, layer->w, weight);
    fill(program, layer->bias, 1, bias_sizes, bias);
}

/* `memory` in the layout that the primitive wants for the argument. */
static dnnl_memory_t suited(struct tw_program *program, const struct tw_onednn_layer *layer,
                            const_dnnl_primitive_desc_t primitive, int argument, dnnl_memory_t memory)
{
    const dnnl_memory_desc_t desc = tw_program_wanted(primitive, argument);

    return tw_program_in_layout(program, layer->name.reorder, memory, &desc);
}

dnnl_memory_t tw_onednn_layer_add_forward(struct tw_program *program, struct tw_onednn_layer *layer,
                                          dnnl_memory_t x)
{
    const dnnl_memory_desc_t y = tw_program_wanted(layer->forward, DNNL_ARG_DST);
    dnnl_exec_arg_t arguments[4];

    layer->input = suited(program, layer, layer->forward, DNNL_ARG_SRC, x);
    layer->output = tw_program_memory(program, &y, NULL);
    arguments[0] = (dnnl_exec_arg_t){DNNL_ARG_SRC, layer->input};
    arguments[1] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS,
                                     suited(program, layer, layer->forward, DNNL_ARG_WEIGHTS, layer->weight)};
    arguments[2] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, layer->bias};
    arguments[3] = (dnnl_exec_arg_t){DNNL_ARG_DST, layer->output};
    tw_program_add(program, layer->name.forward, layer->forward, arguments, 4);
    return layer->output;
}

dnnl_memory_t tw_onednn_layer_add_input_gradient(struct tw_program *program, struct tw_onednn_layer *layer,
                                                 dnnl_memory_t dy)
{
    const dnnl_primitive_desc_t gradient = layer->input_gradient;
    const dnnl_memory_desc_t dx = tw_program_wanted(gradient, DNNL_ARG_DIFF_SRC);
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_DIFF_DST, suited(program, layer, gradient, DNNL_ARG_DIFF_DST, dy)},
        {DNNL_ARG_WEIGHTS, suited(program, layer, gradient, DNNL_ARG_WEIGHTS, layer->weight)},
        {DNNL_ARG_DIFF_SRC, tw_program_memory(program, &dx, NULL)},
    };

    tw_program_add(program, layer->name.input_gradient, gradient, arguments, 3);
    return arguments[2].memory;
}

void tw_onednn_layer_add_weight_gradient(struct tw_program *program, struct tw_onednn_layer *layer,
                                         dnnl_memory_t dy)
{
    const dnnl_primitive_desc_t gradient = layer->weight_gradient;
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, suited(program, layer, gradient, DNNL_ARG_SRC, layer->input)},
        {DNNL_ARG_DIFF_DST, suited(program, layer, gradient, DNNL_ARG_DIFF_DST, dy)},
        {DNNL_ARG_DIFF_WEIGHTS, layer->weight_sum},
        {DNNL_ARG_DIFF_BIAS, layer->bias_sum},
    };

    tw_program_add(program, layer->name.weight_gradient, gradient, arguments, 4);
}

dnnl_memory_t tw_onednn_add_relu_gradient(struct tw_program *program, const struct tw_onednn_layer *layer,
                                          dnnl_memory_t y, dnnl_memory_t dy)
{
    const dnnl_alg_kind_t gated_by_output = dnnl_eltwise_relu_use_dst_for_bwd;
    const dnnl_memory_desc_t *layout;
    dnnl_eltwise_desc_t operation;
    dnnl_primitive_desc_t forward, gradient;
    dnnl_exec_arg_t arguments[3] = {{DNNL_ARG_DST, y}};

    tw_program_must(dnnl_memory_get_memory_desc(y, &layout), "layout of a memory");
    tw_program_must(dnnl_eltwise_forward_desc_init(&operation, dnnl_forward_training, gated_by_output, layout,
                                                   0.0f, 0.0f),
                    layer->name.relu_gradient);
    forward = tw_program_describe(program, layer->name.relu_gradient, &operation, NULL, NULL);
    tw_program_must(dnnl_eltwise_backward_desc_init(&operation, gated_by_output, layout, layout, 0.0f, 0.0f),
                    layer->name.relu_gradient);
    gradient = tw_program_describe(program, layer->name.relu_gradient, &operation, NULL, forward);
    dy = tw_program_in_layout(program, layer->name.reorder, dy, layout);
    arguments[1] = (dnnl_exec_arg_t){DNNL_ARG_DIFF_DST, dy};
    arguments[2] = (dnnl_exec_arg_t){DNNL_ARG_DIFF_SRC, dy};
    tw_program_add(program, layer->name.relu_gradient, gradient, arguments, 3);
    dnnl_primitive_desc_destroy(gradient);
    dnnl_primitive_desc_destroy(forward);
    return dy;
}
