/* kernels/linear: the reference against kernels/gemm's on the plain weights, every variant against the reference, both
 * bit for bit. */
#include "tests/kernels/kernel_test.h"

#define CASES 200
#define MOST  100 /* outputs; every number of them is tried */

static const struct tw_kernels *reference(void)
{
    return tw_kernels_of(TW_ISA_REFERENCE);
}

struct problem {
    struct tw_linear_shape shape;
    ptrdiff_t samples, blocks;
    const float *x, *w, *bias; /* x as the shape wants it; bias may be NULL */
    float *plain;              /* x (samples, in) */
    float *packed;
    struct buffers buffers;
};

/* Any values in x or, so that not all becomes NaN, some special ones in x, weights and bias. */
static void make_special(struct tw_rng *rng, const struct problem *p, float *w, float *bias)
{
    if (tw_test_integer(rng, 0, 2) == 0) {
        fill_any(rng, p->plain, p->samples * p->shape.in);
        return;
    }
    strew(rng, p->plain, p->samples * p->shape.in, p->samples / 3);
    strew(rng, w, p->shape.out * p->shape.in, (p->shape.out + 2) / 3);
    strew(rng, bias, bias ? p->shape.out : 0, (p->shape.out + 2) / 3);
}

/* Small shapes of every kind, and now and then a sum long enough to be taken in parts. */
static struct problem problem_new(struct tw_rng *rng, ptrdiff_t out, bool special)
{
    struct problem p = {.samples = tw_test_integer(rng, 0, 30)};
    const bool blocked = tw_test_integer(rng, 0, 1) == 1, long_sum = tw_test_integer(rng, 0, 9) == 0;
    float *x, *w, *bias;

    p.shape.plane = blocked ? tw_test_integer(rng, 1, 60) : 0;
    p.shape.in = long_sum ? tw_test_integer(rng, 700, 1700) : tw_test_integer(rng, 0, 70);
    p.shape.in = blocked ? (p.shape.in / p.shape.plane + 1) * p.shape.plane : p.shape.in;
    p.shape.out = out;
    p.shape.relu = tw_test_integer(rng, 0, 1) == 1;
    p.blocks = tw_blocks(p.shape.out);
    x = take(&p.buffers, p.samples * tw_linear_x_size(&p.shape));
    p.plain = take_uniform(&p.buffers, rng, p.samples * p.shape.in, -1.0f, 1.0f);
    p.packed = take(&p.buffers, p.blocks * TW_BLOCK * p.shape.in);
    w = take_uniform(&p.buffers, rng, p.shape.out * p.shape.in, -1.0f, 1.0f);
    bias = tw_test_integer(rng, 0, 3) > 0 ? take_uniform(&p.buffers, rng, p.shape.out, -1.0f, 1.0f) : NULL;
    if (special) {
        make_special(rng, &p, w, bias);
    }
    for (ptrdiff_t n = 0; n < p.samples; n++) {
        for (ptrdiff_t i = 0; i < p.shape.in; i++) {
            x[n * tw_linear_x_size(&p.shape) + tw_linear_x_at(&p.shape, i)] = p.plain[n * p.shape.in + i];
        }
    }
    p.x = x;
    p.w = w;
    p.bias = bias;
    tw_f32_pack_linear_weights(&p.shape, p.w, p.packed, 0, p.blocks);
    return p;
}

/* Blocks in two shares, as two threads would take them; the second first. */
static void run(const struct tw_kernels *k, const struct problem *p, ptrdiff_t share, float *y)
{
    k->f32_linear_forward(&p->shape, p->samples, p->x, p->packed, p->bias, y, share, p->blocks);
    k->f32_linear_forward(&p->shape, p->samples, p->x, p->packed, p->bias, y, 0, share);
}

static void reference_is_gemm_then_relu(void **state)
{
    struct tw_rng rng = tw_test_rng(1);
    const ptrdiff_t cases = tw_test_cases(CASES);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        struct problem p = problem_new(&rng, tw_test_integer(&rng, 1, MOST), i % 2 == 0);
        const ptrdiff_t count = p.samples * p.shape.out;
        float *expected = take(&p.buffers, count), *actual = take(&p.buffers, count);
        const struct tw_gemm_shape gemm = {.m = p.samples,
                                           .n = p.shape.out,
                                           .k = p.shape.in,
                                           .a_row = p.shape.in,
                                           .a_col = 1,
                                           .b_row = 1,
                                           .b_col = p.shape.in,
                                           .c_row = p.shape.out,
                                           .accumulate = p.bias != NULL};

        if (p.bias) {
            reference()->f32_fill_rows(p.samples, p.shape.out, p.bias, expected, p.shape.out);
        }
        reference()->f32_gemm(&gemm, p.plain, p.w, expected, NULL);
        if (p.shape.relu) {
            reference()->f32_relu_forward(count, expected, expected);
        }
        run(reference(), &p, tw_test_integer(&rng, 0, p.blocks), actual);
        assert_same_floats(expected, actual, count, "y");
        release(&p.buffers);
    }
    assert_true(cases > 0);
}

/* In an emulator only some of the numbers of outputs, from a random one on. */
static void variants_equal_the_reference(void **state)
{
    const struct variants v = variants_here();
    const ptrdiff_t cases = tw_test_cases(4 * MOST);
    struct tw_rng rng = tw_test_rng(2);
    const ptrdiff_t first = tw_test_integer(&rng, 0, MOST - 1);

    (void)state;
    if (v.count == 0) {
        skip();
    }
    for (ptrdiff_t i = 0; i < cases; i++) {
        struct problem p = problem_new(&rng, 1 + (first + i) % MOST, (i + i / MOST) % 2 == 1);
        const ptrdiff_t count = p.samples * p.shape.out;
        float *expected = take(&p.buffers, count);

        run(reference(), &p, p.blocks, expected);
        for (int t = 0; t < v.count; t++) {
            float *actual = take(&p.buffers, count);

            run(v.table[t], &p, tw_test_integer(&rng, 0, p.blocks), actual);
            assert_same_floats(expected, actual, count, "y");
        }
        release(&p.buffers);
    }
}

/* What a share does not own stays as it was. */
static void a_share_writes_its_columns_only(void **state)
{
    const struct variants v = variants_here();
    const struct tw_linear_shape shape = {.in = 5, .out = 41, .relu = true};
    float x[7 * 5], w[41 * 5], packed[3 * TW_BLOCK * 5], y[7 * 41];
    struct tw_rng rng = tw_test_rng(3);

    (void)state;
    tw_test_fill(&rng, x, 7 * 5, -1.0f, 1.0f);
    tw_test_fill(&rng, w, 41 * 5, -1.0f, 1.0f);
    tw_f32_pack_linear_weights(&shape, w, packed, 0, 3);
    for (int t = -1; t < v.count; t++) {
        for (ptrdiff_t block = 0; block < 3; block++) {
            for (int i = 0; i < 7 * 41; i++) {
                y[i] = -7.0f;
            }
            (t < 0 ? reference() : v.table[t])
                ->f32_linear_forward(&shape, 7, x, packed, NULL, y, block, block + 1);
            for (int i = 0; i < 7 * 41; i++) {
                assert_true(i % 41 / TW_BLOCK == block ? y[i] >= 0.0f : y[i] == -7.0f);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_is_gemm_then_relu),
        cmocka_unit_test(variants_equal_the_reference),
        cmocka_unit_test(a_share_writes_its_columns_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
