#include "benchmarks/families.h"
#include "benchmarks/peers/layers.h"

struct pool {
    const struct tw_kernels *kernels;
    struct tw_pool2d_shape shape;
    ptrdiff_t planes;
    const float *x, *dy;
    float *y, *dx;
    uint16_t *winner;
};

static void run_forward(void *context)
{
    const struct pool *p = context;

    p->kernels->f32_max_pool2d_forward(&p->shape, p->planes, p->x, p->y, p->winner);
}

static void run_gradient(void *context)
{
    const struct pool *p = context;

    p->kernels->f32_max_pool2d_gradient(&p->shape, p->planes, p->dy, p->winner, p->dx);
}

static ptrdiff_t x_count(const struct pool *p)
{
    return p->planes * p->shape.in_height * p->shape.in_width;
}

static ptrdiff_t y_count(const struct pool *p)
{
    return p->planes * p->shape.out_height * p->shape.out_width;
}

static void new_results(struct tw_contest *contest, struct pool *p)
{
    p->y = tw_contest_zeros(contest, y_count(p));
    p->dx = tw_contest_zeros(contest, x_count(p));
    p->winner = tw_contest_bytes(contest, (size_t)y_count(p) * sizeof *p->winner);
}

static struct pool new_pool(struct tw_contest *contest, const struct tw_peer_pool *peer)
{
    struct pool p = {.kernels = contest->session->kernels,
                     .planes = peer->samples * peer->channels,
                     .shape = {.in_height = peer->height,
                               .in_width = peer->width,
                               .out_height = peer->height / peer->kernel,
                               .out_width = peer->width / peer->kernel,
                               .kernel_height = peer->kernel,
                               .kernel_width = peer->kernel,
                               .stride = {peer->kernel, peer->kernel}}};

    p.x = tw_contest_uniform(contest, x_count(&p));
    p.dy = tw_contest_uniform(contest, y_count(&p));
    new_results(contest, &p);
    return p;
}

static void check(struct tw_contest *contest, struct pool *p)
{
    struct pool reference = *p;

    reference.kernels = contest->session->reference;
    new_results(contest, &reference);
    run_forward(p);
    run_gradient(p);
    run_forward(&reference);
    run_gradient(&reference);
    tw_contest_check_exact(contest, reference.y, p->y, y_count(p));
    tw_contest_check_exact(contest, reference.dx, p->dx, x_count(p));
}

static void hold(struct tw_session *session, const struct tw_shape *shape, bool forward)
{
    struct tw_contest contest =
        tw_contest_new(session, forward ? "max-pool-forward" : "max-pool-gradient", shape->name);
    struct tw_peer_pool peer = {.samples = tw_batch(session, shape),
                                .channels = tw_shape_size(shape, "in", 1),
                                .height = tw_shape_size(shape, "height", 2),
                                .width = tw_shape_size(shape, "width", 2),
                                .kernel = tw_shape_size(shape, "kernel", 2)};
    struct pool p = new_pool(&contest, &peer);
    const size_t bytes = (size_t)(x_count(&p) * 4 + y_count(&p) * 6);

    check(&contest, &p);
    tw_contest_set_traffic(&contest, forward ? TW_TRAFFIC_LOAD : TW_TRAFFIC_STORE, (double)bytes, bytes);
    tw_contest_enter(
        &contest,
        (struct tw_entrant){.name = "tower", .context = &p, .run = forward ? run_forward : run_gradient});
    peer.x = p.x;
    peer.dy = p.dy;
    if (session->peers && forward)
        tw_contest_enter_peer(&contest, tw_onednn_max_pool_forward(&peer), p.y, NULL, y_count(&p), 1);
    else if (session->peers)
        tw_contest_enter_peer(&contest, tw_onednn_max_pool_gradient(&peer), p.dx, NULL, x_count(&p), 1);
    tw_contest_hold(&contest);
}

/* Sizes samples, in, height, width, kernel. */
void tw_family_pool(struct tw_session *session, const struct tw_shape *shape)
{
    if (tw_session_wants(session, "max-pool-forward"))
        hold(session, shape, true);
    if (tw_session_wants(session, "max-pool-gradient"))
        hold(session, shape, false);
}
