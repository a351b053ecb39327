/* max_pool2d and avg_pool2d. Max-pool's second output, the winners, is what its gradient needs of the
 * forward. */
#include "layers/graph/functional.h"
#include "layers/operation/operations.h"

static tw_pool2d_geometry complete(tw_pool2d_geometry geometry)
{
    for (int i = 0; i < 2; i++) {
        geometry.stride[i] = geometry.stride[i] ? geometry.stride[i] : geometry.kernel[i];
    }
    return geometry;
}

/* Shape for the kernels; out extents below 1 where the window does not fit. */
static struct tw_pool2d_shape kernel_shape(const tw_pool2d_geometry *geometry, const struct tw_shape *x)
{
    struct tw_pool2d_shape shape = {
        .in_height = x->extent[2],
        .in_width = x->extent[3],
        .kernel_height = geometry->kernel[0],
        .kernel_width = geometry->kernel[1],
        .stride = {geometry->stride[0], geometry->stride[1]},
        .padding = {geometry->padding[0], geometry->padding[1]},
        .count_include_pad = !geometry->exclude_pad,
    };

    shape.out_height =
        tw_conv2d_output_extent(shape.in_height, shape.kernel_height, shape.stride[0], shape.padding[0], 1);
    shape.out_width =
        tw_conv2d_output_extent(shape.in_width, shape.kernel_width, shape.stride[1], shape.padding[1], 1);
    return shape;
}

/* Window positions are kept as 16 bits. */
enum { LARGEST_KERNEL = 256, LARGEST_STRIDE = 1 << 20 };

static bool geometry_is_valid(const tw_pool2d_geometry *geometry)
{
    bool valid = true;

    for (int i = 0; i < 2; i++) {
        valid = valid && geometry->kernel[i] > 0 && geometry->kernel[i] <= LARGEST_KERNEL &&
                geometry->stride[i] > 0 && geometry->stride[i] <= LARGEST_STRIDE &&
                geometry->padding[i] >= 0 && geometry->padding[i] <= geometry->kernel[i] / 2;
    }
    return valid;
}

/* Checks input and geometry, completing the latter; on success `*y` is the output's shape. */
static bool check(tw_graph *graph, const char *name, tw_value x, tw_pool2d_geometry *geometry,
                  struct tw_shape *y)
{
    const struct tw_shape *shape;
    struct tw_pool2d_shape pool;
    char text[TW_SHAPE_TEXT_BYTES];

    if (!tw_expect_f32_shape(graph, name, x, 4, "(N, C, H, W)")) {
        return false;
    }
    *geometry = complete(*geometry);
    if (!geometry_is_valid(geometry)) {
        tw_graph_fail(graph, TW_ERROR_ARGUMENT,
                      "%s: kernel (%td, %td), stride (%td, %td), padding (%td, %td): expected kernels of 1 "
                      "to %d, positive "
                      "strides, paddings of at most half the kernel",
                      name, geometry->kernel[0], geometry->kernel[1], geometry->stride[0],
                      geometry->stride[1], geometry->padding[0], geometry->padding[1], LARGEST_KERNEL);
        return false;
    }
    shape = &graph->values[x.index].shape;
    pool = kernel_shape(geometry, shape);
    if (pool.out_height < 1 || pool.out_width < 1) {
        tw_graph_fail(graph, TW_ERROR_SHAPE,
                      "%s: window (%td, %td) does not fit into input %s with padding (%td, %td)", name,
                      geometry->kernel[0], geometry->kernel[1], tw_shape_text(shape, text),
                      geometry->padding[0], geometry->padding[1]);
        return false;
    }
    *y = TW_SHAPE(shape->extent[0], shape->extent[1], pool.out_height, pool.out_width);
    return true;
}

tw_value tw_max_pool2d_with(tw_graph *graph, tw_value x, tw_pool2d_geometry geometry)
{
    struct tw_shape shape;
    tw_value y;

    if (!check(graph, "max_pool2d", x, &geometry, &shape)) {
        return TW_INVALID_VALUE;
    }
    y = tw_graph_record(graph, &tw_operation_max_pool2d, &x, 1, &(union tw_attributes){.pool2d = geometry},
                        TW_F32, shape, graph->values[x.index].batched);
    tw_graph_add_output(graph, y, TW_U16, shape, graph->values[x.index].batched);
    return y;
}

tw_value tw_avg_pool2d_with(tw_graph *graph, tw_value x, tw_pool2d_geometry geometry)
{
    struct tw_shape shape;

    if (!check(graph, "avg_pool2d", x, &geometry, &shape)) {
        return TW_INVALID_VALUE;
    }
    return tw_graph_record(graph, &tw_operation_avg_pool2d, &x, 1, &(union tw_attributes){.pool2d = geometry},
                           TW_F32, shape, graph->values[x.index].batched);
}

tw_value tw_max_pool2d(tw_graph *graph, tw_value x, ptrdiff_t kernel)
{
    return tw_max_pool2d_with(graph, x, (tw_pool2d_geometry){.kernel = {kernel, kernel}});
}

tw_value tw_avg_pool2d(tw_graph *graph, tw_value x, ptrdiff_t kernel)
{
    return tw_avg_pool2d_with(graph, x, (tw_pool2d_geometry){.kernel = {kernel, kernel}});
}

/* --- running -------------------------------------------------------------------------------------------- */

/* What one run of samples [begin, end) works on: `x` is the large side, `y` the pooled side. */
struct pool_range {
    struct tw_pool2d_shape shape;
    ptrdiff_t planes, x_first, y_first;
};

static struct pool_range range_of(const struct tw_execution *execution, const struct tw_shape *x,
                                  ptrdiff_t begin, ptrdiff_t end)
{
    struct pool_range range = {.shape = kernel_shape(&execution->node->attributes.pool2d, x)};

    range.planes = (end - begin) * x->extent[1];
    range.x_first = begin * x->extent[1] * range.shape.in_height * range.shape.in_width;
    range.y_first = begin * x->extent[1] * range.shape.out_height * range.shape.out_width;
    return range;
}

/* One operation per element of a window. */
static double forward_flops(const struct tw_execution *execution)
{
    const tw_pool2d_geometry *geometry = &execution->node->attributes.pool2d;

    return tw_flops_per_output_element(execution) * (double)(geometry->kernel[0] * geometry->kernel[1]);
}

static void run_max(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *workspace)
{
    struct tw_shape x = tw_execution_input_shape(execution, 0);
    struct pool_range range = range_of(execution, &x, begin, end);

    (void)workspace;
    execution->kernels->f32_max_pool2d_forward(
        &range.shape, range.planes, (const float *)execution->in[0] + range.x_first,
        (float *)execution->out[0] + range.y_first, (uint16_t *)execution->out[1] + range.y_first);
}

static void run_max_gradient(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                             void *workspace)
{
    struct tw_shape dx = tw_execution_output_shape(execution, 0);
    struct pool_range range = range_of(execution, &dx, begin, end);

    (void)workspace;
    execution->kernels->f32_max_pool2d_gradient(
        &range.shape, range.planes, (const float *)execution->in[0] + range.y_first,
        (const uint16_t *)execution->in[1] + range.y_first, (float *)execution->out[0] + range.x_first);
}

static void run_avg(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *workspace)
{
    struct tw_shape x = tw_execution_input_shape(execution, 0);
    struct pool_range range = range_of(execution, &x, begin, end);

    (void)workspace;
    execution->kernels->f32_avg_pool2d_forward(&range.shape, range.planes,
                                               (const float *)execution->in[0] + range.x_first,
                                               (float *)execution->out[0] + range.y_first);
}

static void run_avg_gradient(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                             void *workspace)
{
    struct tw_shape dx = tw_execution_output_shape(execution, 0);
    struct pool_range range = range_of(execution, &dx, begin, end);

    (void)workspace;
    execution->kernels->f32_avg_pool2d_gradient(&range.shape, range.planes,
                                                (const float *)execution->in[0] + range.y_first,
                                                (float *)execution->out[0] + range.x_first);
}

/* --- differentiation ------------------------------------------------------------------------------------ */

static void differentiate_max(tw_graph *graph, const struct tw_graph_node *node, tw_value dy, tw_value *dx)
{
    const tw_value inputs[2] = {dy, tw_node_output(node, 1)};
    const struct tw_graph_value x = graph->values[node->input[0]];

    if (tw_graph_wants_gradient(graph, node, 0)) {
        dx[0] = tw_graph_record(graph, &tw_operation_max_pool2d_gradient, inputs, 2, &node->attributes,
                                TW_F32, x.shape, x.batched);
    }
}

static void differentiate_avg(tw_graph *graph, const struct tw_graph_node *node, tw_value dy, tw_value *dx)
{
    const struct tw_graph_value x = graph->values[node->input[0]];

    if (tw_graph_wants_gradient(graph, node, 0)) {
        dx[0] = tw_graph_record(graph, &tw_operation_avg_pool2d_gradient, &dy, 1, &node->attributes, TW_F32,
                                x.shape, x.batched);
    }
}

const struct tw_operation tw_operation_max_pool2d = {
    .name = "max_pool2d",
    .differentiate = differentiate_max,
    .split = TW_SPLIT_SAMPLES,
    .flops = forward_flops,
    .run = run_max,
};

const struct tw_operation tw_operation_max_pool2d_gradient = {
    .name = "max_pool2d_gradient",
    .split = TW_SPLIT_SAMPLES,
    .flops = tw_flops_per_output_element,
    .run = run_max_gradient,
};

const struct tw_operation tw_operation_avg_pool2d = {
    .name = "avg_pool2d",
    .differentiate = differentiate_avg,
    .split = TW_SPLIT_SAMPLES,
    .flops = forward_flops,
    .run = run_avg,
};

const struct tw_operation tw_operation_avg_pool2d_gradient = {
    .name = "avg_pool2d_gradient",
    .split = TW_SPLIT_SAMPLES,
    .flops = tw_flops_per_output_element,
    .run = run_avg_gradient,
};
