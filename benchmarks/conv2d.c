#include "benchmarks/peers/conv2d.h"
#include "benchmarks/families.h"

struct conv {
    const struct tw_kernels *kernels;
    struct tw_conv2d_shape shape;
    ptrdiff_t samples;
    const float *x, *w, *bias, *dy;
    float *y, *dx, *dw, *db;
    void *workspace;
};

static void run_forward(void *context)
{
    const struct conv *c = context;

    c->kernels->f32_conv2d_forward(&c->shape, c->samples, c->x, c->w, c->bias, c->y, c->workspace);
}

static void run_input_gradient(void *context)
{
    const struct conv *c = context;

    c->kernels->f32_conv2d_input_gradient(&c->shape, c->samples, c->dy, c->w, c->dx, c->workspace);
}

static void run_weight_gradient(void *context)
{
    const struct conv *c = context;

    c->kernels->f32_conv2d_weight_gradient(&c->shape, c->samples, c->x, c->dy, c->dw, c->db, c->workspace);
}

/* Sizes samples, in, out, height, width, kernel, stride, padding, dilation, groups. */
static struct tw_conv2d_shape read_shape(const struct tw_shape *shape)
{
    const ptrdiff_t kernel = tw_shape_size(shape, "kernel", 3), stride = tw_shape_size(shape, "stride", 1);
    const ptrdiff_t padding = tw_shape_size(shape, "padding", 0),
                    dilation = tw_shape_size(shape, "dilation", 1);
    struct tw_conv2d_shape s = {.in_channels = tw_shape_size(shape, "in", 1),
                                .in_height = tw_shape_size(shape, "height", 1),
                                .in_width = tw_shape_size(shape, "width", 1),
                                .out_channels = tw_shape_size(shape, "out", 1),
                                .kernel_height = kernel,
                                .kernel_width = kernel,
                                .stride = {stride, stride},
                                .padding = {padding, padding},
                                .dilation = {dilation, dilation},
                                .groups = tw_shape_size(shape, "groups", 1)};

    s.out_height = tw_conv2d_output_extent(s.in_height, kernel, stride, padding, dilation);
    s.out_width = tw_conv2d_output_extent(s.in_width, kernel, stride, padding, dilation);
    return s;
}

static ptrdiff_t x_count(const struct conv *c)
{
    return c->samples * c->shape.in_channels * c->shape.in_height * c->shape.in_width;
}

static ptrdiff_t y_count(const struct conv *c)
{
    return c->samples * c->shape.out_channels * c->shape.out_height * c->shape.out_width;
}

/* Length of the sum in a forward result. */
static ptrdiff_t taps(const struct conv *c)
{
    return c->shape.in_channels / c->shape.groups * c->shape.kernel_height * c->shape.kernel_width;
}

static ptrdiff_t w_count(const struct conv *c)
{
    return c->shape.out_channels * taps(c);
}

static double work_of(const struct conv *c)
{
    return 2.0 * (double)y_count(c) * (double)taps(c);
}

static void new_results(struct tw_contest *contest, struct conv *c)
{
    c->y = tw_contest_zeros(contest, y_count(c));
    c->dx = tw_contest_zeros(contest, x_count(c));
    c->dw = tw_contest_zeros(contest, w_count(c));
    c->db = tw_contest_zeros(contest, c->shape.out_channels);
}

static struct conv new_conv(struct tw_contest *contest, const struct tw_shape *shape)
{
    struct conv c = {.kernels = contest->session->kernels,
                     .shape = read_shape(shape),
                     .samples = tw_batch(contest->session, shape)};

    contest->work.flops = work_of(&c);
    c.x = tw_contest_uniform(contest, x_count(&c));
    c.w = tw_contest_uniform(contest, w_count(&c));
    c.bias = tw_contest_uniform(contest, c.shape.out_channels);
    c.dy = tw_contest_uniform(contest, y_count(&c));
    new_results(contest, &c);
    c.workspace = tw_contest_bytes(contest, c.kernels->f32_conv2d_workspace(&c.shape));
    return c;
}

/* On the batch's first samples. */
static void check(struct tw_contest *contest, const struct conv *c, void (*run)(void *))
{
    struct conv part = *c, reference;

    part.samples = tw_checked_samples(c->samples, y_count(c) / c->samples * taps(c));
    new_results(contest, &part);
    reference = part;
    reference.kernels = contest->session->reference;
    new_results(contest, &reference);
    run(&part);
    run(&reference);
    tw_contest_check_exact(contest, reference.y, part.y, y_count(&part));
    tw_contest_check_exact(contest, reference.dx, part.dx, x_count(&part));
    tw_contest_check_exact(contest, reference.dw, part.dw, w_count(&part));
    tw_contest_check_exact(contest, reference.db, part.db, part.shape.out_channels);
}

/* What an operation leaves, and the length of its sums. */
struct outcome {
    const float *result;
    ptrdiff_t count, terms;
};

static struct outcome outcome_of(const struct conv *c, void (*run)(void *))
{
    if (run == run_forward)
        return (struct outcome){c->y, y_count(c), taps(c)};
    if (run == run_input_gradient)
        return (struct outcome){c->dx, x_count(c), w_count(c) / c->shape.in_channels};
    return (struct outcome){c->dw, w_count(c), y_count(c) / c->shape.out_channels};
}

static void hold(struct tw_session *session, const struct tw_shape *shape, const char *operation,
                 void (*run)(void *), struct tw_entrant (*onednn)(const struct tw_peer_conv2d *))
{
    struct tw_contest contest = tw_contest_new(session, operation, shape->name);
    struct conv c = new_conv(&contest, shape);
    const struct tw_peer_conv2d peer = {c.shape, c.samples, c.x, c.w, c.bias, c.dy};
    const struct outcome outcome = outcome_of(&c, run);

    check(&contest, &c, run);
    tw_contest_enter(&contest, (struct tw_entrant){.name = "tower", .context = &c, .run = run});
    if (session->peers)
        tw_contest_enter_peer(&contest, onednn(&peer), outcome.result, NULL, outcome.count, outcome.terms);
    tw_contest_hold(&contest);
}

void tw_family_conv2d(struct tw_session *session, const struct tw_shape *shape)
{
    const struct conv c = {.shape = read_shape(shape), .samples = tw_batch(session, shape)};

    if (session->quick && work_of(&c) > TW_QUICK_FLOPS)
        return;
    hold(session, shape, "conv2d-forward", run_forward, tw_onednn_conv2d_forward);
    hold(session, shape, "conv2d-input-gradient", run_input_gradient, tw_onednn_conv2d_input_gradient);
    hold(session, shape, "conv2d-weight-gradient", run_weight_gradient, tw_onednn_conv2d_weight_gradient);
}
