/* Max-pooling with square windows side by side by oneDNN: what peers/onednn_pool.c and onednn_conv_pool.c share. */
#ifndef TOWER_BENCHMARKS_PEERS_ONEDNN_POOL_H
#define TOWER_BENCHMARKS_PEERS_ONEDNN_POOL_H

#include "benchmarks/peers/onednn.h"

struct tw_onednn_pool {
    ptrdiff_t kernel;
    dnnl_memory_desc_t y, rows; /* what is pooled, in its layout; the pooled result as Tower has it */
    dnnl_primitive_desc_t forward, gradient;
};

/* Windows that would reach beyond the last row or column are left out. tw_onednn_pool_end ends it. */
struct tw_onednn_pool tw_onednn_pool_begin(struct tw_onednn *onednn, const dnnl_memory_desc_t *y,
                                           ptrdiff_t kernel);
void tw_onednn_pool_end(struct tw_onednn_pool *pool);

/* Appends the forward pooling of `y`; returns the pooled result, and the record of winners. */
dnnl_memory_t tw_onednn_add_pool(struct tw_onednn *onednn, const struct tw_onednn_pool *pool, dnnl_memory_t y,
                                 dnnl_memory_t *winners);

/* Pools `y` once, outside the timed part, and makes the gradient of the pooling the sequence's first step. Returns
 * the gradient, in the layout of y. `dy` in rows. */
dnnl_memory_t tw_onednn_add_pool_gradient(struct tw_onednn *onednn, struct tw_onednn_pool *pool,
                                          dnnl_memory_t y, const float *dy);

#endif
