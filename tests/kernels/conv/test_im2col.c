#include <float.h>

#include "tests/kernels/conv/conv_cases.h"

/* The column matrix against the formula, and the reference convolutions against GEMMs on it: the chains of
 * conv.h are those of the products, so the bits are too. */

static void column_matrix_follows_the_formula(void **state)
{
    const ptrdiff_t cases = tw_test_cases(100);
    struct tw_rng rng = tw_test_rng(1);

    (void)state;
    for (ptrdiff_t n = 0; n < cases; n++) {
        const struct tw_conv2d_shape s = random_shape(&rng);
        const ptrdiff_t channels = s.in_channels / s.groups, plane = s.in_height * s.in_width;
        const ptrdiff_t rows = channels * s.kernel_height * s.kernel_width,
                        positions = s.out_height * s.out_width;
        struct tw_guard x = tw_guard_floats(channels * plane);
        struct tw_guard column = tw_guard_floats(rows * positions);
        const float *from = x.data, *to = column.data;

        tw_test_fill(&rng, x.data, channels * plane, 1.0f, 2.0f);
        tw_f32_im2col(&s, x.data, column.data);
        for (ptrdiff_t e = 0; e < rows * positions; e++) {
            const ptrdiff_t tap = e / positions % (s.kernel_height * s.kernel_width), p = e % positions;
            const ptrdiff_t h =
                p / s.out_width * s.stride[0] + tap / s.kernel_width * s.dilation[0] - s.padding[0];
            const ptrdiff_t c =
                p % s.out_width * s.stride[1] + tap % s.kernel_width * s.dilation[1] - s.padding[1];
            const bool inside = h >= 0 && h < s.in_height && c >= 0 && c < s.in_width;
            const ptrdiff_t channel = e / positions / (s.kernel_height * s.kernel_width);
            const float expected = inside ? from[channel * plane + h * s.in_width + c] : 0.0f;

            assert_bits_equal_f32(&expected, to + e, 1);
        }
        tw_guard_release(&column);
        tw_guard_release(&x);
    }
}

/* y = w column and dw = dy column^T of one group, as GEMMs of the reference. */
static void multiply_columns(const struct tw_conv2d_shape *s, const float *column,
                             const struct conv_data *data, ptrdiff_t group, float *y, float *dw)
{
    const ptrdiff_t m = s->out_channels / s->groups, positions = s->out_height * s->out_width;
    const ptrdiff_t k = s->in_channels / s->groups * s->kernel_height * s->kernel_width;
    const struct tw_gemm_shape forward = {.m = m,
                                          .n = positions,
                                          .k = k,
                                          .a_row = k,
                                          .a_col = 1,
                                          .b_row = positions,
                                          .b_col = 1,
                                          .c_row = positions};
    const struct tw_gemm_shape weight_gradient = {.m = m,
                                                  .n = k,
                                                  .k = positions,
                                                  .a_row = positions,
                                                  .a_col = 1,
                                                  .b_row = 1,
                                                  .b_col = positions,
                                                  .c_row = k};

    tw_f32_gemm__reference(&forward, data->w + group * m * k, column, y + group * m * positions, NULL);
    tw_f32_gemm__reference(&weight_gradient, data->dy + group * m * positions, column, dw + group * m * k,
                           NULL);
}

static void convolutions_are_products_with_it(void **state)
{
    const ptrdiff_t cases = tw_test_cases(60);
    struct tw_rng rng = tw_test_rng(2);

    (void)state;
    for (ptrdiff_t n = 0; n < cases; n++) {
        const struct tw_conv2d_shape s = random_shape(&rng);
        const ptrdiff_t group_x = s.in_channels / s.groups * s.in_height * s.in_width;
        struct conv_data data = new_data(&rng, &s, 1);
        float *column = new_floats(s.in_channels / s.groups * s.kernel_height * s.kernel_width *
                                   s.out_height * s.out_width);
        float *y = new_floats(data.y_count), *dw = new_floats(data.w_count);

        for (ptrdiff_t g = 0; g < s.groups; g++) {
            tw_f32_im2col(&s, data.x + g * group_x, column);
            multiply_columns(&s, column, &data, g, y, dw);
        }
        tw_f32_conv2d_forward__reference(&s, 1, data.x, data.w, NULL, data.y, NULL);
        tw_f32_conv2d_weight_gradient__reference(&s, 1, data.x, data.dy, data.dw, NULL, NULL);
        assert_bits_equal_f32(y, data.y, data.y_count);
        if (!tw_conv2d_is_depthwise(&s)) { /* which has an order of its own */
            assert_bits_equal_f32(dw, data.dw, data.w_count);
        }
        free(column);
        free(y);
        free(dw);
        end_data(&data);
    }
}

/* The input gradient is the adjoint of the forward pass: sum y(x) dy = sum x dx(dy). Both sides round one fma
 * per link of their chains, at most `links` of them, so each is within gamma(links) of the exact sum of the
 * products' magnitudes (Higham, 3.1), which |x|, |w| and |dy| bound through one more forward pass. */
static void input_gradient_is_the_adjoint(void **state)
{
    const ptrdiff_t cases = tw_test_cases(60);
    struct tw_rng rng = tw_test_rng(3);

    (void)state;
    for (ptrdiff_t n = 0; n < cases; n++) {
        const struct tw_conv2d_shape s = random_shape(&rng);
        const ptrdiff_t widest = s.in_channels > s.out_channels ? s.in_channels : s.out_channels;
        const ptrdiff_t links = widest / s.groups * s.kernel_height * s.kernel_width;
        struct conv_data data = new_data(&rng, &s, 2);
        double left = 0.0, right = 0.0, magnitude = 0.0;

        tw_f32_conv2d_forward__reference(&s, 2, data.x, data.w, NULL, data.y, NULL);
        tw_f32_conv2d_input_gradient__reference(&s, 2, data.dy, data.w, data.dx, NULL);
        for (ptrdiff_t i = 0; i < data.y_count; i++)
            left += (double)data.y[i] * data.dy[i];
        for (ptrdiff_t i = 0; i < data.x_count; i++)
            right += (double)data.x[i] * data.dx[i];
        for (ptrdiff_t i = 0; i < data.x_count; i++)
            data.x[i] = fabsf(data.x[i]);
        for (ptrdiff_t i = 0; i < data.w_count; i++)
            data.w[i] = fabsf(data.w[i]);
        tw_f32_conv2d_forward__reference(&s, 2, data.x, data.w, NULL, data.y, NULL);
        for (ptrdiff_t i = 0; i < data.y_count; i++)
            magnitude += (double)data.y[i] * fabs((double)data.dy[i]);
        assert_true(fabs(left - right) <= 2.0 * (double)(links + 2) * FLT_EPSILON * magnitude);
        end_data(&data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(column_matrix_follows_the_formula),
        cmocka_unit_test(convolutions_are_products_with_it),
        cmocka_unit_test(input_gradient_is_the_adjoint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
