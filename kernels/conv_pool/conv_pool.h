/* Convolution 3x3 (stride 1, padding 1) + bias + relu + 2x2 max-pool as one operation, and its gradients that
 * do only the work max-pool and relu left over.
 *
 * Per sample, with H x W the size of the convolution's input and output and PH = H/2, PW = W/2 (rounded down:
 * an odd last row or column of the convolution never reaches the pool and is not computed):
 *
 *   blocked activation   [channels/16, rounded up][rows + 2 halo][columns + 2 halo][16 channels]
 *                        channels beyond the last are 0; the halo holds the zeros of the next padding
 *   code                 [out_channels/16, rounded up][PH][PW][16 channels] bytes
 *                        0 … 3 = 2 * row + column of the window's winner; 4 = closed: relu made the winner 0,
 *                        so no gradient passes
 *
 * Each pooled window passes its gradient to one of four positions or to none: the gradient of the
 * convolution's output has at most one non-zero per window. The gradients below visit these alone.
 *
 * Two ways in: *planar* input of few channels (pixels of 8 bits, normalised on the fly, or floats; NCHW, no
 * halo), and *blocked* input with a halo of 1.
 *
 * Results, in every variant bit for bit (v = the convolution's output, positions scanned in window order):
 *   planar forward    v is kernels/conv's forward chain: (i, u, v) ascending from the bias. Pixels of 8 bits, images
 *                     of at most 64 columns: windows whose whole patch is the pixel 0 are computed once a call and
 *                     copied; the results are the same, the time depends on how much ink there is
 *   blocked forward   Winograd F(2x2, 3x3) (Lavin and Gray, arXiv 1509.09308; the window is its output tile):
 *                       U = G g G^T        rows then columns of (g0, (g0 + g2 + g1)/2, (g0 + g2 - g1)/2, g2)
 *                       V = B^T d B        rows then columns of (d0 - d2, d1 + d2, d2 - d1, d1 - d3)
 *                       M = sum over i of U V, one fma chain per point, i ascending from +0
 *                       v = A^T M A + bias rows then columns of ((m0 + m1) + m2, (m1 - m2) - m3)
 *   pooling           as kernels/pool (first of equals, NaN wins), then relu as kernels/elementwise
 *   planar gradient   dw: one fma chain per element over (n, windows row by row), from +0: the samples of one
 *                     call form one chain; a closed window is a gradient of zero at the window's third
 *                     position, multiplied like any other. db: additions over the same
 *   blocked gradient  over the open windows, from +0:
 *                       dw  one fma chain per element over (n, windows row by row)
 *                       db  one chain of additions over the same
 *                       dx  one fma chain per element over (groups of 64 output channels, winners by their
 *                           position in the convolution's output row by row, o)
 *
 * Where every product is finite these are the sums of kernels/conv's dense gradients in another order. Where not: NaN
 * and infinity flow as in the formulas above, in which the zeros of the padding are multiplied like any other value, and
 * Winograd's differences make NaN of infinities. What dy holds at a closed window never matters. What x holds under one
 * does in the planar gradient only, which multiplies it by zero. In dx the channels beyond the last are 0 times dy: not 0
 * if that is infinite or NaN, but closed, so that no gradient meets them.
 *
 * `samples` may be 0: the forwards then write nothing, the gradients zeros into dw and db. No alignment is needed but of
 * `workspace`. Outputs must overlap neither inputs nor each other. (height + 2) (width + 2) 16 is less than 2^31: offsets
 * have 32 bits. Codes are 0 to 4, and closed in the channels beyond the last, as the forwards write them.
 *
 * Kernels check nothing and allocate nothing; any number of threads may run them on results and workspaces that do not
 * overlap (kernels.h): forwards are split by samples, gradients by gradient slots (kernels/elementwise).
 */
#ifndef TOWER_KERNELS_CONV_POOL_CONV_POOL_H
#define TOWER_KERNELS_CONV_POOL_CONV_POOL_H

#include <stddef.h>
#include <stdint.h>

/* Channels of a block: the lanes of kernels/elementwise. */
#define TW_BLOCK 16

/* Values of a code; all else is invalid. */
#define TW_CODE_CLOSED 4

struct tw_conv_pool_shape {
    ptrdiff_t in_channels, out_channels; /* planar: in_channels at most TW_CONV_POOL_PLANAR_CHANNELS */
    ptrdiff_t height, width;             /* at least 2 */
    ptrdiff_t y_halo;                    /* of y and dy: 0 or 1 */
};

#define TW_CONV_POOL_PLANAR_CHANNELS 4

/* Planar x of 8 bits becomes ((x / 255) - mean) / standard_deviation as in kernels/elementwise. */
struct tw_pixel_scale {
    float mean, standard_deviation;
};

static inline ptrdiff_t tw_blocks(ptrdiff_t channels)
{
    return (channels + TW_BLOCK - 1) / TW_BLOCK;
}

/* Floats of one sample of a blocked activation. */
static inline ptrdiff_t tw_blocked_size(ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width, ptrdiff_t halo)
{
    return tw_blocks(channels) * (height + 2 * halo) * (width + 2 * halo) * TW_BLOCK;
}

/* Bytes of one sample of codes. */
static inline ptrdiff_t tw_code_size(const struct tw_conv_pool_shape *shape)
{
    return tw_blocks(shape->out_channels) * (shape->height / 2) * (shape->width / 2) * TW_BLOCK;
}

/* --- layouts: portable, run once per step or at the edges ------------------------------------------------- */

/* Weights (out, in, 3, 3) and the three packed forms, all rounded up to blocks of 16 channels with zeros:
 *
 *   planar    [out/16][in][9][16 out]            for the planar forward
 *   winograd  [out/16][16 points][in][16 out]    for the blocked forward
 *   scatter   [in/lanes][out][9][lanes in]       for the blocked gradients, and what the weight gradient comes in;
 *                                                lanes = tw_kernels.vector_lanes, a divisor of 16
 *
 * Units are blocks of 16 channels (out/16 for the first two, in/16 for the third): [begin, end) is written. w and packed
 * must not overlap. */
void tw_f32_pack_planar_weights(const struct tw_conv_pool_shape *shape, const float *w, float *packed,
                                ptrdiff_t begin, ptrdiff_t end);
void tw_f32_pack_winograd_weights(const struct tw_conv_pool_shape *shape, const float *w, float *packed,
                                  ptrdiff_t begin, ptrdiff_t end);
void tw_f32_pack_scatter_weights(const struct tw_conv_pool_shape *shape, ptrdiff_t lanes, const float *w,
                                 float *packed, ptrdiff_t begin, ptrdiff_t end);
/* The reverse of the last. */
void tw_f32_unpack_scatter_weights(const struct tw_conv_pool_shape *shape, ptrdiff_t lanes,
                                   const float *packed, float *w, ptrdiff_t begin, ptrdiff_t end);

/* One sample between (channels, height, width) and blocked with any halo; block writes zeros into the halo and the
 * channels beyond the last, unblock ignores both. They must not overlap. */
void tw_f32_block(ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width, ptrdiff_t halo, const float *x,
                  float *blocked);
void tw_f32_unblock(ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width, ptrdiff_t halo,
                    const float *blocked, float *x);

/* --- kernels ---------------------------------------------------------------------------------------------- */

/* `pixels` NULL: x is floats, else bytes. `bias` may be NULL. All of y and `code` is written, zeros in y's halo.
 * `workspace`: the bytes told below, aligned to 64, private to the call; its content does not matter before or after.
 * `code` may be NULL: predictions have no use for it, and y is the same. */
typedef void tw_f32_conv_pool_planar_forward_fn(const struct tw_conv_pool_shape *shape, ptrdiff_t samples,
                                                const void *x, const struct tw_pixel_scale *pixels,
                                                const float *planar_weights, const float *bias, float *y,
                                                uint8_t *code, void *workspace);
typedef void tw_f32_conv_pool_forward_fn(const struct tw_conv_pool_shape *shape, ptrdiff_t samples,
                                         const float *x, const float *winograd_weights, const float *bias,
                                         float *y, uint8_t *code, void *workspace);
/* dw (out, in, 3, 3); db (out) or NULL. */
typedef void tw_f32_conv_pool_planar_gradient_fn(const struct tw_conv_pool_shape *shape, ptrdiff_t samples,
                                                 const void *x, const struct tw_pixel_scale *pixels,
                                                 const uint8_t *code, const float *dy, float *dw, float *db,
                                                 void *workspace);
/* dw in scatter form; db (out) or NULL; dx blocked with a halo of 1, or NULL: then scatter_weights are not
 * read. What the halo of dx is left with, nobody wants. */
typedef void tw_f32_conv_pool_gradient_fn(const struct tw_conv_pool_shape *shape, ptrdiff_t samples,
                                          const float *x, const float *scatter_weights, const uint8_t *code,
                                          const float *dy, float *dw, float *db, float *dx, void *workspace);
/* Enough for each of the four. */
typedef size_t tw_f32_conv_pool_workspace_fn(const struct tw_conv_pool_shape *shape);

/* Portable. */
tw_f32_conv_pool_workspace_fn tw_f32_conv_pool_workspace;

#define TW_DECLARE_CONV_POOL(isa)                                                \
    tw_f32_conv_pool_planar_forward_fn tw_f32_conv_pool_planar_forward__##isa;   \
    tw_f32_conv_pool_forward_fn tw_f32_conv_pool_forward__##isa;                 \
    tw_f32_conv_pool_planar_gradient_fn tw_f32_conv_pool_planar_gradient__##isa; \
    tw_f32_conv_pool_gradient_fn tw_f32_conv_pool_gradient__##isa

TW_DECLARE_CONV_POOL(reference);
TW_DECLARE_CONV_POOL(avx2);
TW_DECLARE_CONV_POOL(avx512);
TW_DECLARE_CONV_POOL(neon);

#endif
