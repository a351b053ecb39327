/* Errors of average pooling and of both pools' gradients: asserted to keep their bounds, and printed
 * (docs/numerics.md has the table). Maxima have none. */
#include "tests/kernels/accuracy/accuracy_program.h"

/* Sums in double, and how many terms each has. */
struct sums {
    struct exact exact;
    double *terms;
};

static struct sums sums_new(ptrdiff_t count)
{
    return (struct sums){exact_new(count), new_bytes((size_t)count * sizeof(double))};
}

static void sums_release(struct sums *sums)
{
    exact_release(&sums->exact);
    free(sums->terms);
}

static void sums_add(struct sums *sums, ptrdiff_t at, double term)
{
    sums->exact.sum[at] += term;
    sums->exact.size[at] += fabs(term);
    sums->terms[at]++;
}

/* Each result: one rounding a term, and `more`. */
static void report(const char *what, ptrdiff_t length, const float *found, const struct sums *sums,
                   double more, ptrdiff_t count)
{
    struct accuracy accuracy = accuracy_of(what, length);
    double longest = 0.0;

    for (ptrdiff_t i = 0; i < count; i++) {
        accuracy_add(&accuracy, found[i], sums->exact.sum[i], sums->exact.size[i],
                     bound_of(fmax(sums->terms[i] + more, 0.0), sums->exact.size[i]));
        longest = fmax(longest, sums->terms[i]);
    }
    assert_true(longest == accuracy.length);
    accuracy_report(&accuracy);
}

/* --- windows ---------------------------------------------------------------------------------------------- */

static struct tw_pool2d_shape shape_of(ptrdiff_t extent, ptrdiff_t kernel, ptrdiff_t stride,
                                       ptrdiff_t padding)
{
    const ptrdiff_t out = (extent + 2 * padding - kernel) / stride + 1;

    return (struct tw_pool2d_shape){.in_height = extent,
                                    .in_width = extent,
                                    .out_height = out,
                                    .out_width = out,
                                    .kernel_height = kernel,
                                    .kernel_width = kernel,
                                    .stride = {stride, stride},
                                    .padding = {padding, padding}};
}

/* Where tap `tap` of output `y` (of all planes) lies in x; -1: on the padding. */
static ptrdiff_t place(const struct tw_pool2d_shape *s, ptrdiff_t y, ptrdiff_t tap)
{
    const ptrdiff_t plane = y / s->out_width / s->out_height;
    const ptrdiff_t row =
        y / s->out_width % s->out_height * s->stride[0] - s->padding[0] + tap / s->kernel_width;
    const ptrdiff_t column = y % s->out_width * s->stride[1] - s->padding[1] + tap % s->kernel_width;
    const bool inside = row >= 0 && row < s->in_height && column >= 0 && column < s->in_width;

    return inside ? (plane * s->in_height + row) * s->in_width + column : -1;
}

/* Of the window's elements inside the image: what an average divides by. */
static double elements(const struct tw_pool2d_shape *s, ptrdiff_t y)
{
    double count = 0;

    for (ptrdiff_t tap = 0; tap < s->kernel_height * s->kernel_width; tap++) {
        count += place(s, y, tap) >= 0;
    }
    return count;
}

/* --- average ---------------------------------------------------------------------------------------------- */

/* The first addition, to +0, is exact; the division is one more. */
static void measure_average(const char *what, const struct tw_pool2d_shape *s, ptrdiff_t planes)
{
    const ptrdiff_t in = planes * s->in_height * s->in_width, out = planes * s->out_height * s->out_width;
    const ptrdiff_t taps = s->kernel_height * s->kernel_width;
    float *x = new_uniform(&rng, in, -1, 1), *y = new_values(out);
    struct sums sums = sums_new(out);

    for (ptrdiff_t i = 0; i < out * taps; i++) {
        const ptrdiff_t at = place(s, i / taps, i % taps);

        if (at >= 0) {
            sums_add(&sums, i / taps, (double)x[at] / elements(s, i / taps));
        }
    }
    kernels->f32_avg_pool2d_forward(s, planes, x, y);
    report(what, taps, y, &sums, 0, out);
    sums_release(&sums);
    free(x);
    free(y);
}

/* Every term is a quotient, rounded once; the first addition is exact. */
static void measure_average_gradient(const char *what, const struct tw_pool2d_shape *s, ptrdiff_t planes,
                                     ptrdiff_t length)
{
    const ptrdiff_t in = planes * s->in_height * s->in_width, out = planes * s->out_height * s->out_width;
    const ptrdiff_t taps = s->kernel_height * s->kernel_width;
    float *dy = new_uniform(&rng, out, -1, 1), *dx = new_values(in);
    struct sums sums = sums_new(in);

    for (ptrdiff_t i = 0; i < out * taps; i++) {
        const ptrdiff_t at = place(s, i / taps, i % taps);

        if (at >= 0) {
            sums_add(&sums, at, (double)dy[i / taps] / elements(s, i / taps));
        }
    }
    kernels->f32_avg_pool2d_gradient(s, planes, dy, dx);
    report(what, length, dx, &sums, 0, in);
    sums_release(&sums);
    free(dy);
    free(dx);
}

static void average(void **state)
{
    const struct tw_pool2d_shape halving = shape_of(28, 2, 2, 0), dense = shape_of(14, 3, 1, 1);
    const struct tw_pool2d_shape global = shape_of(7, 7, 1, 0);

    (void)state;
    measure_average("average pool 2 x 2", &halving, 8);
    measure_average("average pool 3 x 3", &dense, 16);
    measure_average("average pool 7 x 7", &global, 512);
    measure_average_gradient("average pool 3 x 3, gradient", &dense, 16, 9);
}

/* --- maximum ---------------------------------------------------------------------------------------------- */

/* An element that wins in several windows collects their dy: additions alone, the first exact. */
static void overlapping_maximum(void **state)
{
    const struct tw_pool2d_shape s = shape_of(28, 3, 1, 1);
    const ptrdiff_t planes = 8, count = planes * 28 * 28;
    float *x = new_uniform(&rng, count, -1, 1), *y = new_values(count), *dy = new_uniform(&rng, count, -1, 1);
    float *dx = new_values(count);
    uint16_t *winner = new_bytes((size_t)count * sizeof *winner);
    struct sums sums = sums_new(count);

    (void)state;
    kernels->f32_max_pool2d_forward(&s, planes, x, y, winner);
    for (ptrdiff_t i = 0; i < count; i++) {
        assert_true(place(&s, i, winner[i]) >= 0);
        sums_add(&sums, place(&s, i, winner[i]), (double)dy[i]);
    }
    kernels->f32_max_pool2d_gradient(&s, planes, dy, winner, dx);
    report("max pool 3 x 3, gradient", 9, dx, &sums, -1, count);
    sums_release(&sums);
    free(x);
    free(y);
    free(dy);
    free(dx);
    free(winner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(average), cmocka_unit_test(overlapping_maximum)};

    return cmocka_run_group_tests(tests, choose_kernels, NULL);
}
