/* kernels/conv_pool: every variant against the reference, bit for bit. */
#include "tests/kernels/conv_pool/conv_pool_problem.h"

#define CASES 60

static void forward(const struct tw_kernels *k, struct problem *p, bool planar, float *y, uint8_t *code)
{
    if (planar) {
        k->f32_conv_pool_planar_forward(&p->shape, p->samples, p->planar, p->bytes ? &p->pixels : NULL,
                                        p->planar_weights, p->bias, y, code, p->workspace);
    } else {
        k->f32_conv_pool_forward(&p->shape, p->samples, p->blocked, p->winograd_weights, p->bias, y, code,
                                 p->workspace);
    }
}

static void compare_forward(const struct tw_kernels *k, struct problem *p, bool planar)
{
    ptrdiff_t y_count = p->samples * y_size(&p->shape), code_count = p->samples * tw_code_size(&p->shape);
    float *y[2] = {take(&p->buffers, y_count), take(&p->buffers, y_count)};
    uint8_t *code[2] = {take_bytes(&p->buffers, code_count), take_bytes(&p->buffers, code_count)};
    const struct tw_kernels *tables[2] = {reference(), k};

    for (int i = 0; i < 2; i++) {
        forward(tables[i], p, planar, y[i], code[i]);
    }
    assert_same_floats(y[0], y[1], y_count, "y");
    assert_memory_equal(code[0], code[1], (size_t)code_count);
    /* The same y where nobody wants codes. */
    for (int i = 0; i < 2; i++) {
        memset(y[1], 0xff, (size_t)y_count * sizeof *y[1]);
        forward(tables[i], p, planar, y[1], NULL);
        assert_same_floats(y[0], y[1], y_count, "y without codes");
    }
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
    float *weights = take(&p->buffers, scatter_size(s)), *packed = take(&p->buffers, scatter_size(s));

    tw_f32_pack_scatter_weights(s, k->vector_lanes, p->w, weights, 0, blocks);
    k->f32_conv_pool_gradient(s, p->samples, p->blocked, dx ? weights : NULL, p->code, p->dy, packed, db, dx,
                              p->workspace);
    tw_f32_unpack_scatter_weights(s, k->vector_lanes, packed, dw, 0, blocks);
}

static void compare_gradient(const struct tw_kernels *k, struct problem *p)
{
    ptrdiff_t dx_count =
        p->samples * tw_blocked_size(p->shape.in_channels, p->shape.height, p->shape.width, 1);
    ptrdiff_t count = p->shape.out_channels * p->shape.in_channels * 9;
    float *dw[2] = {take(&p->buffers, count), take(&p->buffers, count)};
    float *dx[2] = {take(&p->buffers, dx_count), take(&p->buffers, dx_count)};
    float *db[2] = {take(&p->buffers, p->shape.out_channels), take(&p->buffers, p->shape.out_channels)};

    run_gradient(reference(), p, dw[0], p->bias ? db[0] : NULL, dx[0]);
    run_gradient(k, p, dw[1], p->bias ? db[1] : NULL, dx[1]);
    assert_same_floats(dw[0], dw[1], count, "dw");
    assert_same_floats(db[0], db[1], p->shape.out_channels, "db");
    compare_interiors(&p->shape, p->samples, dx[0], dx[1]);
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
    if (v.count == 0) {
        skip();
    }
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
    assert_true(cases > 0);
}

/* --- every number of channels from 1 to 70, in and out, on small images, of odd extents as well ----------- */

#define MOST 70

static ptrdiff_t few(struct tw_rng *rng)
{
    return tw_test_integer(rng, 1, TW_CONV_POOL_PLANAR_CHANNELS);
}

static struct problem small_problem(struct tw_rng *rng, ptrdiff_t in, ptrdiff_t out, bool special)
{
    const struct tw_conv_pool_shape shape = {.in_channels = in,
                                             .out_channels = out,
                                             .height = tw_test_integer(rng, 2, 5),
                                             .width = tw_test_integer(rng, 2, 7),
                                             .y_halo = tw_test_integer(rng, 0, 1)};

    return problem_of(rng, &shape, tw_test_integer(rng, 1, 2), special);
}

/* The codes of a forward in place of random ones. */
static void take_codes(const struct tw_kernels *k, struct problem *p)
{
    float *y = take(&p->buffers, p->samples * y_size(&p->shape));

    k->f32_conv_pool_forward(&p->shape, p->samples, p->blocked, p->winograd_weights, p->bias, y, p->code,
                             p->workspace);
}

/* The four kernels, with `channels` where there may be many. */
static void compare_all(const struct tw_kernels *k, struct tw_rng *rng, ptrdiff_t channels, bool special)
{
    for (int what = 0; what < 6; what++) {
        const bool into = what < 4;
        struct problem p =
            small_problem(rng, into ? few(rng) : channels, into ? channels : few(rng), special);

        if (what == 0 || what == 1 || what == 4) {
            compare_forward(k, &p, what == 0);
        } else if (what == 2) {
            compare_planar_gradient(k, &p);
        } else {
            take_codes(k, &p);
            compare_gradient(k, &p);
        }
        release(&p.buffers);
    }
}

/* In an emulator only some of the numbers, from a random one on. */
static void sweep(bool special, uint64_t stream)
{
    const struct variants v = variants_here();
    struct tw_rng rng = tw_test_rng(stream);
    const ptrdiff_t step = MOST / tw_test_cases(MOST);

    if (v.count == 0) {
        skip();
    }
    for (ptrdiff_t channels = tw_test_integer(&rng, 1, step); channels <= MOST; channels += step) {
        for (int i = 0; i < v.count; i++) {
            compare_all(v.table[i], &rng, channels, special);
        }
    }
}

static void every_number_of_channels(void **state)
{
    (void)state;
    sweep(false, 2);
}

static void special_values_flow(void **state)
{
    (void)state;
    sweep(true, 3);
}

/* --- by hand ---------------------------------------------------------------------------------------------- */

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
            float w[9] = {0, 0, 0, 0, 1, 0, 0, 0, 0}, packed[9 * TW_BLOCK], y[TW_BLOCK], alone[TW_BLOCK];
            uint8_t code[TW_BLOCK];

            assert_true(tw_f32_conv_pool_workspace(&s) <= sizeof workspace);
            tw_f32_pack_planar_weights(&s, w, packed, 0, 1);
            k->f32_conv_pool_planar_forward(&s, 1, planes[i], NULL, packed, NULL, y, code, workspace);
            assert_int_equal(code[0], expected[i]);
            assert_true(i == 0 ? isnan(y[0])
                               : y[0] == (expected[i] == TW_CODE_CLOSED ? 0.0f : planes[i][expected[i]]));
            k->f32_conv_pool_planar_forward(&s, 1, planes[i], NULL, packed, NULL, alone, NULL, workspace);
            assert_same_floats(y, alone, TW_BLOCK, "y without codes");
        }
    }
}

/* NaN wins wherever it stands in its window, with codes and without: two outputs of the first window see the pixel. */
static void one_nan_is_enough(void **state)
{
    const struct variants v = variants_here();
    const struct tw_conv_pool_shape s = {.in_channels = 1, .out_channels = TW_BLOCK, .height = 2, .width = 4};
    float w[TW_BLOCK * 9], packed[TW_BLOCK * 9], y[2][2 * TW_BLOCK];
    const float x[8] = {1, 2, NAN, 3, 4, 5, 6, 7};
    _Alignas(64) unsigned char workspace[65536];
    uint8_t code[2 * TW_BLOCK];

    (void)state;
    assert_true(tw_f32_conv_pool_workspace(&s) <= sizeof workspace);
    for (int i = 0; i < TW_BLOCK * 9; i++) {
        w[i] = i % 2 ? 1.0f : -1.0f;
    }
    tw_f32_pack_planar_weights(&s, w, packed, 0, 1);
    for (int t = -1; t < v.count; t++) {
        const struct tw_kernels *k = t < 0 ? reference() : v.table[t];

        k->f32_conv_pool_planar_forward(&s, 1, x, NULL, packed, NULL, y[0], code, workspace);
        k->f32_conv_pool_planar_forward(&s, 1, x, NULL, packed, NULL, y[1], NULL, workspace);
        for (int i = 0; i < 2 * TW_BLOCK; i++) {
            assert_true(isnan(y[0][i]) && isnan(y[1][i]));
            assert_int_equal(code[i], 3);
        }
    }
}

/* Images that are dark but for a few pixels: what lies under most windows is nothing, and some kernels copy those. One
 * pixel at every place of a sample, then several; sizes from one window on, even and odd. */
static void dark_images(void **state)
{
    const struct variants v = variants_here();
    struct tw_rng rng = tw_test_rng(4);
    ptrdiff_t compared = 0;

    (void)state;
    if (v.count == 0) {
        skip();
    }
    for (ptrdiff_t size = 2; size <= 9; size++) {
        const struct tw_conv_pool_shape shape = {.in_channels = 1 + size % 2,
                                                 .out_channels = 5 * size,
                                                 .height = size,
                                                 .width = size % 3 == 0 ? 11 : 12 - size,
                                                 .y_halo = size % 2};
        const ptrdiff_t places = shape.in_channels * shape.height * shape.width;
        struct problem p = problem_of(&rng, &shape, places + 2, false);
        const int taken = p.buffers.count;
        uint8_t *pixels = (uint8_t *)p.planar;

        if (!p.bytes) {
            release(&p.buffers);
            size--; /* the same size with bytes */
            continue;
        }
        memset(pixels, 0, (size_t)((places + 2) * places));
        for (ptrdiff_t n = 0; n < places; n++) {
            pixels[n * places + n] = (uint8_t)(1 + n);
            pixels[places * places + n] = (uint8_t)(n % 5 == 0 ? n : 0);
        }
        for (int t = 0; t < v.count; t++, compared++) {
            compare_forward(v.table[t], &p, true);
            assert_in_range(p.buffers.count, taken, TW_TEST_BUFFERS);
        }
        release(&p.buffers);
    }
    assert_true(compared > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variants_equal_the_reference),
        cmocka_unit_test(every_number_of_channels),
        cmocka_unit_test(special_values_flow),
        cmocka_unit_test(windows_follow_max_pool_and_relu),
        cmocka_unit_test(one_nan_is_enough),
        cmocka_unit_test(dark_images),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
