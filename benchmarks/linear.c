#include "benchmarks/families.h"
#include "benchmarks/peers/layers.h"

/* A fully connected layer as layers/operation runs it: the bias spread over the rows, the product added to it. Where x and
 * dy have zeros, as a relu leaves them, the product of non-zeros while that pays; operations count non-zeros only. */
struct linear {
    const struct tw_kernels *kernels;
    ptrdiff_t rows, in, out;
    double density; /* of x and dy */
    const float *x, *w, *bias, *dy;
    float *y, *dx, *dw, *db;
    void *workspace;
};

static struct tw_gemm_shape forward_shape(const struct linear *l)
{
    return (struct tw_gemm_shape){.m = l->rows,
                                  .n = l->out,
                                  .k = l->in,
                                  .a_row = l->in,
                                  .a_col = 1,
                                  .b_row = 1,
                                  .b_col = l->in,
                                  .c_row = l->out,
                                  .accumulate = true};
}

static void multiply(const struct linear *l, const struct tw_gemm_shape *shape, const float *a,
                     const float *b, float *c)
{
    if (l->density < 1.0 && l->density <= l->kernels->sparse_density[shape->b_col != 1]) /* as a layer does */
        l->kernels->f32_sparse_gemm(shape, a, b, c, l->workspace);
    else
        l->kernels->f32_gemm(shape, a, b, c, l->workspace);
}

static void run_forward(void *context)
{
    const struct linear *l = context;
    const struct tw_gemm_shape shape = forward_shape(l);

    l->kernels->f32_fill_rows(l->rows, l->out, l->bias, l->y, l->out);
    multiply(l, &shape, l->x, l->w, l->y);
    l->kernels->f32_relu_forward(l->rows * l->out, l->y, l->y);
}

static struct tw_gemm_shape input_gradient_shape(const struct linear *l)
{
    return (struct tw_gemm_shape){.m = l->rows,
                                  .n = l->in,
                                  .k = l->out,
                                  .a_row = l->out,
                                  .a_col = 1,
                                  .b_row = l->in,
                                  .b_col = 1,
                                  .c_row = l->in};
}

static void run_input_gradient(void *context)
{
    const struct linear *l = context;
    const struct tw_gemm_shape shape = input_gradient_shape(l);

    multiply(l, &shape, l->dy, l->w, l->dx);
}

static struct tw_gemm_shape weight_gradient_shape(const struct linear *l)
{
    return (struct tw_gemm_shape){.m = l->out,
                                  .n = l->in,
                                  .k = l->rows,
                                  .a_row = 1,
                                  .a_col = l->out,
                                  .b_row = l->in,
                                  .b_col = 1,
                                  .c_row = l->in};
}

static void run_weight_gradient(void *context)
{
    const struct linear *l = context;
    const struct tw_gemm_shape shape = weight_gradient_shape(l);

    multiply(l, &shape, l->dy, l->x, l->dw);
    l->kernels->f32_sum_rows(l->rows, l->out, l->dy, l->out, l->db);
}

/* The largest of the three workspaces. */
static size_t workspace_bytes(const struct linear *l)
{
    const struct tw_gemm_shape shapes[] = {forward_shape(l), input_gradient_shape(l),
                                           weight_gradient_shape(l)};
    size_t most = TW_SPARSE_GEMM_WORKSPACE;

    for (int i = 0; i < 3; i++) {
        const size_t bytes = l->kernels->f32_gemm_workspace(&shapes[i]);

        most = bytes > most ? bytes : most;
    }
    return most;
}

/* Numbers of which so many in a hundred are not zero. */
static const float *new_activations(struct tw_contest *contest, ptrdiff_t count, ptrdiff_t density)
{
    float *values = tw_contest_uniform(contest, count);

    for (ptrdiff_t i = 0; i < count; i++)
        if (tw_rng_uniform_f64(&contest->rng) >= (double)density / 100.0)
            values[i] = 0.0f;
    return values;
}

static struct linear new_layer(struct tw_contest *contest, const struct tw_shape *shape)
{
    struct linear l = {.kernels = contest->session->kernels,
                       .rows = tw_batch(contest->session, shape),
                       .in = tw_shape_size(shape, "in", 1),
                       .out = tw_shape_size(shape, "out", 1)};

    const ptrdiff_t density = tw_shape_size(shape, "density", 100);

    l.density = (double)density / 100.0;
    contest->work.flops = l.density * 2.0 * (double)l.rows * (double)l.in * (double)l.out;
    l.x = new_activations(contest, l.rows * l.in, density);
    l.w = tw_contest_uniform(contest, l.out * l.in);
    l.bias = tw_contest_uniform(contest, l.out);
    l.dy = new_activations(contest, l.rows * l.out, density);
    l.y = tw_contest_zeros(contest, l.rows * l.out);
    l.dx = tw_contest_zeros(contest, l.rows * l.in);
    l.dw = tw_contest_zeros(contest, l.out * l.in);
    l.db = tw_contest_zeros(contest, l.out);
    l.workspace = tw_contest_bytes(contest, workspace_bytes(&l));
    return l;
}

/* The layer on the reference kernels, with results of its own. */
static struct linear reference_of(struct tw_contest *contest, const struct linear *l)
{
    struct linear reference = *l;

    reference.kernels = contest->session->reference;
    reference.y = tw_contest_zeros(contest, l->rows * l->out);
    reference.dx = tw_contest_zeros(contest, l->rows * l->in);
    reference.dw = tw_contest_zeros(contest, l->out * l->in);
    reference.db = tw_contest_zeros(contest, l->out);
    return reference;
}

static void check(struct tw_contest *contest, struct linear *l, void (*run)(void *))
{
    struct linear reference = reference_of(contest, l);

    run(l);
    run(&reference);
    tw_contest_check_exact(contest, reference.y, l->y, l->rows * l->out);
    tw_contest_check_exact(contest, reference.dx, l->dx, l->rows * l->in);
    tw_contest_check_exact(contest, reference.dw, l->dw, l->out * l->in);
    tw_contest_check_exact(contest, reference.db, l->db, l->out);
}

/* Which of the results an operation leaves, and the length of its sums. */
struct outcome {
    const float *result;
    ptrdiff_t count, terms;
};

static struct outcome outcome_of(const struct linear *l, void (*run)(void *))
{
    if (run == run_forward)
        return (struct outcome){l->y, l->rows * l->out, l->in};
    if (run == run_input_gradient)
        return (struct outcome){l->dx, l->rows * l->in, l->out};
    return (struct outcome){l->dw, l->out * l->in, l->rows};
}

static void hold(struct tw_session *session, const struct tw_shape *shape, const char *operation,
                 void (*run)(void *), struct tw_entrant (*onednn)(const struct tw_peer_linear *))
{
    struct tw_contest contest = tw_contest_new(session, operation, shape->name);
    struct linear l = new_layer(&contest, shape);
    const struct tw_peer_linear peer = {l.rows, l.in, l.out, l.x, l.w, l.bias, l.dy};
    const struct outcome outcome = outcome_of(&l, run);

    check(&contest, &l, run);
    tw_contest_enter(&contest, (struct tw_entrant){.name = "tower", .context = &l, .run = run});
    if (session->peers)
        tw_contest_enter_peer(&contest, onednn(&peer), outcome.result, NULL, outcome.count, outcome.terms);
    tw_contest_hold(&contest);
}

/* Sizes samples, in, out; density: per cent of x and dy that are not zero. */
void tw_family_linear(struct tw_session *session, const struct tw_shape *shape)
{
    hold(session, shape, "linear-forward", run_forward, tw_onednn_linear_forward);
    hold(session, shape, "linear-input-gradient", run_input_gradient, tw_onednn_linear_input_gradient);
    hold(session, shape, "linear-weight-gradient", run_weight_gradient, tw_onednn_linear_weight_gradient);
}
