#include "benchmarks/peers/layers.h"

#include "benchmarks/peers/onednn.h"

/* Descriptions in rows, and the same sizes in any layout. */
struct linear {
    dnnl_memory_desc_t x, w, bias, y, any_x, any_w, any_y;
    dnnl_primitive_desc_t forward;
};

static struct linear linear_begin(struct tw_onednn *onednn, const struct tw_peer_linear *linear, bool relu)
{
    const dnnl_dims_t x = {linear->rows, linear->in}, w = {linear->out, linear->in}, bias = {linear->out};
    const dnnl_dims_t y = {linear->rows, linear->out};
    struct linear l = {.x = tw_onednn_rows(onednn, 2, x),
                       .w = tw_onednn_rows(onednn, 2, w),
                       .bias = tw_onednn_rows(onednn, 1, bias),
                       .y = tw_onednn_rows(onednn, 2, y),
                       .any_x = tw_onednn_any(onednn, 2, x),
                       .any_w = tw_onednn_any(onednn, 2, w),
                       .any_y = tw_onednn_any(onednn, 2, y)};
    dnnl_primitive_attr_t attributes = relu ? tw_onednn_relu_appended(onednn) : NULL;
    dnnl_inner_product_desc_t operation;

    tw_onednn_note(onednn, dnnl_inner_product_forward_desc_init(&operation, dnnl_forward_training, &l.any_x,
                                                                &l.any_w, &l.bias, &l.any_y));
    l.forward = tw_onednn_describe(onednn, &operation, attributes, NULL);
    dnnl_primitive_attr_destroy(attributes);
    return l;
}

struct tw_entrant tw_onednn_linear_forward(const struct tw_peer_linear *linear)
{
    struct tw_onednn *onednn = tw_onednn_new();
    struct linear l = linear_begin(onednn, linear, true);
    const dnnl_memory_desc_t x = tw_onednn_wanted(onednn, l.forward, DNNL_ARG_SRC);
    const dnnl_memory_desc_t w = tw_onednn_wanted(onednn, l.forward, DNNL_ARG_WEIGHTS);
    const dnnl_memory_desc_t y = tw_onednn_wanted(onednn, l.forward, DNNL_ARG_DST);
    const dnnl_memory_t result = tw_onednn_memory(onednn, &y);
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, tw_onednn_filled(onednn, &x, &l.x, linear->x)},
        {DNNL_ARG_WEIGHTS, tw_onednn_filled(onednn, &w, &l.w, linear->w)},
        {DNNL_ARG_BIAS, tw_onednn_filled(onednn, &l.bias, &l.bias, linear->bias)},
        {DNNL_ARG_DST, result},
    };

    tw_onednn_step(onednn, l.forward, arguments, 4);
    dnnl_primitive_desc_destroy(l.forward);
    return tw_onednn_entrant(onednn, result, &l.y);
}

struct tw_entrant tw_onednn_linear_input_gradient(const struct tw_peer_linear *linear)
{
    struct tw_onednn *onednn = tw_onednn_new();
    struct linear l = linear_begin(onednn, linear, false);
    dnnl_inner_product_desc_t operation;
    dnnl_primitive_desc_t gradient;
    dnnl_memory_desc_t dy, w, dx;
    dnnl_exec_arg_t arguments[3];

    tw_onednn_note(onednn,
                   dnnl_inner_product_backward_data_desc_init(&operation, &l.any_x, &l.any_w, &l.any_y));
    gradient = tw_onednn_describe(onednn, &operation, NULL, l.forward);
    dy = tw_onednn_wanted(onednn, gradient, DNNL_ARG_DIFF_DST);
    w = tw_onednn_wanted(onednn, gradient, DNNL_ARG_WEIGHTS);
    dx = tw_onednn_wanted(onednn, gradient, DNNL_ARG_DIFF_SRC);
    arguments[0] = (dnnl_exec_arg_t){DNNL_ARG_DIFF_DST, tw_onednn_filled(onednn, &dy, &l.y, linear->dy)};
    arguments[1] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS, tw_onednn_filled(onednn, &w, &l.w, linear->w)};
    arguments[2] = (dnnl_exec_arg_t){DNNL_ARG_DIFF_SRC, tw_onednn_memory(onednn, &dx)};
    tw_onednn_step(onednn, gradient, arguments, 3);
    dnnl_primitive_desc_destroy(l.forward);
    dnnl_primitive_desc_destroy(gradient);
    return tw_onednn_entrant(onednn, arguments[2].memory, &l.x);
}

struct tw_entrant tw_onednn_linear_weight_gradient(const struct tw_peer_linear *linear)
{
    struct tw_onednn *onednn = tw_onednn_new();
    struct linear l = linear_begin(onednn, linear, false);
    dnnl_inner_product_desc_t operation;
    dnnl_primitive_desc_t gradient;
    dnnl_memory_desc_t x, dy, dw;
    dnnl_exec_arg_t arguments[4];

    tw_onednn_note(onednn, dnnl_inner_product_backward_weights_desc_init(&operation, &l.any_x, &l.any_w,
                                                                         &l.bias, &l.any_y));
    gradient = tw_onednn_describe(onednn, &operation, NULL, l.forward);
    x = tw_onednn_wanted(onednn, gradient, DNNL_ARG_SRC);
    dy = tw_onednn_wanted(onednn, gradient, DNNL_ARG_DIFF_DST);
    dw = tw_onednn_wanted(onednn, gradient, DNNL_ARG_DIFF_WEIGHTS);
    arguments[0] = (dnnl_exec_arg_t){DNNL_ARG_SRC, tw_onednn_filled(onednn, &x, &l.x, linear->x)};
    arguments[1] = (dnnl_exec_arg_t){DNNL_ARG_DIFF_DST, tw_onednn_filled(onednn, &dy, &l.y, linear->dy)};
    arguments[2] = (dnnl_exec_arg_t){DNNL_ARG_DIFF_WEIGHTS, tw_onednn_memory(onednn, &dw)};
    arguments[3] = (dnnl_exec_arg_t){DNNL_ARG_DIFF_BIAS, tw_onednn_memory(onednn, &l.bias)};
    tw_onednn_step(onednn, gradient, arguments, 4);
    dnnl_primitive_desc_destroy(l.forward);
    dnnl_primitive_desc_destroy(gradient);
    return tw_onednn_entrant(onednn, arguments[2].memory, &l.w);
}
