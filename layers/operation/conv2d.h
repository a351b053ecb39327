/* The kernels' shape of a conv2d, which its operation and its gradients have in common. */
#ifndef TOWER_LAYERS_OPERATION_CONV2D_H
#define TOWER_LAYERS_OPERATION_CONV2D_H

#include "layers/graph/operation.h"

/* A step behind the only result meets nothing: no memory should be taken for its length. Still a step, for the choice of kernels. */
static inline ptrdiff_t tw_conv2d_step(ptrdiff_t stride, ptrdiff_t in, ptrdiff_t padding, ptrdiff_t out)
{
    const ptrdiff_t most = in + 2 * padding > 2 ? in + 2 * padding : 2;

    return out > 1 || stride < most ? stride : most;
}

/* Shape for the kernels from the shapes of x and weight. */
static inline struct tw_conv2d_shape tw_conv2d_kernel_shape(const tw_conv2d_geometry *geometry,
                                                            const struct tw_shape *x, ptrdiff_t out_channels)
{
    struct tw_conv2d_shape shape = {
        .in_channels = x->extent[1],
        .in_height = x->extent[2],
        .in_width = x->extent[3],
        .out_channels = out_channels,
        .kernel_height = geometry->kernel[0],
        .kernel_width = geometry->kernel[1],
        .stride = {geometry->stride[0], geometry->stride[1]},
        .padding = {geometry->padding[0], geometry->padding[1]},
        .dilation = {geometry->dilation[0], geometry->dilation[1]},
        .groups = geometry->groups,
    };

    shape.out_height = tw_conv2d_output_extent(shape.in_height, shape.kernel_height, shape.stride[0],
                                               shape.padding[0], shape.dilation[0]);
    shape.out_width = tw_conv2d_output_extent(shape.in_width, shape.kernel_width, shape.stride[1],
                                              shape.padding[1], shape.dilation[1]);
    shape.stride[0] = tw_conv2d_step(shape.stride[0], shape.in_height, shape.padding[0], shape.out_height);
    shape.stride[1] = tw_conv2d_step(shape.stride[1], shape.in_width, shape.padding[1], shape.out_width);
    return shape;
}

#endif
