/* MaxPool2d and AvgPool2d: one struct, two classes. */
#include "layers/nn/nn.h"

#include <stdio.h>
#include <string.h>

struct pool2d {
    tw_module super;
    tw_pool2d_geometry geometry; /* zeros in stride replaced by the kernel */
};

static tw_value max_pool2d_forward(tw_module *self, tw_graph *graph, tw_value x)
{
    return tw_max_pool2d_with(graph, x, TW_SELF(self, struct pool2d)->geometry);
}

static tw_value avg_pool2d_forward(tw_module *self, tw_graph *graph, tw_value x)
{
    return tw_avg_pool2d_with(graph, x, TW_SELF(self, struct pool2d)->geometry);
}

/* "kernel_size=2", or "kernel_size=(2, 3)" where the directions differ. */
static void append_size(char *text, size_t bytes, const char *name, const ptrdiff_t pair[2])
{
    size_t length = strlen(text);
    const char *comma = length > 0 ? ", " : "";

    if (pair[0] == pair[1]) {
        snprintf(text + length, bytes - length, "%s%s=%td", comma, name, pair[0]);
    } else {
        snprintf(text + length, bytes - length, "%s%s=(%td, %td)", comma, name, pair[0], pair[1]);
    }
}

static void avg_pool2d_describe(const tw_module *self, char *text, size_t bytes)
{
    const tw_pool2d_geometry *geometry = &TW_SELF(self, const struct pool2d)->geometry;

    text[0] = '\0';
    append_size(text, bytes, "kernel_size", geometry->kernel);
    append_size(text, bytes, "stride", geometry->stride);
    append_size(text, bytes, "padding", geometry->padding);
}

static void max_pool2d_describe(const tw_module *self, char *text, size_t bytes)
{
    size_t length;

    avg_pool2d_describe(self, text, bytes);
    length = strlen(text);
    snprintf(text + length, bytes - length, ", dilation=1, ceil_mode=False");
}

static const tw_module_class max_pool2d_class = {
    .name = "MaxPool2d",
    .forward = max_pool2d_forward,
    .describe = max_pool2d_describe,
};

static const tw_module_class avg_pool2d_class = {
    .name = "AvgPool2d",
    .forward = avg_pool2d_forward,
    .describe = avg_pool2d_describe,
};

static enum tw_status complete(tw_pool2d_geometry *geometry, const char *class_name)
{
    for (int i = 0; i < 2; i++) {
        if (geometry->stride[i] == 0) {
            geometry->stride[i] = geometry->kernel[i];
        }
        if (geometry->kernel[i] < 1 || geometry->stride[i] < 1) {
            return tw_fail(TW_ERROR_ARGUMENT, "%s: kernel %td, stride %td, expected 1 or more", class_name,
                           geometry->kernel[i], geometry->stride[i]);
        }
        if (geometry->padding[i] < 0 || geometry->padding[i] > geometry->kernel[i] / 2) {
            return tw_fail(TW_ERROR_ARGUMENT, "%s: padding %td, expected 0 to half of kernel %td", class_name,
                           geometry->padding[i], geometry->kernel[i]);
        }
    }
    return TW_OK;
}

static tw_module *new_pool2d(const tw_module_class *class, tw_pool2d_geometry geometry)
{
    struct pool2d *pool;

    if (complete(&geometry, class->name) != TW_OK) {
        return NULL;
    }
    pool = tw_module_new(sizeof *pool, class);
    if (pool == NULL) {
        return NULL;
    }
    pool->geometry = geometry;
    return &pool->super;
}

tw_module *tw_nn_max_pool2d(tw_pool2d_geometry geometry)
{
    return new_pool2d(&max_pool2d_class, geometry);
}

tw_module *tw_nn_avg_pool2d(tw_pool2d_geometry geometry)
{
    return new_pool2d(&avg_pool2d_class, geometry);
}
