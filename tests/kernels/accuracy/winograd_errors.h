/* Errors of a convolution's passes by Winograd beside those of direct sums of the same data. Included by programs that measure them
 * (accuracy_program.h). */
#ifndef TOWER_TESTS_KERNELS_ACCURACY_WINOGRAD_ERRORS_H
#define TOWER_TESTS_KERNELS_ACCURACY_WINOGRAD_ERRORS_H

#include "tests/kernels/accuracy/winograd_bounds.h"

#include "tests/kernels/accuracy/accuracy_program.h"

/* Winograd's errors, measured by the direct ones. */
struct ratios {
    double largest, rms;
};

static inline struct ratios ratios_of(const struct accuracy *winograd, const struct accuracy *direct)
{
    const struct ratios ratios = {winograd->largest / direct->largest,
                                  accuracy_rms(winograd) / accuracy_rms(direct)};

    print_message("Winograd's error is %.2f times the direct sums' (rms %.2f)\n", ratios.largest, ratios.rms);
    return ratios;
}

static inline void assert_near_direct(struct ratios ratios)
{
    assert_true(ratios.largest < 4);
    assert_true(ratios.rms < 4);
}

/* What one pass of a convolution found; all of it owned. */
struct results {
    ptrdiff_t length, count; /* terms of a sum; results */
    float *winograd, *direct;
    double *bound; /* of Winograd's errors */
    struct exact exact;
};

static inline void results_release(struct results *r)
{
    free(r->winograd);
    free(r->direct);
    free(r->bound);
    exact_release(&r->exact);
}

/* Both, measured in the direct ones' unit: of each result its own size, or any. */
static inline struct ratios report_both(const struct results *r, const double *size, const char *what,
                                        const char *pass)
{
    char direct_name[96], winograd_name[96];
    struct accuracy direct = accuracy_of(direct_name, r->length);
    struct accuracy winograd = accuracy_of(winograd_name, r->length);

    snprintf(direct_name, sizeof direct_name, "%s, direct %s", what, pass);
    snprintf(winograd_name, sizeof winograd_name, "%s, Winograd %s", what, pass);
    for (ptrdiff_t i = 0; i < r->count; i++) {
        const double direct_bound = bound_of(direct.length, r->exact.size[i]);

        accuracy_add(&direct, r->direct[i], r->exact.sum[i], size[i], direct_bound);
        accuracy_add(&winograd, r->winograd[i], r->exact.sum[i], size[i], r->bound[i]);
    }
    accuracy_report(&direct);
    accuracy_report(&winograd);
    return ratios_of(&winograd, &direct);
}

/* Gives `r` back. */
static inline void compare_results(struct results *r, const char *what, const char *pass)
{
    assert_near_direct(report_both(r, r->exact.size, what, pass));
    results_release(r);
}

static inline void compare_forward(const struct convolution *c, const char *what)
{
    void *workspace = new_bytes(kernels->f32_conv2d_workspace(&c->shape));
    struct results r = {.length = convolution_fan_in(c),
                        .count = convolution_y_count(c),
                        .winograd = new_values(convolution_y_count(c)),
                        .direct = direct_sums(c),
                        .bound = winograd_bounds(c, tw_conv2d_winograd_rows(&c->shape, TW_CONV2D_FORWARD)),
                        .exact = exact_convolution(c, INTO_Y)};

    assert_true(tw_conv2d_is_winograd(&c->shape, TW_CONV2D_FORWARD));
    kernels->f32_conv2d_forward(&c->shape, c->samples, c->x, c->w, c->bias, r.winograd, workspace);
    compare_results(&r, what, "forward");
    free(workspace);
}

/* The sums in double are the gradient's by its own formula, so that they do not depend on `turned`. */
static inline void compare_input_gradient(const struct convolution *c, const char *what)
{
    void *workspace = new_bytes(kernels->f32_conv2d_workspace(&c->shape));
    float *w = new_values(convolution_w_count(c));
    const struct convolution forward = turned(c, w);
    struct results r = {
        .length = convolution_fan_in(&forward),
        .count = convolution_x_count(c),
        .winograd = new_values(convolution_x_count(c)),
        .direct = direct_sums(&forward),
        .bound = winograd_bounds(&forward, tw_conv2d_winograd_rows(&c->shape, TW_CONV2D_INPUT_GRADIENT)),
        .exact = exact_convolution(c, INTO_DX)};

    assert_true(tw_conv2d_is_winograd(&c->shape, TW_CONV2D_INPUT_GRADIENT));
    kernels->f32_conv2d_input_gradient(&c->shape, c->samples, c->dy, c->w, r.winograd, workspace);
    compare_results(&r, what, "input gradient");
    free(w);
    free(workspace);
}

struct size {
    ptrdiff_t in, out, height, width, padding[2];
};

static inline float *new_source(ptrdiff_t count, float least)
{
    float *values = new_uniform(&rng, count, -1, 1);

    for (ptrdiff_t i = 0; i < count; i++) {
        values[i] = fmaxf(least, values[i]);
    }
    return values;
}

static inline struct tw_conv2d_shape shape_of(const struct size *size)
{
    return (struct tw_conv2d_shape){.in_channels = size->in,
                                    .in_height = size->height,
                                    .in_width = size->width,
                                    .out_channels = size->out,
                                    .out_height = size->height + 2 * size->padding[0] - 2,
                                    .out_width = size->width + 2 * size->padding[1] - 2,
                                    .kernel_height = 3,
                                    .kernel_width = 3,
                                    .stride = {1, 1},
                                    .padding = {size->padding[0], size->padding[1]},
                                    .dilation = {1, 1},
                                    .groups = 1,
                                    .winograd = true};
}

static inline struct convolution convolution_new(const struct size *size, ptrdiff_t samples, float least)
{
    struct convolution c = {.samples = samples, .shape = shape_of(size)};
    const float bound = 1 / sqrtf((float)convolution_fan_in(&c));

    c.x = new_source(convolution_x_count(&c), least);
    c.w = new_uniform(&rng, convolution_w_count(&c), -bound, bound);
    c.bias = new_uniform(&rng, size->out, -bound, bound);
    c.dy = new_source(convolution_y_count(&c), least);
    return c;
}

/* A pass of x and dy that are what a relu leaves, and one of both signs. */
static inline void compare_size(const struct size *size, ptrdiff_t samples,
                                void (*compare)(const struct convolution *, const char *))
{
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        struct convolution c = convolution_new(size, samples, is_signed ? -1.0f : 0.0f);
        char what[64];

        snprintf(what, sizeof what, "%td -> %td, %td x %td, pad %td %td%s", size->in, size->out, size->height,
                 size->width, size->padding[0], size->padding[1], is_signed ? ", signed" : "");
        compare(&c, what);
        convolution_release(&c);
    }
}

#endif
