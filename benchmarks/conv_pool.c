#include "benchmarks/peers/conv_pool.h"
#include "benchmarks/conv_pool_problem.h"
#include "benchmarks/families.h"

static void run_forward(void *context)
{
    const struct tw_conv_pool_problem *p = context;

    if (p->planar)
        p->kernels->f32_conv_pool_planar_forward(&p->shape, p->samples, p->x, &p->pixels, p->planar_weights,
                                                 p->bias, p->y, p->y_code, p->workspace);
    else
        p->kernels->f32_conv_pool_forward(&p->shape, p->samples, p->x, p->winograd_weights, p->bias, p->y,
                                          p->y_code, p->workspace);
}

static void run_gradient(void *context)
{
    const struct tw_conv_pool_problem *p = context;

    if (p->planar)
        p->kernels->f32_conv_pool_planar_gradient(&p->shape, p->samples, p->x, &p->pixels, p->code, p->dy,
                                                  p->dw, p->db, p->workspace);
    else
        p->kernels->f32_conv_pool_gradient(&p->shape, p->samples, p->x, p->scatter_weights, p->code, p->dy,
                                           p->dw, p->db, p->dx, p->workspace);
}

/* Multiply-adds of one direction if every output were computed, for one sample. */
static double dense_work(const struct tw_conv_pool_problem *p)
{
    const struct tw_conv_pool_shape *s = &p->shape;

    return 9.0 * (double)s->in_channels * (double)s->out_channels * (double)s->height * (double)s->width;
}

/* dw, and what dx holds inside the image, in rows: layouts are the kernels' own, and the halo is nobody's. */
static void check_gradients(struct tw_contest *contest, const struct tw_conv_pool_problem *expected,
                            const struct tw_conv_pool_problem *actual)
{
    ptrdiff_t count;
    const float *rows = tw_conv_pool_rows_of_gradients(contest, expected, &count);

    tw_contest_check_exact(contest, rows, tw_conv_pool_rows_of_gradients(contest, actual, &count), count);
}

static void check(struct tw_contest *contest, struct tw_conv_pool_problem *p, void (*run)(void *))
{
    struct tw_conv_pool_problem reference = *p;

    tw_conv_pool_use(contest, &reference, contest->session->reference);
    tw_conv_pool_new_results(contest, &reference);
    run(p);
    run(&reference);
    tw_contest_check_exact(contest, reference.y, p->y, tw_conv_pool_y_count(p));
    tw_contest_check_bytes(contest, reference.y_code, p->y_code, p->samples * tw_code_size(&p->shape));
    tw_contest_check_exact(contest, reference.db, p->db, p->shape.out_channels);
    check_gradients(contest, &reference, p);
}

static void enter_forward(struct tw_contest *contest, struct tw_conv_pool_problem *p,
                          const struct tw_peer_conv2d *peer)
{
    const double dense = 2.0 * dense_work(p) * (double)p->samples;
    ptrdiff_t count;
    const float *rows;

    /* Winograd's F(2x2, 3x3) has 16 products where the definition has 36. */
    tw_contest_enter(contest, (struct tw_entrant){.name = "tower",
                                                  .context = p,
                                                  .run = run_forward,
                                                  .flops = p->planar ? dense : dense * 16.0 / 36.0});
    rows = tw_conv_pool_rows_of_y(contest, p, &count);
    if (contest->session->peers)
        tw_contest_enter_peer(contest, tw_onednn_conv_pool_forward(peer), rows, NULL, count,
                              9 * p->shape.in_channels);
}

static void enter_gradient(struct tw_contest *contest, struct tw_conv_pool_problem *p,
                           const struct tw_peer_conv2d *peer)
{
    const ptrdiff_t windows = p->samples * (p->shape.height / 2) * (p->shape.width / 2);
    ptrdiff_t count;
    const float *rows;

    tw_contest_enter(contest, (struct tw_entrant){.name = "tower",
                                                  .context = p,
                                                  .run = run_gradient,
                                                  .flops = contest->work.flops * p->density / 4.0});
    rows = tw_conv_pool_rows_of_gradients(contest, p, &count);
    if (contest->session->peers)
        tw_contest_enter_peer(
            contest,
            tw_onednn_conv_pool_gradient(peer, p->rows_relu, p->kernels->f32_relu_gradient, !p->planar), rows,
            NULL, count, windows);
}

/* The convolution alone, as kernels/conv describes it: what the peer computes. */
static struct tw_conv2d_shape conv_shape(const struct tw_conv_pool_shape *s)
{
    return (struct tw_conv2d_shape){.in_channels = s->in_channels,
                                    .in_height = s->height,
                                    .in_width = s->width,
                                    .out_channels = s->out_channels,
                                    .out_height = s->height,
                                    .out_width = s->width,
                                    .kernel_height = 3,
                                    .kernel_width = 3,
                                    .stride = {1, 1},
                                    .padding = {1, 1},
                                    .dilation = {1, 1},
                                    .groups = 1};
}

static void hold(struct tw_session *session, const struct tw_shape *shape, const char *operation,
                 bool gradient)
{
    struct tw_contest contest = tw_contest_new(session, operation, shape->name);
    struct tw_conv_pool_problem p = tw_conv_pool_problem_new(&contest, shape);
    const struct tw_peer_conv2d peer = {
        conv_shape(&p.shape), p.samples, p.rows_x, p.rows_w, p.bias, p.rows_dy, .winograd = false};

    /* Weight gradient and, unless the input is pixels, input gradient. */
    contest.work.flops = 2.0 * dense_work(&p) * (double)p.samples * (gradient && !p.planar ? 2.0 : 1.0);
    check(&contest, &p, gradient ? run_gradient : run_forward);
    if (gradient)
        enter_gradient(&contest, &p, &peer);
    else
        enter_forward(&contest, &p, &peer);
    tw_contest_hold(&contest);
}

/* Sizes samples, in, out, height, width; pixels=1: the input is pixels of 8 bits (the peer gets them normalised);
 * density: the gradients, with this per cent of the windows open; without it the forward. */
void tw_family_conv_pool(struct tw_session *session, const struct tw_shape *shape)
{
    const bool gradient = tw_shape_size(shape, "density", 0) > 0;
    const char *operation = gradient ? "conv-pool-gradient" : "conv-pool-forward";

    if (tw_session_wants(session, operation))
        hold(session, shape, operation, gradient);
}
