#include <string.h>

#include "benchmarks/families.h"
#include "benchmarks/peers/conv2d.h"
#include "kernels/conv/conv_winograd.h"

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

/* Sizes samples, in, out, height, width, kernel, stride, padding, dilation, groups; winograd: 1, as at plan level 2, or 0;
 * peer_winograd: 0, or 1. */
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
                                .groups = tw_shape_size(shape, "groups", 1),
                                .winograd = tw_shape_size(shape, "winograd", 1) != 0};

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

static ptrdiff_t x_plane(const struct conv *c)
{
    return c->shape.in_height * c->shape.in_width;
}

static ptrdiff_t y_plane(const struct conv *c)
{
    return c->shape.out_height * c->shape.out_width;
}

/* One output channel and the input channels of its group, of `samples` samples, on the reference: bits of a result do not
 * depend on other channels, but that their number decides whether it is Winograd's. */
static struct conv one_output(const struct tw_contest *contest, const struct conv *c, ptrdiff_t samples)
{
    struct conv part = *c;

    part.kernels = contest->session->reference;
    part.samples = samples;
    part.shape.in_channels = c->shape.in_channels / c->shape.groups;
    part.shape.out_channels = part.shape.groups = 1;
    return part;
}

/* y of one sample and channel. */
static void check_forward(struct tw_contest *contest, const struct conv *c, ptrdiff_t n, ptrdiff_t o,
                          const struct conv *places)
{
    const ptrdiff_t group = o / (c->shape.out_channels / c->shape.groups);
    struct conv part = one_output(contest, c, 1);

    part.x = c->x + (n * c->shape.in_channels + group * part.shape.in_channels) * x_plane(c);
    part.w = c->w + o * taps(c);
    part.bias = c->bias + o;
    part.y = places->y;
    if (tw_conv2d_is_winograd(&c->shape, TW_CONV2D_FORWARD))
        tw_conv_winograd_reference(&part.shape, false, 1, part.x, part.w, part.bias, part.y);
    else
        run_forward(&part);
    tw_contest_check_exact(contest, part.y, c->y + (n * c->shape.out_channels + o) * y_plane(c), y_plane(c));
}

/* dx of one sample and channel: of one input channel and the output channels of its group. */
static void check_input_gradient(struct tw_contest *contest, const struct conv *c, ptrdiff_t n, ptrdiff_t i,
                                 const struct conv *places)
{
    const ptrdiff_t inputs = c->shape.in_channels / c->shape.groups, kernel = taps(c) / inputs;
    const ptrdiff_t outputs = c->shape.out_channels / c->shape.groups, first = i / inputs * outputs;
    struct conv part = one_output(contest, c, 1);
    float *w = places->dw;

    part.shape.in_channels = 1;
    part.shape.out_channels = outputs;
    for (ptrdiff_t o = 0; o < outputs; o++)
        memcpy(w + o * kernel, c->w + (first + o) * taps(c) + i % inputs * kernel,
               (size_t)kernel * sizeof *w);
    part.w = w;
    part.dy = c->dy + (n * c->shape.out_channels + first) * y_plane(c);
    part.dx = places->dx;
    if (tw_conv2d_is_winograd(&c->shape, TW_CONV2D_INPUT_GRADIENT))
        tw_conv_winograd_reference(&part.shape, true, 1, part.dy, part.w, NULL, part.dx);
    else
        run_input_gradient(&part);
    tw_contest_check_exact(contest, part.dx, c->dx + (n * c->shape.in_channels + i) * x_plane(c), x_plane(c));
}

/* Forward and input gradient, where samples do not meet: each alone has to have the bits it has in the batch, and of the
 * samples' channels as many as may be checked, those of the reference. */
static void check_samples(struct tw_contest *contest, struct conv *c, void (*run)(void *))
{
    const bool forward = run == run_forward;
    const ptrdiff_t channels = forward ? c->shape.out_channels : c->shape.in_channels;
    const ptrdiff_t parts = c->samples * channels;
    const ptrdiff_t checked = tw_checked_parts(parts, y_count(c) * taps(c) / parts);
    struct conv one = *c;

    run(c);
    one.samples = 1;
    new_results(contest, &one);
    for (ptrdiff_t n = 0; n < c->samples; n++) {
        one.x = c->x + n * x_count(&one);
        one.dy = c->dy + n * y_count(&one);
        run(&one);
        if (forward)
            tw_contest_check_exact(contest, one.y, c->y + n * y_count(&one), y_count(&one));
        else
            tw_contest_check_exact(contest, one.dx, c->dx + n * x_count(&one), x_count(&one));
    }
    for (ptrdiff_t i = 0; i < checked; i++) {
        const ptrdiff_t part = tw_checked_part(i, checked, parts);

        (forward ? check_forward : check_input_gradient)(contest, c, part / channels, part % channels, &one);
    }
}

/* `count` channels of all samples, side by side. */
static void take_channels(const float *from, ptrdiff_t samples, ptrdiff_t channels, ptrdiff_t first,
                          ptrdiff_t count, ptrdiff_t plane, float *to)
{
    for (ptrdiff_t n = 0; n < samples; n++)
        memcpy(to + n * count * plane, from + (n * channels + first) * plane,
               (size_t)(count * plane) * sizeof *to);
}

/* The weight gradient, whose chains go through the whole batch, of as many output channels as may be checked. */
static void check_channels(struct tw_contest *contest, const struct conv *c, ptrdiff_t checked)
{
    const struct tw_conv2d_shape *s = &c->shape;
    struct conv part = one_output(contest, c, c->samples);
    float *x = tw_contest_zeros(contest, x_count(&part)), *dy = tw_contest_zeros(contest, y_count(&part));

    new_results(contest, &part);
    part.x = x;
    part.dy = dy;
    for (ptrdiff_t i = 0; i < checked; i++) {
        const ptrdiff_t o = tw_checked_part(i, checked, s->out_channels);
        const ptrdiff_t first = o / (s->out_channels / s->groups) * part.shape.in_channels;

        take_channels(c->x, c->samples, s->in_channels, first, part.shape.in_channels, x_plane(c), x);
        take_channels(c->dy, c->samples, s->out_channels, o, 1, y_plane(c), dy);
        run_weight_gradient(&part);
        if (tw_conv2d_is_winograd(s, TW_CONV2D_WEIGHT_GRADIENT))
            tw_conv_winograd_weights_reference(&part.shape, part.samples, x, dy, part.dw);
        tw_contest_check_exact(contest, part.dw, c->dw + o * taps(c), taps(c));
        tw_contest_check_exact(contest, part.db, c->db + o, 1);
    }
}

/* Depthwise convolution has another order of its own, which one channel alone has not: it costs little, and is checked as a
 * whole. */
static void check_weight_gradient(struct tw_contest *contest, struct conv *c)
{
    const ptrdiff_t channels = c->shape.out_channels;
    struct conv reference = *c;

    run_weight_gradient(c);
    if (!tw_conv2d_is_depthwise(&c->shape)) {
        check_channels(contest, c, tw_checked_parts(channels, y_count(c) / channels * taps(c)));
        return;
    }
    reference.kernels = contest->session->reference;
    new_results(contest, &reference);
    run_weight_gradient(&reference);
    tw_contest_check_exact(contest, reference.dw, c->dw, w_count(c));
    tw_contest_check_exact(contest, reference.db, c->db, channels);
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

static const struct operation {
    const char *name;
    void (*run)(void *context);
    struct tw_entrant (*onednn)(const struct tw_peer_conv2d *conv);
} operations[] = {
    {"conv2d-forward", run_forward, tw_onednn_conv2d_forward},
    {"conv2d-input-gradient", run_input_gradient, tw_onednn_conv2d_input_gradient},
    {"conv2d-weight-gradient", run_weight_gradient, tw_onednn_conv2d_weight_gradient},
};

static void hold(struct tw_session *session, const struct tw_shape *shape, const struct operation *operation)
{
    struct tw_contest contest = tw_contest_new(session, operation->name, shape->name);
    struct conv c = new_conv(&contest, shape);
    const struct tw_peer_conv2d peer = {.shape = c.shape,
                                        .samples = c.samples,
                                        .x = c.x,
                                        .w = c.w,
                                        .bias = c.bias,
                                        .dy = c.dy,
                                        .winograd = tw_shape_size(shape, "peer_winograd", 0) != 0};
    const struct outcome outcome = outcome_of(&c, operation->run);

    if (operation->run == run_weight_gradient)
        check_weight_gradient(&contest, &c);
    else
        check_samples(&contest, &c, operation->run);
    tw_contest_enter(&contest, (struct tw_entrant){.name = "tower", .context = &c, .run = operation->run});
    if (session->peers)
        tw_contest_enter_peer(&contest, operation->onednn(&peer), outcome.result, NULL, outcome.count,
                              outcome.terms);
    tw_contest_hold(&contest);
}

void tw_family_conv2d(struct tw_session *session, const struct tw_shape *shape)
{
    const struct conv c = {.shape = read_shape(shape), .samples = tw_batch(session, shape)};

    if (session->quick && work_of(&c) > TW_QUICK_FLOPS)
        return;
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (tw_session_wants(session, operations[i].name))
            hold(session, shape, &operations[i]);
}
