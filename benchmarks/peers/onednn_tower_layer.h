/* The layers of the tower as oneDNN primitives: convolution or inner product, relu, 2x2 max-pool.
 *
 * Every primitive is described with free layouts and takes the one it likes best. Parameters are kept in the
 * layout of their gradient, so that an optimizer can go over both as plain vectors.
 */
#ifndef TOWER_BENCHMARKS_PEERS_ONEDNN_TOWER_LAYER_H
#define TOWER_BENCHMARKS_PEERS_ONEDNN_TOWER_LAYER_H

#include <stddef.h>

#include "benchmarks/peers/onednn_program.h"

/* A convolution 3x3 with padding 1 or an inner product over all of a sample. */
struct tw_onednn_layer {
    struct {
        const char *forward, *relu_gradient, *input_gradient, *weight_gradient, *reorder;
    } name;              /* constants: what its parts are called */
    bool convolution;    /* else inner product */
    bool relu;           /* appended to the forward primitive */
    int ndims, y_ndims;  /* of x and w; of y */
    dnnl_dims_t x, w, y; /* sizes; bias has those of y's channels */
    dnnl_primitive_desc_t forward, input_gradient, weight_gradient;
    dnnl_memory_t weight, bias, weight_sum, bias_sum; /* parameters and their gradients */
    dnnl_memory_t input, output;                      /* as last added */
};

/* Chooses the primitives; input_gradient stays NULL for the first layer, which nobody asks for one. */
void tw_onednn_layer_describe(const struct tw_program *program, struct tw_onednn_layer *layer, bool first);
void tw_onednn_layer_release(struct tw_onednn_layer *layer);

/* Floats that weight or bias take in the layout of their gradient, padding included. */
ptrdiff_t tw_onednn_layer_weight_floats(const struct tw_onednn_layer *layer);
ptrdiff_t tw_onednn_layer_bias_floats(const struct tw_onednn_layer *layer);

/* Makes the four memories over `parameters` and `gradients`, each weight first, bias `bias_offset` floats on,
 * and copies initial values from row-major arrays. */
void tw_onednn_layer_place(struct tw_program *program, struct tw_onednn_layer *layer, float *parameters,
                           float *gradients, ptrdiff_t bias_offset, const float *weight, const float *bias);

/* Append parts. Forward returns y; input gradient returns dx. */
dnnl_memory_t tw_onednn_layer_add_forward(struct tw_program *program, struct tw_onednn_layer *layer,
                                          dnnl_memory_t x);
dnnl_memory_t tw_onednn_layer_add_input_gradient(struct tw_program *program, struct tw_onednn_layer *layer,
                                                 dnnl_memory_t dy);
void tw_onednn_layer_add_weight_gradient(struct tw_program *program, struct tw_onednn_layer *layer,
                                         dnnl_memory_t dy);

/* Appends relu's gradient: of dy, gated by relu's output y, in y's layout and in place where dy has that. */
dnnl_memory_t tw_onednn_add_relu_gradient(struct tw_program *program, const struct tw_onednn_layer *layer,
                                          dnnl_memory_t y, dnnl_memory_t dy);

struct tw_onednn_max_pool {
    struct {
        const char *forward, *gradient, *reorder;
    } name;
    dnnl_memory_desc_t x, y;
    dnnl_primitive_desc_t forward;
    dnnl_memory_t winners; /* the workspace that forward leaves for the gradient */
    dnnl_memory_t result;  /* y as last added */
};

/* Appends a 2x2 max-pool of x; returns y. Then its gradient: returns dx in the layout of x. */
dnnl_memory_t tw_onednn_max_pool_add_forward(struct tw_program *program, struct tw_onednn_max_pool *pool,
                                             dnnl_memory_t x);
dnnl_memory_t tw_onednn_max_pool_add_gradient(struct tw_program *program, struct tw_onednn_max_pool *pool,
                                              dnnl_memory_t dy);
void tw_onednn_max_pool_release(struct tw_onednn_max_pool *pool);

#endif
