/* Kernels of 3 x 3 in place: the tables of masks, and which planes belong together. */
#include <string.h>

#include "kernels/conv/conv_depthwise.h"
#include "kernels/gemm/workspace.h"

#define LANES TW_CONV_IN_PLACE_LANES
#define LOADS TW_CONV_IN_PLACE_LOADS

bool tw_conv_is_in_place(const struct tw_conv_pass *pass)
{
    return pass->taps[0] == 3 && pass->taps[1] == 3 && pass->tap_step[0] == 1 && pass->tap_step[1] == 1 &&
           pass->step[0] == pass->step[1] && pass->step[0] <= 2 && pass->spacing[0] == 1 &&
           pass->spacing[1] == 1 && pass->positions[0] >= TW_CONV_IN_PLACE_ROWS && pass->positions[1] > 0;
}

struct tables {
    float *zeros;
    unsigned char *inside;
    size_t bytes;
};

static ptrdiff_t vectors(const struct tw_conv_pass *pass)
{
    return (pass->positions[1] + LANES - 1) / LANES;
}

static struct tables divide(const struct tw_conv_pass *pass, void *base)
{
    struct tw_workspace workspace = {.base = base};
    struct tables tables;

    tables.zeros = tw_workspace_take(&workspace, pass->source[1], sizeof(float));
    tables.inside = tw_workspace_take(&workspace, vectors(pass) * LOADS, sizeof(unsigned char));
    tables.bytes = workspace.used;
    return tables;
}

size_t tw_conv_in_place_workspace(const struct tw_conv_pass *pass)
{
    return divide(pass, NULL).bytes;
}

/* The position that vector `v` begins with: the last one is flush with the end of the row. */
static ptrdiff_t first_of(const struct tw_conv_pass *pass, ptrdiff_t v)
{
    const ptrdiff_t last = pass->positions[1] < LANES ? 0 : pass->positions[1] - LANES;

    return tw_conv_smaller(v * LANES, last);
}

/* Which of `count` columns from `column` on are inside a row. */
static unsigned char inside(const struct tw_conv_pass *pass, ptrdiff_t column, int count)
{
    unsigned bits = 0;

    for (int l = 0; l < count; l++) {
        bits |= (unsigned)(column + l >= 0 && column + l < pass->source[1]) << l;
    }
    return (unsigned char)bits;
}

static void find_inside(const struct tw_conv_pass *pass, struct tw_conv_in_place *s, unsigned char *table)
{
    s->whole = s->whole_end = 0;
    for (ptrdiff_t v = 0; v < vectors(pass); v++, table += LOADS) {
        const ptrdiff_t first = first_of(pass, v), column = first * pass->step[1] + pass->origin[1];
        const bool pairs = pass->step[1] == 2;
        const ptrdiff_t end = column + (pairs ? 2 * LANES + 1 : LANES + 2);

        table[0] = inside(pass, column, pairs ? 1 : LANES);
        table[1] = inside(pass, column + 1, LANES);
        table[2] = inside(pass, column + (pairs ? 1 + LANES : 2), LANES);
        if (pass->positions[1] >= LANES && column >= 0 && end <= pass->source[1]) {
            s->whole = s->whole_end > 0 ? s->whole : first;
            s->whole_end = first + 1;
        }
    }
}

static void run_sample(const struct tw_conv_depthwise *isa, const struct tw_conv_pass *pass,
                       const struct tw_conv_in_place *whole)
{
    const ptrdiff_t result_plane = pass->result[0] * pass->result[1];
    struct tw_conv_in_place s = *whole;

    if (pass->out_channels == 1) {
        s.planes = pass->groups;
        s.source_plane = pass->channels * s.channel;
        s.w_result = pass->w_group;
        isa->in_place(&s, pass->step[0]);
        return;
    }
    s.planes = pass->out_channels;
    s.w_result = pass->w_out;
    for (ptrdiff_t g = 0; g < pass->groups; g++) {
        isa->in_place(&s, pass->step[0]);
        s.source += pass->channels * s.channel;
        s.w += pass->w_group;
        s.start += s.start ? pass->out_channels : 0;
        s.result += pass->out_channels * result_plane;
    }
}

void tw_conv_run_in_place(const struct tw_conv_depthwise *isa, const struct tw_conv_pass *pass,
                          ptrdiff_t samples, const float *source, const float *w, const float *start,
                          float *result, void *workspace)
{
    const struct tables tables = divide(pass, workspace);
    struct tw_conv_in_place s = {
        .source = source,
        .height = pass->source[0],
        .width = pass->source[1],
        .origin = {pass->origin[0], pass->origin[1]},
        .channels = pass->channels,
        .channel = pass->source[0] * pass->source[1],
        .zeros = tables.zeros,
        .inside = tables.inside,
        .w = w + pass->w_first,
        .w_tap = pass->w_tap[1],
        .w_channel = pass->w_channel,
        .start = start,
        .rows = pass->result[0],
        .columns = pass->result[1],
        .result = result,
    };

    memset(tables.zeros, 0, (size_t)pass->source[1] * sizeof *tables.zeros);
    find_inside(pass, &s, tables.inside);
    for (ptrdiff_t n = 0; n < samples; n++) {
        run_sample(isa, pass, &s);
        s.source += pass->groups * pass->channels * s.channel;
        s.result += pass->groups * pass->out_channels * pass->result[0] * pass->result[1];
    }
}
