/* Two-dimensional convolution (cross-correlation, as in torch.nn.functional.conv2d) and its two gradients.
 *
 *   x  (samples, in_channels, in_height, in_width)          contiguous, NCHW
 *   w  (out_channels, in_channels / groups, kernel_height, kernel_width)
 *   y  (samples, out_channels, out_height, out_width)       contiguous, NCHW
 *
 *   out_height = floor((in_height + 2 padding[0] - dilation[0] (kernel_height - 1) - 1) / stride[0]) + 1
 *   y[n][o][r][c] = bias[o] + sum over i, u, v of
 *                       w[o][i][u][v] * x[n][g*ipg + i][r*stride[0] + u*dilation[0] - padding[0]]
 *                                                      [c*stride[1] + v*dilation[1] - padding[1]]
 *   with ipg = in_channels / groups and g = o / (out_channels / groups); x outside the image is 0.
 *
 * Summation orders (all variants and algorithms, bit for bit; every step is acc = fma(x, w, acc)):
 *   forward          one chain per output element over (i, u, v), v fastest, starting from bias[o] or +0.
 *   input gradient   one chain per element of dx over (o, r, c), starting from +0; o the channels of the
 *                    group, (r, c) the output positions that touch the element, ascending; that is kernel
 *                    taps descending.
 *   weight gradient  one chain per element of dw over (n, r, c), c fastest, starting from +0: the samples of
 *                    ONE call form ONE chain.
 *   bias gradient    one chain of plain additions per element of db over (n, r, c), starting from +0.
 *
 * Winograd (tw_conv2d_is_winograd: only where the shape allows it) has other sums, of the transforms of conv_pool.h. Every
 * transform goes down each column first (its left factor), then along each row. Results come in tiles of 2 x 2, from the first row
 * and column on; for the input gradient the source is dy, the channels summed over are those of the output, and g the taps turned
 * by half a turn:
 *
 *   U = G g G^T        (g0, (g0 + g2 + g1)/2, (g0 + g2 - g1)/2, g2)
 *   V = B^T d B        (d0 - d2, d1 + d2, d2 - d1, d1 - d3), d the 4 x 4 of the source that a tile meets
 *   M = sum over i of U V, one fma chain per point, i ascending from +0
 *   result = A^T M A   ((m0 + m1) + m2, (m1 - m2) - m3), and then + bias[o] or + 0
 *
 * Of large images (tw_conv2d_winograd_rows) tiles are 4 x 2, F(4x2, 3x3): of the 6 x 4 points, those along rows are as above. Down
 * the columns they are the values of polynomials (Toom-Cook) at 0, a, -a, b, -b and infinity, with a = 11/16, b = 11/8,
 * q = a^2 b^2, s = a^2 + b^2. Every product below that is added to something is one fma, the innermost first, and A goes along the
 * rows first:
 *
 *   U    (g0/q, (e + a g1)/n, (e - a g1)/n, (f + b g1)/o, (f - b g1)/o, g2), e = g0 + a^2 g2, f = g0 + b^2 g2,
 *        n = 2 a^2 (a^2 - b^2), o = 2 b^2 (b^2 - a^2); divisions are products with float(1/q), float(1/n), float(1/o)
 *   V    ((d4 - s d2) + q d0, e + a h, e - a h, f + b k, f - b k, (d5 - s d3) + q d1), d of 6 x 4,
 *        e = d4 - b^2 d2, h = d3 - b^2 d1, f = d4 - a^2 d2, k = d3 - a^2 d1
 *   A^T  ((m0 + e) + f, a h + (b k), a^2 e + (b^2 f), a^3 h + (b^3 k + m5)),
 *        e = m1 + m2, h = m1 - m2, f = m3 + m4, k = m3 - m4; (b k) and (b^2 f) are rounded
 *
 * and of the weight gradient, from all samples of a call (the bias gradient is as above):
 *
 *   M = A y A^T        (y0, y0 + y1, y0 - y1, y1), y the 2 x 2 of dy, 0 outside of it
 *   V                  as above, but for d3 - d1
 *   U = sum of M V, one fma chain per point over (n, tiles row by row) from +0
 *   dw = G^T U G       (u0 + (u1 + u2)/2, (u1 - u2)/2, (u1 + u2)/2 + u3)
 *
 * Zeros of the padding are multiplied like other values. The sums of the transforms overflow earlier than direct ones, and their
 * differences make NaN of infinities.
 *
 * Steps outside the image: those of x on the padding, and of the input gradient (r, c) that are whole numbers but
 * outside the output. Where tw_conv2d_leaves_out_padding says so they are left out of the chain; elsewhere they are
 * zeros that are multiplied like any other value. That differs where a weight is infinite or NaN, or where all that a
 * chain has added up so far is -0.
 *
 * Depthwise convolution (tw_conv2d_is_depthwise: groups = in_channels > 1, any number of output channels per
 * group) has other orders for the last two, because there is no second channel to take vectors of:
 *
 *   weight gradient  sixteen chains per element of dw, each starting from +0; chain l takes the output columns
 *                    c = 16 k + l over (n, k, r), r fastest. Then the chains fold by plain additions:
 *                    l += l + 8, l += l + 4, l += l + 2, l += l + 1. Padding as above; a chain without columns
 *                    stays +0.
 *   bias gradient    the same chains of plain additions of dy, folded likewise.
 *
 * A batch is split between threads by samples for the first two and by gradient slots (kernels/elementwise)
 * for the last two.
 *
 * Every function writes its whole output and nothing else, reads nothing outside its inputs, and needs no
 * alignment but of `workspace`. Outputs must overlap neither inputs nor each other. `samples` may be 0 (weight gradient:
 * zeros are written). All extents are at least 1, those of the output too; groups divide both numbers of channels.
 *
 * Kernels check nothing and allocate nothing; any number of threads may run them on results and workspaces that do not
 * overlap (kernels.h).
 */
#ifndef TOWER_KERNELS_CONV_CONV_H
#define TOWER_KERNELS_CONV_CONV_H

#include <stdbool.h>
#include <stddef.h>

struct tw_conv2d_shape {
    ptrdiff_t in_channels, in_height, in_width;
    ptrdiff_t out_channels, out_height, out_width; /* as tw_conv2d_output_extent gives them */
    ptrdiff_t kernel_height, kernel_width;
    ptrdiff_t stride[2], padding[2], dilation[2]; /* vertical, horizontal */
    ptrdiff_t groups;
    bool winograd; /* sums may be Winograd's, where they pay (tw_conv2d_is_winograd); false: direct */
};

/* The output-size formula for one direction; below 1 where the kernel does not fit. Arguments: positive,
 * padding not negative. */
static inline ptrdiff_t tw_conv2d_output_extent(ptrdiff_t in, ptrdiff_t kernel, ptrdiff_t stride,
                                                ptrdiff_t padding, ptrdiff_t dilation)
{
    ptrdiff_t span = in + 2 * padding - dilation * (kernel - 1) - 1;

    return span < 0 ? 0 : span / stride + 1;
}

/* Whether weight and bias gradient have the orders of depthwise convolution. */
static inline bool tw_conv2d_is_depthwise(const struct tw_conv2d_shape *shape)
{
    return shape->groups > 1 && shape->groups == shape->in_channels;
}

enum tw_conv2d_pass { TW_CONV2D_FORWARD, TW_CONV2D_INPUT_GRADIENT, TW_CONV2D_WEIGHT_GRADIENT };

/* What the rules below count: a vector's worth of channels; rows of positions so short that vectors along them would be
 * torn, and chains so long that they are worth the lists; the largest extent of a kernel, of which every run of taps may
 * need a list of its own. */
#define TW_CONV2D_MANY_CHANNELS 8
#define TW_CONV2D_SHORT_ROWS    32
#define TW_CONV2D_LONG_CHAINS   24
#define TW_CONV2D_LISTED_TAPS   7

/* What the rule of Winograd counts. Most padding in one direction, and in both together: where it is 2 in both, the result in a corner
 * is a single tap's, and the roundings of all of its tile would be many times its own. Least input channels of the weight
 * gradient; most channels, of more of which the transformed weights are in no cache. What a tile costs a pair of channels, in
 * multiplications: 16, and an eighth for products in blocks and for the weights; what transforming a place costs a channel, in and
 * out; places of a row of tiles come by so many. Fitted to what both ways take (docs/kernels.md). */
#define TW_CONV2D_WINOGRAD_PADDING   2
#define TW_CONV2D_WINOGRAD_PADDINGS  3
#define TW_CONV2D_WINOGRAD_VECTOR    16
#define TW_CONV2D_WINOGRAD_CHANNELS  1024
#define TW_CONV2D_WINOGRAD_TILE      18
#define TW_CONV2D_WINOGRAD_TRANSFORM 68
#define TW_CONV2D_WINOGRAD_PLACES    8

/* Where tiles have four rows: least rows and columns of results, least channels that are summed, and most padding on any side.
 * The last two for their errors (docs/numerics.md): a padding of two leaves a row or column of results with one row of taps beside
 * the roundings of a whole tile, and sums of few terms have hardly any roundings of their own to compare with the transforms'. */
#define TW_CONV2D_TALL_ROWS     16
#define TW_CONV2D_TALL_COLUMNS  16
#define TW_CONV2D_TALL_CHANNELS 32
#define TW_CONV2D_TALL_PADDING  1

/* Pairs of results and taps of a kernel of three, in one direction, that meet inside of the source. */
static inline double tw_conv2d_pairs_inside(ptrdiff_t source, ptrdiff_t result, ptrdiff_t padding)
{
    double pairs = 0;

    for (ptrdiff_t tap = 0; tap < 3; tap++) {
        const ptrdiff_t begin = padding > tap ? padding - tap : 0, inside = source + padding - tap;
        const ptrdiff_t end = inside < result ? inside : result;

        pairs += end > begin ? (double)(end - begin) : 0;
    }
    return pairs;
}

/* Whether Winograd's F(2x2, 3x3) takes fewer multiplications than the sums without the steps outside the image, its transforms
 * counted as such. In double: the numbers may be large, and comparing them is all. */
static inline bool tw_conv2d_winograd_pays(const struct tw_conv2d_shape *shape, bool input_gradient)
{
    const double in = (double)(shape->in_channels / shape->groups);
    const double out = (double)(shape->out_channels / shape->groups);
    const ptrdiff_t x[2] = {shape->in_height, shape->in_width}, y[2] = {shape->out_height, shape->out_width};
    const ptrdiff_t *source = input_gradient ? y : x, *result = input_gradient ? x : y;
    const ptrdiff_t rows = (result[0] + 1) / 2, columns = (result[1] + 1) / 2,
                    unit = TW_CONV2D_WINOGRAD_PLACES;
    const double places = (double)rows * (double)((columns + unit - 1) / unit * unit);
    double direct = in * out;

    for (int d = 0; d < 2; d++) {
        const ptrdiff_t padding = input_gradient ? 2 - shape->padding[d] : shape->padding[d];

        direct *= tw_conv2d_pairs_inside(source[d], result[d], padding);
    }
    return direct >= TW_CONV2D_WINOGRAD_TILE * (double)rows * (double)columns * in * out +
                         TW_CONV2D_WINOGRAD_TRANSFORM * (in + out) * places;
}

/* Whether Winograd computes a kernel of such a size and step, with such padding of what the pass reads. */
static inline bool tw_conv2d_suits_winograd(const struct tw_conv2d_shape *shape, enum tw_conv2d_pass pass)
{
    const ptrdiff_t most = TW_CONV2D_WINOGRAD_PADDING, *padding = shape->padding;

    if (shape->kernel_height != 3 || shape->kernel_width != 3 || shape->stride[0] != 1 ||
        shape->stride[1] != 1 || shape->dilation[0] != 1 || shape->dilation[1] != 1 || padding[0] > most ||
        padding[1] > most) {
        return false;
    }
    switch (pass) {
    case TW_CONV2D_FORWARD:
        return padding[0] + padding[1] <= TW_CONV2D_WINOGRAD_PADDINGS;
    case TW_CONV2D_INPUT_GRADIENT:
        return 2 * most - padding[0] - padding[1] <= TW_CONV2D_WINOGRAD_PADDINGS;
    default:
        return true;
    }
}

/* Whether a pass of a shape that may be Winograd's is: many channels in and out, where that is less work. The weight gradient takes
 * its vectors of the input channels. */
static inline bool tw_conv2d_is_winograd(const struct tw_conv2d_shape *shape, enum tw_conv2d_pass pass)
{
    const ptrdiff_t in = shape->in_channels / shape->groups, out = shape->out_channels / shape->groups;
    const ptrdiff_t least =
        pass == TW_CONV2D_WEIGHT_GRADIENT ? TW_CONV2D_WINOGRAD_VECTOR : TW_CONV2D_MANY_CHANNELS;

    return shape->winograd && tw_conv2d_suits_winograd(shape, pass) && in >= least &&
           out >= TW_CONV2D_MANY_CHANNELS && in <= TW_CONV2D_WINOGRAD_CHANNELS &&
           out <= TW_CONV2D_WINOGRAD_CHANNELS &&
           tw_conv2d_winograd_pays(shape, pass == TW_CONV2D_INPUT_GRADIENT);
}

/* Rows of a tile of results, 2 or 4, of a pass that is Winograd's. Depends on extents, padding and channels only. */
static inline ptrdiff_t tw_conv2d_winograd_rows(const struct tw_conv2d_shape *shape, enum tw_conv2d_pass pass)
{
    const bool forward = pass == TW_CONV2D_FORWARD;
    const ptrdiff_t channels = (forward ? shape->in_channels : shape->out_channels) / shape->groups;
    bool tall = pass != TW_CONV2D_WEIGHT_GRADIENT && channels >= TW_CONV2D_TALL_CHANNELS;

    for (int d = 0; d < 2; d++) {
        tall = tall && (forward ? shape->padding[d] : 2 - shape->padding[d]) <= TW_CONV2D_TALL_PADDING;
    }
    tall = tall && (forward ? shape->out_height : shape->in_height) >= TW_CONV2D_TALL_ROWS;
    return tall && (forward ? shape->out_width : shape->in_width) >= TW_CONV2D_TALL_COLUMNS ? 4 : 2;
}

/* Whether steps outside the image are left out of a pass's chains: where the results' channels of a group fill vectors,
 * so that every position can have its own list of taps, and vectors along rows would not be better: those are for few
 * source channels, if rows are long or chains short. The weight gradient needs many channels on both sides. */
static inline bool tw_conv2d_leaves_out_padding(const struct tw_conv2d_shape *shape, enum tw_conv2d_pass pass)
{
    const ptrdiff_t in = shape->in_channels / shape->groups, out = shape->out_channels / shape->groups;
    const ptrdiff_t results = pass == TW_CONV2D_INPUT_GRADIENT ? in : out;
    const ptrdiff_t channels = pass == TW_CONV2D_INPUT_GRADIENT ? out : in;
    const ptrdiff_t width = pass == TW_CONV2D_INPUT_GRADIENT ? shape->in_width : shape->out_width;

    return !tw_conv2d_is_winograd(shape, pass) && results >= TW_CONV2D_MANY_CHANNELS &&
           shape->kernel_height <= TW_CONV2D_LISTED_TAPS && shape->kernel_width <= TW_CONV2D_LISTED_TAPS &&
           (channels >= TW_CONV2D_MANY_CHANNELS ||
            (pass != TW_CONV2D_WEIGHT_GRADIENT && width < TW_CONV2D_SHORT_ROWS &&
             channels * shape->kernel_height * shape->kernel_width >= TW_CONV2D_LONG_CHAINS));
}

/* `bias` may be NULL. `workspace`: aligned to 64, private to the call, of the bytes that the function below
 * tells; its content does not matter before or after. */
typedef void tw_f32_conv2d_forward_fn(const struct tw_conv2d_shape *shape, ptrdiff_t samples, const float *x,
                                      const float *w, const float *bias, float *y, void *workspace);
typedef void tw_f32_conv2d_input_gradient_fn(const struct tw_conv2d_shape *shape, ptrdiff_t samples,
                                             const float *dy, const float *w, float *dx, void *workspace);
/* `db` may be NULL. */
typedef void tw_f32_conv2d_weight_gradient_fn(const struct tw_conv2d_shape *shape, ptrdiff_t samples,
                                              const float *x, const float *dy, float *dw, float *db,
                                              void *workspace);

/* Bytes of workspace that is enough for any of the three, whatever `samples` is. */
typedef size_t tw_f32_conv2d_workspace_fn(const struct tw_conv2d_shape *shape);

/* Name of the algorithm that a variant's selector takes for a pass of this shape ("winograd", "direct", "direct rows",
 * "im2col+gemm", "gemm", "along rows", "windows", "reference"): constant text, for --print-plan. The rule is stated in
 * conv_select.c. */
typedef const char *tw_f32_conv2d_algorithm_fn(const struct tw_conv2d_shape *shape, enum tw_conv2d_pass pass);

tw_f32_conv2d_forward_fn tw_f32_conv2d_forward__reference, tw_f32_conv2d_forward__avx2,
    tw_f32_conv2d_forward__avx512, tw_f32_conv2d_forward__neon;
tw_f32_conv2d_input_gradient_fn tw_f32_conv2d_input_gradient__reference, tw_f32_conv2d_input_gradient__avx2,
    tw_f32_conv2d_input_gradient__avx512, tw_f32_conv2d_input_gradient__neon;
tw_f32_conv2d_weight_gradient_fn tw_f32_conv2d_weight_gradient__reference,
    tw_f32_conv2d_weight_gradient__avx2, tw_f32_conv2d_weight_gradient__avx512,
    tw_f32_conv2d_weight_gradient__neon;
tw_f32_conv2d_workspace_fn tw_f32_conv2d_workspace__reference, tw_f32_conv2d_workspace__avx2,
    tw_f32_conv2d_workspace__avx512, tw_f32_conv2d_workspace__neon;
tw_f32_conv2d_algorithm_fn tw_f32_conv2d_algorithm__reference, tw_f32_conv2d_algorithm__avx2,
    tw_f32_conv2d_algorithm__avx512, tw_f32_conv2d_algorithm__neon;

/* im2col: column matrix of one sample and one group, (ipg * kernel_height * kernel_width) rows of
 * (out_height * out_width), row (i, u, v) holding x at tap (u, v) of channel i for every output position, 0
 * on the padding:
 *
 *   y (out_channels/groups x positions) = w (out_channels/groups x rows) * column (rows x positions)
 *
 * `x` points to the group's first channel. Portable; the textbook's bridge from convolution to GEMM. */
void tw_f32_im2col(const struct tw_conv2d_shape *shape, const float *x, float *column);

#endif
