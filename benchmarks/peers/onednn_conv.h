/* Convolution primitives of oneDNN for a shape of Tower's: what peers/onednn_conv2d.c and onednn_conv_pool.c share.
 */
#ifndef TOWER_BENCHMARKS_PEERS_ONEDNN_CONV_H
#define TOWER_BENCHMARKS_PEERS_ONEDNN_CONV_H

#include "benchmarks/peers/conv2d.h"
#include "benchmarks/peers/onednn.h"

/* Descriptions of the arrays in rows, as Tower has them, and the primitives' descriptions, NULL where not yet asked
 * for. */
struct tw_onednn_conv {
    const struct tw_peer_conv2d *conv;
    dnnl_memory_desc_t x, w, bias, y;
    dnnl_primitive_desc_t forward, input_gradient, weight_gradient;
};

/* Describes arrays and the forward primitive, with relu appended or not. tw_onednn_conv_end ends it. */
struct tw_onednn_conv tw_onednn_conv_begin(struct tw_onednn *onednn, const struct tw_peer_conv2d *conv,
                                           bool relu);
void tw_onednn_conv_end(struct tw_onednn_conv *primitives);

/* Fill in the other two. */
void tw_onednn_describe_input_gradient(struct tw_onednn *onednn, struct tw_onednn_conv *primitives);
void tw_onednn_describe_weight_gradient(struct tw_onednn *onednn, struct tw_onednn_conv *primitives);

/* Append them to the sequence; `dy` and `y` are memories in the layouts they asked for. Return the result. */
dnnl_memory_t tw_onednn_add_forward(struct tw_onednn *onednn, const struct tw_onednn_conv *primitives);
dnnl_memory_t tw_onednn_add_input_gradient(struct tw_onednn *onednn, const struct tw_onednn_conv *primitives,
                                           dnnl_memory_t dy);
dnnl_memory_t tw_onednn_add_weight_gradient(struct tw_onednn *onednn, const struct tw_onednn_conv *primitives,
                                            dnnl_memory_t dy);

#endif
