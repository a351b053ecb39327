#include "benchmarks/families.h"
#include "benchmarks/peers/layers.h"

struct softmax {
    const struct tw_kernels *kernels;
    ptrdiff_t rows, columns;
    const float *x, *dy, *probability, *log_probability;
    const int32_t *label;
    float scale; /* of the losses: their mean */
    float *result;
};

/* Of 0.1 over ten classes. */
static const struct tw_smoothing smoothing = {.keep = 0.9f, .share = 0.01f};

static void run_forward(void *context)
{
    const struct softmax *s = context;

    s->kernels->f32_softmax_forward(s->rows, s->columns, s->x, s->result);
}

static void run_gradient(void *context)
{
    const struct softmax *s = context;

    s->kernels->f32_softmax_gradient(s->rows, s->columns, s->probability, s->dy, s->result);
}

static void run_log_forward(void *context)
{
    const struct softmax *s = context;

    s->kernels->f32_log_softmax_forward(s->rows, s->columns, s->x, s->result);
}

static void run_log_gradient(void *context)
{
    const struct softmax *s = context;

    s->kernels->f32_log_softmax_gradient(s->rows, s->columns, s->log_probability, s->dy, s->result);
}

static void run_nll_forward(void *context)
{
    const struct softmax *s = context;

    s->kernels->f32_nll_forward(s->rows, s->columns, s->log_probability, s->label, s->scale, s->result);
}

static void run_nll_gradient(void *context)
{
    const struct softmax *s = context;

    s->kernels->f32_nll_gradient(s->rows, s->columns, s->label, s->scale, 1.0f, s->result);
}

static void run_smoothed_forward(void *context)
{
    const struct softmax *s = context;

    s->kernels->f32_smoothed_nll_forward(s->rows, s->columns, s->log_probability, s->label, smoothing,
                                         s->scale, s->result);
}

static void run_smoothed_gradient(void *context)
{
    const struct softmax *s = context;

    s->kernels->f32_smoothed_nll_gradient(s->rows, s->columns, s->label, smoothing, s->scale, 1.0f,
                                          s->result);
}

static struct tw_entrant peer_forward(const struct softmax *s)
{
    return tw_onednn_softmax(s->rows, s->columns, s->x);
}

static struct tw_entrant peer_gradient(const struct softmax *s)
{
    return tw_onednn_softmax_gradient(s->rows, s->columns, s->probability, s->dy);
}

static struct tw_entrant peer_log_forward(const struct softmax *s)
{
    return tw_onednn_log_softmax(s->rows, s->columns, s->x);
}

static struct tw_entrant peer_log_gradient(const struct softmax *s)
{
    return tw_onednn_log_softmax_gradient(s->rows, s->columns, s->log_probability, s->dy);
}

static const struct operation {
    const char *name;
    void (*run)(void *context);
    struct tw_entrant (*peer)(const struct softmax *s); /* NULL: oneDNN has no losses */
    enum tw_traffic traffic;
    int arrays;  /* rows x columns floats that are read or written; 0: one of a row, and its label */
    bool is_sum; /* one result, of all rows */
} operations[] = {
    {"softmax-forward", run_forward, peer_forward, TW_TRAFFIC_COPY, 2, false},
    {"softmax-gradient", run_gradient, peer_gradient, TW_TRAFFIC_MERGE, 3, false},
    {"log-softmax-forward", run_log_forward, peer_log_forward, TW_TRAFFIC_COPY, 2, false},
    {"log-softmax-gradient", run_log_gradient, peer_log_gradient, TW_TRAFFIC_MERGE, 3, false},
    {"nll-forward", run_nll_forward, NULL, TW_TRAFFIC_LOAD, 0, true},
    {"nll-gradient", run_nll_gradient, NULL, TW_TRAFFIC_STORE, 1, false},
    {"smoothed-nll-forward", run_smoothed_forward, NULL, TW_TRAFFIC_LOAD, 1, true},
    {"smoothed-nll-gradient", run_smoothed_gradient, NULL, TW_TRAFFIC_STORE, 1, false},
};

static struct softmax new_softmax(struct tw_contest *contest, const struct tw_shape *shape)
{
    struct softmax s = {.kernels = contest->session->kernels,
                        .rows = tw_shape_size(shape, "rows", 1),
                        .columns = tw_shape_size(shape, "columns", 1)};
    ptrdiff_t count;
    float *probability, *log_probability;
    int32_t *label;

    s.rows = contest->session->quick && s.rows > 64 ? 64 : s.rows;
    count = s.rows * s.columns;
    probability = tw_contest_zeros(contest, count);
    log_probability = tw_contest_zeros(contest, count);
    label = tw_contest_bytes(contest, (size_t)s.rows * sizeof *label);
    s.scale = 1.0f / (float)s.rows;
    s.x = tw_contest_uniform(contest, count);
    s.dy = tw_contest_uniform(contest, count);
    s.kernels->f32_softmax_forward(s.rows, s.columns, s.x, probability);
    s.kernels->f32_log_softmax_forward(s.rows, s.columns, s.x, log_probability);
    for (ptrdiff_t r = 0; r < s.rows; r++)
        label[r] = (int32_t)(tw_rng_u32(&contest->rng) % (uint32_t)s.columns);
    s.probability = probability;
    s.log_probability = log_probability;
    s.label = label;
    s.result = tw_contest_zeros(contest, count);
    return s;
}

static void check(struct tw_contest *contest, const struct operation *operation, struct softmax *s)
{
    const ptrdiff_t count = s->rows * s->columns;
    struct softmax reference = *s;

    reference.kernels = contest->session->reference;
    reference.result = tw_contest_zeros(contest, count);
    operation->run(s);
    operation->run(&reference);
    tw_contest_check_exact(contest, reference.result, s->result, operation->is_sum ? 1 : count);
}

static void hold(struct tw_session *session, const struct tw_shape *shape, const struct operation *operation)
{
    struct tw_contest contest = tw_contest_new(session, operation->name, shape->name);
    struct softmax s = new_softmax(&contest, shape);
    const ptrdiff_t count = s.rows * s.columns,
                    floats = operation->arrays > 0 ? count * operation->arrays : s.rows;
    const size_t bytes =
        sizeof(float) * (size_t)floats + (operation->peer ? 0 : sizeof(int32_t) * (size_t)s.rows);

    check(&contest, operation, &s);
    tw_contest_set_traffic(&contest, operation->traffic, (double)bytes, bytes);
    tw_contest_enter(&contest, (struct tw_entrant){.name = "tower", .context = &s, .run = operation->run});
    if (session->peers && operation->peer)
        tw_contest_enter_peer(&contest, operation->peer(&s), s.result, NULL, count, s.columns);
    tw_contest_hold(&contest);
}

/* Sizes rows, columns. */
void tw_family_softmax(struct tw_session *session, const struct tw_shape *shape)
{
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (tw_session_wants(session, operations[i].name))
            hold(session, shape, &operations[i]);
}
