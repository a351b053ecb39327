/* When the weight gradient's "direct rows" takes the place of "direct": the rule of conv_select.c in numbers. */
#include "kernels/conv/conv_weight_rows.h"

enum {
    LANES = 16,
    /* Shorter rows are mostly ends, at which taps are missing: level with "direct" are five or six positions with padding, six or seven
     * without. */
    LEAST_POSITIONS = 8
};

bool tw_conv_suits_weight_rows(const struct tw_conv2d_shape *s)
{
    return tw_conv2d_leaves_out_padding(s, TW_CONV2D_WEIGHT_GRADIENT) &&
           s->out_channels / s->groups <= LANES && (s->kernel_width == 3 || s->kernel_width == 5) &&
           s->stride[1] == 1 && s->dilation[1] == 1 && s->padding[1] < s->kernel_width &&
           s->out_width >= LEAST_POSITIONS;
}
