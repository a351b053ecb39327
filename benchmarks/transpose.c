#include "benchmarks/families.h"
#include "benchmarks/peers/layers.h"

struct matrix {
    const struct tw_kernels *kernels;
    ptrdiff_t rows, columns;
    const float *x;
    float *y;
};

static void run(void *context)
{
    const struct matrix *m = context;

    m->kernels->f32_transpose(m->rows, m->columns, m->x, m->columns, m->y, m->rows);
}

/* Sizes rows, columns. */
void tw_family_transpose(struct tw_session *session, const struct tw_shape *shape)
{
    struct tw_contest contest = tw_contest_new(session, "transpose", shape->name);
    const ptrdiff_t rows = tw_shape_size(shape, "rows", 1), columns = tw_shape_size(shape, "columns", 1);
    struct matrix m = {
        .kernels = session->kernels, .rows = session->quick && rows > 200 ? 200 : rows, .columns = columns};
    const ptrdiff_t count = m.rows * m.columns;
    const size_t bytes = 2 * sizeof(float) * (size_t)count;
    struct matrix reference;

    m.x = tw_contest_uniform(&contest, count);
    m.y = tw_contest_zeros(&contest, count);
    reference = m;
    reference.kernels = session->reference;
    reference.y = tw_contest_zeros(&contest, count);
    run(&m);
    run(&reference);
    tw_contest_check_exact(&contest, reference.y, m.y, count);
    tw_contest_set_traffic(&contest, TW_TRAFFIC_COPY, (double)bytes, bytes);
    tw_contest_enter(&contest, (struct tw_entrant){.name = "tower", .context = &m, .run = run});
    if (session->peers)
        tw_contest_enter_peer(&contest, tw_onednn_transpose(m.rows, m.columns, m.x), m.y, NULL, count, 0);
    tw_contest_hold(&contest);
}
