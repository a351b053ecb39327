/* Weight and bias gradient of depthwise convolution: sixteen chains per element, which are lanes. For every
 * channel the planes of some samples are copied, and the sums of some taps go down their columns in registers.
 * What is missing to a whole number of such parts is the first tap again, into sums that nobody reads. */
#include <string.h>

#include "kernels/conv/conv_depthwise.h"
#include "kernels/gemm/workspace.h"

struct parts {
    struct tw_conv_padded padded;
    int descent;                /* which of tw_conv_descent_taps */
    ptrdiff_t taps, whole_taps; /* of the kernel; whole parts of them */
    ptrdiff_t *tap, *column;
    float *image;
    float *sums;   /* [output channel of the group][whole_taps, then the bias][TW_CONV_CHAINS] */
    float *unused; /* where a further part of the taps sums up dy again */
    size_t bytes;
};

static struct parts divide(const struct tw_conv_pass *pass, void *base)
{
    struct tw_workspace workspace = {.base = base};
    struct parts parts = {.padded = tw_conv_padded_for(pass, 1, 0), .taps = pass->taps[0] * pass->taps[1]};
    ptrdiff_t part;

    while (parts.descent < TW_CONV_DESCENTS - 1 && tw_conv_descent_taps[parts.descent] < parts.taps) {
        parts.descent++;
    }
    part = tw_conv_descent_taps[parts.descent];
    parts.whole_taps = (parts.taps + part - 1) / part * part;
    parts.tap = tw_workspace_take(&workspace, parts.whole_taps, sizeof(ptrdiff_t));
    parts.column = tw_workspace_take(&workspace, pass->taps[1], sizeof(ptrdiff_t));
    parts.image = tw_workspace_take(&workspace, parts.padded.planes * parts.padded.plane, sizeof(float));
    parts.sums = tw_workspace_take(&workspace, pass->out_channels * (parts.whole_taps + 1) * TW_CONV_CHAINS,
                                   sizeof(float));
    parts.unused = tw_workspace_take(&workspace, TW_CONV_CHAINS, sizeof(float));
    parts.bytes = workspace.used;
    return parts;
}

size_t tw_conv_depthwise_weight_gradient_workspace(const struct tw_conv2d_shape *shape)
{
    const struct tw_conv_pass pass = tw_conv_forward_pass(shape);

    return tw_conv_is_in_place(&pass) ? tw_conv_in_place_workspace(&pass) : divide(&pass, NULL).bytes;
}

/* All taps of one output channel, `samples` samples from `dy` on, whose copies are made. */
static void descend(const struct tw_conv_depthwise *isa, const struct tw_conv_pass *pass,
                    const struct parts *parts, ptrdiff_t samples, const float *dy, float *sums)
{
    const ptrdiff_t dy_plane = pass->result[0] * pass->result[1];

    for (ptrdiff_t t = 0; t < parts->whole_taps; t += tw_conv_descent_taps[parts->descent]) {
        isa->descend[parts->descent](&(struct tw_conv_descent){
            .x = parts->image,
            .x_row = pass->step[0] * parts->padded.row,
            .x_sample = parts->padded.plane,
            .dy = dy,
            .dy_sample = pass->groups * pass->out_channels * dy_plane,
            .samples = samples,
            .rows = pass->positions[0],
            .width = pass->positions[1],
            .tap = parts->tap + t,
            .sums = sums + t * TW_CONV_CHAINS,
            .bias = t == 0 ? sums + parts->whole_taps * TW_CONV_CHAINS : parts->unused,
        });
    }
}

static void run_group(const struct tw_conv_depthwise *isa, const struct tw_conv_pass *pass,
                      const struct parts *parts, ptrdiff_t group, ptrdiff_t samples, const float *x,
                      const float *dy)
{
    const ptrdiff_t x_plane = pass->source[0] * pass->source[1], dy_plane = pass->result[0] * pass->result[1];
    const ptrdiff_t chains = (parts->whole_taps + 1) * TW_CONV_CHAINS;

    memset(parts->sums, 0, (size_t)(pass->out_channels * chains) * sizeof *parts->sums);
    for (ptrdiff_t n = 0; n < samples; n += parts->padded.planes) {
        const ptrdiff_t held = tw_conv_smaller(parts->padded.planes, samples - n);

        isa->pad(&parts->padded, held, parts->padded.top, x + (n * pass->groups + group) * x_plane,
                 pass->groups * x_plane, parts->image);
        for (ptrdiff_t j = 0; j < pass->out_channels; j++) {
            descend(isa, pass, parts, held,
                    dy + ((n * pass->groups + group) * pass->out_channels + j) * dy_plane,
                    parts->sums + j * chains);
        }
    }
}

static void fold(const struct tw_conv_depthwise *isa, const struct tw_conv_pass *pass,
                 const struct parts *parts, float *dw, float *db)
{
    const float *sums = parts->sums;

    for (ptrdiff_t j = 0; j < pass->out_channels; j++, sums += (parts->whole_taps + 1) * TW_CONV_CHAINS) {
        for (ptrdiff_t t = 0; t < parts->taps; t++) {
            *dw++ = isa->fold(sums + t * TW_CONV_CHAINS);
        }
        if (db) {
            db[j] = isa->fold(sums + parts->whole_taps * TW_CONV_CHAINS);
        }
    }
}

void tw_conv_depthwise_weight_gradient(const struct tw_conv_depthwise *isa,
                                       const struct tw_conv2d_shape *shape, ptrdiff_t samples, const float *x,
                                       const float *dy, float *dw, float *db, void *workspace)
{
    const struct tw_conv_pass pass = tw_conv_forward_pass(shape);
    struct parts parts;

    if (tw_conv_is_in_place(&pass)) {
        tw_conv_run_in_place_gradient(isa, &pass, samples, x, dy, dw, db, workspace);
        return;
    }
    parts = divide(&pass, workspace);
    tw_conv_padded_columns(&pass, &parts.padded, parts.column);
    for (ptrdiff_t t = 0; t < parts.whole_taps; t++) {
        parts.tap[t] = t < parts.taps ? t / pass.taps[1] * pass.tap_step[0] * parts.padded.row +
                                            parts.column[t % pass.taps[1]]
                                      : parts.tap[0];
    }
    memset(parts.image, 0, (size_t)(parts.padded.planes * parts.padded.plane) * sizeof *parts.image);
    memset(parts.unused, 0, TW_CONV_CHAINS * sizeof *parts.unused);
    for (ptrdiff_t g = 0; g < pass.groups; g++) {
        run_group(isa, &pass, &parts, g, samples, x, dy);
        fold(isa, &pass, &parts, dw + g * pass.w_group, db ? db + g * pass.out_channels : NULL);
    }
}
