#include "benchmarks/peers/conv_pool.h"

#include "benchmarks/peers/onednn_conv.h"
#include "benchmarks/peers/onednn_pool.h"

struct tw_entrant tw_onednn_conv_pool_forward(const struct tw_peer_conv2d *conv)
{
    struct tw_onednn *onednn = tw_onednn_new();
    struct tw_onednn_conv primitives = tw_onednn_conv_begin(onednn, conv, true);
    const dnnl_memory_desc_t layout = tw_onednn_wanted(onednn, primitives.forward, DNNL_ARG_DST);
    struct tw_onednn_pool pool = tw_onednn_pool_begin(onednn, &layout, 2);
    const dnnl_memory_t y = tw_onednn_add_forward(onednn, &primitives);
    dnnl_memory_t winners;
    const dnnl_memory_t pooled = tw_onednn_add_pool(onednn, &pool, y, &winners);

    tw_onednn_pool_end(&pool);
    tw_onednn_conv_end(&primitives);
    return tw_onednn_entrant(onednn, pooled, &pool.rows);
}

/* Tower's relu gradient in place on the memory `dy`, gated by `y` in the same layout. */
static void add_relu_gradient(struct tw_onednn *onednn, tw_f32_relu_gradient_fn *relu_gradient,
                              dnnl_memory_t y, dnnl_memory_t dy, const dnnl_memory_desc_t *layout)
{
    struct tw_onednn_step *step = &onednn->steps[onednn->step_count];
    void *gate = NULL, *gradient = NULL;

    if (onednn->status != dnnl_success)
        return;
    tw_onednn_note(onednn, dnnl_memory_get_data_handle(y, &gate));
    tw_onednn_note(onednn, dnnl_memory_get_data_handle(dy, &gradient));
    *step = (struct tw_onednn_step){.relu_gradient = relu_gradient,
                                    .count = (ptrdiff_t)(dnnl_memory_desc_get_size(layout) / sizeof(float)),
                                    .y = gate,
                                    .dy = gradient};
    onednn->step_count++;
}

/* The gradient of the convolution's output: through the pool, then through relu. */
static dnnl_memory_t add_gradient_through_pool(struct tw_onednn *onednn,
                                               const struct tw_onednn_conv *primitives, const float *relu,
                                               tw_f32_relu_gradient_fn *relu_gradient,
                                               const dnnl_memory_desc_t *layout)
{
    struct tw_onednn_pool pool = tw_onednn_pool_begin(onednn, layout, 2);
    const dnnl_memory_t y = tw_onednn_filled(onednn, layout, &primitives->y, relu);
    const dnnl_memory_t dy = tw_onednn_add_pool_gradient(onednn, &pool, y, primitives->conv->dy);

    add_relu_gradient(onednn, relu_gradient, y, dy, layout);
    tw_onednn_pool_end(&pool);
    return dy;
}

/* Both gradients of the convolution take dy in one layout, or a reorder would have to stand between them: then
 * there is no such sequence. */
static dnnl_memory_desc_t gradient_layout(struct tw_onednn *onednn, struct tw_onednn_conv *primitives,
                                          bool input_gradient)
{
    dnnl_memory_desc_t layout, other;

    tw_onednn_describe_weight_gradient(onednn, primitives);
    layout = tw_onednn_wanted(onednn, primitives->weight_gradient, DNNL_ARG_DIFF_DST);
    if (input_gradient) {
        tw_onednn_describe_input_gradient(onednn, primitives);
        other = tw_onednn_wanted(onednn, primitives->input_gradient, DNNL_ARG_DIFF_DST);
        if (!dnnl_memory_desc_equal(&layout, &other))
            tw_onednn_note(onednn, dnnl_unimplemented);
    }
    return layout;
}

struct tw_entrant tw_onednn_conv_pool_gradient(const struct tw_peer_conv2d *conv, const float *relu,
                                               tw_f32_relu_gradient_fn *relu_gradient, bool input_gradient)
{
    struct tw_onednn *onednn = tw_onednn_new();
    struct tw_onednn_conv primitives = tw_onednn_conv_begin(onednn, conv, false);
    const dnnl_memory_desc_t layout = gradient_layout(onednn, &primitives, input_gradient);
    dnnl_memory_t dy, dw, dx = NULL;
    struct tw_entrant entrant;

    dy = add_gradient_through_pool(onednn, &primitives, relu, relu_gradient, &layout);
    dw = tw_onednn_add_weight_gradient(onednn, &primitives, dy);
    if (input_gradient)
        dx = tw_onednn_add_input_gradient(onednn, &primitives, dy);
    tw_onednn_conv_end(&primitives);
    entrant = tw_onednn_entrant(onednn, dw, &primitives.w);
    if (entrant.context && dx)
        tw_onednn_add_result(onednn, dx, &primitives.x);
    return entrant;
}
