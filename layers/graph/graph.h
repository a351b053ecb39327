/* Graphs: what a forward recorded.
 *
 * A graph is a list of nodes in the order they were recorded (so every node's inputs precede it) and a list
 * of values. The same graph is planned, differentiated, printed and exported; there is no second description
 * of a model.
 *
 * Building never stops half way: an operation that does not fit yields the invalid value and makes the graph
 * keep the first error; operations on an invalid value are invalid without further messages. Check
 * tw_graph_status once, at the end. A graph is not thread-safe while it is being built.
 *
 * The first extent of a `batched` value is the number of samples; a graph is recorded for the largest batch
 * and may be run with any smaller one.
 */
#ifndef TOWER_LAYERS_GRAPH_GRAPH_H
#define TOWER_LAYERS_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "core/tensor.h"
#include "kernels/linear/linear.h"
#include "layers/module/parameter.h"

typedef struct tw_graph tw_graph;

/* A value of one graph, by its index in graph->values; 0 is the invalid value. */
typedef struct tw_value {
    uint32_t index;
} tw_value;

#define TW_INVALID_VALUE ((tw_value){0})

enum tw_value_kind {
    TW_VALUE_NONE,      /* entry 0 */
    TW_VALUE_INPUT,     /* bound by the caller at run time */
    TW_VALUE_PARAMETER, /* memory of a tw_parameter */
    TW_VALUE_RESULT,    /* written by a node */
};

struct tw_operation; /* layers/graph/operation.h */
struct tw_module;    /* layers/module/module.h */

struct tw_graph_value {
    enum tw_value_kind kind;
    enum tw_dtype dtype;
    struct tw_shape shape;      /* contiguous */
    bool batched;               /* shape.extent[0] is the number of samples */
    bool requires_grad;         /* some trainable parameter (or marked input) stands behind it */
    bool keep;                  /* stays readable after a run at every plan level */
    uint32_t producer;          /* node that writes it (index in graph->nodes); 0 if none */
    uint32_t gradient;          /* value holding d loss / d this; 0 if none */
    uint32_t alias_of;          /* value whose memory this one is another view of; 0 if none */
    tw_parameter *parameter;    /* of a TW_VALUE_PARAMETER or its final gradient, holding a reference */
    bool is_parameter_gradient; /* final gradient of `parameter` */
    char *name;                 /* path for parameters and inputs ("conv1.weight"), NULL for results */
};

#define TW_NODE_MAX_INPUTS  4
#define TW_NODE_MAX_OUTPUTS 3

/* Kernel, stride, padding, dilation: vertical, horizontal. 0 in stride, dilation or groups means 1. */
typedef struct tw_conv2d_geometry {
    ptrdiff_t kernel[2], stride[2], padding[2], dilation[2], groups;
} tw_conv2d_geometry;

/* 0 in stride means the kernel's size, as in PyTorch. */
typedef struct tw_pool2d_geometry {
    ptrdiff_t kernel[2], stride[2], padding[2];
    bool exclude_pad; /* average: divide by the elements inside the image only */
} tw_pool2d_geometry;

enum tw_reduction { TW_REDUCTION_MEAN, TW_REDUCTION_SUM };

union tw_attributes {
    tw_conv2d_geometry conv2d;
    tw_pool2d_geometry pool2d;
    struct {
        double mean, standard_deviation;
    } normalize;
    struct {
        double probability;
        uint64_t key; /* of the random stream: distinct per recorded dropout, equal in its gradient */
    } dropout;
    struct {
        enum tw_reduction reduction;
        double smoothing; /* of the labels, in [0, 1]; 0: none */
    } nll;
    struct {
        struct tw_conv_pool_shape shape;
        bool bytes; /* planar input of pixels, scaled by `pixels` */
        struct tw_pixel_scale pixels;
    } conv_pool;
    struct {
        ptrdiff_t channels, height, width, halo;
    } block;
    struct {
        struct tw_linear_shape shape;
        bool transposed; /* weights come as (in, out): linear_nonzeros.h */
    } linear;
};

struct tw_graph_node {
    const struct tw_operation *operation;
    uint32_t input[TW_NODE_MAX_INPUTS]; /* values; 0: absent (no bias) */
    int inputs;
    uint32_t output[TW_NODE_MAX_OUTPUTS]; /* values; 0: not wanted */
    int outputs;
    union tw_attributes attributes;
    char *path;    /* of the module that recorded it: "conv1"; "" at the root */
    bool backward; /* recorded by tw_graph_differentiate */
};

struct tw_graph {
    struct tw_graph_value *values; /* entry 0 is the invalid value */
    size_t value_count, value_capacity;
    struct tw_graph_node *nodes; /* entry 0 is unused */
    size_t node_count, node_capacity;
    enum tw_status status;             /* of the first error */
    char *message;                     /* of the first error; NULL without memory for it */
    char *path;                        /* of the module being recorded */
    const struct tw_module *recording; /* that module, borrowed; NULL at the root */
    bool backward;                     /* differentiation is recording */
    bool differentiated;
};

tw_graph *tw_graph_new(void);
void tw_graph_release(tw_graph *graph);

/* TW_OK, or the first error, which also becomes the calling thread's message again. */
enum tw_status tw_graph_status(const tw_graph *graph);

/* --- leaves --------------------------------------------------------------------------------------------- */

/* An input bound at run time; its first extent is the largest number of samples if `batched`. */
tw_value tw_graph_input(tw_graph *graph, const char *name, enum tw_dtype dtype, struct tw_shape shape,
                        bool batched);

/* The value of a parameter; the same one every time for the same parameter. `name` is completed with the path
 * being recorded. A NULL parameter (no bias) gives the invalid value without an error. */
tw_value tw_graph_parameter(tw_graph *graph, const char *name, tw_parameter *parameter);

/* Marks an input as wanting a gradient (saliency, adversarial examples, checks). Before it is used. */
void tw_graph_require_grad(tw_graph *graph, tw_value value);

/* Keeps a value's memory readable after a run, whatever the plan level. Before planning. */
void tw_graph_keep(tw_graph *graph, tw_value value);

/* --- differentiation ------------------------------------------------------------------------------------ */

/* Appends the nodes that compute d loss / d v for every value v that requires a gradient and contributes to
 * `loss` (a float32 scalar, or one element of any shape, not batched), by the rule of each operation in reverse
 * order; contributions of several uses are added in the order in which they are found. TW_ERROR_SHAPE if loss is no
 * such value, TW_ERROR_ARGUMENT if nothing in it requires a gradient, TW_ERROR_STATE the second time. Nothing is
 * recorded for frozen parameters or for inputs not marked. */
enum tw_status tw_graph_differentiate(tw_graph *graph, tw_value loss);

/* d loss / d value after tw_graph_differentiate; invalid (without an error) if there is none. */
tw_value tw_graph_gradient(const tw_graph *graph, tw_value value);

/* --- reading -------------------------------------------------------------------------------------------- */

/* The entry of a valid value; NULL otherwise. Valid until the graph grows. */
const struct tw_graph_value *tw_graph_value_of(const tw_graph *graph, tw_value value);

/* The graph as text, one node per line. Released with tw_free. */
char *tw_graph_text(const tw_graph *graph);

#endif
