/* Errors of convolutions by Winograd, beside the direct ones of the same data: asserted to keep a bound of their
 * own and to stay below four times the direct ones, and printed (docs/numerics.md has the table). */
#include "tests/kernels/accuracy/pooled_forward.h"

#include "tests/kernels/accuracy/accuracy_program.h"

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
    const ptrdiff_t height = l->conv.in_height, width = l->conv.in_width;
    const ptrdiff_t row = 2 * (window / (width / 2)) - 1, column = 2 * (window % (width / 2)) - 1;

    for (ptrdiff_t i = 0; i < l->conv.in_channels; i++) {
        const float *plane = l->x + (sample * l->conv.in_channels + i) * height * width;
        double d[16];

        for (int p = 0; p < 16; p++) {
            const ptrdiff_t r = row + p / 4, c = column + p % 4;
            const bool inside = r >= 0 && r < height && c >= 0 && c < width;

            d[p] = inside ? fabs((double)plane[r * width + c]) : 0.0;
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

/* The direct convolution of a layer, then relu and pooling. */
static float *pooled_directly(const struct layer *l)
{
    float *y = new_values(y_count(l)), *pooled = new_values(pooled_count(l));

    kernels->f32_conv2d_forward(&l->conv, l->samples, l->x, l->w, l->bias, y, l->workspace);
    for (ptrdiff_t j = 0; j < pooled_count(l); j++) {
        for (int place = 0; place < 4; place++) {
            pooled[j] = fmaxf(pooled[j], y[element_of(l, j, place)]);
        }
    }
    free(y);
    return pooled;
}

/* Both convolutions of the same data, both measured in the direct one's unit. */
static void compare(const struct layer *l, const char *what)
{
    const struct convolution c = convolution_of(l);
    struct exact exact = exact_convolution(&c, INTO_Y);
    double *bound = chain_bounds(l, &exact), *winograd_bound = winograd_bounds(l);
    float *pooled = pooled_directly(l);
    struct accuracy direct, winograd;
    char direct_name[64], winograd_name[64];

    snprintf(direct_name, sizeof direct_name, "%s, direct", what);
    snprintf(winograd_name, sizeof winograd_name, "%s, Winograd", what);
    direct = pooled_accuracy(l, direct_name, pooled, &exact, bound);
    winograd = pooled_accuracy(l, winograd_name, l->y, &exact, winograd_bound);
    print_message("Winograd's error is %.2f times the direct convolution's (rms %.2f)\n",
                  winograd.largest / direct.largest, accuracy_rms(&winograd) / accuracy_rms(&direct));
    assert_true(winograd.largest < 4 * direct.largest);
    assert_true(accuracy_rms(&winograd) < 4 * accuracy_rms(&direct));
    free(pooled);
    free(bound);
    free(winograd_bound);
    exact_release(&exact);
}

static void conv2(void **state)
{
    struct layer first = first_layer(kernels, &rng, tw_test_cases(4));
    struct layer second = second_layer(kernels, &rng, &first);

    (void)state;
    compare(&second, "conv2 + relu + pool");
    layer_release(&first);
    layer_release(&second);
}

/* Channels that fill no block, or many; images of which the last row or column, or both, reach no window. The input is
 * what a relu leaves, or has both signs. */
static void other_sizes(void **state)
{
    static const struct {
        const char *what;
        ptrdiff_t in, out, height, width;
        float least;
    } sizes[] = {
        {"5 -> 24, 15 x 13", 5, 24, 15, 13, 0.0f},   {"5 -> 24, 15 x 13, signed", 5, 24, 15, 13, -1.0f},
        {"40 -> 40, 9 x 12", 40, 40, 9, 12, 0.0f},   {"40 -> 40, 9 x 12, signed", 40, 40, 9, 12, -1.0f},
        {"512 -> 20, 8 x 11", 512, 20, 8, 11, 0.0f}, {"512 -> 20, 8 x 11, signed", 512, 20, 8, 11, -1.0f},
    };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct layer l = layer_new(kernels, &rng, tw_test_cases(4), sizes[i].in, sizes[i].out,
                                   sizes[i].height, sizes[i].width);

        for (ptrdiff_t x = 0; x < x_count(&l); x++) {
            l.x[x] = fmaxf(sizes[i].least, tw_rng_uniform_f32(&rng, -1, 1));
        }
        run_forward(&l, kernels);
        compare(&l, sizes[i].what);
        layer_release(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(conv2), cmocka_unit_test(other_sizes)};

    return cmocka_run_group_tests(tests, choose_kernels, NULL);
}
