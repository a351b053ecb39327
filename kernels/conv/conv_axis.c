#include "kernels/conv/conv_axis.h"

ptrdiff_t tw_conv_meets(const struct tw_conv2d_shape *shape, int d, bool gradient, ptrdiff_t position,
                        ptrdiff_t tap)
{
    const ptrdiff_t in = d == 0 ? shape->in_height : shape->in_width;
    const ptrdiff_t out = d == 0 ? shape->out_height : shape->out_width;
    ptrdiff_t source;

    if (!gradient) {
        source = position * shape->stride[d] + tap * shape->dilation[d] - shape->padding[d];
        return source < in ? source : -1;
    }
    source = position + shape->padding[d] - tap * shape->dilation[d];
    if (source < 0 || source % shape->stride[d] != 0) {
        return -1;
    }
    source /= shape->stride[d];
    return source < out ? source : -1;
}

static ptrdiff_t greatest_common_divisor(ptrdiff_t x, ptrdiff_t y)
{
    while (y != 0) {
        const ptrdiff_t rest = x % y;

        x = y;
        y = rest;
    }
    return x;
}

static int class_index(struct tw_conv_axis *axis, struct tw_conv_class class)
{
    for (int i = 0; i < axis->classes; i++) {
        if (axis->class[i].first == class.first && axis->class[i].taps == class.taps) {
            return i;
        }
    }
    axis->class[axis->classes] = class;
    return axis->classes++;
}

ptrdiff_t tw_conv_axis_positions(const struct tw_conv2d_shape *shape, int d, bool gradient)
{
    const ptrdiff_t in = d == 0 ? shape->in_height : shape->in_width;
    const ptrdiff_t out = d == 0 ? shape->out_height : shape->out_width;

    return gradient ? in : out;
}

/* The taps that a position meets lie evenly: those of the kernel between the edges of the source, for a gradient every
 * stride / gcd(stride, dilation)-th of them, whose sources are dilation / gcd apart. */
struct tw_conv_axis tw_conv_axis(const struct tw_conv2d_shape *shape, int d, bool gradient, ptrdiff_t *source,
                                 int *class_of)
{
    const ptrdiff_t divisor = gradient ? greatest_common_divisor(shape->stride[d], shape->dilation[d]) : 1;
    struct tw_conv_axis axis = {.positions = tw_conv_axis_positions(shape, d, gradient),
                                .sources = tw_conv_axis_positions(shape, d, !gradient),
                                .kernel = d == 0 ? shape->kernel_height : shape->kernel_width,
                                .tap_step = gradient ? shape->stride[d] / divisor : 1,
                                .source_step = shape->dilation[d] / divisor,
                                .source = source,
                                .class_of = class_of};

    for (ptrdiff_t p = 0; p < axis.positions; p++) {
        struct tw_conv_class class = {0};
        ptrdiff_t first = 0;

        for (ptrdiff_t t = 0; t < axis.kernel; t++) {
            const ptrdiff_t met = tw_conv_meets(shape, d, gradient, p, gradient ? axis.kernel - 1 - t : t);

            if (met >= 0 && class.taps++ == 0) {
                class.first = t;
                first = met;
            }
        }
        if (source) {
            source[p] = first;
            class_of[p] = class_index(&axis, class);
        } else {
            class_index(&axis, class);
        }
    }
    return axis;
}

ptrdiff_t tw_conv_axis_taps(const struct tw_conv_axis *axis)
{
    ptrdiff_t taps = 0;

    for (int i = 0; i < axis->classes; i++) {
        taps += axis->class[i].taps;
    }
    return taps;
}
