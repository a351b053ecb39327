#include "layers/nn/nn.h"

#include <stdio.h>
#include <string.h>

#include "layers/nn/nn_init.h"

struct conv2d {
    tw_module super;
    tw_parameter *weight, *bias; /* bias NULL: none */
    tw_conv2d_geometry geometry; /* zeros replaced by what they stand for */
};

static tw_value conv2d_forward(tw_module *self, tw_graph *graph, tw_value x)
{
    struct conv2d *conv = TW_SELF(self, struct conv2d);
    tw_value weight = tw_graph_parameter(graph, "weight", conv->weight);
    tw_value bias = tw_graph_parameter(graph, "bias", conv->bias);

    return tw_conv2d(graph, x, weight, bias, conv->geometry);
}

/* Appends to a description; what does not fit is cut. */
static void append_pair(char *text, size_t bytes, const char *name, const ptrdiff_t pair[2])
{
    size_t length = strlen(text);

    snprintf(text + length, bytes - length, ", %s=(%td, %td)", name, pair[0], pair[1]);
}

static void conv2d_describe(const tw_module *self, char *text, size_t bytes)
{
    const struct conv2d *conv = TW_SELF(self, const struct conv2d);
    const tw_conv2d_geometry *geometry = &conv->geometry;
    const ptrdiff_t *extent = conv->weight->data->shape.extent;
    size_t length;

    snprintf(text, bytes, "%td, %td", extent[1] * geometry->groups, extent[0]);
    append_pair(text, bytes, "kernel_size", geometry->kernel);
    append_pair(text, bytes, "stride", geometry->stride);
    if (geometry->padding[0] != 0 || geometry->padding[1] != 0) {
        append_pair(text, bytes, "padding", geometry->padding);
    }
    if (geometry->dilation[0] != 1 || geometry->dilation[1] != 1) {
        append_pair(text, bytes, "dilation", geometry->dilation);
    }
    length = strlen(text);
    if (geometry->groups != 1) {
        snprintf(text + length, bytes - length, ", groups=%td", geometry->groups);
        length = strlen(text);
    }
    if (conv->bias == NULL) {
        snprintf(text + length, bytes - length, ", bias=False");
    }
}

static const tw_module_class conv2d_class = {
    .name = "Conv2d",
    .forward = conv2d_forward,
    .describe = conv2d_describe,
};

static ptrdiff_t or_one(ptrdiff_t value)
{
    return value == 0 ? 1 : value;
}

static enum tw_status check_pair(const char *name, const ptrdiff_t pair[2], ptrdiff_t least)
{
    if (pair[0] < least || pair[1] < least) {
        return tw_fail(TW_ERROR_ARGUMENT, "Conv2d: %s (%td, %td), expected %td or more", name, pair[0],
                       pair[1], least);
    }
    return TW_OK;
}

/* Replaces zeros in stride, dilation and groups, and checks the whole. */
static enum tw_status complete(tw_conv2d_geometry *geometry, ptrdiff_t in_channels, ptrdiff_t out_channels)
{
    for (int i = 0; i < 2; i++) {
        geometry->stride[i] = or_one(geometry->stride[i]);
        geometry->dilation[i] = or_one(geometry->dilation[i]);
    }
    geometry->groups = or_one(geometry->groups);
    if (in_channels < 1 || out_channels < 1) {
        return tw_fail(TW_ERROR_ARGUMENT, "Conv2d: in_channels %td, out_channels %td, expected 1 or more",
                       in_channels, out_channels);
    }
    if (geometry->groups < 1 || in_channels % geometry->groups != 0 || out_channels % geometry->groups != 0) {
        return tw_fail(TW_ERROR_ARGUMENT,
                       "Conv2d: groups %td, expected a positive number that divides in_channels %td and "
                       "out_channels %td",
                       geometry->groups, in_channels, out_channels);
    }
    if (check_pair("kernel", geometry->kernel, 1) != TW_OK ||
        check_pair("stride", geometry->stride, 1) != TW_OK ||
        check_pair("padding", geometry->padding, 0) != TW_OK) {
        return TW_ERROR_ARGUMENT;
    }
    return check_pair("dilation", geometry->dilation, 1);
}

tw_module *tw_nn_conv2d(struct tw_rng *rng, ptrdiff_t in_channels, ptrdiff_t out_channels,
                        tw_conv2d_geometry geometry, bool bias)
{
    struct conv2d *conv;

    if (complete(&geometry, in_channels, out_channels) != TW_OK) {
        return NULL;
    }
    conv = tw_module_new(sizeof *conv, &conv2d_class);
    if (conv == NULL) {
        return NULL;
    }
    conv->geometry = geometry;
    conv->weight = tw_module_new_parameter(
        &conv->super, "weight",
        TW_SHAPE(out_channels, in_channels / geometry.groups, geometry.kernel[0], geometry.kernel[1]));
    conv->bias = tw_nn_new_bias(&conv->super, out_channels, bias);
    return tw_nn_ready(&conv->super, conv->weight, conv->bias, rng);
}
