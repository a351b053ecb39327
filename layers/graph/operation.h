/* Operations: everything Tower knows about one kind of node, in one constant struct per kind.
 *
 * layers/operation/ has one file per operation: the function that records it (layers/graph/functional.h), its
 * rule of differentiation, and how the plan runs it. Adding an operation is adding such a file.
 */
#ifndef TOWER_LAYERS_GRAPH_OPERATION_H
#define TOWER_LAYERS_GRAPH_OPERATION_H

#include "kernels/kernels.h"
#include "layers/graph/graph.h"
#include "layers/module/parameter_update.h"

/* Where a gradient goes that is written nowhere: to the update of its parameter, piece by piece. */
struct tw_gradient_sink {
    const struct tw_parameter_update *update;
    ptrdiff_t handle;
};

/* One execution of one node, as its functions see it. Extents of batched values count `samples`, not the
 * capacity. */
struct tw_execution {
    const tw_graph *graph;
    const struct tw_graph_node *node;
    const struct tw_kernels *kernels;
    ptrdiff_t samples; /* of this run; the recorded capacity while planning */
    int threads; /* that work at a time: how work is cut into units may depend on it, what comes out may not */
    bool reorders; /* sums may have another order than the plainest kernel's, if shapes alone decide which */
    uint64_t key;  /* changes every run: mixed into the keys of random streams */
    const void *in[TW_NODE_MAX_INPUTS];  /* NULL where absent */
    void *out[TW_NODE_MAX_OUTPUTS];      /* NULL where not wanted */
    const struct tw_gradient_sink *sink; /* takes output 0, which is not to be written; NULL: it is */
};

enum tw_split {
    /* Unit i is entry i of output 0's first dimension, and of that of every batched input: it reads and
     * writes nothing else of them. */
    TW_SPLIT_SAMPLES,
    /* Unit i is gradient slot i (kernels/elementwise): it reads and writes its own samples of batched values
     * and its own entry of the slots. */
    TW_SPLIT_SLOTS,
    /* Units are independent, but may read anything: needs a barrier before and after. */
    TW_SPLIT_TILES,
};

/* Takes a range of elements. */
typedef void tw_range_fn(void *context, ptrdiff_t begin, ptrdiff_t end);

struct tw_operation {
    const char *name; /* "conv2d", "conv2d_weight_gradient" */

    /* Records the gradients of the node's inputs given that of output 0: sets dx[i] for the inputs that
     * tw_graph_wants_gradient says; the others stay invalid. NULL: the operation is not differentiable and
     * none of its inputs gets a gradient. */
    void (*differentiate)(tw_graph *graph, const struct tw_graph_node *node, tw_value dy, tw_value *dx);

    enum tw_split split;
    /* Number of units for TW_SPLIT_TILES (ignored otherwise). */
    ptrdiff_t (*units)(const struct tw_execution *execution);
    /* Units below which a call is not worth its own cost (packing), for TW_SPLIT_TILES; 0: any number. */
    ptrdiff_t grain;
    /* Operations of the whole run, counted densely (a multiply-add is 2, an element merely moved is 1): what
     * the plan decides the number of threads by, and prints. */
    double (*flops)(const struct tw_execution *execution);
    /* Operations of units [begin, end) that the algorithm performs in place of the dense ones, told from the
     * inputs right after they have run, or as far as shapes tell where inputs are NULL (nothing has run).
     * NULL: the dense ones. */
    double (*flops_done)(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end);
    /* Bytes of workspace one thread needs; NULL: none. Asked with samples = capacity. */
    size_t (*workspace)(const struct tw_execution *execution);
    /* Performs units [begin, end). Must give the same bits however the units are shared out. NULL: the node
     * is a view and nothing runs. */
    void (*run)(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *workspace);
    /* Hands the elements of output 0 that units [begin, end) write to `take`, range by range: how a parameter is updated
     * where its gradient has just been computed. NULL: such a gradient cannot be followed by an update. */
    void (*written)(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, tw_range_fn *take,
                    void *context);
    /* `run` can deliver output 0 to a sink: every element of its units once. */
    bool delivers;
    /* Checks what the types cannot say before a run (labels in range); NULL: nothing. */
    enum tw_status (*check)(const struct tw_execution *execution);
    /* Name of the algorithm the kernels take, for --print-plan; NULL: none worth naming. */
    const char *(*algorithm)(const struct tw_execution *execution);
    /* Layout of output 0 by its family's name for it; NULL: plain, row-major in the order of its shape. */
    const char *layout;
    /* Output 0 may use the memory of input 0 when nobody needs that afterwards. */
    bool in_place;
};

/* --- for the functions that record and differentiate ---------------------------------------------------- */

/* Whether recording can go on: the graph has no error and every one of the `count` values is valid. */
bool tw_graph_accepts(const tw_graph *graph, const tw_value *values, int count);

/* Keeps the first error on the graph, the path of the module in front, and returns the invalid value. */
tw_value tw_graph_fail(tw_graph *graph, enum tw_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends a node with the given inputs (invalid ones allowed: absent) and one output; returns the output.
 * requires_grad is inherited while recording a forward. `attributes` may be NULL. */
tw_value tw_graph_record(tw_graph *graph, const struct tw_operation *operation, const tw_value *inputs,
                         int input_count, const union tw_attributes *attributes, enum tw_dtype dtype,
                         struct tw_shape shape, bool batched);

/* Adds an output to the node that produced `first` (max-pool's winners) and returns it. */
tw_value tw_graph_add_output(tw_graph *graph, tw_value first, enum tw_dtype dtype, struct tw_shape shape,
                             bool batched);

/* As tw_graph_record for a node without work whose output views the memory of `source`. */
tw_value tw_graph_record_view(tw_graph *graph, const struct tw_operation *operation, tw_value source,
                              struct tw_shape shape);

/* Input `i` / output `i` of a node as a value (invalid when absent). */
tw_value tw_node_input(const struct tw_graph_node *node, int i);
tw_value tw_node_output(const struct tw_graph_node *node, int i);

/* The node that writes the memory behind a value, which may be a view of another one's; 0 if none does. */
uint32_t tw_graph_root_producer(const tw_graph *graph, uint32_t value);

/* Whether the value behind input `i` of a node requires a gradient. */
bool tw_graph_wants_gradient(const tw_graph *graph, const struct tw_graph_node *node, int i);

/* --- for the functions that run ------------------------------------------------------------------------- */

/* Shape of input / output `i` with the batch extent of this run. */
struct tw_shape tw_execution_input_shape(const struct tw_execution *execution, int i);
struct tw_shape tw_execution_output_shape(const struct tw_execution *execution, int i);

/* Elements of one sample of a value: count / extent[0] of the recorded shape (a scalar is one sample). */
ptrdiff_t tw_execution_sample_elements(const struct tw_execution *execution, uint32_t value);

#endif
