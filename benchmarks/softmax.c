#include "benchmarks/families.h"
#include "benchmarks/peers/layers.h"

struct softmax {
    const struct tw_kernels *kernels;
    ptrdiff_t rows, columns;
    const float *x;
    float *y;
};

static void run(void *context)
{
    const struct softmax *s = context;

    s->kernels->f32_log_softmax_forward(s->rows, s->columns, s->x, s->y);
}

/* Sizes rows, columns. */
void tw_family_softmax(struct tw_session *session, const struct tw_shape *shape)
{
    struct tw_contest contest = tw_contest_new(session, "log-softmax", shape->name);
    struct softmax s = {.kernels = session->kernels,
                        .rows = tw_shape_size(shape, "rows", 1),
                        .columns = tw_shape_size(shape, "columns", 1)};
    const ptrdiff_t count = s.rows * s.columns;
    const size_t bytes = 2 * (size_t)count * sizeof(float);
    struct softmax reference;

    s.x = tw_contest_uniform(&contest, count);
    s.y = tw_contest_zeros(&contest, count);
    reference = s;
    reference.kernels = session->reference;
    reference.y = tw_contest_zeros(&contest, count);
    run(&s);
    run(&reference);
    tw_contest_check_exact(&contest, reference.y, s.y, count);
    tw_contest_set_traffic(&contest, TW_TRAFFIC_COPY, (double)bytes, bytes);
    tw_contest_enter(&contest, (struct tw_entrant){.name = "tower", .context = &s, .run = run});
    if (session->peers)
        tw_contest_enter_peer(&contest, tw_onednn_log_softmax(s.rows, s.columns, s.x), s.y, NULL, count,
                              s.columns);
    tw_contest_hold(&contest);
}
