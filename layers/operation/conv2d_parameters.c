/* conv2d's gradients of weight and bias: one partial gradient per slot, folded by fold_slots. */
#include "layers/operation/conv2d.h"
#include "layers/operation/operations.h"

/* (x, dy) -> slots of dw, slots of db. */
static struct tw_conv2d_shape weight_gradient_shape(const struct tw_execution *execution)
{
    struct tw_shape x = tw_execution_input_shape(execution, 0), dy = tw_execution_input_shape(execution, 1);
    struct tw_conv2d_shape shape =
        tw_conv2d_kernel_shape(&execution->node->attributes.conv2d, &x, dy.extent[1]);

    shape.winograd = execution->reorders;
    return shape;
}

static ptrdiff_t weight_elements(const struct tw_conv2d_shape *shape)
{
    return shape->out_channels * (shape->in_channels / shape->groups) * shape->kernel_height *
           shape->kernel_width;
}

static double weight_gradient_flops(const struct tw_execution *execution)
{
    struct tw_conv2d_shape shape = weight_gradient_shape(execution);

    return 2.0 * (double)tw_execution_input_shape(execution, 0).extent[0] * (double)weight_elements(&shape) *
           (double)(shape.out_height * shape.out_width);
}

/* Winograd F(2x2, 3x3): 16 products for a tile of four positions in place of 4 times 9. */
static double weight_gradient_flops_done(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end)
{
    const struct tw_conv2d_shape shape = weight_gradient_shape(execution);
    const ptrdiff_t samples = tw_execution_input_shape(execution, 0).extent[0];
    const bool winograd = tw_conv2d_is_winograd(&shape, TW_CONV2D_WEIGHT_GRADIENT);
    const ptrdiff_t tiles = (shape.out_height + 1) / 2 * ((shape.out_width + 1) / 2);
    const double products =
        winograd ? 16.0 / 9.0 * (double)tiles : (double)(shape.out_height * shape.out_width);

    return 2.0 * (double)(tw_slot_begin(samples, (int)end) - tw_slot_begin(samples, (int)begin)) *
           (double)weight_elements(&shape) * products;
}

static size_t weight_gradient_workspace(const struct tw_execution *execution)
{
    struct tw_conv2d_shape shape = weight_gradient_shape(execution);

    return execution->kernels->f32_conv2d_workspace(&shape);
}

static const char *weight_gradient_algorithm(const struct tw_execution *execution)
{
    struct tw_conv2d_shape shape = weight_gradient_shape(execution);

    return execution->kernels->f32_conv2d_algorithm(&shape, TW_CONV2D_WEIGHT_GRADIENT);
}

static void run_weight_gradient(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                                void *workspace)
{
    struct tw_conv2d_shape shape = weight_gradient_shape(execution);
    ptrdiff_t samples = tw_execution_input_shape(execution, 0).extent[0];
    ptrdiff_t x_size = shape.in_channels * shape.in_height * shape.in_width;
    ptrdiff_t y_size = shape.out_channels * shape.out_height * shape.out_width;
    float *db = execution->out[1];

    for (ptrdiff_t slot = begin; slot < end; slot++) {
        ptrdiff_t first = tw_slot_begin(samples, (int)slot), last = tw_slot_begin(samples, (int)slot + 1);

        execution->kernels->f32_conv2d_weight_gradient(
            &shape, last - first, (const float *)execution->in[0] + first * x_size,
            (const float *)execution->in[1] + first * y_size,
            (float *)execution->out[0] + slot * weight_elements(&shape),
            db ? db + slot * shape.out_channels : NULL, workspace);
    }
}

const struct tw_operation tw_operation_conv2d_weight_gradient = {
    .name = "conv2d_weight_gradient",
    .split = TW_SPLIT_SLOTS,
    .flops = weight_gradient_flops,
    .flops_done = weight_gradient_flops_done,
    .workspace = weight_gradient_workspace,
    .run = run_weight_gradient,
    .algorithm = weight_gradient_algorithm,
    .layout = "slots",
};

/* dy -> slots of db, where the weight is frozen. The order is the weight gradient kernel's: one chain of
 * additions per channel over samples and positions. */
static void bias_of_slot(const float *dy, ptrdiff_t samples, ptrdiff_t channels, ptrdiff_t positions,
                         float *db)
{
    for (ptrdiff_t channel = 0; channel < channels; channel++) {
        float sum = 0.0f;

        for (ptrdiff_t sample = 0; sample < samples; sample++) {
            const float *plane = dy + (sample * channels + channel) * positions;

            for (ptrdiff_t i = 0; i < positions; i++) {
                sum += plane[i];
            }
        }
        db[channel] = sum;
    }
}

static void run_bias_gradient(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                              void *workspace)
{
    struct tw_shape dy = tw_execution_input_shape(execution, 0);
    ptrdiff_t positions = dy.extent[2] * dy.extent[3];

    (void)workspace;
    for (ptrdiff_t slot = begin; slot < end; slot++) {
        ptrdiff_t first = tw_slot_begin(dy.extent[0], (int)slot),
                  last = tw_slot_begin(dy.extent[0], (int)slot + 1);

        bias_of_slot((const float *)execution->in[0] + first * dy.extent[1] * positions, last - first,
                     dy.extent[1], positions, (float *)execution->out[0] + slot * dy.extent[1]);
    }
}

static double bias_gradient_flops(const struct tw_execution *execution)
{
    struct tw_shape dy = tw_execution_input_shape(execution, 0);

    return (double)tw_shape_count(&dy);
}

const struct tw_operation tw_operation_conv2d_bias_gradient = {
    .name = "conv2d_bias_gradient",
    .split = TW_SPLIT_SLOTS,
    .flops = bias_gradient_flops,
    .run = run_bias_gradient,
    .layout = "slots",
};
