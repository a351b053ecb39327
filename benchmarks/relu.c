#include "benchmarks/families.h"
#include "benchmarks/peers/layers.h"

struct vector {
    const struct tw_kernels *kernels;
    ptrdiff_t count;
    const float *x, *dy;
    float *y, *dx;
};

static void run_forward(void *context)
{
    const struct vector *v = context;

    v->kernels->f32_relu_forward(v->count, v->x, v->y);
}

static void run_gradient(void *context)
{
    const struct vector *v = context;

    v->kernels->f32_relu_gradient(v->count, v->x, v->dy, v->dx);
}

static void check(struct tw_contest *contest, struct vector *v)
{
    struct vector reference = *v;

    reference.kernels = contest->session->reference;
    reference.y = tw_contest_zeros(contest, v->count);
    reference.dx = tw_contest_zeros(contest, v->count);
    run_forward(v);
    run_gradient(v);
    run_forward(&reference);
    run_gradient(&reference);
    tw_contest_check_exact(contest, reference.y, v->y, v->count);
    tw_contest_check_exact(contest, reference.dx, v->dx, v->count);
}

static void hold(struct tw_session *session, const struct tw_shape *shape, bool forward)
{
    struct tw_contest contest =
        tw_contest_new(session, forward ? "relu-forward" : "relu-gradient", shape->name);
    const ptrdiff_t count = tw_vector_count(session, shape);
    struct vector v = {.kernels = session->kernels, .count = count};
    const size_t bytes = (size_t)count * sizeof(float) * (forward ? 2 : 3);

    v.x = tw_contest_uniform(&contest, count);
    v.dy = tw_contest_uniform(&contest, count);
    v.y = tw_contest_zeros(&contest, count);
    v.dx = tw_contest_zeros(&contest, count);
    check(&contest, &v);
    tw_contest_set_traffic(&contest, forward ? TW_TRAFFIC_COPY : TW_TRAFFIC_MERGE, (double)bytes, bytes);
    tw_contest_enter(
        &contest,
        (struct tw_entrant){.name = "tower", .context = &v, .run = forward ? run_forward : run_gradient});
    if (session->peers && forward)
        tw_contest_enter_peer(&contest, tw_onednn_relu(count, v.x), v.y, NULL, count, 1);
    tw_contest_hold(&contest);
}

/* Size count. The gradient has no peer: oneDNN 2.6's is known to be six times slower than its successors'. */
void tw_family_relu(struct tw_session *session, const struct tw_shape *shape)
{
    if (tw_session_wants(session, "relu-forward"))
        hold(session, shape, true);
    if (tw_session_wants(session, "relu-gradient"))
        hold(session, shape, false);
}
