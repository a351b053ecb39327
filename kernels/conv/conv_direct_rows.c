/* When "direct rows" takes the place of "direct": the rule of conv_select.c in numbers. */
#include "kernels/conv/conv_direct_rows.h"

enum { LANES = 16, RESULTS_MOST = 63 };

/* What a position and tap cost "direct", in result channels of its widest tiles: more than there are where loads bind narrow tiles.
 * On a CPU of two multipliers of 512 bits up to 16 channels cost 25, up to 32 cost 33; where a vector of 512 bits takes two turns,
 * little more than there are. */
static ptrdiff_t cost_of_direct(ptrdiff_t results)
{
    const ptrdiff_t rest = results % 32;

    return results / 32 * 33 + (rest == 0 ? 0 : rest <= 16 ? 20 : rest <= 24 ? 29 : 33);
}

static ptrdiff_t larger_of(ptrdiff_t x, ptrdiff_t y)
{
    return x > y ? x : y;
}

/* Taps that the positions of a row meet along it, in steps of 1; 0 if a tap is there that none meets: its masked loads would be far
 * from the image, where processors take them for faults first. */
static ptrdiff_t taps_met(const struct tw_conv2d_shape *s, bool input_gradient)
{
    const ptrdiff_t positions = tw_conv_axis_positions(s, 1, input_gradient);
    const ptrdiff_t sources = tw_conv_axis_positions(s, 1, !input_gradient);
    ptrdiff_t all = 0;

    for (ptrdiff_t b = 0; b < s->kernel_width; b++) {
        const ptrdiff_t step = tw_conv_direct_rows_step(s, input_gradient, b);
        const ptrdiff_t met = tw_conv_smaller(positions, sources - step) - larger_of(-step, 0);

        if (met < 1) {
            return 0;
        }
        all += met;
    }
    return all;
}

bool tw_conv_suits_direct_rows(const struct tw_conv2d_shape *s, bool input_gradient)
{
    const ptrdiff_t results = (input_gradient ? s->in_channels : s->out_channels) / s->groups;
    const ptrdiff_t row = tw_conv_axis_positions(s, 1, input_gradient);
    const ptrdiff_t lanes = (row + LANES - 1) / LANES * LANES;

    return tw_conv_select(s, input_gradient) == TW_CONV_DIRECT && s->stride[1] == 1 && s->kernel_width > 1 &&
           row > LANES && results <= RESULTS_MOST &&
           results * lanes * s->kernel_width < cost_of_direct(results) * taps_met(s, input_gradient);
}
