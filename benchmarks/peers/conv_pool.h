/* What oneDNN does where Tower has convolution, relu and max-pool in one (kernels/conv_pool): a sequence of
 * primitives in the layouts that its convolutions prefer.
 */
#ifndef TOWER_BENCHMARKS_PEERS_CONV_POOL_H
#define TOWER_BENCHMARKS_PEERS_CONV_POOL_H

#include "benchmarks/peers/conv2d.h"

/* Convolution with relu appended, then 2x2 max-pool that remembers its winners. Result: the pooled y. */
struct tw_entrant tw_onednn_conv_pool_forward(const struct tw_peer_conv2d *conv);

/* Pool backward, relu backward, weight and bias gradient and, with `input_gradient`, the input gradient. `relu` is
 * the output of the convolution's relu, which decides winners and closed gates, dy the gradient of the pooled
 * output. Relu backward is done by Tower's own kernel on oneDNN's layout: the one of oneDNN 2.6 is six times slower
 * than that of later releases, and no ratio should live on that. Result: dw, then dx if there is one. */
struct tw_entrant tw_onednn_conv_pool_gradient(const struct tw_peer_conv2d *conv, const float *relu,
                                               tw_f32_relu_gradient_fn *relu_gradient, bool input_gradient);

#endif
