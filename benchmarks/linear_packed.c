#include "benchmarks/families.h"
#include "benchmarks/peers/layers.h"

/* A fully connected layer of a prediction: bias, weights packed once, relu; x plain or as a pool leaves it, in blocks of
 * channels. */
struct linear {
    const struct tw_kernels *kernels;
    struct tw_linear_shape shape;
    ptrdiff_t samples;
    const float *x, *bias;
    float *packed, *y;
};

static void run(void *context)
{
    const struct linear *l = context;

    l->kernels->f32_linear_forward(&l->shape, l->samples, l->x, l->packed, l->bias, l->y, 0,
                                   tw_blocks(l->shape.out));
}

/* x as the shape wants it, of plain rows. */
static const float *new_x(struct tw_contest *contest, const struct linear *l, const float *rows)
{
    const ptrdiff_t size = tw_linear_x_size(&l->shape);
    float *x = tw_contest_zeros(contest, l->samples * size);

    for (ptrdiff_t n = 0; n < l->samples; n++)
        for (ptrdiff_t p = 0; p < l->shape.in; p++)
            x[n * size + tw_linear_x_at(&l->shape, p)] = rows[n * l->shape.in + p];
    return x;
}

static void check(struct tw_contest *contest, struct linear *l)
{
    const ptrdiff_t count = l->samples * l->shape.out;
    struct linear reference = *l;

    reference.kernels = contest->session->reference;
    reference.y = tw_contest_zeros(contest, count);
    run(l);
    run(&reference);
    tw_contest_check_exact(contest, reference.y, l->y, count);
}

/* Sizes samples, in, out; plane: pixels of a channel, if x comes in blocks of channels. */
void tw_family_linear_packed(struct tw_session *session, const struct tw_shape *shape)
{
    struct tw_contest contest = tw_contest_new(session, "linear-packed-forward", shape->name);
    struct linear l = {.kernels = session->kernels,
                       .shape = {.in = tw_shape_size(shape, "in", 1),
                                 .out = tw_shape_size(shape, "out", 1),
                                 .plane = tw_shape_size(shape, "plane", 0),
                                 .relu = true},
                       .samples = tw_batch(session, shape)};
    struct tw_peer_linear peer = {.rows = l.samples, .in = l.shape.in, .out = l.shape.out};

    peer.x = tw_contest_uniform(&contest, peer.rows * peer.in);
    peer.w = tw_contest_uniform(&contest, peer.out * peer.in);
    peer.bias = l.bias = tw_contest_uniform(&contest, peer.out);
    l.x = new_x(&contest, &l, peer.x);
    l.packed = tw_contest_zeros(&contest, tw_blocks(peer.out) * TW_BLOCK * peer.in);
    tw_f32_pack_linear_weights(&l.shape, peer.w, l.packed, 0, tw_blocks(peer.out));
    l.y = tw_contest_zeros(&contest, peer.rows * peer.out);
    contest.work.flops = 2.0 * (double)peer.rows * (double)peer.in * (double)peer.out;
    check(&contest, &l);
    tw_contest_enter(&contest, (struct tw_entrant){.name = "tower", .context = &l, .run = run});
    if (session->peers)
        tw_contest_enter_peer(&contest, tw_onednn_linear_forward(&peer), l.y, NULL, peer.rows * peer.out,
                              peer.in);
    tw_contest_hold(&contest);
}
