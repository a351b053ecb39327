/* Kernels of 3 x 3 in place: the tables of masks, and which planes belong together. */
#include <string.h>

#include "kernels/conv/conv_depthwise.h"
#include "kernels/gemm/workspace.h"

#define LANES TW_CONV_IN_PLACE_LANES
#define LOADS TW_CONV_IN_PLACE_LOADS

/* `taps` x `taps` next to each other, in steps of 1 or 2. */
static bool is_square(const struct tw_conv_pass *pass, ptrdiff_t taps)
{
    return pass->taps[0] == taps && pass->taps[1] == taps && pass->tap_step[0] == 1 &&
           pass->tap_step[1] == 1 && pass->step[0] == pass->step[1] && pass->step[0] <= 2 &&
           pass->spacing[0] == 1 && pass->spacing[1] == 1;
}

bool tw_conv_is_in_place(const struct tw_conv_pass *pass)
{
    return is_square(pass, 3) && pass->positions[0] >= TW_CONV_IN_PLACE_ROWS && pass->positions[1] > 0;
}

bool tw_conv_is_5x5_in_place(const struct tw_conv_pass *pass)
{
    return is_square(pass, 5) && pass->channels == 1 && pass->positions[0] >= TW_CONV_5X5_ROWS &&
           pass->positions[1] > LANES;
}

bool tw_conv_is_in_pairs(const struct tw_conv2d_shape *shape)
{
    const ptrdiff_t taps = shape->kernel_height;
    bool are = (taps == 3 || taps == 5) && shape->kernel_width == taps;

    for (int d = 0; d < 2; d++) {
        are =
            are && shape->stride[d] == 2 && shape->dilation[d] == 1 && shape->padding[d] % 2 == taps / 2 % 2;
    }
    return are;
}

/* The first gradient that results 2 c and 2 c + 1 meet: c + origin. */
struct tw_conv_pass tw_conv_pairs_pass(const struct tw_conv2d_shape *shape)
{
    const ptrdiff_t taps = shape->kernel_height;
    struct tw_conv_pass pass = tw_conv_gradient_pass(shape, 0, 0);

    for (int d = 0; d < 2; d++) {
        pass.positions[d] = (pass.result[d] + 1) / 2;
        pass.taps[d] = (taps + 1) / 2;
        pass.origin[d] = (shape->padding[d] - taps / 2) / 2 - (taps == 5);
        pass.step[d] = pass.tap_step[d] = 1;
    }
    pass.w_first = 0;
    pass.w_tap[0] = taps;
    pass.w_tap[1] = 1;
    return pass;
}

struct tables {
    float *zeros;
    unsigned char *inside;
    ptrdiff_t whole, whole_end;
    size_t bytes;
};

static ptrdiff_t vectors(const struct tw_conv_pass *pass)
{
    return (pass->positions[1] + LANES - 1) / LANES;
}

static struct tables divide(const struct tw_conv_pass *pass, void *base)
{
    struct tw_workspace workspace = {.base = base};
    struct tables tables = {0};

    tables.zeros = tw_workspace_take(&workspace, pass->source[1], sizeof(float));
    tables.inside = tw_workspace_take(&workspace, vectors(pass) * LOADS, sizeof(unsigned char));
    tables.bytes = workspace.used;
    return tables;
}

size_t tw_conv_in_place_workspace(const struct tw_conv_pass *pass)
{
    return divide(pass, NULL).bytes;
}

/* Which of `count` columns from `column` on are inside a row. */
static unsigned char inside(const struct tw_conv_pass *pass, ptrdiff_t column, ptrdiff_t count)
{
    unsigned bits = 0;

    for (ptrdiff_t l = 0; l < count; l++) {
        bits |= (unsigned)(column + l >= 0 && column + l < pass->source[1]) << l;
    }
    return (unsigned char)bits;
}

static ptrdiff_t clamp(ptrdiff_t x, ptrdiff_t least, ptrdiff_t most)
{
    return x < least ? least : x > most ? most : x;
}

/* What `positions` positions (at most a vector) from `first` on meet. */
static void find_vector(const struct tw_conv_pass *pass, ptrdiff_t first, ptrdiff_t positions,
                        unsigned char table[LOADS])
{
    const ptrdiff_t column = first * pass->step[1] + pass->origin[1];

    if (pass->step[1] == 1) {
        for (int b = 0; b < LOADS; b++) {
            table[b] = inside(pass, column + b, positions);
        }
    } else {
        table[0] = inside(pass, column, 1);
        table[1] = inside(pass, column + 1, clamp(2 * positions, 0, LANES));
        table[2] = inside(pass, column + 1 + LANES, clamp(2 * positions - LANES, 0, LANES));
    }
}

/* Zeros and masks. The last vector is flush with the end of the row or not. */
static void fill(const struct tw_conv_pass *pass, bool flush, struct tables *tables)
{
    const ptrdiff_t last =
        pass->positions[1] < LANES || !flush ? pass->positions[1] : pass->positions[1] - LANES;

    memset(tables->zeros, 0, (size_t)pass->source[1] * sizeof *tables->zeros);
    for (ptrdiff_t v = 0; v < vectors(pass); v++) {
        const ptrdiff_t first = tw_conv_smaller(v * LANES, last);
        const ptrdiff_t positions = tw_conv_smaller(pass->positions[1] - first, LANES);
        const ptrdiff_t column = first * pass->step[1] + pass->origin[1];
        const ptrdiff_t end = column + (pass->step[1] == 1 ? LANES + 2 : 2 * LANES + 1);

        find_vector(pass, first, positions, tables->inside + v * LOADS);
        if (positions == LANES && column >= 0 && end <= pass->source[1]) {
            tables->whole = tables->whole_end > 0 ? tables->whole : first;
            tables->whole_end = first + 1;
        }
    }
}

static void run_sample(tw_conv_planes_fn *planes, const struct tw_conv_pass *pass,
                       const struct tw_conv_in_place *whole)
{
    const ptrdiff_t result_plane = pass->result[0] * pass->result[1];
    struct tw_conv_in_place s = *whole;

    if (pass->out_channels == 1) {
        s.planes = pass->groups;
        s.source_plane = pass->channels * s.channel;
        s.w_result = pass->w_group;
        planes(&s);
        return;
    }
    s.planes = pass->out_channels;
    s.w_result = pass->w_out;
    for (ptrdiff_t g = 0; g < pass->groups; g++) {
        planes(&s);
        s.source += pass->channels * s.channel;
        s.w += pass->w_group;
        s.start += s.start ? pass->out_channels : 0;
        s.result += pass->out_channels * result_plane;
    }
}

void tw_conv_run_in_place(tw_conv_planes_fn *planes, const struct tw_conv_pass *pass, ptrdiff_t samples,
                          const float *source, const float *w, const float *start, float *result,
                          void *workspace)
{
    struct tables tables = divide(pass, workspace);
    struct tw_conv_in_place s = {
        .source = source,
        .height = pass->source[0],
        .width = pass->source[1],
        .origin = {pass->origin[0], pass->origin[1]},
        .step = pass->step[0],
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

    fill(pass, true, &tables);
    s.whole = tables.whole;
    s.whole_end = tables.whole_end;
    for (ptrdiff_t n = 0; n < samples; n++) {
        run_sample(planes, pass, &s);
        s.source += pass->groups * pass->channels * s.channel;
        s.result += pass->groups * pass->out_channels * pass->result[0] * pass->result[1];
    }
}

void tw_conv_run_in_place_gradient(const struct tw_conv_depthwise *isa, const struct tw_conv_pass *pass,
                                   ptrdiff_t samples, const float *x, const float *dy, float *dw, float *db,
                                   void *workspace)
{
    const ptrdiff_t x_plane = pass->source[0] * pass->source[1], dy_plane = pass->result[0] * pass->result[1];
    const bool one = pass->out_channels == 1; /* then all groups at once */
    struct tables tables = divide(pass, workspace);
    struct tw_conv_descent_in_place d = {.height = pass->source[0],
                                         .width = pass->source[1],
                                         .origin = {pass->origin[0], pass->origin[1]},
                                         .rows = pass->result[0],
                                         .columns = pass->result[1],
                                         .channels = one ? pass->groups : pass->out_channels,
                                         .x_channel = one ? x_plane : 0,
                                         .dy_channel = dy_plane,
                                         .samples = samples,
                                         .x_sample = pass->groups * x_plane,
                                         .dy_sample = pass->groups * pass->out_channels * dy_plane,
                                         .zeros = tables.zeros,
                                         .inside = tables.inside};

    fill(pass, false, &tables);
    d.whole = tables.whole;
    d.whole_end = tables.whole_end;
    for (ptrdiff_t j = 0; j < pass->groups * pass->out_channels; j += d.channels) {
        d.x = x + j / pass->out_channels * x_plane;
        d.dy = dy + j * dy_plane;
        d.dw = dw + j * 9;
        d.db = db ? db + j : NULL;
        isa->descend_in_place(&d, pass->step[0]);
    }
}
