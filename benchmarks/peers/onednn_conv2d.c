#include "benchmarks/peers/onednn_conv.h"

/* Strides, dilations as oneDNN counts them, and both paddings. */
struct window {
    dnnl_dims_t stride, dilation, before, after;
};

static struct window window_of(const struct tw_conv2d_shape *s)
{
    const ptrdiff_t in[2] = {s->in_height, s->in_width}, out[2] = {s->out_height, s->out_width};
    const ptrdiff_t kernel[2] = {s->kernel_height, s->kernel_width};
    struct window window;

    for (int i = 0; i < 2; i++) {
        window.stride[i] = s->stride[i];
        window.dilation[i] = s->dilation[i] - 1;
        window.before[i] = s->padding[i];
        window.after[i] =
            (out[i] - 1) * s->stride[i] + s->dilation[i] * (kernel[i] - 1) + 1 - in[i] - s->padding[i];
    }
    return window;
}

static dnnl_alg_kind_t algorithm_of(const struct tw_peer_conv2d *conv)
{
    return conv->winograd ? dnnl_convolution_winograd : dnnl_convolution_direct;
}

/* The same sizes in the layout the primitive is free to choose. */
static dnnl_memory_desc_t any_layout(struct tw_onednn *onednn, const dnnl_memory_desc_t *rows)
{
    return tw_onednn_any(onednn, rows->ndims, rows->dims);
}

static void describe_arrays(struct tw_onednn *onednn, struct tw_onednn_conv *p)
{
    const struct tw_conv2d_shape *s = &p->conv->shape;
    const dnnl_dims_t x = {p->conv->samples, s->in_channels, s->in_height, s->in_width};
    const dnnl_dims_t y = {p->conv->samples, s->out_channels, s->out_height, s->out_width};
    const dnnl_dims_t w = {s->groups, s->out_channels / s->groups, s->in_channels / s->groups,
                           s->kernel_height, s->kernel_width};
    const dnnl_dims_t bias = {s->out_channels};

    p->x = tw_onednn_rows(onednn, 4, x);
    p->y = tw_onednn_rows(onednn, 4, y);
    p->w = s->groups > 1 ? tw_onednn_rows(onednn, 5, w) : tw_onednn_rows(onednn, 4, w + 1);
    p->bias = tw_onednn_rows(onednn, 1, bias);
}

struct tw_onednn_conv tw_onednn_conv_begin(struct tw_onednn *onednn, const struct tw_peer_conv2d *conv,
                                           bool relu)
{
    const struct window window = window_of(&conv->shape);
    struct tw_onednn_conv p = {.conv = conv};
    dnnl_primitive_attr_t attributes = relu ? tw_onednn_relu_appended(onednn) : NULL;
    dnnl_convolution_desc_t operation;
    dnnl_memory_desc_t x, w, bias, y;

    describe_arrays(onednn, &p);
    x = any_layout(onednn, &p.x);
    w = any_layout(onednn, &p.w);
    bias = any_layout(onednn, &p.bias);
    y = any_layout(onednn, &p.y);
    tw_onednn_note(onednn, dnnl_dilated_convolution_forward_desc_init(
                               &operation, dnnl_forward_training, algorithm_of(conv), &x, &w, &bias, &y,
                               window.stride, window.dilation, window.before, window.after));
    p.forward = tw_onednn_describe(onednn, &operation, attributes, NULL);
    dnnl_primitive_attr_destroy(attributes);
    return p;
}

void tw_onednn_conv_end(struct tw_onednn_conv *p)
{
    dnnl_primitive_desc_destroy(p->forward);
    dnnl_primitive_desc_destroy(p->input_gradient);
    dnnl_primitive_desc_destroy(p->weight_gradient);
}

void tw_onednn_describe_input_gradient(struct tw_onednn *onednn, struct tw_onednn_conv *p)
{
    const struct window window = window_of(&p->conv->shape);
    const dnnl_memory_desc_t x = any_layout(onednn, &p->x), w = any_layout(onednn, &p->w);
    const dnnl_memory_desc_t y = any_layout(onednn, &p->y);
    dnnl_convolution_desc_t operation;

    tw_onednn_note(onednn, dnnl_dilated_convolution_backward_data_desc_init(
                               &operation, algorithm_of(p->conv), &x, &w, &y, window.stride, window.dilation,
                               window.before, window.after));
    p->input_gradient = tw_onednn_describe(onednn, &operation, NULL, p->forward);
}

void tw_onednn_describe_weight_gradient(struct tw_onednn *onednn, struct tw_onednn_conv *p)
{
    const struct window window = window_of(&p->conv->shape);
    const dnnl_memory_desc_t x = any_layout(onednn, &p->x), w = any_layout(onednn, &p->w);
    const dnnl_memory_desc_t bias = any_layout(onednn, &p->bias), y = any_layout(onednn, &p->y);
    dnnl_convolution_desc_t operation;

    tw_onednn_note(onednn, dnnl_dilated_convolution_backward_weights_desc_init(
                               &operation, algorithm_of(p->conv), &x, &w, &bias, &y, window.stride,
                               window.dilation, window.before, window.after));
    p->weight_gradient = tw_onednn_describe(onednn, &operation, NULL, p->forward);
}

dnnl_memory_t tw_onednn_add_forward(struct tw_onednn *onednn, const struct tw_onednn_conv *p)
{
    const struct tw_peer_conv2d *conv = p->conv;
    const dnnl_memory_desc_t x = tw_onednn_wanted(onednn, p->forward, DNNL_ARG_SRC);
    const dnnl_memory_desc_t w = tw_onednn_wanted(onednn, p->forward, DNNL_ARG_WEIGHTS);
    const dnnl_memory_desc_t y = tw_onednn_wanted(onednn, p->forward, DNNL_ARG_DST);
    const dnnl_memory_t result = tw_onednn_memory(onednn, &y);
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, tw_onednn_filled(onednn, &x, &p->x, conv->x)},
        {DNNL_ARG_WEIGHTS, tw_onednn_filled(onednn, &w, &p->w, conv->w)},
        {DNNL_ARG_BIAS, tw_onednn_filled(onednn, &p->bias, &p->bias, conv->bias)},
        {DNNL_ARG_DST, result},
    };

    tw_onednn_step(onednn, p->forward, arguments, 4);
    return result;
}

dnnl_memory_t tw_onednn_add_input_gradient(struct tw_onednn *onednn, const struct tw_onednn_conv *p,
                                           dnnl_memory_t dy)
{
    const dnnl_memory_desc_t w = tw_onednn_wanted(onednn, p->input_gradient, DNNL_ARG_WEIGHTS);
    const dnnl_memory_desc_t dx = tw_onednn_wanted(onednn, p->input_gradient, DNNL_ARG_DIFF_SRC);
    const dnnl_memory_t result = tw_onednn_memory(onednn, &dx);
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_DIFF_DST, dy},
        {DNNL_ARG_WEIGHTS, tw_onednn_filled(onednn, &w, &p->w, p->conv->w)},
        {DNNL_ARG_DIFF_SRC, result},
    };

    tw_onednn_step(onednn, p->input_gradient, arguments, 3);
    return result;
}

dnnl_memory_t tw_onednn_add_weight_gradient(struct tw_onednn *onednn, const struct tw_onednn_conv *p,
                                            dnnl_memory_t dy)
{
    const dnnl_memory_desc_t x = tw_onednn_wanted(onednn, p->weight_gradient, DNNL_ARG_SRC);
    const dnnl_memory_desc_t dw = tw_onednn_wanted(onednn, p->weight_gradient, DNNL_ARG_DIFF_WEIGHTS);
    const dnnl_memory_t result = tw_onednn_memory(onednn, &dw);
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, tw_onednn_filled(onednn, &x, &p->x, p->conv->x)},
        {DNNL_ARG_DIFF_DST, dy},
        {DNNL_ARG_DIFF_WEIGHTS, result},
        {DNNL_ARG_DIFF_BIAS, tw_onednn_memory(onednn, &p->bias)},
    };

    tw_onednn_step(onednn, p->weight_gradient, arguments, 4);
    return result;
}

/* --- entrants ------------------------------------------------------------------------------------------ */

struct tw_entrant tw_onednn_conv2d_forward(const struct tw_peer_conv2d *conv)
{
    struct tw_onednn *onednn = tw_onednn_new();
    struct tw_onednn_conv primitives = tw_onednn_conv_begin(onednn, conv, false);
    const dnnl_memory_t y = tw_onednn_add_forward(onednn, &primitives);

    tw_onednn_conv_end(&primitives);
    return tw_onednn_entrant(onednn, y, &primitives.y);
}

struct tw_entrant tw_onednn_conv2d_input_gradient(const struct tw_peer_conv2d *conv)
{
    struct tw_onednn *onednn = tw_onednn_new();
    struct tw_onednn_conv primitives = tw_onednn_conv_begin(onednn, conv, false);
    dnnl_memory_desc_t dy;
    dnnl_memory_t dx;

    tw_onednn_describe_input_gradient(onednn, &primitives);
    dy = tw_onednn_wanted(onednn, primitives.input_gradient, DNNL_ARG_DIFF_DST);
    dx = tw_onednn_add_input_gradient(onednn, &primitives,
                                      tw_onednn_filled(onednn, &dy, &primitives.y, conv->dy));
    tw_onednn_conv_end(&primitives);
    return tw_onednn_entrant(onednn, dx, &primitives.x);
}

struct tw_entrant tw_onednn_conv2d_weight_gradient(const struct tw_peer_conv2d *conv)
{
    struct tw_onednn *onednn = tw_onednn_new();
    struct tw_onednn_conv primitives = tw_onednn_conv_begin(onednn, conv, false);
    dnnl_memory_desc_t dy;
    dnnl_memory_t dw;

    tw_onednn_describe_weight_gradient(onednn, &primitives);
    dy = tw_onednn_wanted(onednn, primitives.weight_gradient, DNNL_ARG_DIFF_DST);
    dw = tw_onednn_add_weight_gradient(onednn, &primitives,
                                       tw_onednn_filled(onednn, &dy, &primitives.y, conv->dy));
    tw_onednn_conv_end(&primitives);
    return tw_onednn_entrant(onednn, dw, &primitives.w);
}
