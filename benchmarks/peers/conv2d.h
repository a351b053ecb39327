/* Convolutions by oneDNN, as entrants, each in the layouts that oneDNN prefers for it. Without oneDNN, and for what
 * it cannot do, an entrant without context.
 */
#ifndef TOWER_BENCHMARKS_PEERS_CONV2D_H
#define TOWER_BENCHMARKS_PEERS_CONV2D_H

#include "benchmarks/contest.h"

/* The arrays are Tower's (kernels/conv/conv.h). */
struct tw_peer_conv2d {
    struct tw_conv2d_shape shape;
    ptrdiff_t samples;
    const float *x, *w, *bias, *dy;
    bool winograd; /* by Winograd, if the peer has it, instead of direct sums */
};

/* Results, for the check: y, dx and dw. The weight gradient computes the bias gradient too. */
struct tw_entrant tw_onednn_conv2d_forward(const struct tw_peer_conv2d *conv);
struct tw_entrant tw_onednn_conv2d_input_gradient(const struct tw_peer_conv2d *conv);
struct tw_entrant tw_onednn_conv2d_weight_gradient(const struct tw_peer_conv2d *conv);

#endif
