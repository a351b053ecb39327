/* Geometry of passes: forward, input gradient by phases, windows and offset tables. */
#include <string.h>

#include "kernels/conv/conv_pass.h"

/* A window of this many floats (64 KiB) stays in L2 beside the packed weights. */
#define WINDOW_FLOATS 16384

struct tw_conv_pass tw_conv_forward_pass(const struct tw_conv2d_shape *shape)
{
    const ptrdiff_t taps = shape->kernel_height * shape->kernel_width;
    const ptrdiff_t channels = shape->in_channels / shape->groups;
    const ptrdiff_t out_channels = shape->out_channels / shape->groups;

    return (struct tw_conv_pass){
        .groups = shape->groups,
        .channels = channels,
        .out_channels = out_channels,
        .source = {shape->in_height, shape->in_width},
        .result = {shape->out_height, shape->out_width},
        .positions = {shape->out_height, shape->out_width},
        .taps = {shape->kernel_height, shape->kernel_width},
        .origin = {-shape->padding[0], -shape->padding[1]},
        .step = {shape->stride[0], shape->stride[1]},
        .tap_step = {shape->dilation[0], shape->dilation[1]},
        .first = {0, 0},
        .spacing = {1, 1},
        .w_group = out_channels * channels * taps,
        .w_out = channels * taps,
        .w_channel = taps,
        .w_tap = {shape->kernel_width, 1},
    };
}

/* One direction of a phase. Input position h = phase + t stride meets tap u at output position
 * r = (h + padding - u dilation) / stride where that is whole. If u does, the next is u +- period with
 * period = stride / gcd(stride, dilation), and r changes by dilation / gcd. Output positions ascend, so taps
 * descend from the largest. */
static void phase(struct tw_conv_pass *pass, int d, const struct tw_conv2d_shape *shape, ptrdiff_t kernel,
                  ptrdiff_t phase_of_input, ptrdiff_t *largest, ptrdiff_t *period)
{
    const ptrdiff_t stride = shape->stride[d], dilation = shape->dilation[d];
    ptrdiff_t gcd = stride, rest = dilation, tap = kernel - 1, reach;

    while (rest != 0) {
        ptrdiff_t next = gcd % rest;

        gcd = rest;
        rest = next;
    }
    while (tap >= 0 && (phase_of_input + shape->padding[d] - tap * dilation) % stride != 0) {
        tap--;
    }
    reach = phase_of_input + shape->padding[d] - tap * dilation;
    *largest = tap;
    *period = stride / gcd;
    pass->taps[d] = tap < 0 ? 0 : tap / *period + 1;
    pass->tap_step[d] = dilation / gcd;
    pass->step[d] = 1;
    pass->origin[d] = tap < 0 ? 0 : reach / stride;
    pass->first[d] = phase_of_input;
    pass->spacing[d] = stride;
    pass->positions[d] =
        pass->result[d] <= phase_of_input ? 0 : (pass->result[d] - 1 - phase_of_input) / stride + 1;
}

struct tw_conv_pass tw_conv_gradient_pass(const struct tw_conv2d_shape *shape, ptrdiff_t vertical,
                                          ptrdiff_t horizontal)
{
    struct tw_conv_pass pass = tw_conv_forward_pass(shape);
    const ptrdiff_t forward_channel = pass.w_channel;
    ptrdiff_t largest[2], period[2];

    pass.channels = shape->out_channels / shape->groups;
    pass.out_channels = shape->in_channels / shape->groups;
    pass.w_channel = pass.w_out;
    pass.w_out = forward_channel;
    pass.source[0] = shape->out_height;
    pass.source[1] = shape->out_width;
    pass.result[0] = shape->in_height;
    pass.result[1] = shape->in_width;
    phase(&pass, 0, shape, shape->kernel_height, vertical, &largest[0], &period[0]);
    phase(&pass, 1, shape, shape->kernel_width, horizontal, &largest[1], &period[1]);
    pass.w_first = largest[0] * shape->kernel_width + largest[1];
    pass.w_tap[0] = -period[0] * shape->kernel_width;
    pass.w_tap[1] = -period[1];
    return pass;
}

/* Elements of a plane when a band has `band` rows: whole cache lines, an odd number of them. */
static ptrdiff_t plane_of(const struct tw_conv_pass *pass, ptrdiff_t band, ptrdiff_t columns)
{
    const ptrdiff_t rows = (band - 1) * pass->step[0] + (pass->taps[0] - 1) * pass->tap_step[0] + 1;

    return ((rows * columns + 15) / 16 | 1) * 16;
}

struct tw_conv_window tw_conv_window(const struct tw_conv_pass *pass, ptrdiff_t depth, ptrdiff_t positions)
{
    struct tw_conv_window window;
    ptrdiff_t band = tw_conv_smaller(positions / pass->positions[1], pass->positions[0]);

    window.channels = tw_conv_even(pass->channels, depth / (pass->taps[0] * pass->taps[1]));
    window.phases = pass->step[1];
    window.phase =
        ((pass->positions[1] - 1) * pass->step[1] + (pass->taps[1] - 1) * pass->tap_step[1]) / pass->step[1] +
        1;
    window.columns = window.phases * window.phase;
    while (band > 1 && window.channels * plane_of(pass, band, window.columns) > WINDOW_FLOATS) {
        band--;
    }
    window.band = tw_conv_even(pass->positions[0], band);
    window.rows = (window.band - 1) * pass->step[0] + (pass->taps[0] - 1) * pass->tap_step[0] + 1;
    window.plane = plane_of(pass, window.band, window.columns);
    return window;
}

void tw_conv_window_clear(const struct tw_conv_window *window, float *to)
{
    memset(to, 0, (size_t)(window->channels * window->plane) * sizeof *to);
}

/* Rows are short: a call of memcpy for each costs more than the copy. The last eight may overlap those
 * before. */
static void copy_row(ptrdiff_t count, const float *from, float *to)
{
    if (count < 8) {
        for (ptrdiff_t c = 0; c < (count & 3); c++) {
            to[c] = from[c];
        }
        if (count >= 4) {
            memcpy(to + count - 4, from + count - 4, 4 * sizeof *to);
        }
        return;
    }
    for (ptrdiff_t c = 0; c < count - 8; c += 8) {
        memcpy(to + c, from + c, 8 * sizeof *to);
    }
    memcpy(to + count - 8, from + count - 8, 8 * sizeof *to);
}

/* Every `step`th element. A constant step of two, by far the most frequent one, lets the compiler take vectors. */
static void copy_phase(ptrdiff_t count, const float *from, ptrdiff_t step, float *to)
{
    if (step == 1) {
        copy_row(count, from, to);
    } else if (step == 2) {
        for (ptrdiff_t c = 0; c < count; c++) {
            to[c] = from[2 * c];
        }
    } else {
        for (ptrdiff_t c = 0; c < count; c++) {
            to[c] = from[step * c];
        }
    }
}

/* One row of the source, its columns by phases. Columns of the window beside the source stay zero. */
static void fill_row(const struct tw_conv_pass *pass, const struct tw_conv_window *window,
                     const float *source, float *to)
{
    const ptrdiff_t phases = window->phases;

    for (ptrdiff_t f = 0; f < phases; f++, to += window->phase) {
        const ptrdiff_t origin = pass->origin[1] + f;
        const ptrdiff_t begin = origin < 0 ? (-origin + phases - 1) / phases : 0;
        const ptrdiff_t inside =
            pass->source[1] > origin ? (pass->source[1] - origin + phases - 1) / phases : 0;
        const ptrdiff_t end = tw_conv_smaller(inside, window->phase);

        if (begin < end) {
            copy_phase(end - begin, source + origin + begin * phases, phases, to + begin);
        }
    }
}

void tw_conv_window_fill(const struct tw_conv_pass *pass, const struct tw_conv_window *window,
                         ptrdiff_t channels, ptrdiff_t row, const float *source, float *to)
{
    const ptrdiff_t height = pass->source[0], width = pass->source[1];
    const ptrdiff_t top = pass->origin[0] + row * pass->step[0];

    for (ptrdiff_t i = 0; i < channels; i++, to += window->plane, source += height * width) {
        for (ptrdiff_t r = 0; r < window->rows; r++) {
            float *line = to + r * window->columns;

            if (top + r < 0 || top + r >= height) {
                memset(line, 0, (size_t)window->columns * sizeof *line);
            } else {
                fill_row(pass, window, source + (top + r) * width, line);
            }
        }
    }
}

void tw_conv_position_table(const struct tw_conv_pass *pass, const struct tw_conv_window *window,
                            ptrdiff_t *table)
{
    for (ptrdiff_t r = 0; r < window->band; r++) {
        for (ptrdiff_t c = 0; c < pass->positions[1]; c++) {
            *table++ = r * pass->step[0] * window->columns + c;
        }
    }
}

void tw_conv_tap_table(const struct tw_conv_pass *pass, const struct tw_conv_window *window, ptrdiff_t *table)
{
    for (ptrdiff_t i = 0; i < window->channels; i++) {
        for (ptrdiff_t a = 0; a < pass->taps[0]; a++) {
            for (ptrdiff_t b = 0; b < pass->taps[1]; b++) {
                const ptrdiff_t column = b * pass->tap_step[1];

                *table++ = i * window->plane + a * pass->tap_step[0] * window->columns +
                           column % window->phases * window->phase + column / window->phases;
            }
        }
    }
}
