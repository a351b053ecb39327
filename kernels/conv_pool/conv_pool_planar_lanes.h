/* The planar kernels: few input channels, patches of pixels broadcast to sixteen output channels. Included
 * after the lanes and the vectors of an ISA.
 */
#include "kernels/conv_pool/conv_pool_window_lanes.h"

/* Windows that are computed side by side: eight chains of fma hide each other's latency. */
enum { PLANAR_WINDOWS = 2 };

/* The outputs of `windows` neighbouring windows for one vector of output channels, from `start`. Line by line of their
 * common patch: each pixel is broadcast once and meets every tap that sees it, the weights of two rows of taps being in
 * registers. For each output that is (u, v) ascending. `windows` is a constant at every call. Outputs go to `out`, in
 * window order, blocks of 16 apart. */
static inline __attribute__((always_inline)) void planar_windows(const int windows, const float *patch,
                                                                 ptrdiff_t row_pitch, ptrdiff_t plane_pitch,
                                                                 ptrdiff_t in_channels, const float *weights,
                                                                 tw_vector start, float *out)
{
    tw_vector sums[2][2 * PLANAR_WINDOWS]; /* [row][column] */

    TW_UNROLL
    for (int i = 0; i < 4 * windows; i++) {
        sums[i / (2 * windows)][i % (2 * windows)] = start;
    }
    for (ptrdiff_t i = 0; i < in_channels; i++, patch += plane_pitch, weights += 9 * TW_BLOCK) {
        const float *line = patch;
        tw_vector weight[2][3]; /* [u mod 2][v] */

        TW_UNROLL
        for (int r = 0; r < 4; r++, line += row_pitch) {
            TW_UNROLL
            for (int v = 0; v < 3 && r < 3; v++) {
                weight[r % 2][v] = tw_vector_load(weights + (r * 3 + v) * TW_BLOCK);
            }
            TW_UNROLL
            for (int c = 0; c < 2 * windows + 2; c++) {
                const tw_vector value = tw_vector_broadcast(line + c);

                TW_UNROLL
                for (int meeting = 0; meeting < 6; meeting++) {
                    const int row = meeting / 3, v = meeting % 3, u = r - row, column = c - v;

                    if (u >= 0 && u < 3 && column >= 0 && column < 2 * windows) {
                        sums[row][column] = tw_vector_fma(value, weight[u % 2][v], sums[row][column]);
                    }
                }
            }
        }
    }
    TW_UNROLL
    for (int i = 0; i < 4 * windows; i++) {
        tw_vector_store(out + i * TW_BLOCK, sums[i % 4 / 2][i / 4 * 2 + i % 2]);
    }
}

/* `windows` neighbouring windows for one block of output channels, pooled. */
static inline __attribute__((always_inline)) void planar_pool(const int windows,
                                                              const struct tw_conv_pool_shape *shape,
                                                              const float *patch, const float *weights,
                                                              const float *start, float *y, uint8_t *code)
{
    ptrdiff_t row_pitch = shape->width + 2, plane_pitch = (shape->height + 2) * row_pitch;
    _Alignas(64) float out[4 * PLANAR_WINDOWS * TW_BLOCK];

    TW_UNROLL
    for (int part = 0; part < TW_VECTORS; part++) {
        planar_windows(windows, patch, row_pitch, plane_pitch, shape->in_channels,
                       weights + part * TW_VECTOR_LANES, tw_vector_load(start + part * TW_VECTOR_LANES),
                       out + part * TW_VECTOR_LANES);
    }
    TW_UNROLL
    for (int w = 0; w < windows; w++) {
        const float *four = out + w * 4 * TW_BLOCK;
        const struct tw_lanes v[4] = {tw_lanes_load(four), tw_lanes_load(four + TW_BLOCK),
                                      tw_lanes_load(four + 2 * TW_BLOCK), tw_lanes_load(four + 3 * TW_BLOCK)};

        tw_window_finish(v, y + w * TW_BLOCK, tw_code_at(code, w * TW_BLOCK));
    }
}

/* One row of windows for one block of output channels. */
static void planar_row(const struct tw_conv_pool_shape *shape, const float *patches, const float *weights,
                       struct tw_lanes bias, float *y, uint8_t *code)
{
    ptrdiff_t columns = shape->width / 2, c = 0;
    _Alignas(64) float start[TW_BLOCK];

    tw_lanes_store(start, bias);
    for (; c + PLANAR_WINDOWS <= columns; c += PLANAR_WINDOWS) {
        planar_pool(PLANAR_WINDOWS, shape, patches + 2 * c, weights, start, y + c * TW_BLOCK,
                    tw_code_at(code, c * TW_BLOCK));
    }
    for (; c < columns; c++) {
        planar_pool(1, shape, patches + 2 * c, weights, start, y + c * TW_BLOCK,
                    tw_code_at(code, c * TW_BLOCK));
    }
}

void TW_VARIANT(tw_f32_conv_pool_planar_forward)(const struct tw_conv_pool_shape *shape, ptrdiff_t samples,
                                                 const void *x, const struct tw_pixel_scale *pixels,
                                                 const float *planar_weights, const float *bias, float *y,
                                                 uint8_t *code, void *workspace)
{
    const struct tw_window_layout layout = tw_window_layout(shape);
    ptrdiff_t rows = shape->height / 2, columns = shape->width / 2;
    ptrdiff_t x_size = shape->in_channels * shape->height * shape->width;
    struct tw_conv_pool_workspace parts;

    tw_conv_pool_carve(shape, workspace, &parts);
    for (ptrdiff_t n = 0; n < samples; n++) {
        tw_conv_pool_pad(shape, (const char *)x + n * x_size * (pixels ? 1 : (ptrdiff_t)sizeof(float)),
                         pixels, parts.padded);
        tw_clear_halo(shape, y);
        for (ptrdiff_t block = 0; block < tw_blocks(shape->out_channels); block++) {
            struct tw_lanes start = tw_block_bias(bias, block, shape->out_channels);

            for (ptrdiff_t r = 0; r < rows; r++) {
                planar_row(shape, parts.padded + 2 * r * (shape->width + 2),
                           planar_weights + block * shape->in_channels * 9 * TW_BLOCK, start,
                           y + layout.first + block * layout.block + r * layout.row,
                           tw_code_at(code, (block * rows + r) * columns * TW_BLOCK));
            }
        }
        tw_clear_missing(shape, y, code);
        y += tw_blocks(shape->out_channels) * layout.block;
        code = tw_code_at(code, tw_code_size(shape));
    }
}
