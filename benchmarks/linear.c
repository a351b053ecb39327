#include "benchmarks/families.h"

#include <string.h>

#include "benchmarks/layer_product.h"
#include "benchmarks/peers/layers.h"

/* A fully connected layer as layers/operation runs it: the bias spread over the rows, the product added to it. Where x and
 * dy have zeros, as a relu leaves them, it looks at some rows in every run and leaves zeros out while that pays
 * (layers/operation/nonzeros.h); operations count non-zeros only. Beside it then "tower-dense", which never looks. */
struct linear {
    const struct tw_kernels *kernels;
    ptrdiff_t rows, in, out;
    double density; /* of x and dy */
    bool looks;
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
    if (l->looks)
        tw_layer_product(l->kernels, shape, a, b, c, l->workspace);
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

/* The layer on the reference kernels, with results of its own; dense: leaving zeros out changes no bits. */
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

/* Runs the layer and compares all it leaves. */
/* NaN where an operation is to leave its results: both ways leave them in the same place. */
static void spoil(struct linear *l, void (*run)(void *))
{
    const size_t element = sizeof *l->y;

    if (run == run_forward) {
        memset(l->y, 0xff, (size_t)(l->rows * l->out) * element);
    } else if (run == run_input_gradient) {
        memset(l->dx, 0xff, (size_t)(l->rows * l->in) * element);
    } else {
        memset(l->dw, 0xff, (size_t)(l->out * l->in) * element);
        memset(l->db, 0xff, (size_t)l->out * element);
    }
}

static void check(struct tw_contest *contest, const struct linear *reference, struct linear *l,
                  void (*run)(void *))
{
    spoil(l, run);
    run(l);
    tw_contest_check_exact(contest, reference->y, l->y, l->rows * l->out);
    tw_contest_check_exact(contest, reference->dx, l->dx, l->rows * l->in);
    tw_contest_check_exact(contest, reference->dw, l->dw, l->out * l->in);
    tw_contest_check_exact(contest, reference->db, l->db, l->out);
}

static const struct operation {
    const char *name;
    void (*run)(void *context);
    struct tw_entrant (*onednn)(const struct tw_peer_linear *linear);
} operations[] = {
    {"linear-forward", run_forward, tw_onednn_linear_forward},
    {"linear-input-gradient", run_input_gradient, tw_onednn_linear_input_gradient},
    {"linear-weight-gradient", run_weight_gradient, tw_onednn_linear_weight_gradient},
};

static bool looks_for_zeros(const struct linear *l, void (*run)(void *))
{
    const struct tw_gemm_shape shape = run == run_forward          ? forward_shape(l)
                                       : run == run_input_gradient ? input_gradient_shape(l)
                                                                   : weight_gradient_shape(l);

    return tw_layer_looks(l->kernels, &shape, l->out * l->in);
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

static void hold(struct tw_session *session, const struct tw_shape *shape, const struct operation *operation)
{
    struct tw_contest contest = tw_contest_new(session, operation->name, shape->name);
    struct linear l = new_layer(&contest, shape), dense = l, reference = reference_of(&contest, &l);
    const struct tw_peer_linear peer = {l.rows, l.in, l.out, l.x, l.w, l.bias, l.dy};
    const struct outcome outcome = outcome_of(&l, operation->run);

    operation->run(&reference);
    check(&contest, &reference, &dense, operation->run);
    l.looks = tw_shape_size(shape, "density", 0) > 0 && looks_for_zeros(&l, operation->run);
    if (l.looks)
        check(&contest, &reference, &l, operation->run);
    tw_contest_enter(&contest, (struct tw_entrant){.name = "tower", .context = &l, .run = operation->run});
    if (l.looks)
        tw_contest_enter(&contest, (struct tw_entrant){.name = "tower-dense",
                                                       .context = &dense,
                                                       .run = operation->run,
                                                       .flops = contest.work.flops / l.density});
    if (session->peers)
        tw_contest_enter_peer(&contest, operation->onednn(&peer), outcome.result, NULL, outcome.count,
                              outcome.terms);
    tw_contest_hold(&contest);
}

/* Sizes samples, in, out; density: per cent of x and dy that a relu has left. */
void tw_family_linear(struct tw_session *session, const struct tw_shape *shape)
{
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (tw_session_wants(session, operations[i].name))
            hold(session, shape, &operations[i]);
}
