/* The choice of an algorithm, and the algorithms by name.
 *
 * The rule, the same for every ISA but for the weight gradient's "gemm", "direct rows", and that NEON has nothing "along rows":
 * "im2col+gemm" there, and the reference for the weight gradient of depthwise convolution. Every algorithm keeps the
 * summation orders of conv.h, so the choice changes the time and not a bit of the result, but for "winograd", which the contract
 * itself chooses.
 *
 *   "winograd"     where the contract says so (tw_conv2d_is_winograd): its sums are others.
 *   "along rows"   otherwise, fewer results a group than RESULTS_ALONG_ROWS (output channels, for the input gradient input
 *                  channels), of at most CHANNELS_FEW source channels in several groups, or of any number of them if the
 *                  kernel is larger than one tap and the image has ROWS_LEAST rows of results: vectors along rows of
 *                  the image, which need no second channel to be full; the input gradient for strides up to 2. But
 *                  not RESULTS_COLUMNS results and more of one group whose sums have LINKS_COLUMNS links, in rows that
 *                  leave less than a quarter of vectors of LANES idle, the input gradient in steps of 1: "im2col+gemm".
 *   "gemm"         otherwise, 1 x 1 kernel, no padding, and planes of PLANE_GEMM positions, or of fewer without gaps in panels
 *                  of positions, or too few channels for what follows: weights and images are the matrices. With a stride,
 *                  what positions meet is put together first, which the forward pass repays with PLANE_GEMM positions only,
 *                  and there from CHANNELS_STRIDED input channels on, or with no more of them than output channels.
 *                  Without gaps are planes of whole vectors of eight positions, or in steps of 1 one more
 *                  (conv_gemm.c): for the input gradient from PLANE_FEW positions on; for the forward pass, in steps
 *                  of 1, from PLANE_WHOLE, or from PLANE_FEW with CHANNELS_WHOLE input channels; with one more from
 *                  PLANE_ODD with so many channels, in or out.
 *   "direct"       otherwise, where steps outside the image are left out (tw_conv2d_leaves_out_padding): vectors over
 *                  channels, whatever the image size and the stride; costs one transposition of the result.
 *   "direct rows"  in its place on AVX-512, with a horizontal stride of 1 and several taps along a row, for up to 63
 *                  results in rows of more than a vector: where they, times all taps and lanes of a row, are fewer than what "direct"
 *                  costs (`cost_of_direct`) times the taps that positions meet.
 *   "im2col+gemm"  otherwise (large images of few channels, their gradients, five to seven results): vectors over
 *                  positions, along their rows in a padded copy (conv_columns.c), or of a column matrix that is made one
 *                  panel at a time.
 *
 * The weight gradient of depthwise convolution has an order and an algorithm of its own, "along rows" as well
 * (tw_conv2d_is_depthwise). Any other but Winograd's takes its vectors over output channels, in "windows" of a padded copy or, where steps
 * outside the image are left out, "direct", on AVX-512 "direct rows" for up to sixteen output channels and three or five taps along
 * rows of at least eight positions, without steps, gaps or padding by a whole kernel along them (conv_weight_rows.c); but a 1 x 1 kernel without padding, on planes of PLANE_WEIGHTS positions, with
 * no fewer output than input channels, and of these enough for a panel, over input channels: "gemm". With a stride it has
 * to repay what is put together: from CHANNELS_STRIDED input channels on, where panels are narrower than PANEL_WIDE, the
 * columns that "direct" takes at a time. For every panel of them it reads the image again.
 */
#include "kernels/conv/conv_depthwise.h"
#include "kernels/conv/conv_winograd.h"

#define RESULTS_ALONG_ROWS 8
#define RESULTS_COLUMNS    5
#define LINKS_COLUMNS      32
#define LANES              16
#define CHANNELS_FEW       8
#define ROWS_LEAST         4
#define PLANE_GEMM         128
#define PLANE_FEW          16
#define PLANE_ODD          49
#define PLANE_WHOLE        64
#define CHANNELS_WHOLE     64
#define CHANNELS_STRIDED   128
#define PLANE_WEIGHTS      32
#define PANEL_WIDE         64

static bool is_strided(const struct tw_conv2d_shape *s)
{
    return s->stride[0] > 1 || s->stride[1] > 1;
}

/* So many results make tiles of a product that goes along rows of positions, too, and read the image once for all of them. */
static bool suits_columns(const struct tw_conv2d_shape *s, bool input_gradient)
{
    const ptrdiff_t results = input_gradient ? s->in_channels : s->out_channels;
    const ptrdiff_t channels = input_gradient ? s->out_channels : s->in_channels;
    const ptrdiff_t row = input_gradient ? s->in_width : s->out_width, idle = (LANES - row % LANES) % LANES;

    return s->groups == 1 && results >= RESULTS_COLUMNS &&
           channels * s->kernel_height * s->kernel_width >= LINKS_COLUMNS && 4 * idle < row + idle &&
           !(input_gradient && is_strided(s));
}

/* With one tap, rows would be read once for every result. */
static bool suits_rows(const struct tw_conv2d_shape *shape, bool input_gradient)
{
    const ptrdiff_t in = shape->in_channels / shape->groups, out = shape->out_channels / shape->groups;
    const bool one_tap = shape->kernel_height == 1 && shape->kernel_width == 1;
    const bool few = shape->groups > 1 && (input_gradient ? out : in) <= CHANNELS_FEW;

    return (input_gradient ? in : out) < RESULTS_ALONG_ROWS && !suits_columns(shape, input_gradient) &&
           (few || (!one_tap && (input_gradient ? shape->in_height : shape->out_height) >= ROWS_LEAST)) &&
           (!input_gradient || (shape->stride[0] <= 2 && shape->stride[1] <= 2));
}

/* One tap, which meets the image at every position. */
static bool is_product(const struct tw_conv2d_shape *s)
{
    return s->kernel_height == 1 && s->kernel_width == 1 && s->padding[0] == 0 && s->padding[1] == 0;
}

/* What is put together of a forward pass with a stride is small beside what becomes of it, or its sums are long. */
static bool repays(const struct tw_conv2d_shape *s, bool input_gradient)
{
    const ptrdiff_t in = s->in_channels / s->groups, out = s->out_channels / s->groups;

    return !is_strided(s) || input_gradient || in >= CHANNELS_STRIDED || out >= in;
}

static bool has_no_gaps(const struct tw_conv2d_shape *s, bool input_gradient)
{
    const ptrdiff_t positions = s->out_height * s->out_width, in = s->in_channels / s->groups,
                    out = s->out_channels / s->groups, rest = positions % TW_CONV_LANES;

    if (rest > 1 || (is_strided(s) && (rest == 1 || !input_gradient))) {
        return false;
    }
    if (input_gradient) {
        return positions >= PLANE_FEW;
    }
    if (rest == 1) {
        return positions >= PLANE_ODD && (in >= CHANNELS_WHOLE || out >= CHANNELS_WHOLE);
    }
    return positions >= PLANE_WHOLE || (positions >= PLANE_FEW && in >= CHANNELS_WHOLE);
}

static bool suits_gemm(const struct tw_conv2d_shape *s, bool input_gradient, bool leaves_out)
{
    if (!is_product(s)) {
        return false;
    }
    return (s->out_height * s->out_width >= PLANE_GEMM && repays(s, input_gradient)) ||
           has_no_gaps(s, input_gradient) || (!is_strided(s) && !leaves_out);
}

enum tw_conv_algorithm tw_conv_select(const struct tw_conv2d_shape *shape, bool input_gradient)
{
    const bool leaves_out =
        tw_conv2d_leaves_out_padding(shape, input_gradient ? TW_CONV2D_INPUT_GRADIENT : TW_CONV2D_FORWARD);

    if (tw_conv2d_is_winograd(shape, input_gradient ? TW_CONV2D_INPUT_GRADIENT : TW_CONV2D_FORWARD)) {
        return TW_CONV_WINOGRAD;
    }
    if (suits_rows(shape, input_gradient)) {
        return TW_CONV_ALONG_ROWS;
    }
    if (suits_gemm(shape, input_gradient, leaves_out)) {
        return TW_CONV_GEMM;
    }
    return leaves_out ? TW_CONV_DIRECT : TW_CONV_COLUMNS;
}

/* It transposes x, so that should be the smaller of the two. */
static bool weights_suit_gemm(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *s)
{
    const ptrdiff_t in = s->in_channels / s->groups, panel = tiles->strided[tiles->strided_general].columns;

    return is_product(s) && s->out_height * s->out_width >= PLANE_WEIGHTS &&
           s->out_channels >= s->in_channels && in >= panel &&
           (!is_strided(s) || (in >= CHANNELS_STRIDED && panel < PANEL_WIDE));
}

enum tw_conv_algorithm tw_conv_select_weight_gradient(const struct tw_f32_tiles *tiles,
                                                      const struct tw_conv2d_shape *shape)
{
    if (tw_conv2d_is_depthwise(shape)) {
        return TW_CONV_ALONG_ROWS;
    }
    if (tw_conv2d_is_winograd(shape, TW_CONV2D_WEIGHT_GRADIENT)) {
        return TW_CONV_WINOGRAD;
    }
    if (!tw_conv2d_leaves_out_padding(shape, TW_CONV2D_WEIGHT_GRADIENT)) {
        return TW_CONV_WINDOWS;
    }
    return weights_suit_gemm(tiles, shape) ? TW_CONV_GEMM : TW_CONV_DIRECT;
}

const char *tw_conv_algorithm_name(enum tw_conv_algorithm algorithm)
{
    static const char *const names[] = {[TW_CONV_DIRECT] = "direct",
                                        [TW_CONV_COLUMNS] = "im2col+gemm",
                                        [TW_CONV_GEMM] = "gemm",
                                        [TW_CONV_ALONG_ROWS] = "along rows",
                                        [TW_CONV_WINDOWS] = "windows",
                                        [TW_CONV_WINOGRAD] = "winograd",
                                        [TW_CONV_DIRECT_ROWS] = "direct rows"};

    return names[algorithm];
}

/* Phases of the input gradient in one direction that have positions: no more than the image has, however long the steps. */
static ptrdiff_t phases(const struct tw_conv2d_shape *shape, int d)
{
    return tw_conv_smaller(shape->stride[d], d == 0 ? shape->in_height : shape->in_width);
}

static bool is_empty(const struct tw_conv_pass *pass)
{
    return pass->positions[0] < 1 || pass->positions[1] < 1;
}

void tw_conv_forward(const struct tw_f32_tiles *tiles, enum tw_conv_algorithm algorithm,
                     const struct tw_conv2d_shape *shape, ptrdiff_t samples, const float *x, const float *w,
                     const float *bias, float *y, void *workspace)
{
    const struct tw_conv_pass pass = tw_conv_forward_pass(shape);

    if (algorithm == TW_CONV_GEMM) {
        tw_conv_gemm_forward(tiles, shape, samples, x, w, bias, y, workspace);
    } else if (algorithm == TW_CONV_DIRECT) {
        tw_conv_direct(tiles, shape, false, samples, x, w, bias, y, workspace);
    } else if (!is_empty(&pass)) {
        tw_conv_columns(tiles, &pass, samples, x, w, bias, y, workspace);
    }
}

/* Positions that no tap meets: the empty sum. */
static void clear_positions(const struct tw_conv_pass *pass, ptrdiff_t samples, float *result)
{
    const ptrdiff_t planes = samples * pass->groups * pass->out_channels;

    for (ptrdiff_t i = 0; i < planes; i++, result += pass->result[0] * pass->result[1]) {
        for (ptrdiff_t r = pass->first[0]; r < pass->result[0]; r += pass->spacing[0]) {
            for (ptrdiff_t c = pass->first[1]; c < pass->result[1]; c += pass->spacing[1]) {
                result[r * pass->result[1] + c] = 0.0f;
            }
        }
    }
}

static void run_phase(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass, ptrdiff_t samples,
                      const float *dy, const float *w, float *dx, void *workspace)
{
    if (pass->taps[0] * pass->taps[1] == 0) {
        clear_positions(pass, samples, dx);
    } else if (!is_empty(pass)) {
        tw_conv_columns(tiles, pass, samples, dy, w, NULL, dx, workspace);
    }
}

void tw_conv_input_gradient(const struct tw_f32_tiles *tiles, enum tw_conv_algorithm algorithm,
                            const struct tw_conv2d_shape *shape, ptrdiff_t samples, const float *dy,
                            const float *w, float *dx, void *workspace)
{
    if (algorithm == TW_CONV_GEMM) {
        tw_conv_gemm_input_gradient(tiles, shape, samples, dy, w, dx, workspace);
        return;
    }
    if (algorithm == TW_CONV_DIRECT) {
        tw_conv_direct(tiles, shape, true, samples, dy, w, NULL, dx, workspace);
        return;
    }
    for (ptrdiff_t vertical = 0; vertical < phases(shape, 0); vertical++) {
        for (ptrdiff_t horizontal = 0; horizontal < phases(shape, 1); horizontal++) {
            const struct tw_conv_pass pass = tw_conv_gradient_pass(shape, vertical, horizontal);

            run_phase(tiles, &pass, samples, dy, w, dx, workspace);
        }
    }
}

static size_t larger(size_t x, size_t y)
{
    return x > y ? x : y;
}

/* Workspace of one pass; none if it does not multiply. */
static size_t pass_workspace(const struct tw_f32_tiles *tiles, const struct tw_conv_pass *pass)
{
    if (is_empty(pass) || pass->taps[0] * pass->taps[1] == 0) {
        return 0;
    }
    return tw_conv_columns_workspace(tiles, pass);
}

/* Of all passes that im2col+gemm makes. */
static size_t passes_workspace(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape)
{
    const struct tw_conv_pass forward = tw_conv_forward_pass(shape);
    size_t most = pass_workspace(tiles, &forward);

    for (ptrdiff_t phase = 0; phase < phases(shape, 0) * phases(shape, 1); phase++) {
        const struct tw_conv_pass pass =
            tw_conv_gradient_pass(shape, phase / phases(shape, 1), phase % phases(shape, 1));

        most = larger(most, pass_workspace(tiles, &pass));
    }
    return most;
}

size_t tw_conv_workspace(const struct tw_f32_tiles *tiles, enum tw_conv_algorithm algorithm,
                         const struct tw_conv2d_shape *shape)
{
    const size_t weight_gradient = tw_conv_weight_gradient_workspace(tiles, shape);

    switch (algorithm) {
    case TW_CONV_GEMM:
        return larger(weight_gradient, tw_conv_gemm_workspace(tiles, shape));
    case TW_CONV_DIRECT:
        return larger(weight_gradient, larger(tw_conv_direct_workspace(tiles, shape, false),
                                              tw_conv_direct_workspace(tiles, shape, true)));
    case TW_CONV_WINOGRAD:
        return larger(weight_gradient, larger(tw_conv_winograd_workspace(tiles, shape, false),
                                              tw_conv_winograd_workspace(tiles, shape, true)));
    default:
        return larger(weight_gradient, passes_workspace(tiles, shape));
    }
}

static size_t selected_workspace(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape,
                                 bool input_gradient)
{
    const enum tw_conv_algorithm algorithm = tw_conv_select(shape, input_gradient);

    return algorithm == TW_CONV_ALONG_ROWS ? tw_conv_depthwise_passes_workspace(shape, input_gradient)
                                           : tw_conv_workspace(tiles, algorithm, shape);
}

size_t tw_conv_selected_workspace(const struct tw_f32_tiles *tiles, const struct tw_conv2d_shape *shape)
{
    const size_t weight_gradient = tw_conv2d_is_depthwise(shape)
                                       ? tw_conv_depthwise_weight_gradient_workspace(shape)
                                       : tw_conv_weight_gradient_workspace(tiles, shape);

    return larger(weight_gradient,
                  larger(selected_workspace(tiles, shape, false), selected_workspace(tiles, shape, true)));
}
