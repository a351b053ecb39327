/* Errors of convolutions, direct and by Winograd, and of their gradients, on data as in training: asserted to
 * keep their bounds, and printed (docs/numerics.md has the table). */
#include "tests/kernels/accuracy/tower_layers.h"

static const struct tw_kernels *kernels;
static struct layer layers[2];

static int make_layers(void **state)
{
    struct tw_rng rng = tw_test_rng(1);

    (void)state;
    kernels = measured_kernels();
    layers[0] = first_layer(kernels, &rng, tw_test_cases(4));
    layers[1] = second_layer(kernels, &rng, &layers[0]);
    accuracy_heading();
    return 0;
}

static int release_layers(void **state)
{
    (void)state;
    layer_release(&layers[0]);
    layer_release(&layers[1]);
    return 0;
}

static void add_all(struct accuracy *a, const float *found, struct exact *exact, ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        accuracy_add_chain(a, found[i], exact->sum[i], exact->size[i]);
    }
    accuracy_report(a);
    exact_release(exact);
}

static void direct_forward(void **state)
{
    const struct layer *l = &layers[1];
    struct accuracy a = accuracy_of("conv2, direct forward", l->conv.in_channels * 9);
    struct exact exact = exact_convolution(l, INTO_Y);
    float *y = new_values(y_count(l));

    (void)state;
    kernels->f32_conv2d_forward(&l->conv, l->samples, l->x, l->w, l->bias, y, l->workspace);
    add_all(&a, y, &exact, y_count(l));
    free(y);
}

static void direct_gradients(void **state)
{
    const struct layer *l = &layers[1];
    const ptrdiff_t positions = l->samples * l->conv.out_height * l->conv.out_width;
    struct accuracy dx = accuracy_of("conv2, direct input gradient", l->conv.out_channels * 9);
    struct accuracy dw = accuracy_of("conv2, direct weight gradient", positions);
    struct accuracy db = accuracy_of("conv2, bias gradient", positions);
    struct exact exact_dx = exact_convolution(l, INTO_DX), exact_dw = exact_convolution(l, INTO_DW);
    struct exact exact_db = exact_bias(l);
    float *found_dx = new_values(x_count(l)), *found_dw = new_values(w_count(l)), found_db[64];

    (void)state;
    kernels->f32_conv2d_input_gradient(&l->conv, l->samples, l->dense, l->w, found_dx, l->workspace);
    kernels->f32_conv2d_weight_gradient(&l->conv, l->samples, l->x, l->dense, found_dw, found_db,
                                        l->workspace);
    add_all(&dx, found_dx, &exact_dx, x_count(l));
    add_all(&dw, found_dw, &exact_dw, w_count(l));
    add_all(&db, found_db, &exact_db, 64);
    free(found_dx);
    free(found_dw);
}

/* --- pooled forwards ------------------------------------------------------------------------------------ */

/* Element `place` (0 … 3) of pooled window j among the convolution's outputs. */
static ptrdiff_t element_of(const struct layer *l, ptrdiff_t j, int place)
{
    const ptrdiff_t columns = l->pool.width / 2, w = j % windows(l), plane = j / windows(l);

    return plane * 4 * windows(l) + (2 * (w / columns) + place / 2) * 2 * columns + 2 * (w % columns) +
           place % 2;
}

/* Relu and maximum of four. Neither moves two inputs further apart than they are, so the largest of the four
 * bounds is the bound of the result. */
static double pooled_exactly(const struct layer *l, const double *value, ptrdiff_t j, double least)
{
    for (int place = 0; place < 4; place++) {
        least = fmax(least, value[element_of(l, j, place)]);
    }
    return least;
}

/* What y (pooled, NCHW) is worth; `bound` per output of the convolution. Windows that relu closes have no
 * error and do not count. */
static struct accuracy pooled_accuracy(const struct layer *l, const char *what, const float *y,
                                       const struct exact *exact, const double *bound)
{
    struct accuracy a = accuracy_of(what, l->conv.in_channels * 9);

    for (ptrdiff_t j = 0; j < y_count(l) / 4; j++) {
        const double value = pooled_exactly(l, exact->sum, j, 0.0);

        if (value > 0.0 || y[j] > 0.0f) {
            accuracy_add(&a, y[j], value, pooled_exactly(l, exact->size, j, 0.0),
                         pooled_exactly(l, bound, j, 0.0));
        }
    }
    accuracy_report(&a);
    return a;
}

static double *chain_bounds(const struct layer *l, const struct exact *exact)
{
    double *bound = new_bytes((size_t)y_count(l) * sizeof *bound);

    for (ptrdiff_t y = 0; y < y_count(l); y++) {
        bound[y] = bound_of((double)(l->conv.in_channels * 9), exact->size[y]);
    }
    return bound;
}

/* The direct convolution of a layer, then relu and pooling. */
static float *pooled_directly(const struct layer *l)
{
    float *y = new_values(y_count(l)), *pooled = new_values(y_count(l) / 4);

    kernels->f32_conv2d_forward(&l->conv, l->samples, l->x, l->w, l->bias, y, l->workspace);
    for (ptrdiff_t j = 0; j < y_count(l) / 4; j++) {
        for (int place = 0; place < 4; place++) {
            pooled[j] = fmaxf(pooled[j], y[element_of(l, j, place)]);
        }
    }
    free(y);
    return pooled;
}

static void planar_forward(void **state)
{
    const struct layer *l = &layers[0];
    struct exact exact = exact_convolution(l, INTO_Y);
    double *bound = chain_bounds(l, &exact);

    (void)state;
    pooled_accuracy(l, "conv1 + relu + pool, planar", l->y, &exact, bound);
    free(bound);
    exact_release(&exact);
}

/* --- Winograd: the bound of its own, and against the direct convolution ---------------------------------- */

/* y = m x m^T for m of rows x n, x of n x n. */
static void congruence(int rows, int n, const double *m, const double *x, double *y)
{
    double half[16];

    for (int i = 0; i < rows * n; i++) {
        half[i] = 0;
        for (int p = 0; p < n; p++) {
            half[i] += m[i / n * n + p] * x[p * n + i % n];
        }
    }
    for (int i = 0; i < rows * rows; i++) {
        y[i] = 0;
        for (int p = 0; p < n; p++) {
            y[i] += half[i / rows * n + p] * m[i % rows * n + p];
        }
    }
}

/* The sizes |G| |g| |G|^T of all weights, and |B|^T |d| |B| of one window of all channels: what the
 * transforms' roundings are relative to. */
static double *weight_sizes(const struct layer *l)
{
    static const double matrix[] = {1, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0, 0, 1};
    double *sizes = new_bytes((size_t)(w_count(l) / 9 * 16) * sizeof *sizes);

    for (ptrdiff_t i = 0; i < w_count(l) / 9; i++) {
        double g[9];

        for (int tap = 0; tap < 9; tap++) {
            g[tap] = fabs((double)l->w[9 * i + tap]);
        }
        congruence(4, 3, matrix, g, sizes + 16 * i);
    }
    return sizes;
}

static void window_sizes(const struct layer *l, ptrdiff_t sample, ptrdiff_t window, double *sizes)
{
    static const double matrix[] = {1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1};
    const ptrdiff_t extent = l->conv.in_height, row = 2 * (window / (extent / 2)) - 1,
                    column = 2 * (window % (extent / 2)) - 1;

    for (ptrdiff_t i = 0; i < l->conv.in_channels; i++) {
        const float *plane = l->x + (sample * l->conv.in_channels + i) * extent * extent;
        double d[16];

        for (int p = 0; p < 16; p++) {
            const ptrdiff_t r = row + p / 4, c = column + p % 4;
            const bool inside = r >= 0 && r < extent && c >= 0 && c < extent;

            d[p] = inside ? fabs((double)plane[r * extent + c]) : 0.0;
        }
        congruence(4, 4, matrix, d, sizes + 16 * i);
    }
}

/* A result goes through 4 roundings of the weights' transform, 2 of the input's, a chain of in_channels fma, 4
 * of the output's transform and 1 for the bias, and none of them is larger than u times what the same sums are
 * of absolute values: |A|^T (sum over i of |U| |V|) |A| + |bias|. */
static double *winograd_bounds(const struct layer *l)
{
    static const double matrix[] = {1, 1, 1, 0, 0, 1, 1, 1};
    const ptrdiff_t in = l->conv.in_channels, out = l->conv.out_channels;
    double *bound = new_bytes((size_t)y_count(l) * sizeof *bound), *u = weight_sizes(l);
    double *v = new_bytes((size_t)(16 * in) * sizeof *v);

    for (ptrdiff_t at = 0; at < l->samples * windows(l); at++) {
        const ptrdiff_t n = at / windows(l), w = at % windows(l);

        window_sizes(l, n, w, v);
        for (ptrdiff_t o = 0; o < out; o++) {
            double m[16] = {0}, y[4];

            for (ptrdiff_t p = 0; p < 16 * in; p++) {
                m[p % 16] += u[16 * in * o + p] * v[p];
            }
            congruence(2, 4, matrix, m, y);
            for (int place = 0; place < 4; place++) {
                bound[element_of(l, (n * out + o) * windows(l) + w, place)] =
                    bound_of((double)(in + 11), y[place] + fabs((double)l->bias[o]));
            }
        }
    }
    free(u);
    free(v);
    return bound;
}

/* Both convolutions of the same data, both measured in the direct one's unit. */
static void winograd_forward(void **state)
{
    const struct layer *l = &layers[1];
    struct exact exact = exact_convolution(l, INTO_Y);
    double *bound = chain_bounds(l, &exact), *winograd_bound = winograd_bounds(l);
    float *pooled = pooled_directly(l);
    struct accuracy direct, winograd;

    (void)state;
    direct = pooled_accuracy(l, "conv2 direct + relu + pool", pooled, &exact, bound);
    winograd = pooled_accuracy(l, "conv2 Winograd + relu + pool", l->y, &exact, winograd_bound);
    print_message("Winograd's error is %.2f times the direct convolution's (rms %.2f)\n",
                  winograd.largest / direct.largest, accuracy_rms(&winograd) / accuracy_rms(&direct));
    assert_true(winograd.largest < 4 * direct.largest);
    assert_true(accuracy_rms(&winograd) < 4 * accuracy_rms(&direct));
    free(pooled);
    free(bound);
    free(winograd_bound);
    exact_release(&exact);
}

/* --- gradients of open windows --------------------------------------------------------------------------- */

static void planar_gradient(void **state)
{
    const struct layer *l = &layers[0];
    struct accuracy dw = accuracy_of("conv1 + relu + pool, dw", l->samples * windows(l));
    struct accuracy db = accuracy_of("conv1 + relu + pool, db", l->samples * windows(l));
    struct exact exact_dw = exact_convolution(l, INTO_DW), exact_db = exact_bias(l);
    float *found_dw = new_values(w_count(l)), found_db[32];

    (void)state;
    kernels->f32_conv_pool_planar_gradient(&l->pool, l->samples, l->x, NULL, l->code, l->dy, found_dw,
                                           found_db, l->workspace);
    add_all(&dw, found_dw, &exact_dw, w_count(l));
    add_all(&db, found_db, &exact_db, 32);
    free(found_dw);
}

/* An element of dx lies in four windows' reach, and each has at most one open position an output channel. */
static void blocked_gradient(void **state)
{
    const struct layer *l = &layers[1];
    const ptrdiff_t lanes = kernels->vector_lanes, in_blocks = tw_blocks(l->conv.in_channels);
    const ptrdiff_t size = tw_blocked_size(l->conv.in_channels, 14, 14, 1), plane = x_count(l) / l->samples;
    struct accuracy dw = accuracy_of("conv2 + relu + pool, dw", l->samples * windows(l));
    struct accuracy db = accuracy_of("conv2 + relu + pool, db", l->samples * windows(l));
    struct accuracy dx = accuracy_of("conv2 + relu + pool, dx", 4 * l->conv.out_channels);
    struct exact exact_dw = exact_convolution(l, INTO_DW), exact_dx = exact_convolution(l, INTO_DX);
    struct exact exact_db = exact_bias(l);
    float *packed = new_values(w_count(l)), *found_dw = new_values(w_count(l)), found_db[64];
    float *weights = new_values(w_count(l)), *blocked = new_values(l->samples * size);
    float *found_dx = new_values(x_count(l));

    (void)state;
    assert_int_equal(l->conv.in_channels % TW_BLOCK, 0); /* so that the scatter form is no larger than w */
    tw_f32_pack_scatter_weights(&l->pool, lanes, l->w, weights, 0, in_blocks);
    kernels->f32_conv_pool_gradient(&l->pool, l->samples, l->blocked, weights, l->code, l->dy, packed,
                                    found_db, blocked, l->workspace);
    tw_f32_unpack_scatter_weights(&l->pool, lanes, packed, found_dw, 0, in_blocks);
    for (ptrdiff_t n = 0; n < l->samples; n++) {
        tw_f32_unblock(l->conv.in_channels, 14, 14, 1, blocked + n * size, found_dx + n * plane);
    }
    add_all(&dw, found_dw, &exact_dw, w_count(l));
    add_all(&db, found_db, &exact_db, 64);
    add_all(&dx, found_dx, &exact_dx, x_count(l));
    free(packed);
    free(found_dw);
    free(weights);
    free(blocked);
    free(found_dx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(direct_forward),  cmocka_unit_test(direct_gradients),
        cmocka_unit_test(planar_forward),  cmocka_unit_test(winograd_forward),
        cmocka_unit_test(planar_gradient), cmocka_unit_test(blocked_gradient),
    };

    return cmocka_run_group_tests(tests, make_layers, release_layers);
}
