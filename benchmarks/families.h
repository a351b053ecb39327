/* The families: each holds the contests of its operations on one shape. */
#ifndef TOWER_BENCHMARKS_FAMILIES_H
#define TOWER_BENCHMARKS_FAMILIES_H

#include "benchmarks/contest.h"

typedef void tw_family_fn(struct tw_session *session, const struct tw_shape *shape);

tw_family_fn tw_family_gemm;          /* matrix products */
tw_family_fn tw_family_linear;        /* fully connected layers: forward with bias and relu, both gradients */
tw_family_fn tw_family_linear_packed; /* the same forward on weights packed once: predictions */
tw_family_fn tw_family_conv2d;        /* forward, input and weight gradient */
tw_family_fn tw_family_conv_pool;     /* convolution, bias, relu and pool in one, and its gradients */
tw_family_fn tw_family_pool;          /* max-pooling, forward and gradient */
tw_family_fn tw_family_relu;          /* forward and gradient */
tw_family_fn
    tw_family_elementwise; /* vectors: sums of two, products, exp, log, dropout, pixels, sums of all … */
tw_family_fn tw_family_softmax;   /* softmax and log-softmax, losses, and their gradients */
tw_family_fn tw_family_transpose; /* of matrices */
tw_family_fn tw_family_optimizer; /* Adam and SGD with momentum */

#define TW_FAMILY_OPERATIONS 12

struct tw_family {
    const char *name;
    tw_family_fn *hold;
    const char *operations[TW_FAMILY_OPERATIONS]; /* what its contests are called; NULL after the last */
};

/* The family of that name, or the one that holds contests of that operation; NULL: there is none. */
const struct tw_family *tw_family_named(const char *name);
const struct tw_family *tw_family_of(const char *operation);

/* Multiply-adds that the check of one contest may cost the reference, which does a thousand million of them in three
 * seconds. */
#define TW_CHECK_WORK (1 << 25)

/* How many of `count` parts of a result, of `work` multiply-adds each, the reference is to check: as many as TW_CHECK_WORK
 * allows, at least one. The i-th of them is part tw_checked_part: the first, the last, and some between them. */
static inline ptrdiff_t tw_checked_parts(ptrdiff_t count, ptrdiff_t work)
{
    const ptrdiff_t most = TW_CHECK_WORK / (work > 0 ? work : 1);

    return count < most ? count : most > 0 ? most : 1;
}

static inline ptrdiff_t tw_checked_part(ptrdiff_t i, ptrdiff_t checked, ptrdiff_t count)
{
    return checked > 1 ? i * (count - 1) / (checked - 1) : count / 2;
}

/* Quick runs leave out what takes longer than this. */
#define TW_QUICK_FLOPS 1.5e8

/* Samples to benchmark. */
static inline ptrdiff_t tw_batch(const struct tw_session *session, const struct tw_shape *shape)
{
    const ptrdiff_t samples = tw_shape_size(shape, "samples", 64);

    return session->quick && samples > 2 ? 2 : samples;
}

/* Elements of a vector to benchmark. */
static inline ptrdiff_t tw_vector_count(const struct tw_session *session, const struct tw_shape *shape)
{
    const ptrdiff_t count = tw_shape_size(shape, "count", 1);

    return session->quick && count > 1000 ? 1000 : count;
}

#endif
