#include "benchmarks/conv_pool_problem.h"

#include <string.h>

#include "benchmarks/digits.h"
#include "benchmarks/families.h"

/* MNIST's. */
#define PIXEL_MEAN      0.1307f
#define PIXEL_DEVIATION 0.3081f

/* Floats of x, and of the pooled y, of one sample in rows. */
static ptrdiff_t rows_x_size(const struct tw_conv_pool_shape *s)
{
    return s->in_channels * s->height * s->width;
}

static ptrdiff_t rows_y_size(const struct tw_conv_pool_shape *s)
{
    return s->out_channels * (s->height / 2) * (s->width / 2);
}

static ptrdiff_t y_size(const struct tw_conv_pool_shape *s)
{
    return tw_blocked_size(s->out_channels, s->height / 2, s->width / 2, s->y_halo);
}

static ptrdiff_t x_size(const struct tw_conv_pool_shape *s)
{
    return tw_blocked_size(s->in_channels, s->height, s->width, 1);
}

ptrdiff_t tw_conv_pool_y_count(const struct tw_conv_pool_problem *p)
{
    return p->samples * y_size(&p->shape);
}

ptrdiff_t tw_conv_pool_dw_count(const struct tw_conv_pool_problem *p)
{
    return (p->planar ? p->shape.in_channels : tw_blocks(p->shape.in_channels) * TW_BLOCK) *
           p->shape.out_channels * 9;
}

ptrdiff_t tw_conv_pool_dx_count(const struct tw_conv_pool_problem *p)
{
    return p->planar ? 0 : p->samples * x_size(&p->shape);
}

static void new_pixels(struct tw_contest *contest, struct tw_conv_pool_problem *p, bool digits)
{
    const ptrdiff_t count = p->samples * rows_x_size(&p->shape);
    uint8_t *pixels = tw_contest_bytes(contest, (size_t)count);

    for (ptrdiff_t i = 0; i < count; i++)
        pixels[i] = (uint8_t)tw_rng_u32(&contest->rng);
    if (digits)
        tw_bench_digits(count, pixels);
    p->pixels = (struct tw_pixel_scale){PIXEL_MEAN, PIXEL_DEVIATION};
    p->x = pixels;
    p->rows_x = tw_contest_zeros(contest, count);
    contest->session->reference->f32_normalize_u8(count, pixels, PIXEL_MEAN, PIXEL_DEVIATION, p->rows_x);
}

static void new_blocked_x(struct tw_contest *contest, struct tw_conv_pool_problem *p)
{
    const struct tw_conv_pool_shape *s = &p->shape;
    float *blocked = tw_contest_zeros(contest, p->samples * x_size(s));

    p->rows_x = tw_contest_uniform(contest, p->samples * rows_x_size(s));
    for (ptrdiff_t n = 0; n < p->samples; n++)
        tw_f32_block(s->in_channels, s->height, s->width, 1, p->rows_x + n * rows_x_size(s),
                     blocked + n * x_size(s));
    p->x = blocked;
}

void tw_conv_pool_use(struct tw_contest *contest, struct tw_conv_pool_problem *problem,
                      const struct tw_kernels *kernels)
{
    const struct tw_conv_pool_shape *s = &problem->shape;
    const ptrdiff_t in_blocks = tw_blocks(s->in_channels);

    problem->kernels = kernels;
    problem->scatter_weights = tw_contest_zeros(contest, in_blocks * s->out_channels * 9 * TW_BLOCK);
    tw_f32_pack_scatter_weights(s, kernels->vector_lanes, problem->rows_w, problem->scatter_weights, 0,
                                in_blocks);
}

static void new_weights(struct tw_contest *contest, struct tw_conv_pool_problem *p)
{
    const struct tw_conv_pool_shape *s = &p->shape;
    const ptrdiff_t out_blocks = tw_blocks(s->out_channels);

    p->rows_w = tw_contest_uniform(contest, s->out_channels * s->in_channels * 9);
    p->bias = tw_contest_uniform(contest, s->out_channels);
    p->planar_weights = tw_contest_zeros(contest, out_blocks * s->in_channels * 9 * TW_BLOCK);
    p->winograd_weights = tw_contest_zeros(contest, out_blocks * 16 * s->in_channels * TW_BLOCK);
    tw_f32_pack_planar_weights(s, p->rows_w, p->planar_weights, 0, out_blocks);
    tw_f32_pack_winograd_weights(s, p->rows_w, p->winograd_weights, 0, out_blocks);
    tw_conv_pool_use(contest, p, p->kernels);
}

/* Draws the winner of every window of one channel, or closes it: the code, and 1 where relu let it through. */
static void draw_winners(struct tw_rng *rng, const struct tw_conv_pool_problem *p, uint8_t *code, float *relu)
{
    const struct tw_conv_pool_shape *s = &p->shape;

    for (ptrdiff_t r = 0; r < s->height / 2; r++)
        for (ptrdiff_t c = 0; c < s->width / 2; c++, code += TW_BLOCK) {
            const uint32_t winner = tw_rng_u32(rng) % 4;

            *code = TW_CODE_CLOSED;
            if (tw_rng_uniform_f64(rng) >= p->density)
                continue;
            *code = (uint8_t)winner;
            relu[(2 * r + winner / 2) * s->width + 2 * c + winner % 2] = 1.0f;
        }
}

static void new_gradient(struct tw_contest *contest, struct tw_conv_pool_problem *p)
{
    const struct tw_conv_pool_shape *s = &p->shape;
    const ptrdiff_t windows = (s->height / 2) * (s->width / 2), plane = s->height * s->width;

    p->rows_relu = tw_contest_zeros(contest, p->samples * s->out_channels * plane);
    p->rows_dy = tw_contest_uniform(contest, p->samples * rows_y_size(s));
    p->dy = tw_contest_zeros(contest, tw_conv_pool_y_count(p));
    p->code = tw_contest_bytes(contest, (size_t)(p->samples * tw_code_size(s)));
    memset(p->code, TW_CODE_CLOSED, (size_t)(p->samples * tw_code_size(s)));
    for (ptrdiff_t n = 0; n < p->samples; n++) {
        tw_f32_block(s->out_channels, s->height / 2, s->width / 2, s->y_halo, p->rows_dy + n * rows_y_size(s),
                     p->dy + n * y_size(s));
        for (ptrdiff_t o = 0; o < s->out_channels; o++)
            draw_winners(&contest->rng, p,
                         p->code + n * tw_code_size(s) + o / TW_BLOCK * windows * TW_BLOCK + o % TW_BLOCK,
                         p->rows_relu + (n * s->out_channels + o) * plane);
    }
}

void tw_conv_pool_new_results(struct tw_contest *contest, struct tw_conv_pool_problem *p)
{
    p->y = tw_contest_zeros(contest, tw_conv_pool_y_count(p));
    p->y_code = tw_contest_bytes(contest, (size_t)(p->samples * tw_code_size(&p->shape)));
    p->dw = tw_contest_zeros(contest, tw_conv_pool_dw_count(p));
    p->db = tw_contest_zeros(contest, p->shape.out_channels);
    p->dx = tw_contest_zeros(contest, tw_conv_pool_dx_count(p));
}

struct tw_conv_pool_problem tw_conv_pool_problem_new(struct tw_contest *contest, const struct tw_shape *shape)
{
    struct tw_conv_pool_problem p = {.kernels = contest->session->kernels,
                                     .samples = tw_batch(contest->session, shape),
                                     .planar = tw_shape_size(shape, "pixels", 0) != 0,
                                     .density = (double)tw_shape_size(shape, "density", 100) / 100.0,
                                     .shape = {.in_channels = tw_shape_size(shape, "in", 1),
                                               .out_channels = tw_shape_size(shape, "out", 1),
                                               .height = tw_shape_size(shape, "height", 2),
                                               .width = tw_shape_size(shape, "width", 2)}};

    p.shape.y_halo = p.planar; /* a first layer's output is convolved again, a last one's is not */
    if (p.planar)
        new_pixels(contest, &p, tw_shape_size(shape, "pixels", 0) == 2);
    else
        new_blocked_x(contest, &p);
    new_weights(contest, &p);
    new_gradient(contest, &p);
    tw_conv_pool_new_results(contest, &p);
    p.workspace = tw_contest_bytes(contest, tw_f32_conv_pool_workspace(&p.shape));
    return p;
}

float *tw_conv_pool_rows_of_y(struct tw_contest *contest, const struct tw_conv_pool_problem *p,
                              ptrdiff_t *count)
{
    const struct tw_conv_pool_shape *s = &p->shape;
    float *rows = tw_contest_zeros(contest, *count = p->samples * rows_y_size(s));

    for (ptrdiff_t n = 0; n < p->samples; n++)
        tw_f32_unblock(s->out_channels, s->height / 2, s->width / 2, s->y_halo, p->y + n * y_size(s),
                       rows + n * rows_y_size(s));
    return rows;
}

float *tw_conv_pool_rows_of_gradients(struct tw_contest *contest, const struct tw_conv_pool_problem *p,
                                      ptrdiff_t *count)
{
    const struct tw_conv_pool_shape *s = &p->shape;
    const ptrdiff_t weights = s->out_channels * s->in_channels * 9;
    float *rows;

    *count = weights + (p->planar ? 0 : p->samples * rows_x_size(s));
    rows = tw_contest_zeros(contest, *count);
    if (p->planar) {
        memcpy(rows, p->dw, (size_t)weights * sizeof *rows);
        return rows;
    }
    tw_f32_unpack_scatter_weights(s, p->kernels->vector_lanes, p->dw, rows, 0, tw_blocks(s->in_channels));
    for (ptrdiff_t n = 0; n < p->samples; n++)
        tw_f32_unblock(s->in_channels, s->height, s->width, 1, p->dx + n * x_size(s),
                       rows + weights + n * rows_x_size(s));
    return rows;
}
