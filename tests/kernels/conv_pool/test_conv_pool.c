/* kernels/conv_pool: every variant against the reference bit for bit, and the reference against the separate
 * operations it stands for: convolution, max-pool, relu and their gradients. */
#include <stdlib.h>

#include "tests/kernels/kernel_test.h"

#define CASES 60

static const struct tw_kernels *reference(void)
{
    return tw_kernels_of(TW_ISA_REFERENCE);
}

/* One random problem with everything a kernel may want, in buffers that end where memory ends. */
struct problem {
    struct tw_conv_pool_shape shape;
    ptrdiff_t samples;
    bool bytes; /* planar input of pixels */
    struct tw_pixel_scale pixels;
    struct buffers buffers;
    float *w, *bias, *planar, *blocked, *dy; /* planar: floats or bytes */
    uint8_t *code;
    float *planar_weights, *winograd_weights, *scatter_weights; /* scatter: 16 lanes, the reference's */
    void *workspace;
};

static ptrdiff_t pooled(const struct tw_conv_pool_shape *shape)
{
    return (shape->height / 2) * (shape->width / 2);
}

static ptrdiff_t y_size(const struct tw_conv_pool_shape *shape)
{
    return tw_blocked_size(shape->out_channels, shape->height / 2, shape->width / 2, shape->y_halo);
}

static ptrdiff_t scatter_size(const struct tw_conv_pool_shape *shape)
{
    return tw_blocks(shape->in_channels) * shape->out_channels * 9 * TW_BLOCK;
}

/* Blocked copy of fresh random channels, halo and missing channels 0. */
static void fill_blocked(struct tw_rng *rng, ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width,
                         ptrdiff_t halo, float *blocked)
{
    ptrdiff_t count = channels * height * width;
    float *plain = malloc((size_t)count * sizeof *plain);

    assert_non_null(plain);
    tw_test_fill(rng, plain, count, -1.0f, 1.0f);
    tw_f32_block(channels, height, width, halo, plain, blocked);
    free(plain);
}

static void make_inputs(struct problem *p, struct tw_rng *rng)
{
    const struct tw_conv_pool_shape *s = &p->shape;
    ptrdiff_t plane = s->in_channels * s->height * s->width,
              x_size = tw_blocked_size(s->in_channels, s->height, s->width, 1);

    p->w = take_uniform(&p->buffers, rng, s->out_channels * s->in_channels * 9, -0.5f, 0.5f);
    p->bias =
        tw_test_integer(rng, 0, 3) ? take_uniform(&p->buffers, rng, s->out_channels, -0.5f, 0.5f) : NULL;
    p->planar = take_uniform(&p->buffers, rng, p->samples * plane, -1.0f, 1.0f);
    for (ptrdiff_t i = 0; p->bytes && i < p->samples * plane; i++) {
        ((uint8_t *)p->planar)[i] = (uint8_t)tw_rng_u32(rng);
    }
    p->blocked = take(&p->buffers, p->samples * x_size);
    p->dy = take(&p->buffers, p->samples * y_size(s));
    p->code = take_bytes(&p->buffers, p->samples * tw_code_size(s));
    for (ptrdiff_t n = 0; n < p->samples; n++) {
        fill_blocked(rng, s->in_channels, s->height, s->width, 1, p->blocked + n * x_size);
        fill_blocked(rng, s->out_channels, s->height / 2, s->width / 2, s->y_halo, p->dy + n * y_size(s));
        for (ptrdiff_t i = 0; i < tw_code_size(s); i++) {
            bool real = i / (pooled(s) * TW_BLOCK) * TW_BLOCK + i % TW_BLOCK < s->out_channels;

            p->code[n * tw_code_size(s) + i] = real ? (uint8_t)tw_test_integer(rng, 0, 4) : TW_CODE_CLOSED;
        }
    }
}

static void pack_weights(struct problem *p)
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

static struct problem problem_new(struct tw_rng *rng, bool planar)
{
    struct problem p = {
        .samples = tw_test_integer(rng, 0, 3), .bytes = tw_test_integer(rng, 0, 1), .pixels = {0.13f, 0.31f}};

    p.shape = (struct tw_conv_pool_shape){
        .in_channels = tw_test_integer(rng, 1, planar ? TW_CONV_POOL_PLANAR_CHANNELS : 40),
        .out_channels = tw_test_integer(rng, 1, 40),
        .height = tw_test_integer(rng, 2, 17),
        .width = tw_test_integer(rng, 2, 17),
        .y_halo = tw_test_integer(rng, 0, 1),
    };
    make_inputs(&p, rng);
    pack_weights(&p);
    /* A page's data end where it ends but begin anywhere: round up to keep the alignment the contract asks
     * for. */
    p.workspace = take_bytes(&p.buffers, (ptrdiff_t)((tw_f32_conv_pool_workspace(&p.shape) + 63) / 64 * 64));
    return p;
}

/* --- variants against the reference ------------------------------------------------------------------------
 */

static void compare_forward(const struct tw_kernels *k, struct problem *p, bool planar)
{
    ptrdiff_t y_count = p->samples * y_size(&p->shape), code_count = p->samples * tw_code_size(&p->shape);
    float *y[2] = {take(&p->buffers, y_count), take(&p->buffers, y_count)};
    uint8_t *code[2] = {take_bytes(&p->buffers, code_count), take_bytes(&p->buffers, code_count)};
    const struct tw_kernels *tables[2] = {reference(), k};

    for (int i = 0; i < 2; i++) {
        if (planar) {
            tables[i]->f32_conv_pool_planar_forward(&p->shape, p->samples, p->planar,
                                                    p->bytes ? &p->pixels : NULL, p->planar_weights, p->bias,
                                                    y[i], code[i], p->workspace);
        } else {
            tables[i]->f32_conv_pool_forward(&p->shape, p->samples, p->blocked, p->winograd_weights, p->bias,
                                             y[i], code[i], p->workspace);
        }
    }
    assert_same_floats(y[0], y[1], y_count, "y");
    assert_memory_equal(code[0], code[1], (size_t)code_count);
}

static void compare_planar_gradient(const struct tw_kernels *k, struct problem *p)
{
    ptrdiff_t count = p->shape.out_channels * p->shape.in_channels * 9;
    float *dw[2] = {take(&p->buffers, count), take(&p->buffers, count)};
    float *db[2] = {take(&p->buffers, p->shape.out_channels), take(&p->buffers, p->shape.out_channels)};
    const struct tw_kernels *tables[2] = {reference(), k};

    for (int i = 0; i < 2; i++) {
        tables[i]->f32_conv_pool_planar_gradient(&p->shape, p->samples, p->planar,
                                                 p->bytes ? &p->pixels : NULL, p->code, p->dy, dw[i],
                                                 p->bias ? db[i] : NULL, p->workspace);
    }
    assert_same_floats(dw[0], dw[1], count, "dw");
    if (p->bias) {
        assert_same_floats(db[0], db[1], p->shape.out_channels, "db");
    }
}

/* The interior of every block of every sample; what the halo holds is nobody's business. */
static void compare_interiors(const struct tw_conv_pool_shape *s, ptrdiff_t samples, const float *expected,
                              const float *actual)
{
    ptrdiff_t count = s->in_channels * s->height * s->width,
              x_size = tw_blocked_size(s->in_channels, s->height, s->width, 1);
    float *plain = malloc(2 * (size_t)count * sizeof *plain);

    assert_non_null(plain);
    for (ptrdiff_t n = 0; n < samples; n++) {
        tw_f32_unblock(s->in_channels, s->height, s->width, 1, expected + n * x_size, plain);
        tw_f32_unblock(s->in_channels, s->height, s->width, 1, actual + n * x_size, plain + count);
        assert_same_floats(plain, plain + count, count, "dx");
    }
    free(plain);
}

/* The gradients of one table, in plain form; its scatter form is its own. `dx` may be NULL. */
static void run_gradient(const struct tw_kernels *k, struct problem *p, float *dw, float *db, float *dx)
{
    const struct tw_conv_pool_shape *s = &p->shape;
    ptrdiff_t blocks = tw_blocks(s->in_channels);
    float *weights = malloc((size_t)scatter_size(s) * sizeof *weights);
    float *packed = take(&p->buffers, scatter_size(s));

    assert_non_null(weights);
    tw_f32_pack_scatter_weights(s, k->vector_lanes, p->w, weights, 0, blocks);
    k->f32_conv_pool_gradient(s, p->samples, p->blocked, dx ? weights : NULL, p->code, p->dy, packed, db, dx,
                              p->workspace);
    tw_f32_unpack_scatter_weights(s, k->vector_lanes, packed, dw, 0, blocks);
    free(weights);
}

static void compare_gradient(const struct tw_kernels *k, struct problem *p)
{
    ptrdiff_t dx_count =
        p->samples * tw_blocked_size(p->shape.in_channels, p->shape.height, p->shape.width, 1);
    ptrdiff_t count = p->shape.out_channels * p->shape.in_channels * 9;
    float *dw[2] = {take(&p->buffers, count), take(&p->buffers, count)};
    float *dx = malloc((size_t)(2 * dx_count + 1) * sizeof *dx), db[2][64] = {{0}};

    assert_non_null(dx);
    run_gradient(reference(), p, dw[0], p->bias ? db[0] : NULL, dx);
    run_gradient(k, p, dw[1], p->bias ? db[1] : NULL, dx + dx_count);
    assert_same_floats(dw[0], dw[1], count, "dw");
    assert_same_floats(db[0], db[1], p->shape.out_channels, "db");
    compare_interiors(&p->shape, p->samples, dx, dx + dx_count);
    free(dx);
    /* Without dx the weights are not read. */
    run_gradient(k, p, dw[1], NULL, NULL);
    assert_same_floats(dw[0], dw[1], count, "dw alone");
}

static void variants_equal_the_reference(void **state)
{
    const struct variants v = variants_here();
    struct tw_rng rng = tw_test_rng(1);
    ptrdiff_t cases = tw_test_cases(CASES) * v.count;

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        for (int what = 0; what < 4; what++) {
            struct problem p = problem_new(&rng, what % 2 == 0);

            if (what < 2) {
                compare_forward(v.table[i % v.count], &p, what == 0);
            } else if (what == 2) {
                compare_planar_gradient(v.table[i % v.count], &p);
            } else {
                compare_gradient(v.table[i % v.count], &p);
            }
            release(&p.buffers);
        }
    }
    assert_true(cases > 0 || v.count == 0);
}

/* --- the reference against the separate operations
 * ----------------------------------------------------------- */

static struct tw_conv2d_shape convolution(const struct tw_conv_pool_shape *s)
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

static struct tw_pool2d_shape pooling(const struct tw_conv_pool_shape *s)
{
    return (struct tw_pool2d_shape){.in_height = s->height,
                                    .in_width = s->width,
                                    .out_height = s->height / 2,
                                    .out_width = s->width / 2,
                                    .kernel_height = 2,
                                    .kernel_width = 2,
                                    .stride = {2, 2}};
}

/* One sample through convolution, relu and max-pool by the reference kernels, from plain planes. */
static void separate_forward(const struct problem *p, const float *x, float *convolved, float *out,
                             uint16_t *winner)
{
    const struct tw_conv2d_shape conv = convolution(&p->shape);
    const struct tw_pool2d_shape pool = pooling(&p->shape);
    ptrdiff_t count = p->shape.out_channels * p->shape.height * p->shape.width;

    reference()->f32_conv2d_forward(&conv, 1, x, p->w, p->bias, convolved, NULL);
    reference()->f32_relu_forward(count, convolved, convolved);
    reference()->f32_max_pool2d_forward(&pool, p->shape.out_channels, convolved, out, winner);
}

static void planar_forward_is_the_separate_operations(void **state)
{
    const ptrdiff_t cases = tw_test_cases(CASES);
    struct tw_rng rng = tw_test_rng(2);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        struct problem p = problem_new(&rng, true);
        const struct tw_conv_pool_shape *s = &p.shape;
        float *y = take(&p.buffers, p.samples * y_size(s)),
              *plain = take(&p.buffers, s->out_channels * pooled(s));
        float *convolved = take(&p.buffers, s->out_channels * s->height * s->width);
        float *expected = take(&p.buffers, s->out_channels * pooled(s));
        float *x = take(&p.buffers, s->in_channels * s->height * s->width);
        uint16_t *winner = take_bytes(&p.buffers, 2 * s->out_channels * pooled(s));
        uint8_t *code = take_bytes(&p.buffers, p.samples * tw_code_size(s));
        ptrdiff_t plane = s->in_channels * s->height * s->width;

        reference()->f32_conv_pool_planar_forward(s, p.samples, p.planar, p.bytes ? &p.pixels : NULL,
                                                  p.planar_weights, p.bias, y, code, NULL);
        for (ptrdiff_t n = 0; n < p.samples; n++) {
            if (p.bytes) {
                reference()->f32_normalize_u8(plane, (uint8_t *)p.planar + n * plane, p.pixels.mean,
                                              p.pixels.standard_deviation, x);
            } else {
                memcpy(x, p.planar + n * plane, (size_t)plane * sizeof *x);
            }
            separate_forward(&p, x, convolved, expected, winner);
            tw_f32_unblock(s->out_channels, s->height / 2, s->width / 2, s->y_halo, y + n * y_size(s), plain);
            assert_same_floats(expected, plain, s->out_channels * pooled(s), "y");
            for (ptrdiff_t j = 0; j < s->out_channels * pooled(s); j++) {
                ptrdiff_t o = j / pooled(s),
                          at = (o / TW_BLOCK * pooled(s) + j % pooled(s)) * TW_BLOCK + o % TW_BLOCK;

                assert_int_equal(code[n * tw_code_size(s) + at],
                                 expected[j] > 0.0f ? winner[j] : TW_CODE_CLOSED);
            }
        }
        release(&p.buffers);
    }
}

/* |Winograd - exact| against a bound of Winograd's own: the transforms have row sums of at most 4 (input),
 * 9/4 (weights, both directions) and 9 (output), and each of in_channels + 8 steps may round once. */
static void blocked_forward_is_the_convolution(void **state)
{
    const ptrdiff_t cases = tw_test_cases(CASES);
    struct tw_rng rng = tw_test_rng(3);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        struct problem p = problem_new(&rng, false);
        const struct tw_conv_pool_shape *s = &p.shape;
        ptrdiff_t x_size = tw_blocked_size(s->in_channels, s->height, s->width, 1);
        float *y = take(&p.buffers, p.samples * y_size(s)),
              *plain = take(&p.buffers, s->out_channels * pooled(s));
        float *convolved = take(&p.buffers, s->out_channels * s->height * s->width);
        float *expected = take(&p.buffers, s->out_channels * pooled(s));
        float *x = take(&p.buffers, s->in_channels * s->height * s->width);
        uint16_t *winner = take_bytes(&p.buffers, 2 * s->out_channels * pooled(s));
        uint8_t *code = take_bytes(&p.buffers, p.samples * tw_code_size(s));
        /* Inputs are below 1, weights below 1/2. */
        double bound =
            (double)(s->in_channels + 8) * TW_UNIT_ROUNDOFF * 4.0 * 2.25 * 0.5 * 9.0 * (double)s->in_channels;

        reference()->f32_conv_pool_forward(s, p.samples, p.blocked, p.winograd_weights, p.bias, y, code,
                                           NULL);
        for (ptrdiff_t n = 0; n < p.samples; n++) {
            tw_f32_unblock(s->in_channels, s->height, s->width, 1, p.blocked + n * x_size, x);
            separate_forward(&p, x, convolved, expected, winner);
            tw_f32_unblock(s->out_channels, s->height / 2, s->width / 2, s->y_halo, y + n * y_size(s), plain);
            assert_close_f32(expected, plain, s->out_channels * pooled(s), bound, 0.0);
        }
        release(&p.buffers);
    }
}

/* The dense gradient of the convolution's output that code and dy stand for. */
static void dense_gradient(const struct problem *p, ptrdiff_t n, float *dense)
{
    const struct tw_conv_pool_shape *s = &p->shape;
    ptrdiff_t rows = s->height / 2, columns = s->width / 2;
    float *plain = malloc((size_t)(s->out_channels * rows * columns) * sizeof *plain);

    assert_non_null(plain);
    memset(dense, 0, (size_t)(s->out_channels * s->height * s->width) * sizeof *dense);
    tw_f32_unblock(s->out_channels, rows, columns, s->y_halo, p->dy + n * y_size(s), plain);
    for (ptrdiff_t o = 0; o < s->out_channels; o++) {
        for (ptrdiff_t w = 0; w < rows * columns; w++) {
            uint8_t code =
                p->code[n * tw_code_size(s) + (o / TW_BLOCK * rows * columns + w) * TW_BLOCK + o % TW_BLOCK];
            ptrdiff_t r = 2 * (w / columns) + code / 2, c = 2 * (w % columns) + code % 2;

            if (code != TW_CODE_CLOSED) {
                dense[(o * s->height + r) * s->width + c] = plain[o * rows * columns + w];
            }
        }
    }
    free(plain);
}

/* All samples of the problem as plain planes and dense gradients, then the separate kernels. */
static void separate_gradients(const struct problem *p, const float *x, float *dense, float *dw, float *db,
                               float *dx)
{
    const struct tw_conv2d_shape conv = convolution(&p->shape);
    ptrdiff_t size = p->shape.out_channels * p->shape.height * p->shape.width;

    for (ptrdiff_t n = 0; n < p->samples; n++) {
        dense_gradient(p, n, dense + n * size);
    }
    reference()->f32_conv2d_weight_gradient(&conv, p->samples, x, dense, dw, db, NULL);
    if (dx) {
        reference()->f32_conv2d_input_gradient(&conv, p->samples, dense, p->w, dx, NULL);
    }
}

/* Whole numbers in [-limit, limit]: sums of their products are exact, so that the order of summation does not
 * show. */
static void make_whole(float *values, ptrdiff_t count, float limit)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        values[i] = rintf(values[i] * limit);
    }
}

static void compare_with_dense(struct problem *p, bool planar)
{
    const struct tw_conv_pool_shape *s = &p->shape;
    ptrdiff_t plane = s->in_channels * s->height * s->width, weights = s->out_channels * s->in_channels * 9;
    ptrdiff_t x_size = tw_blocked_size(s->in_channels, s->height, s->width, 1);
    float *x = take(&p->buffers, p->samples * plane), *packed = take(&p->buffers, scatter_size(s));
    float *dense = take(&p->buffers, p->samples * s->out_channels * s->height * s->width);
    float *dw[2] = {take(&p->buffers, weights), take(&p->buffers, weights)};
    float *dx[2] = {take(&p->buffers, p->samples * plane), take(&p->buffers, p->samples * plane)};
    float *blocked_dx = take(&p->buffers, p->samples * x_size), db[2][64];

    for (ptrdiff_t n = 0; n < p->samples; n++) {
        tw_f32_unblock(s->in_channels, s->height, s->width, 1, p->blocked + n * x_size, x + n * plane);
    }
    separate_gradients(p, x, dense, dw[0], db[0], dx[0]);
    reference()->f32_conv_pool_gradient(s, p->samples, p->blocked, p->scatter_weights, p->code, p->dy, packed,
                                        db[1], blocked_dx, NULL);
    tw_f32_unpack_scatter_weights(s, TW_BLOCK, packed, dw[1], 0, tw_blocks(s->in_channels));
    for (ptrdiff_t n = 0; n < p->samples; n++) {
        tw_f32_unblock(s->in_channels, s->height, s->width, 1, blocked_dx + n * x_size, dx[1] + n * plane);
    }
    assert_close_f32(dw[0], dw[1], weights, 0.0, 0.0);
    assert_close_f32(db[0], db[1], s->out_channels, 0.0, 0.0);
    assert_close_f32(dx[0], dx[1], p->samples * plane, 0.0, 0.0);
    if (planar) {
        reference()->f32_conv_pool_planar_gradient(s, p->samples, x, NULL, p->code, p->dy, dw[1], db[1],
                                                   NULL);
        assert_close_f32(dw[0], dw[1], weights, 0.0, 0.0);
        assert_close_f32(db[0], db[1], s->out_channels, 0.0, 0.0);
    }
}

/* On whole numbers the gradients equal those of the dense kernels exactly. */
static void gradients_are_the_dense_ones(void **state)
{
    const ptrdiff_t cases = tw_test_cases(CASES);
    struct tw_rng rng = tw_test_rng(4);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        struct problem p = problem_new(&rng, i % 2 == 0);
        const struct tw_conv_pool_shape *s = &p.shape;

        make_whole(p.w, s->out_channels * s->in_channels * 9, 16.0f);
        make_whole(p.blocked, p.samples * tw_blocked_size(s->in_channels, s->height, s->width, 1), 8.0f);
        make_whole(p.dy, p.samples * y_size(s), 8.0f);
        tw_f32_pack_scatter_weights(s, TW_BLOCK, p.w, p.scatter_weights, 0, tw_blocks(s->in_channels));
        compare_with_dense(&p, i % 2 == 0);
        release(&p.buffers);
    }
}

/* A window of negatives or zeros closes; of equal values the first wins. A NaN pixel meets every tap (a zero
 * weight times NaN is NaN), so all four outputs are NaN: the last wins, as in PyTorch, and stays open. */
static void windows_follow_max_pool_and_relu(void **state)
{
    const struct variants v = variants_here();
    const float planes[4][4] = {{1, NAN, 3, 4}, {-1, -2, -3, -4}, {2, 5, 5, 2}, {0, 0, 0, 0}};
    const uint8_t expected[4] = {3, TW_CODE_CLOSED, 1, TW_CODE_CLOSED};
    struct tw_conv_pool_shape s = {.in_channels = 1, .out_channels = 1, .height = 2, .width = 2};

    (void)state;
    for (int t = -1; t < v.count; t++) {
        const struct tw_kernels *k = t < 0 ? reference() : v.table[t];

        for (int i = 0; i < 4; i++) {
            _Alignas(64) unsigned char workspace[65536];
            float w[9] = {0, 0, 0, 0, 1, 0, 0, 0, 0}, packed[9 * TW_BLOCK], y[TW_BLOCK];
            uint8_t code[TW_BLOCK];

            assert_true(tw_f32_conv_pool_workspace(&s) <= sizeof workspace);
            tw_f32_pack_planar_weights(&s, w, packed, 0, 1);
            k->f32_conv_pool_planar_forward(&s, 1, planes[i], NULL, packed, NULL, y, code, workspace);
            assert_int_equal(code[0], expected[i]);
            assert_true(i == 0 ? isnan(y[0])
                               : y[0] == (expected[i] == TW_CODE_CLOSED ? 0.0f : planes[i][expected[i]]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variants_equal_the_reference),
        cmocka_unit_test(planar_forward_is_the_separate_operations),
        cmocka_unit_test(blocked_forward_is_the_convolution),
        cmocka_unit_test(gradients_are_the_dense_ones),
        cmocka_unit_test(windows_follow_max_pool_and_relu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
