/* Errors of convolutions that are not the tower's, of each algorithm but Winograd's (test_winograd.c), and of their
 * gradients: asserted to keep their bounds, and printed (docs/numerics.md has the table). */
#include "kernels/conv/conv_pass.h"
#include "tests/kernels/accuracy/accuracy_program.h"
#include "tests/kernels/accuracy/exact_convolution.h"

/* A square kernel, padded so that extents are divided by the stride and no more. */
static struct convolution convolution_new(ptrdiff_t in, ptrdiff_t out, ptrdiff_t groups, ptrdiff_t height,
                                          ptrdiff_t width, ptrdiff_t kernel, ptrdiff_t stride)
{
    struct convolution c = {.samples = 4,
                            .shape = {.in_channels = in,
                                      .in_height = height,
                                      .in_width = width,
                                      .out_channels = out,
                                      .out_height = (height + stride - 1) / stride,
                                      .out_width = (width + stride - 1) / stride,
                                      .kernel_height = kernel,
                                      .kernel_width = kernel,
                                      .stride = {stride, stride},
                                      .padding = {kernel / 2, kernel / 2},
                                      .dilation = {1, 1},
                                      .groups = groups}};
    const float bound = 1 / sqrtf((float)convolution_fan_in(&c));

    assert_int_equal(tw_conv2d_output_extent(height, kernel, stride, kernel / 2, 1), c.shape.out_height);
    assert_int_equal(tw_conv2d_output_extent(width, kernel, stride, kernel / 2, 1), c.shape.out_width);
    c.x = new_uniform(&rng, convolution_x_count(&c), -1, 1);
    c.w = new_uniform(&rng, convolution_w_count(&c), -bound, bound);
    c.bias = new_uniform(&rng, out, -bound, bound);
    c.dy = new_uniform(&rng, convolution_y_count(&c), -1, 1);
    return c;
}

static void report(const char *what, const char *pass, ptrdiff_t length, double roundings, const float *found,
                   struct exact *exact, ptrdiff_t count)
{
    char name[64];
    struct accuracy accuracy = accuracy_of(name, length);

    snprintf(name, sizeof name, "%s, %s", what, pass);
    for (ptrdiff_t i = 0; i < count; i++) {
        accuracy_add(&accuracy, found[i], exact->sum[i], exact->size[i], bound_of(roundings, exact->size[i]));
    }
    accuracy_report(&accuracy);
    exact_release(exact);
}

/* One chain of fma a result, from the bias or from +0. */
static void measure_passes(const char *what, const struct convolution *c, void *workspace)
{
    const struct tw_conv2d_shape *s = &c->shape;
    const ptrdiff_t fan_in = convolution_fan_in(c), taps_down = (s->kernel_height - 1) / s->stride[0] + 1;
    const ptrdiff_t taps_across = (s->kernel_width - 1) / s->stride[1] + 1;
    const ptrdiff_t fan_out = s->out_channels / s->groups * taps_down * taps_across;
    float *y = new_values(convolution_y_count(c)), *dx = new_values(convolution_x_count(c));
    struct exact exact_y = exact_convolution(c, INTO_Y), exact_dx = exact_convolution(c, INTO_DX);

    kernels->f32_conv2d_forward(s, c->samples, c->x, c->w, c->bias, y, workspace);
    kernels->f32_conv2d_input_gradient(s, c->samples, c->dy, c->w, dx, workspace);
    report(what, "y", fan_in, (double)fan_in, y, &exact_y, convolution_y_count(c));
    report(what, "dx", fan_out, (double)fan_out, dx, &exact_dx, convolution_x_count(c));
    free(y);
    free(dx);
}

/* One chain a result, or for depthwise convolution one in each of sixteen lanes, and their fold. */
static void measure_weight_gradient(const char *what, const struct convolution *c, void *workspace)
{
    const struct tw_conv2d_shape *s = &c->shape;
    const ptrdiff_t rows = c->samples * s->out_height, length = rows * s->out_width;
    const double roundings = tw_conv2d_is_depthwise(s)
                                 ? (double)(rows * ((s->out_width + TW_LANES - 1) / TW_LANES) + 4)
                                 : (double)length;
    float *dw = new_values(convolution_w_count(c)), *db = new_values(s->out_channels);
    struct exact exact_dw = exact_convolution(c, INTO_DW), exact_db = exact_bias(c);

    assert_false(tw_conv2d_is_winograd(s, TW_CONV2D_WEIGHT_GRADIENT));
    kernels->f32_conv2d_weight_gradient(s, c->samples, c->x, c->dy, dw, db, workspace);
    report(what, "dw", length, roundings, dw, &exact_dw, convolution_w_count(c));
    report(what, "db", length, roundings, db, &exact_db, s->out_channels);
    free(dw);
    free(db);
}

/* All passes of a shape of which the selector takes `forward` and `input_gradient`. */
static void measure(const char *what, struct convolution c, enum tw_conv_algorithm forward,
                    enum tw_conv_algorithm input_gradient)
{
    void *workspace = new_bytes(kernels->f32_conv2d_workspace(&c.shape));

    assert_int_equal(tw_conv_select(&c.shape, false), forward);
    assert_int_equal(tw_conv_select(&c.shape, true), input_gradient);
    measure_passes(what, &c, workspace);
    measure_weight_gradient(what, &c, workspace);
    free(workspace);
    convolution_release(&c);
}

/* In place; in place with a step; from a padded copy; few results of many channels. */
static void along_rows(void **state)
{
    (void)state;
    measure("depthwise 3 x 3", convolution_new(32, 32, 32, 14, 14, 3, 1), TW_CONV_ALONG_ROWS,
            TW_CONV_ALONG_ROWS);
    measure("depthwise 5 x 5, step 2", convolution_new(24, 48, 24, 15, 37, 5, 2), TW_CONV_ALONG_ROWS,
            TW_CONV_ALONG_ROWS);
    measure("depthwise 7 x 7", convolution_new(16, 16, 16, 14, 20, 7, 1), TW_CONV_ALONG_ROWS,
            TW_CONV_ALONG_ROWS);
    measure("16 -> 3, 3 x 3", convolution_new(16, 3, 1, 20, 20, 3, 1), TW_CONV_ALONG_ROWS, TW_CONV_DIRECT);
}

/* Its input gradient has few results and goes along rows. */
static void im2col(void **state)
{
    (void)state;
    measure("3 -> 32, 3 x 3, im2col", convolution_new(3, 32, 1, 40, 40, 3, 1), TW_CONV_COLUMNS,
            TW_CONV_ALONG_ROWS);
}

static void one_tap(void **state)
{
    (void)state;
    measure("40 -> 24, 1 x 1, gemm", convolution_new(40, 24, 1, 12, 13, 1, 1), TW_CONV_GEMM, TW_CONV_GEMM);
}

/* All passes direct: the weight gradient is where the contract leaves out its padding, unless the kernel is one tap. */
static void measure_direct(const char *what, struct convolution c)
{
    assert_true(tw_conv2d_leaves_out_padding(&c.shape, TW_CONV2D_WEIGHT_GRADIENT));
    measure(what, c, TW_CONV_DIRECT, TW_CONV_DIRECT);
}

/* Many channels, and kernels that Winograd does not suit. */
static void direct(void **state)
{
    (void)state;
    measure_direct("40 -> 24, 5 x 5", convolution_new(40, 24, 1, 13, 18, 5, 1));
    measure_direct("24 -> 40, 3 x 3, step 2", convolution_new(24, 40, 1, 15, 22, 3, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(along_rows),
        cmocka_unit_test(im2col),
        cmocka_unit_test(one_tap),
        cmocka_unit_test(direct),
    };

    return cmocka_run_group_tests(tests, choose_kernels, NULL);
}
