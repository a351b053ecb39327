/* The reference of kernels/conv_pool against the separate operations it stands for: convolution, max-pool, relu and
 * their gradients. */
#include "tests/kernels/conv_pool/conv_pool_problem.h"

#define CASES 60

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
                                    .groups = 1,
                                    .winograd = true};
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

/* How far a convolution by Winograd is from its exact results at most, inputs being below 1, weights and bias below 1/2: roundings, by
 * the largest sum of |A| |G| |B| of one tap, all pixels and points (26.05 of four rows, 8 of two and of two columns). The transforms
 * have 9 roundings of four rows, 5 of two and of two columns (tests/kernels/accuracy/winograd_bounds.h). */
static double winograd_bound(ptrdiff_t channels, ptrdiff_t tile_rows)
{
    const double roundings = (double)channels + 1.0 + (tile_rows == 4 ? 9.0 : 5.0) + 5.0;
    const double size = (tile_rows == 4 ? 26.05 : 8.0) * 8.0 * 0.5 * (double)channels + 0.5;

    return roundings * TW_UNIT_ROUNDOFF * size;
}

/* The same of a chain from the bias. */
static double direct_bound(ptrdiff_t channels)
{
    return 9.0 * (double)channels * TW_UNIT_ROUNDOFF * (9.0 * 0.5 * (double)channels + 0.5);
}

/* Of an image so large that the convolution on plain planes is Winograd's: in tiles of four rows, or for want of channels in tiles of
 * two. */
static struct problem large_problem(struct tw_rng *rng, bool tall)
{
    const struct tw_conv_pool_shape shape = {
        .in_channels = tall ? tw_test_integer(rng, TW_CONV2D_TALL_CHANNELS, 40)
                            : tw_test_integer(rng, 24, TW_CONV2D_TALL_CHANNELS - 1),
        .out_channels = tw_test_integer(rng, 24, 40),
        .height = tw_test_integer(rng, 16, 21),
        .width = tw_test_integer(rng, 16, 21),
    };
    const struct tw_conv2d_shape conv = convolution(&shape);

    assert_true(tw_conv2d_is_winograd(&conv, TW_CONV2D_FORWARD));
    assert_int_equal(tw_conv2d_winograd_rows(&conv, TW_CONV2D_FORWARD), tall ? 4 : 2);
    return problem_of(rng, &shape, 1, false);
}

/* The same bits where the convolution on plain planes is Winograd's in tiles of two rows. Otherwise both are as close to the exact
 * results as their roundings let them be; relu and maxima bring nothing further apart. */
static void blocked_forward_is_the_convolution(void **state)
{
    const ptrdiff_t cases = tw_test_cases(CASES);
    struct tw_rng rng = tw_test_rng(3);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        struct problem p = i % 4 == 3 ? large_problem(&rng, i % 8 == 7) : problem_new(&rng, false);
        const struct tw_conv_pool_shape *s = &p.shape;
        ptrdiff_t x_size = tw_blocked_size(s->in_channels, s->height, s->width, 1);
        float *y = take(&p.buffers, p.samples * y_size(s)),
              *plain = take(&p.buffers, s->out_channels * pooled(s));
        float *convolved = take(&p.buffers, s->out_channels * s->height * s->width);
        float *expected = take(&p.buffers, s->out_channels * pooled(s));
        float *x = take(&p.buffers, s->in_channels * s->height * s->width);
        uint16_t *winner = take_bytes(&p.buffers, 2 * s->out_channels * pooled(s));
        uint8_t *code = take_bytes(&p.buffers, p.samples * tw_code_size(s));
        const struct tw_conv2d_shape conv = convolution(s);
        const bool winograd = tw_conv2d_is_winograd(&conv, TW_CONV2D_FORWARD);
        const ptrdiff_t tile_rows = tw_conv2d_winograd_rows(&conv, TW_CONV2D_FORWARD);
        const bool same = winograd && tile_rows == 2;
        const double bound =
            winograd_bound(s->in_channels, 2) +
            (winograd ? winograd_bound(s->in_channels, tile_rows) : direct_bound(s->in_channels));

        reference()->f32_conv_pool_forward(s, p.samples, p.blocked, p.winograd_weights, p.bias, y, code,
                                           NULL);
        for (ptrdiff_t n = 0; n < p.samples; n++) {
            tw_f32_unblock(s->in_channels, s->height, s->width, 1, p.blocked + n * x_size, x);
            separate_forward(&p, x, convolved, expected, winner);
            tw_f32_unblock(s->out_channels, s->height / 2, s->width / 2, s->y_halo, y + n * y_size(s), plain);
            if (same) {
                assert_same_floats(expected, plain, s->out_channels * pooled(s), "y");
            } else {
                assert_close_f32(expected, plain, s->out_channels * pooled(s), bound, 0.0);
            }
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

/* All samples of the problem as plain planes and dense gradients, then the separate kernels: direct sums, which are exact on whole
 * numbers (the factors of Winograd's tiles of four rows are none). */
static void separate_gradients(const struct problem *p, const float *x, float *dense, float *dw, float *db,
                               float *dx)
{
    struct tw_conv2d_shape conv = convolution(&p->shape);
    ptrdiff_t size = p->shape.out_channels * p->shape.height * p->shape.width;

    conv.winograd = false;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planar_forward_is_the_separate_operations),
        cmocka_unit_test(blocked_forward_is_the_convolution),
        cmocka_unit_test(gradients_are_the_dense_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
