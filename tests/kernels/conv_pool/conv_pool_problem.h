/* A random problem for kernels/conv_pool, in buffers that end where memory ends.
 */
#ifndef TOWER_TESTS_KERNELS_CONV_POOL_PROBLEM_H
#define TOWER_TESTS_KERNELS_CONV_POOL_PROBLEM_H

#include <stdlib.h>

#include "tests/kernels/kernel_test.h"

static inline const struct tw_kernels *reference(void)
{
    return tw_kernels_of(TW_ISA_REFERENCE);
}

/* One random problem with everything a kernel may want, in buffers that end where memory ends. */
struct problem {
    struct tw_conv_pool_shape shape;
    ptrdiff_t samples;
    bool bytes;   /* planar input of pixels */
    bool special; /* NaN, infinity and numbers of any size among the inputs */
    struct tw_pixel_scale pixels;
    struct buffers buffers;
    float *w, *bias, *planar, *blocked, *dy; /* planar: floats or bytes */
    uint8_t *code;
    float *planar_weights, *winograd_weights, *scatter_weights; /* scatter: 16 lanes, the reference's */
    void *workspace;
};

static inline ptrdiff_t pooled(const struct tw_conv_pool_shape *shape)
{
    return (shape->height / 2) * (shape->width / 2);
}

static inline ptrdiff_t y_size(const struct tw_conv_pool_shape *shape)
{
    return tw_blocked_size(shape->out_channels, shape->height / 2, shape->width / 2, shape->y_halo);
}

static inline ptrdiff_t scatter_size(const struct tw_conv_pool_shape *shape)
{
    return tw_blocks(shape->in_channels) * shape->out_channels * 9 * TW_BLOCK;
}

static inline void fill_inputs(const struct problem *p, struct tw_rng *rng, float *values, ptrdiff_t count,
                               float limit)
{
    if (p->special) {
        fill_any(rng, values, count);
    } else {
        tw_test_fill(rng, values, count, -limit, limit);
    }
}

static inline float *take_inputs(struct problem *p, struct tw_rng *rng, ptrdiff_t count, float limit)
{
    float *values = take(&p->buffers, count);

    fill_inputs(p, rng, values, count, limit);
    return values;
}

/* Blocked copy of fresh random channels, halo and missing channels 0. */
static inline void fill_blocked(const struct problem *p, struct tw_rng *rng, ptrdiff_t channels,
                                ptrdiff_t height, ptrdiff_t width, ptrdiff_t halo, float *blocked)
{
    ptrdiff_t count = channels * height * width;
    float *plain = malloc((size_t)count * sizeof *plain);

    assert_non_null(plain);
    fill_inputs(p, rng, plain, count, 1.0f);
    tw_f32_block(channels, height, width, halo, plain, blocked);
    free(plain);
}

static inline void make_inputs(struct problem *p, struct tw_rng *rng)
{
    const struct tw_conv_pool_shape *s = &p->shape;
    ptrdiff_t plane = s->in_channels * s->height * s->width,
              x_size = tw_blocked_size(s->in_channels, s->height, s->width, 1);

    p->w = take_inputs(p, rng, s->out_channels * s->in_channels * 9, 0.5f);
    p->bias = tw_test_integer(rng, 0, 3) ? take_inputs(p, rng, s->out_channels, 0.5f) : NULL;
    p->planar = p->bytes ? take_bytes(&p->buffers, p->samples * plane)
                         : take_inputs(p, rng, p->samples * plane, 1.0f);
    for (ptrdiff_t i = 0; p->bytes && i < p->samples * plane; i++) {
        ((uint8_t *)p->planar)[i] = (uint8_t)tw_rng_u32(rng);
    }
    p->blocked = take(&p->buffers, p->samples * x_size);
    p->dy = take(&p->buffers, p->samples * y_size(s));
    p->code = take_bytes(&p->buffers, p->samples * tw_code_size(s));
    for (ptrdiff_t n = 0; n < p->samples; n++) {
        fill_blocked(p, rng, s->in_channels, s->height, s->width, 1, p->blocked + n * x_size);
        fill_blocked(p, rng, s->out_channels, s->height / 2, s->width / 2, s->y_halo, p->dy + n * y_size(s));
        for (ptrdiff_t i = 0; i < tw_code_size(s); i++) {
            bool real = i / (pooled(s) * TW_BLOCK) * TW_BLOCK + i % TW_BLOCK < s->out_channels;

            p->code[n * tw_code_size(s) + i] = real ? (uint8_t)tw_test_integer(rng, 0, 4) : TW_CODE_CLOSED;
        }
    }
}

static inline void pack_weights(struct problem *p)
{
    const struct tw_conv_pool_shape *s = &p->shape;
    ptrdiff_t out_blocks = tw_blocks(s->out_channels), in_blocks = tw_blocks(s->in_channels);

    p->planar_weights = take(&p->buffers, out_blocks * s->in_channels * 9 * TW_BLOCK);
    p->winograd_weights = take(&p->buffers, out_blocks * 16 * s->in_channels * TW_BLOCK);
    p->scatter_weights = take(&p->buffers, scatter_size(s));
    /* In two halves: units are independent. */
    tw_f32_pack_planar_weights(s, p->w, p->planar_weights, 0, out_blocks / 2);
    tw_f32_pack_planar_weights(s, p->w, p->planar_weights, out_blocks / 2, out_blocks);
    tw_f32_pack_winograd_weights(s, p->w, p->winograd_weights, out_blocks / 2, out_blocks);
    tw_f32_pack_winograd_weights(s, p->w, p->winograd_weights, 0, out_blocks / 2);
    tw_f32_pack_scatter_weights(s, TW_BLOCK, p->w, p->scatter_weights, 0, in_blocks);
}

static inline struct problem problem_of(struct tw_rng *rng, const struct tw_conv_pool_shape *shape,
                                        ptrdiff_t samples, bool special)
{
    struct problem p = {.shape = *shape,
                        .samples = samples,
                        .bytes = tw_test_integer(rng, 0, 1),
                        .special = special,
                        .pixels = {0.13f, 0.31f}};

    make_inputs(&p, rng);
    pack_weights(&p);
    /* Data that end at a page begin anywhere: round up to keep the alignment the contract asks for. */
    p.workspace = take_bytes(&p.buffers, (ptrdiff_t)((tw_f32_conv_pool_workspace(&p.shape) + 63) / 64 * 64));
    return p;
}

static inline struct problem problem_new(struct tw_rng *rng, bool planar)
{
    const struct tw_conv_pool_shape shape = {
        .in_channels = tw_test_integer(rng, 1, planar ? TW_CONV_POOL_PLANAR_CHANNELS : 40),
        .out_channels = tw_test_integer(rng, 1, 40),
        .height = tw_test_integer(rng, 2, 17),
        .width = tw_test_integer(rng, 2, 17),
        .y_halo = tw_test_integer(rng, 0, 1),
    };
    return problem_of(rng, &shape, tw_test_integer(rng, 0, 3), false);
}

#endif
