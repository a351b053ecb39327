/* Fully connected layers, max-pooling, vectors, softmax and transposition by oneDNN, as entrants (see peers/conv2d.h). */
#ifndef TOWER_BENCHMARKS_PEERS_LAYERS_H
#define TOWER_BENCHMARKS_PEERS_LAYERS_H

#include "benchmarks/contest.h"

/* y (rows, out) = x (rows, in) times w (out, in) transposed, plus bias. */
struct tw_peer_linear {
    ptrdiff_t rows, in, out;
    const float *x, *w, *bias, *dy;
};

/* With relu appended. */
struct tw_entrant tw_onednn_linear_forward(const struct tw_peer_linear *linear);
struct tw_entrant tw_onednn_linear_input_gradient(const struct tw_peer_linear *linear);
/* With the bias gradient. */
struct tw_entrant tw_onednn_linear_weight_gradient(const struct tw_peer_linear *linear);

/* x (samples, channels, height, width), in blocks of channels as oneDNN's convolutions leave it; windows of
 * kernel x kernel side by side. */
struct tw_peer_pool {
    ptrdiff_t samples, channels, height, width, kernel;
    const float *x, *dy;
};
struct tw_entrant tw_onednn_max_pool_forward(const struct tw_peer_pool *pool);
struct tw_entrant tw_onednn_max_pool_gradient(const struct tw_peer_pool *pool);

struct tw_entrant tw_onednn_relu(ptrdiff_t count, const float *x);
struct tw_entrant tw_onednn_scale(ptrdiff_t count, const float *x, float factor);
struct tw_entrant tw_onednn_exp(ptrdiff_t count, const float *x);
struct tw_entrant tw_onednn_log(ptrdiff_t count, const float *x);
struct tw_entrant tw_onednn_add(ptrdiff_t count, const float *a, const float *b);

/* Of rows; a gradient gets what the forward gave. */
struct tw_entrant tw_onednn_softmax(ptrdiff_t rows, ptrdiff_t columns, const float *x);
struct tw_entrant tw_onednn_log_softmax(ptrdiff_t rows, ptrdiff_t columns, const float *x);
struct tw_entrant tw_onednn_softmax_gradient(ptrdiff_t rows, ptrdiff_t columns, const float *y,
                                             const float *dy);
struct tw_entrant tw_onednn_log_softmax_gradient(ptrdiff_t rows, ptrdiff_t columns, const float *y,
                                                 const float *dy);

struct tw_entrant tw_onednn_transpose(ptrdiff_t rows, ptrdiff_t columns, const float *x);

#endif
