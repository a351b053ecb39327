/* Listed windows of the planar sample, two at a time side by side: where a vector is a whole block of output channels, or
 * registers are many. conv_pool_planar_turns_lanes.h is the other way. Included after the lanes and the vectors of an ISA,
 * before conv_pool_planar_lanes.h.
 */
#include "kernels/conv_pool/conv_pool_pad_lanes.h"
#include "kernels/conv_pool/conv_pool_window_lanes.h"

/* Windows that are computed side by side: eight chains of fma hide each other's latency. */
enum { PLANAR_WINDOWS = 2 };

/* Whether there are registers for the sums of two more windows, which wait for their pooling. */
enum { PLANAR_BEHIND = TW_VECTORS == 1 };

/* Windows side by side, [window][2 row + column][part of sixteen channels]. */
typedef tw_vector planar_sums_of[PLANAR_WINDOWS][4][TW_VECTORS];

/* The outputs of PLANAR_WINDOWS windows for one vector of output channels, from `start`. Line by line of their patches:
 * a pixel is broadcast once and meets every tap that sees it, the weights of two rows of taps being in registers. For
 * each output that is (u, v) ascending. */
static inline __attribute__((always_inline)) void planar_outputs(const float *const patches[PLANAR_WINDOWS],
                                                                 ptrdiff_t row_pitch, ptrdiff_t plane_pitch,
                                                                 ptrdiff_t in_channels, const float *weights,
                                                                 tw_vector start, const int part,
                                                                 planar_sums_of outputs)
{
    tw_vector sums[PLANAR_WINDOWS][4];
    ptrdiff_t line = 0;

    TW_UNROLL
    for (int i = 0; i < 4 * PLANAR_WINDOWS; i++) {
        sums[i / 4][i % 4] = start;
    }
    for (ptrdiff_t i = 0; i < in_channels;
         i++, line += plane_pitch - 4 * row_pitch, weights += 9 * TW_BLOCK) {
        tw_vector weight[2][3]; /* [u mod 2][v] */

        TW_UNROLL
        for (int r = 0; r < 4; r++, line += row_pitch) {
            TW_UNROLL
            for (int v = 0; v < 3 && r < 3; v++) {
                weight[r % 2][v] = tw_vector_load(weights + (r * 3 + v) * TW_BLOCK);
            }
            TW_UNROLL
            for (int c = 0; c < 4 * PLANAR_WINDOWS; c++) {
                const tw_vector value = tw_vector_broadcast(patches[c / 4] + line + c % 4);

                TW_UNROLL
                for (int meeting = 0; meeting < 6; meeting++) {
                    const int row = meeting / 3, v = meeting % 3, u = r - row, column = c % 4 - v;

                    if (u >= 0 && u < 3 && column >= 0 && column < 2) {
                        sums[c / 4][2 * row + column] =
                            tw_vector_fma(value, weight[u % 2][v], sums[c / 4][2 * row + column]);
                    }
                }
            }
        }
    }
    TW_UNROLL
    for (int i = 0; i < 4 * PLANAR_WINDOWS; i++) {
        outputs[i / 4][i % 4][part] = sums[i / 4][i % 4];
    }
}

/* Pools PLANAR_WINDOWS windows; returns the new doubt (conv_pool_window_lanes.h). */
static inline __attribute__((always_inline)) struct tw_lanes planar_pool(
    const bool careful, planar_sums_of outputs, const struct tw_planar_window *const windows[], float *y,
    uint8_t *code, struct tw_lanes doubt)
{
    TW_UNROLL
    for (int w = 0; w < PLANAR_WINDOWS; w++) {
        struct tw_lanes v[4];

        TW_UNROLL
        for (int i = 0; i < 4; i++) {
            v[i] = tw_lanes_of_vectors(outputs[w][i]);
        }
        doubt = tw_window_end(careful, v, y + windows[w]->y, tw_code_at(code, windows[w]->code), doubt);
    }
    return doubt;
}

/* Listed windows for one block of output channels; returns the doubt. Where registers allow two windows are pooled behind
 * the sums of the next two: their sums are done by then, and pooling fills the gaps instead of waiting in front of what
 * could go on; the first are pooled once too often, from zeros. Of an odd number the last is computed twice. `careful`
 * is a constant at every call. */
static inline __attribute__((always_inline)) struct tw_lanes planar_list(
    const bool careful, const struct tw_planar_input *input, const struct tw_planar_window *windows,
    ptrdiff_t count, float *y, uint8_t *code)
{
    const struct tw_conv_pool_shape *shape = input->shape;
    const ptrdiff_t row_pitch = shape->width + 2, plane_pitch = (shape->height + 2) * row_pitch,
                    in_channels = shape->in_channels;
    const struct tw_planar_window *pooled[PLANAR_WINDOWS] = {windows, windows};
    struct tw_lanes doubt = tw_lanes_set(0.0f);
    planar_sums_of done;

    TW_UNROLL
    for (int i = 0; i < 4 * PLANAR_WINDOWS * TW_VECTORS; i++) {
        done[i / TW_VECTORS / 4][i / TW_VECTORS % 4][i % TW_VECTORS] = tw_vector_zero();
    }
    for (ptrdiff_t i = 0; i < count; i += PLANAR_WINDOWS) {
        const struct tw_planar_window *pair[PLANAR_WINDOWS] = {windows + i,
                                                               windows + (i + 1 < count ? i + 1 : i)};
        const float *const patches[PLANAR_WINDOWS] = {input->padded + pair[0]->patch,
                                                      input->padded + pair[1]->patch};
        planar_sums_of outputs;

        TW_UNROLL
        for (int part = 0; part < TW_VECTORS; part++) {
            planar_outputs(patches, row_pitch, plane_pitch, in_channels,
                           input->weights + part * TW_VECTOR_LANES,
                           tw_vector_load(input->start + part * TW_VECTOR_LANES), part, outputs);
        }
        if (!PLANAR_BEHIND) {
            doubt = planar_pool(careful, outputs, pair, y, code, doubt);
            continue;
        }
        doubt = planar_pool(careful, done, pooled, y, code, doubt);
        TW_UNROLL
        for (int k = 0; k < 4 * PLANAR_WINDOWS * TW_VECTORS; k++) {
            done[k / TW_VECTORS / 4][k / TW_VECTORS % 4][k % TW_VECTORS] =
                outputs[k / TW_VECTORS / 4][k / TW_VECTORS % 4][k % TW_VECTORS];
        }
        pooled[0] = pair[0];
        pooled[1] = pair[1];
    }
    return PLANAR_BEHIND && count > 0 ? planar_pool(careful, done, pooled, y, code, doubt) : doubt;
}
