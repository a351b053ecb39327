/* conv2d: the operation, its shape rule, and its three gradients. */
#include "layers/operation/conv2d.h"
#include "layers/graph/functional.h"
#include "layers/operation/operations.h"

/* Geometry with every "0 means 1" and "0 means taken from the weight" filled in. */
static tw_conv2d_geometry complete(tw_conv2d_geometry geometry, const struct tw_shape *weight)
{
    for (int i = 0; i < 2; i++) {
        geometry.kernel[i] = geometry.kernel[i] ? geometry.kernel[i] : weight->extent[2 + i];
        geometry.stride[i] = geometry.stride[i] ? geometry.stride[i] : 1;
        geometry.dilation[i] = geometry.dilation[i] ? geometry.dilation[i] : 1;
    }
    geometry.groups = geometry.groups ? geometry.groups : 1;
    return geometry;
}

/* Largest extent, stride, padding or dilation: keeps every product of the formulas far from overflow. */
enum { LARGEST_GEOMETRY = 1 << 20 };

static bool geometry_is_valid(const tw_conv2d_geometry *geometry)
{
    bool valid = geometry->groups > 0;

    for (int i = 0; i < 2; i++) {
        valid = valid && geometry->kernel[i] > 0 && geometry->kernel[i] <= LARGEST_GEOMETRY &&
                geometry->stride[i] > 0 && geometry->stride[i] <= LARGEST_GEOMETRY &&
                geometry->padding[i] >= 0 && geometry->padding[i] <= LARGEST_GEOMETRY &&
                geometry->dilation[i] > 0 && geometry->dilation[i] <= LARGEST_GEOMETRY;
    }
    return valid;
}

/* Groups that divide the output channels are at most as many: from then on no product is too large. */
static bool check_channels(tw_graph *graph, const struct tw_shape *x, const struct tw_shape *weight,
                           ptrdiff_t groups)
{
    char left[TW_SHAPE_TEXT_BYTES], right[TW_SHAPE_TEXT_BYTES];

    tw_shape_text(x, left);
    tw_shape_text(weight, right);
    if (weight->extent[0] % groups != 0) {
        tw_graph_fail(graph, TW_ERROR_SHAPE,
                      "conv2d: weight %s has %td output channels, expected a multiple of its %td groups",
                      right, weight->extent[0], groups);
        return false;
    }
    if (x->extent[1] != weight->extent[1] * groups) {
        tw_graph_fail(graph, TW_ERROR_SHAPE,
                      "conv2d: input %s has %td channels, weight %s with %td groups expects %td", left,
                      x->extent[1], right, groups, weight->extent[1] * groups);
        return false;
    }
    return true;
}

/* Checks weight and bias against the geometry and the input's channels. */
static bool check_weight(tw_graph *graph, const struct tw_shape *x, const struct tw_shape *weight,
                         const struct tw_shape *bias, const tw_conv2d_geometry *geometry)
{
    char left[TW_SHAPE_TEXT_BYTES], right[TW_SHAPE_TEXT_BYTES];

    tw_shape_text(weight, right);
    if (!geometry_is_valid(geometry)) {
        tw_graph_fail(
            graph, TW_ERROR_ARGUMENT,
            "conv2d: kernel (%td, %td), stride (%td, %td), padding (%td, %td), dilation (%td, %td), groups "
            "%td: sizes must be positive, padding not negative, none above %d",
            geometry->kernel[0], geometry->kernel[1], geometry->stride[0], geometry->stride[1],
            geometry->padding[0], geometry->padding[1], geometry->dilation[0], geometry->dilation[1],
            geometry->groups, LARGEST_GEOMETRY);
        return false;
    }
    if (weight->extent[2] != geometry->kernel[0] || weight->extent[3] != geometry->kernel[1]) {
        tw_graph_fail(graph, TW_ERROR_SHAPE, "conv2d: weight %s does not have the kernel (%td, %td)", right,
                      geometry->kernel[0], geometry->kernel[1]);
        return false;
    }
    if (!check_channels(graph, x, weight, geometry->groups)) {
        return false;
    }
    if (bias && (bias->ndim != 1 || bias->extent[0] != weight->extent[0])) {
        tw_graph_fail(graph, TW_ERROR_SHAPE, "conv2d: bias has shape %s, weight %s expects (%td,)",
                      tw_shape_text(bias, left), right, weight->extent[0]);
        return false;
    }
    return true;
}

tw_value tw_conv2d(tw_graph *graph, tw_value x, tw_value weight, tw_value bias, tw_conv2d_geometry geometry)
{
    const tw_value inputs[3] = {x, weight, bias};
    const struct tw_shape *x_shape, *weight_shape, *bias_shape;
    struct tw_conv2d_shape shape;
    char text[TW_SHAPE_TEXT_BYTES];

    if (!tw_expect_f32_shape(graph, "conv2d", x, 4, "(N, C, H, W)") ||
        !tw_expect_f32_shape(graph, "conv2d weight", weight, 4, "(O, C/groups, KH, KW)") ||
        !tw_expect_unbatched(graph, "conv2d weight", weight) ||
        (bias.index != 0 &&
         (!tw_expect_f32(graph, "conv2d bias", bias) || !tw_expect_unbatched(graph, "conv2d bias", bias)))) {
        return TW_INVALID_VALUE;
    }
    x_shape = &graph->values[x.index].shape;
    weight_shape = &graph->values[weight.index].shape;
    bias_shape = bias.index ? &graph->values[bias.index].shape : NULL;
    geometry = complete(geometry, weight_shape);
    if (!check_weight(graph, x_shape, weight_shape, bias_shape, &geometry)) {
        return TW_INVALID_VALUE;
    }
    shape = tw_conv2d_kernel_shape(&geometry, x_shape, weight_shape->extent[0]);
    if (shape.out_height < 1 || shape.out_width < 1) {
        return tw_graph_fail(
            graph, TW_ERROR_SHAPE,
            "conv2d: kernel (%td, %td) with dilation (%td, %td) does not fit into input %s with padding "
            "(%td, %td)",
            geometry.kernel[0], geometry.kernel[1], geometry.dilation[0], geometry.dilation[1],
            tw_shape_text(x_shape, text), geometry.padding[0], geometry.padding[1]);
    }
    return tw_graph_record(
        graph, &tw_operation_conv2d, inputs, 3, &(union tw_attributes){.conv2d = geometry}, TW_F32,
        TW_SHAPE(x_shape->extent[0], shape.out_channels, shape.out_height, shape.out_width),
        graph->values[x.index].batched);
}

/* --- running -------------------------------------------------------------------------------------------- */

/* The kernels' shape of a node: `x` and `y` are the shapes of the convolution's input and output. */
static struct tw_conv2d_shape node_shape(const struct tw_execution *execution, const struct tw_shape *x,
                                         const struct tw_shape *y)
{
    struct tw_conv2d_shape shape =
        tw_conv2d_kernel_shape(&execution->node->attributes.conv2d, x, y->extent[1]);

    shape.winograd = execution->reorders;
    return shape;
}

static struct tw_conv2d_shape forward_shape(const struct tw_execution *execution)
{
    struct tw_shape x = tw_execution_input_shape(execution, 0), y = tw_execution_output_shape(execution, 0);

    return node_shape(execution, &x, &y);
}

/* 2 * multiply-adds of `samples` samples. */
static double dense_flops(const struct tw_conv2d_shape *shape, ptrdiff_t samples)
{
    return 2.0 * (double)samples * (double)shape->out_channels *
           (double)(shape->out_height * shape->out_width) * (double)(shape->in_channels / shape->groups) *
           (double)(shape->kernel_height * shape->kernel_width);
}

static double forward_flops(const struct tw_execution *execution)
{
    struct tw_conv2d_shape shape = forward_shape(execution);

    return dense_flops(&shape, tw_execution_input_shape(execution, 0).extent[0]);
}

/* Winograd: 16 products for a tile of four results in place of 4 times 9; 24 for one of eight. */
static double done_flops(const struct tw_conv2d_shape *shape, enum tw_conv2d_pass pass, ptrdiff_t samples)
{
    const bool forward = pass == TW_CONV2D_FORWARD;
    const ptrdiff_t rows = forward ? shape->out_height : shape->in_height;
    const ptrdiff_t columns = forward ? shape->out_width : shape->in_width;
    const ptrdiff_t tile_rows = tw_conv2d_winograd_rows(shape, pass);

    if (!tw_conv2d_is_winograd(shape, pass)) {
        return dense_flops(shape, samples);
    }
    return 2.0 * (double)samples * (double)shape->out_channels *
           (double)(shape->in_channels / shape->groups) * 4.0 * (double)(tile_rows + 2) *
           (double)((rows + tile_rows - 1) / tile_rows) * (double)((columns + 1) / 2);
}

static double forward_flops_done(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end)
{
    struct tw_conv2d_shape shape = forward_shape(execution);

    return done_flops(&shape, TW_CONV2D_FORWARD, end - begin);
}

static size_t forward_workspace(const struct tw_execution *execution)
{
    struct tw_conv2d_shape shape = forward_shape(execution);

    return execution->kernels->f32_conv2d_workspace(&shape);
}

static const char *forward_algorithm(const struct tw_execution *execution)
{
    struct tw_conv2d_shape shape = forward_shape(execution);

    return execution->kernels->f32_conv2d_algorithm(&shape, TW_CONV2D_FORWARD);
}

static void run_forward(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *workspace)
{
    struct tw_conv2d_shape shape = forward_shape(execution);
    ptrdiff_t x_size = shape.in_channels * shape.in_height * shape.in_width;
    ptrdiff_t y_size = shape.out_channels * shape.out_height * shape.out_width;

    execution->kernels->f32_conv2d_forward(
        &shape, end - begin, (const float *)execution->in[0] + begin * x_size, execution->in[1],
        execution->in[2], (float *)execution->out[0] + begin * y_size, workspace);
}

/* Records the slots of weight and bias gradient and their folds. */
static void differentiate_weight(tw_graph *graph, const struct tw_graph_node *node, tw_value dy, tw_value *dx)
{
    const tw_value inputs[2] = {tw_node_input(node, 0), dy};
    const struct tw_shape weight = graph->values[node->input[1]].shape;
    tw_value slots = tw_graph_record(
        graph, &tw_operation_conv2d_weight_gradient, inputs, 2, &node->attributes, TW_F32,
        TW_SHAPE(TW_GRADIENT_SLOTS, weight.extent[0], weight.extent[1], weight.extent[2], weight.extent[3]),
        false);
    tw_value bias_slots = TW_INVALID_VALUE;

    if (tw_graph_wants_gradient(graph, node, 2)) {
        bias_slots =
            tw_graph_add_output(graph, slots, TW_F32, TW_SHAPE(TW_GRADIENT_SLOTS, weight.extent[0]), false);
        dx[2] = tw_record_fold_slots(graph, bias_slots);
    }
    dx[1] = tw_record_fold_slots(graph, slots);
}

static void differentiate_conv2d(tw_graph *graph, const struct tw_graph_node *node, tw_value dy, tw_value *dx)
{
    const struct tw_shape weight = graph->values[node->input[1]].shape;

    if (tw_graph_wants_gradient(graph, node, 1)) {
        differentiate_weight(graph, node, dy, dx);
    } else if (tw_graph_wants_gradient(graph, node, 2)) {
        dx[2] = tw_record_fold_slots(
            graph, tw_graph_record(graph, &tw_operation_conv2d_bias_gradient, &dy, 1, NULL, TW_F32,
                                   TW_SHAPE(TW_GRADIENT_SLOTS, weight.extent[0]), false));
    }
    if (tw_graph_wants_gradient(graph, node, 0)) {
        const tw_value inputs[2] = {dy, tw_node_input(node, 1)};
        const struct tw_graph_value *x = &graph->values[node->input[0]];

        dx[0] = tw_graph_record(graph, &tw_operation_conv2d_input_gradient, inputs, 2, &node->attributes,
                                TW_F32, x->shape, x->batched);
    }
}

const struct tw_operation tw_operation_conv2d = {
    .name = "conv2d",
    .differentiate = differentiate_conv2d,
    .split = TW_SPLIT_SAMPLES,
    .flops = forward_flops,
    .flops_done = forward_flops_done,
    .workspace = forward_workspace,
    .run = run_forward,
    .algorithm = forward_algorithm,
};

/* --- input gradient: (dy, weight) -> dx ----------------------------------------------------------------- */

static struct tw_conv2d_shape input_gradient_shape(const struct tw_execution *execution)
{
    struct tw_shape dy = tw_execution_input_shape(execution, 0), dx = tw_execution_output_shape(execution, 0);

    return node_shape(execution, &dx, &dy);
}

static double input_gradient_flops(const struct tw_execution *execution)
{
    struct tw_conv2d_shape shape = input_gradient_shape(execution);

    return dense_flops(&shape, tw_execution_input_shape(execution, 0).extent[0]);
}

static double input_gradient_flops_done(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end)
{
    struct tw_conv2d_shape shape = input_gradient_shape(execution);

    return done_flops(&shape, TW_CONV2D_INPUT_GRADIENT, end - begin);
}

static size_t input_gradient_workspace(const struct tw_execution *execution)
{
    struct tw_conv2d_shape shape = input_gradient_shape(execution);

    return execution->kernels->f32_conv2d_workspace(&shape);
}

static const char *input_gradient_algorithm(const struct tw_execution *execution)
{
    struct tw_conv2d_shape shape = input_gradient_shape(execution);

    return execution->kernels->f32_conv2d_algorithm(&shape, TW_CONV2D_INPUT_GRADIENT);
}

static void run_input_gradient(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                               void *workspace)
{
    struct tw_conv2d_shape shape = input_gradient_shape(execution);
    ptrdiff_t x_size = shape.in_channels * shape.in_height * shape.in_width;
    ptrdiff_t y_size = shape.out_channels * shape.out_height * shape.out_width;

    execution->kernels->f32_conv2d_input_gradient(
        &shape, end - begin, (const float *)execution->in[0] + begin * y_size, execution->in[1],
        (float *)execution->out[0] + begin * x_size, workspace);
}

const struct tw_operation tw_operation_conv2d_input_gradient = {
    .name = "conv2d_input_gradient",
    .split = TW_SPLIT_SAMPLES,
    .flops = input_gradient_flops,
    .flops_done = input_gradient_flops_done,
    .workspace = input_gradient_workspace,
    .run = run_input_gradient,
    .algorithm = input_gradient_algorithm,
};
