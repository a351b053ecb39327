/* kernels/pool: the reference against an independent implementation on a padded copy, and every variant
 * against the reference, bit for bit, over random shapes. */
#include "tests/kernels/kernel_test.h"

#include <stdlib.h>

#define CASES 1500

static const struct tw_kernels *reference(void)
{
    return tw_kernels_of(TW_ISA_REFERENCE);
}

/* Output extent, floor, or one more where a window begins inside and hangs over the end (ceil mode). */
static ptrdiff_t extent(struct tw_rng *rng, ptrdiff_t in, ptrdiff_t kernel, ptrdiff_t stride,
                        ptrdiff_t padding)
{
    const ptrdiff_t out = (in + 2 * padding - kernel) / stride + 1;

    return out * stride < in + padding && tw_test_integer(rng, 0, 2) == 0 ? out + 1 : out;
}

/* A third 2x2 halving, a third stride 1, a third anything; with widths around the multiples of 16. */
static struct tw_pool2d_shape random_shape(struct tw_rng *rng)
{
    const ptrdiff_t kind = tw_test_integer(rng, 0, 2);
    struct tw_pool2d_shape s = {.count_include_pad = tw_test_integer(rng, 0, 1)};

    s.kernel_height = kind == 0 ? 2 : tw_test_integer(rng, 1, 5);
    s.kernel_width = kind == 0 ? 2 : tw_test_integer(rng, 1, 5);
    s.stride[0] = kind == 0 ? 2 : tw_test_integer(rng, 1, 3);
    s.stride[1] = kind == 0 ? 2 : kind == 1 ? 1 : tw_test_integer(rng, 1, 4);
    for (int d = 0; d < 2 && kind != 0; d++)
        s.padding[d] = tw_test_integer(rng, 0, (d == 0 ? s.kernel_height : s.kernel_width) / 2);
    s.in_height = s.kernel_height + tw_test_integer(rng, 0, 9);
    s.in_width = s.kernel_width + tw_test_integer(rng, 0, 75);
    s.out_height = extent(rng, s.in_height, s.kernel_height, s.stride[0], s.padding[0]);
    s.out_width = extent(rng, s.in_width, s.kernel_width, s.stride[1], s.padding[1]);
    return s;
}

static void print_shape(const struct tw_pool2d_shape *s, ptrdiff_t planes)
{
    print_error("planes %td, in %td x %td, out %td x %td, kernel %td x %td, stride %td %td, padding %td %td, "
                "count_include_pad %d\n",
                planes, s->in_height, s->in_width, s->out_height, s->out_width, s->kernel_height,
                s->kernel_width, s->stride[0], s->stride[1], s->padding[0], s->padding[1],
                s->count_include_pad);
}

/* Small whole numbers, so that equal candidates are frequent, with some special values. */
static void fill_with_ties(struct tw_rng *rng, float *values, ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count; i++)
        values[i] = tw_test_integer(rng, 0, 19) == 0 ? special_value(tw_test_integer(rng, 0, 1000))
                                                     : (float)tw_test_integer(rng, -3, 3);
}

static void assert_same_winners(const uint16_t *expected, const uint16_t *actual, ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count; i++)
        if (expected[i] != actual[i]) {
            print_error("winner %td of %td: expected %d, got %d\n", i, count, expected[i], actual[i]);
            fail();
        }
}

/* --- the independent implementation: one plane in a padded copy large enough for every window ---------- */

#define SIDE 128

struct padded {
    float value[SIDE][SIDE];
    bool inside[SIDE][SIDE];
};

static void pad(const struct tw_pool2d_shape *s, const float *plane, struct padded *p)
{
    memset(p, 0, sizeof *p);
    for (ptrdiff_t r = 0; r < s->in_height; r++)
        for (ptrdiff_t c = 0; c < s->in_width; c++) {
            p->inside[r + s->padding[0]][c + s->padding[1]] = true;
            if (plane)
                p->value[r + s->padding[0]][c + s->padding[1]] = plane[r * s->in_width + c];
        }
}

static void crop(const struct tw_pool2d_shape *s, const struct padded *p, float *plane)
{
    for (ptrdiff_t r = 0; r < s->in_height; r++)
        memcpy(plane + r * s->in_width, &p->value[r + s->padding[0]][s->padding[1]],
               (size_t)s->in_width * sizeof *plane);
}

/* The candidates of one window in scan order; their taps. */
static int window(const struct tw_pool2d_shape *s, const struct padded *p, ptrdiff_t out, float *value,
                  int *tap)
{
    const ptrdiff_t top = out / s->out_width * s->stride[0], left = out % s->out_width * s->stride[1];
    int count = 0;

    for (int t = 0; t < s->kernel_height * s->kernel_width; t++) {
        const ptrdiff_t r = top + t / s->kernel_width, c = left + t % s->kernel_width;

        if (p->inside[r][c]) {
            value[count] = p->value[r][c];
            tap[count++] = t;
        }
    }
    return count;
}

/* A NaN anywhere: the last one is taken. Otherwise the first of the largest. */
static int index_of_maximum(const float *value, int count)
{
    int best = 0;

    for (int i = count - 1; i >= 0; i--)
        if (isnan(value[i]))
            return i;
    for (int i = 1; i < count; i++)
        best = value[i] > value[best] ? i : best;
    return best;
}

static float divisor_of(const struct tw_pool2d_shape *s, int inside)
{
    return (float)(s->count_include_pad ? (int)(s->kernel_height * s->kernel_width) : inside);
}

static void check_plane(const struct tw_pool2d_shape *s, struct padded *p, const float *x,
                        const float *maximum, const uint16_t *winner, const float *average)
{
    pad(s, x, p);
    for (ptrdiff_t out = 0; out < s->out_height * s->out_width; out++) {
        float value[25], sum = 0.0f;
        int tap[25];
        const int count = window(s, p, out, value, tap), best = index_of_maximum(value, count);

        for (int i = 0; i < count; i++)
            sum += value[i];
        assert_true(same_float(maximum[out], value[best]));
        assert_int_equal(winner[out], tap[best]);
        assert_true(same_float(average[out], sum / divisor_of(s, count)));
    }
}

static void check_gradient_plane(const struct tw_pool2d_shape *s, struct padded *p, const float *dy,
                                 const uint16_t *winner, const float *max_dx, const float *avg_dx)
{
    const ptrdiff_t outputs = s->out_height * s->out_width, inputs = s->in_height * s->in_width;
    float *expected = malloc((size_t)inputs * sizeof *expected);

    assert_non_null(expected);
    pad(s, NULL, p);
    for (ptrdiff_t out = 0; out < outputs; out++)
        p->value[out / s->out_width * s->stride[0] + winner[out] / s->kernel_width]
                [out % s->out_width * s->stride[1] + winner[out] % s->kernel_width] += dy[out];
    crop(s, p, expected);
    assert_same_floats(expected, max_dx, inputs, "max_pool2d gradient");
    pad(s, NULL, p);
    for (ptrdiff_t out = 0; out < outputs; out++) {
        float value[25];
        int tap[25];
        const int count = window(s, p, out, value, tap);

        for (int i = 0; i < count; i++)
            p->value[out / s->out_width * s->stride[0] + tap[i] / s->kernel_width]
                    [out % s->out_width * s->stride[1] + tap[i] % s->kernel_width] +=
                dy[out] / divisor_of(s, count);
    }
    crop(s, p, expected);
    assert_same_floats(expected, avg_dx, inputs, "avg_pool2d gradient");
    free(expected);
}

/* --- the tests ---------------------------------------------------------------------------------------- */

struct pooled {
    float *y, *average, *dx, *average_dx;
    uint16_t *winner;
};

static struct pooled pool(const struct tw_kernels *k, const struct tw_pool2d_shape *s, ptrdiff_t planes,
                          const float *x, const float *dy, struct buffers *b)
{
    const ptrdiff_t in = planes * s->in_height * s->in_width, out = planes * s->out_height * s->out_width;
    struct pooled p = {take(b, out), take(b, out), take(b, in), take(b, in), NULL};

    p.winner = take_bytes(b, out * (ptrdiff_t)sizeof *p.winner);
    k->f32_max_pool2d_forward(s, planes, x, p.y, p.winner);
    k->f32_max_pool2d_gradient(s, planes, dy, p.winner, p.dx);
    k->f32_avg_pool2d_forward(s, planes, x, p.average);
    k->f32_avg_pool2d_gradient(s, planes, dy, p.average_dx);
    return p;
}

static void test_reference_against_padded_copy(void **state)
{
    const ptrdiff_t cases = tw_test_cases(CASES / 3);
    struct tw_rng rng = tw_test_rng(1);
    struct padded *padded = malloc(sizeof *padded);

    (void)state;
    assert_non_null(padded);
    for (ptrdiff_t i = 0; i < cases; i++) {
        const struct tw_pool2d_shape s = random_shape(&rng);
        const ptrdiff_t planes = tw_test_integer(&rng, 0, 3);
        const ptrdiff_t in = s.in_height * s.in_width, out = s.out_height * s.out_width;
        struct buffers b = {.count = 0};
        float *x = take(&b, planes * in), *dy = take_any(&b, &rng, planes * out);
        struct pooled p;

        fill_with_ties(&rng, x, planes * in);
        p = pool(reference(), &s, planes, x, dy, &b);
        for (ptrdiff_t plane = 0; plane < planes; plane++) {
            check_plane(&s, padded, x + plane * in, p.y + plane * out, p.winner + plane * out,
                        p.average + plane * out);
            check_gradient_plane(&s, padded, dy + plane * out, p.winner + plane * out, p.dx + plane * in,
                                 p.average_dx + plane * in);
        }
        release(&b);
    }
    free(padded);
}

static void compare(const struct tw_kernels *k, struct tw_rng *rng)
{
    const struct tw_pool2d_shape s = random_shape(rng);
    const ptrdiff_t planes = tw_test_integer(rng, 0, 3);
    const ptrdiff_t in = planes * s.in_height * s.in_width, out = planes * s.out_height * s.out_width;
    struct buffers b = {.count = 0};
    float *x = take(&b, in), *dy = take_any(&b, rng, out);
    struct pooled expected, got;

    if (tw_test_integer(rng, 0, 1) == 0)
        fill_any(rng, x, in);
    else
        fill_with_ties(rng, x, in);
    expected = pool(reference(), &s, planes, x, dy, &b);
    got = pool(k, &s, planes, x, dy, &b);
    if (memcmp(expected.winner, got.winner, (size_t)out * sizeof *got.winner) != 0)
        print_shape(&s, planes);
    assert_same_winners(expected.winner, got.winner, out);
    assert_same_floats(expected.y, got.y, out, "max_pool2d");
    assert_same_floats(expected.dx, got.dx, in, "max_pool2d gradient");
    assert_same_floats(expected.average, got.average, out, "avg_pool2d");
    assert_same_floats(expected.average_dx, got.average_dx, in, "avg_pool2d gradient");
    release(&b);
}

static void test_variants(void **state)
{
    const struct variants variants = variants_here();
    const ptrdiff_t cases = tw_test_cases(CASES);
    struct tw_rng rng = tw_test_rng(2);

    (void)state;
    if (variants.count == 0)
        skip();
    for (int v = 0; v < variants.count; v++)
        for (ptrdiff_t i = 0; i < cases; i++)
            compare(variants.table[v], &rng);
}

/* Values worked out by hand, in every variant: ties take the first, the last NaN wins, -0 is no better than
 * +0, and a gradient of -0 leaves +0. */
static void test_by_hand(void **state)
{
    const struct tw_pool2d_shape s = {.in_height = 3,
                                      .in_width = 9,
                                      .out_height = 1,
                                      .out_width = 4,
                                      .kernel_height = 2,
                                      .kernel_width = 2,
                                      .stride = {2, 2}};
    const float x[27] = {1,  1,  -3,  NAN, 0.0f,  -0.0f, -INFINITY, -INFINITY, 99,
                         1,  1,  NAN, 7,   -0.0f, 0,     -INFINITY, -INFINITY, 99,
                         99, 99, 99,  99,  99,    99,    99,        99,        99};
    const float dy[4] = {5, 6, -0.0f, 8};
    const float dx[27] = {5, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 6};
    const float y[4] = {1, NAN, 0.0f, -INFINITY};
    const uint16_t winner[4] = {0, 2, 0, 0};

    (void)state;
    for (int isa = 0; isa < TW_ISA_COUNT; isa++) {
        struct buffers b = {.count = 0};
        struct pooled p;

        if (!tw_isa_available((enum tw_isa)isa))
            continue;
        p = pool(tw_kernels_of((enum tw_isa)isa), &s, 1, take_copy(&b, x, 27), take_copy(&b, dy, 4), &b);
        assert_same_winners(winner, p.winner, 4);
        assert_same_floats(y, p.y, 4, "max_pool2d");
        assert_same_floats(dx, p.dx, 27, "max_pool2d gradient");
        assert_true(p.average[0] == 1.0f && p.average_dx[0] == 1.25f && p.average_dx[10] == 1.25f);
        release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_reference_against_padded_copy),
        cmocka_unit_test(test_variants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
