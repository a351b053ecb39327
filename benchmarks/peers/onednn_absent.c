/* Stands in for the onednn_*.c where this was built without oneDNN: entrants that cannot do anything. */
#include "benchmarks/peers/conv_pool.h"
#include "benchmarks/peers/gemm.h"
#include "benchmarks/peers/layers.h"

static const struct tw_entrant absent = {.name = "onednn"};

struct tw_entrant tw_onednn_gemm(struct tw_contest *contest, const struct tw_peer_gemm *gemm)
{
    (void)contest, (void)gemm;
    return absent;
}

void tw_onednn_version(char text[TW_PEER_VERSION])
{
    text[0] = '\0';
}

#define ABSENT(function, type)                   \
    struct tw_entrant function(const type *peer) \
    {                                            \
        (void)peer;                              \
        return absent;                           \
    }

ABSENT(tw_onednn_conv2d_forward, struct tw_peer_conv2d)
ABSENT(tw_onednn_conv2d_input_gradient, struct tw_peer_conv2d)
ABSENT(tw_onednn_conv2d_weight_gradient, struct tw_peer_conv2d)
ABSENT(tw_onednn_conv_pool_forward, struct tw_peer_conv2d)
ABSENT(tw_onednn_linear_forward, struct tw_peer_linear)
ABSENT(tw_onednn_linear_input_gradient, struct tw_peer_linear)
ABSENT(tw_onednn_linear_weight_gradient, struct tw_peer_linear)
ABSENT(tw_onednn_max_pool_forward, struct tw_peer_pool)
ABSENT(tw_onednn_max_pool_gradient, struct tw_peer_pool)

struct tw_entrant tw_onednn_conv_pool_gradient(const struct tw_peer_conv2d *conv, const float *relu,
                                               tw_f32_relu_gradient_fn *relu_gradient, bool input_gradient)
{
    (void)conv, (void)relu, (void)relu_gradient, (void)input_gradient;
    return absent;
}

/* Of a vector: count, x; of rows: rows, columns, x; of rows and a gradient. */
#define ABSENT_VECTOR(function)                                 \
    struct tw_entrant function(ptrdiff_t count, const float *x) \
    {                                                           \
        (void)count, (void)x;                                   \
        return absent;                                          \
    }
#define ABSENT_ROWS(function)                                                     \
    struct tw_entrant function(ptrdiff_t rows, ptrdiff_t columns, const float *x) \
    {                                                                             \
        (void)rows, (void)columns, (void)x;                                       \
        return absent;                                                            \
    }
#define ABSENT_GRADIENT(function)                                                                  \
    struct tw_entrant function(ptrdiff_t rows, ptrdiff_t columns, const float *y, const float *dy) \
    {                                                                                              \
        (void)rows, (void)columns, (void)y, (void)dy;                                              \
        return absent;                                                                             \
    }

ABSENT_VECTOR(tw_onednn_relu)
ABSENT_VECTOR(tw_onednn_exp)
ABSENT_VECTOR(tw_onednn_log)
ABSENT_ROWS(tw_onednn_softmax)
ABSENT_ROWS(tw_onednn_log_softmax)
ABSENT_ROWS(tw_onednn_transpose)
ABSENT_GRADIENT(tw_onednn_softmax_gradient)
ABSENT_GRADIENT(tw_onednn_log_softmax_gradient)

struct tw_entrant tw_onednn_scale(ptrdiff_t count, const float *x, float factor)
{
    (void)count, (void)x, (void)factor;
    return absent;
}

struct tw_entrant tw_onednn_add(ptrdiff_t count, const float *a, const float *b)
{
    (void)count, (void)a, (void)b;
    return absent;
}
