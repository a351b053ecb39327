/* Forward and input gradient by algorithm "along rows": which rows of which plane go where. */
#include <string.h>

#include "kernels/conv/conv_depthwise.h"
#include "kernels/gemm/workspace.h"

static ptrdiff_t larger(ptrdiff_t x, ptrdiff_t y)
{
    return x > y ? x : y;
}

static ptrdiff_t round_up(ptrdiff_t x, ptrdiff_t to)
{
    return (x + to - 1) / to * to;
}

/* One convolution: its passes, and its part of the workspace. */
struct run {
    const struct tw_conv_depthwise *isa;
    struct tw_conv_pass pass[TW_CONV_PHASES_MAX]; /* vertical phases, in each the horizontal ones */
    ptrdiff_t passes, taps;                       /* of the whole kernel, per pair of channels */
    struct tw_conv_padded padded;
    ptrdiff_t *column[TW_CONV_PHASES_MAX];
    const float *w[TW_CONV_PHASES_MAX]; /* [group][result channel][source channel][tap] */
    float *image, *packed;
    float *halves; /* rows of a band for each of two horizontal phases */
    ptrdiff_t halves_row;
    size_t bytes;
};

static struct run divide(const struct tw_conv2d_shape *shape, bool gradient, void *base)
{
    struct tw_workspace workspace = {.base = base};
    struct run run = {.passes = gradient ? shape->stride[0] * shape->stride[1] : 1};
    const struct tw_conv_pass *pass = run.pass;

    for (ptrdiff_t i = 0; i < run.passes; i++) {
        run.pass[i] = gradient ? tw_conv_gradient_pass(shape, i / shape->stride[1], i % shape->stride[1])
                               : tw_conv_forward_pass(shape);
        run.column[i] = tw_workspace_take(&workspace, shape->kernel_width, sizeof(ptrdiff_t));
    }
    run.taps = shape->kernel_height * shape->kernel_width;
    run.padded = tw_conv_padded_for(pass, run.passes, pass->channels);
    run.padded.planes = tw_conv_smaller(run.padded.planes, pass->groups * pass->channels);
    run.image = tw_workspace_take(&workspace, run.padded.planes * run.padded.plane, sizeof(float));
    if (gradient) {
        run.packed = tw_workspace_take(
            &workspace, pass->groups * pass->out_channels * pass->channels * run.taps, sizeof(float));
    }
    if (pass->spacing[1] > 1) {
        run.halves_row = round_up(pass->positions[1], 16) + 16;
        run.halves = tw_workspace_take(&workspace, 2 * run.padded.band * run.halves_row, sizeof(float));
    }
    run.bytes = workspace.used;
    return run;
}

/* The weights that a pass meets, in the order in which it meets them. Returns where the next begin. */
static float *pack(const struct tw_conv_pass *pass, const float *w, float *to)
{
    for (ptrdiff_t g = 0; g < pass->groups; g++) {
        for (ptrdiff_t j = 0; j < pass->out_channels; j++) {
            for (ptrdiff_t i = 0; i < pass->channels; i++) {
                const float *from =
                    w + g * pass->w_group + pass->w_first + j * pass->w_out + i * pass->w_channel;

                for (ptrdiff_t t = 0; t < pass->taps[0] * pass->taps[1]; t++) {
                    *to++ = from[t / pass->taps[1] * pass->w_tap[0] + t % pass->taps[1] * pass->w_tap[1]];
                }
            }
        }
    }
    return to;
}

/* A band of some result planes. */
struct band {
    const float *copy;           /* of the first plane's source channels, */
    ptrdiff_t copy_plane;        /* and from there to the next one's */
    ptrdiff_t channel, channels; /* of all result channels */
    ptrdiff_t first, rows;
    const float *bias;
    float *result; /* the first plane */
};

/* The band's rows of one pass. Rows of results whose sources are whole kernel rows apart form a strip. */
static void run_pass(const struct run *run, const struct band *band, ptrdiff_t which, float *result,
                     ptrdiff_t result_row)
{
    const struct tw_conv_pass *pass = &run->pass[which];
    const struct tw_conv_padded *p = &run->padded;
    const ptrdiff_t top = run->padded.top + pass->origin[0];
    ptrdiff_t apart = 1;

    while (apart * pass->step[0] % pass->tap_step[0] != 0) {
        apart++;
    }
    for (ptrdiff_t r = 0; r < apart && r < band->rows; r++) {
        run->isa->strip(&(struct tw_conv_strip){
            .source = band->copy + (top + r * pass->step[0]) * p->row,
            .source_step = apart * pass->step[0] * p->row,
            .tap_step = pass->tap_step[0] * p->row,
            .plane = p->plane,
            .column = run->column[which],
            .w = run->w[which] + band->channel * pass->channels * pass->taps[0] * pass->taps[1],
            .channels = pass->channels,
            .taps = {pass->taps[0], pass->taps[1]},
            .start = band->bias,
            .rows = (band->rows - r + apart - 1) / apart,
            .width = pass->positions[1],
            .result = result + r * result_row,
            .result_row = apart * result_row,
            .planes = band->channels,
            .source_plane = band->copy_plane,
            .result_plane = run->pass->result[0] * run->pass->result[1],
        });
    }
}

/* The two horizontal phases of a row of phases, one column after the other. */
static void run_halves(const struct run *run, const struct band *band, ptrdiff_t vertical, float *result,
                       ptrdiff_t result_row)
{
    const ptrdiff_t half = run->padded.band * run->halves_row;

    for (int h = 0; h < 2; h++) {
        run_pass(run, band, 2 * vertical + h, run->halves + h * half, run->halves_row);
    }
    for (ptrdiff_t r = 0; r < band->rows; r++) {
        const float *const halves[2] = {run->halves + r * run->halves_row,
                                        run->halves + r * run->halves_row + half};

        run->isa->interleave(run->pass->result[1], halves, result + r * result_row);
    }
}

static void run_band(const struct run *run, struct band band)
{
    const ptrdiff_t width = run->pass->result[1], vertical_phases = run->pass->spacing[0];

    for (ptrdiff_t v = 0; v < vertical_phases; v++) {
        const ptrdiff_t left = run->pass[v * run->pass->spacing[1]].positions[0] - band.first;
        float *result = band.result + (v + band.first * vertical_phases) * width;

        band.rows = tw_conv_smaller(run->padded.band, left);
        if (run->pass->spacing[1] == 1) {
            run_pass(run, &band, v, result, vertical_phases * width);
        } else {
            run_halves(run, &band, v, result, vertical_phases * width);
        }
    }
}

/* Result planes whose sources lie `copy_plane` apart. Those of two horizontal phases are put together one by one. */
static void run_channels(const struct run *run, struct band band, const float *bias, float *result)
{
    const ptrdiff_t plane = run->pass->result[0] * run->pass->result[1], channels = band.channels;
    const ptrdiff_t together = run->pass->spacing[1] == 1 ? channels : 1;

    for (ptrdiff_t i = 0; i < channels; i += together) {
        band.channels = together;
        band.bias = bias ? bias + band.channel : NULL;
        band.result = result + band.channel * plane;
        run_band(run, band);
        band.copy += together * band.copy_plane;
        band.channel += together;
    }
}

/* The groups that are in the copy, from group `group` of the sample on. */
static void run_groups(const struct run *run, ptrdiff_t group, ptrdiff_t groups, ptrdiff_t first,
                       const float *bias, float *result)
{
    const struct tw_conv_pass *pass = run->pass;
    const ptrdiff_t copied = pass->channels * run->padded.plane; /* of one group */
    struct band band = {.copy = run->image, .channel = group * pass->out_channels, .first = first};

    if (pass->out_channels == 1) {
        band.channels = groups;
        band.copy_plane = copied;
        run_channels(run, band, bias, result);
        return;
    }
    for (ptrdiff_t g = 0; g < groups; g++) {
        band.channels = pass->out_channels;
        run_channels(run, band, bias, result);
        band.copy += copied;
        band.channel += pass->out_channels;
    }
}

static void run_samples(const struct run *run, ptrdiff_t samples, const float *source, const float *bias,
                        float *result)
{
    const struct tw_conv_pass *pass = run->pass;
    const struct tw_conv_padded *p = &run->padded;
    const ptrdiff_t plane = pass->source[0] * pass->source[1], held = p->planes / pass->channels;
    ptrdiff_t positions = 0;

    for (ptrdiff_t i = 0; i < run->passes; i++) {
        tw_conv_padded_columns(&pass[i], p, run->column[i]);
        positions = larger(positions, pass[i].positions[0]);
    }
    memset(run->image, 0, (size_t)(p->planes * p->plane) * sizeof *run->image);
    for (ptrdiff_t n = 0; n < samples; n++) {
        for (ptrdiff_t g = 0; g < pass->groups; g += held) {
            const ptrdiff_t groups = tw_conv_smaller(held, pass->groups - g);

            for (ptrdiff_t row = 0; row < positions; row += p->band) {
                run->isa->pad(p, groups * pass->channels, p->top - row * pass->step[0],
                              source + (n * pass->groups + g) * pass->channels * plane, plane, run->image);
                run_groups(run, g, groups, row, bias,
                           result +
                               n * pass->groups * pass->out_channels * pass->result[0] * pass->result[1]);
            }
        }
    }
}

/* The body that takes the whole pass without a copy, or NULL. */
static tw_conv_planes_fn *planes_in_place(const struct tw_conv_depthwise *isa,
                                          const struct tw_conv_pass *pass)
{
    return tw_conv_is_in_place(pass)       ? isa->in_place
           : tw_conv_is_5x5_in_place(pass) ? isa->in_place_5x5
                                           : NULL;
}

void tw_conv_depthwise_forward(const struct tw_conv_depthwise *isa, const struct tw_conv2d_shape *shape,
                               ptrdiff_t samples, const float *x, const float *w, const float *bias, float *y,
                               void *workspace)
{
    const struct tw_conv_pass pass = tw_conv_forward_pass(shape);
    tw_conv_planes_fn *const planes = planes_in_place(isa, &pass);
    struct run run;

    if (planes) {
        tw_conv_run_in_place(planes, &pass, samples, x, w, bias, y, workspace);
        return;
    }
    run = divide(shape, false, workspace);
    run.isa = isa;
    run.w[0] = w;
    run_samples(&run, samples, x, bias, y);
}

void tw_conv_depthwise_input_gradient(const struct tw_conv_depthwise *isa,
                                      const struct tw_conv2d_shape *shape, ptrdiff_t samples, const float *dy,
                                      const float *w, float *dx, void *workspace)
{
    const bool pairs = tw_conv_is_in_pairs(shape);
    const struct tw_conv_pass pass = pairs ? tw_conv_pairs_pass(shape) : tw_conv_gradient_pass(shape, 0, 0);
    tw_conv_planes_fn *const planes =
        pairs ? isa->pairs_in_place[shape->kernel_height / 2 - 1] : planes_in_place(isa, &pass);
    struct run run;
    float *packed;

    if (planes) {
        tw_conv_run_in_place(planes, &pass, samples, dy, w, NULL, dx, workspace);
        return;
    }
    run = divide(shape, true, workspace);
    packed = run.packed;
    run.isa = isa;
    for (ptrdiff_t i = 0; i < run.passes; i++) {
        run.w[i] = packed;
        packed = pack(&run.pass[i], w, packed);
    }
    run_samples(&run, samples, dy, NULL, dx);
}

size_t tw_conv_depthwise_passes_workspace(const struct tw_conv2d_shape *shape, bool input_gradient)
{
    const bool pairs = input_gradient && tw_conv_is_in_pairs(shape);
    const struct tw_conv_pass pass = pairs            ? tw_conv_pairs_pass(shape)
                                     : input_gradient ? tw_conv_gradient_pass(shape, 0, 0)
                                                      : tw_conv_forward_pass(shape);
    const size_t tables = tw_conv_in_place_workspace(&pass);
    const bool in_place = pairs || tw_conv_is_in_place(&pass) || tw_conv_is_5x5_in_place(&pass);
    const size_t copy = in_place ? 0 : divide(shape, input_gradient, NULL).bytes;

    return tables > copy ? tables : copy;
}
