/* Listed windows of the planar sample, one after the other, all sixteen channels of a block at once: for vectors of half a
 * block and sixteen registers. conv_pool_planar_pairs_lanes.h is the other way. Included after the lanes and the vectors of
 * an ISA, before conv_pool_planar_lanes.h.
 */
#include "kernels/conv_pool/conv_pool_pad_lanes.h"
#include "kernels/conv_pool/conv_pool_window_lanes.h"

/* The convolution's outputs of a window, [2 row + column][part of sixteen channels]. */
struct planar_outputs {
    tw_vector of[4][TW_VECTORS];
};

/* Eight chains of fma hide each other's latency. A tap meets all four outputs before the next, (u, v) ascending: its two
 * vectors of weights are loaded once, pixels are needed four at a time, and the other registers are sums. */
static inline __attribute__((always_inline)) void planar_outputs(const float *patch, ptrdiff_t row_pitch,
                                                                 ptrdiff_t plane_pitch, ptrdiff_t in_channels,
                                                                 const float *weights, const float *start,
                                                                 struct planar_outputs *outputs)
{
    tw_vector sums[4][TW_VECTORS];

    TW_UNROLL
    for (int i = 0; i < 4 * TW_VECTORS; i++) {
        sums[i / TW_VECTORS][i % TW_VECTORS] = tw_vector_load(start + i % TW_VECTORS * TW_VECTOR_LANES);
    }
    for (ptrdiff_t i = 0; i < in_channels; i++, patch += plane_pitch, weights += 9 * TW_BLOCK) {
        const float *line = patch;

        TW_UNROLL
        for (int u = 0; u < 3; u++, line += row_pitch) {
            TW_UNROLL
            for (int v = 0; v < 3; v++) {
                tw_vector weight[TW_VECTORS];

                TW_UNROLL
                for (int part = 0; part < TW_VECTORS; part++) {
                    weight[part] = tw_vector_hold(
                        tw_vector_load(weights + (u * 3 + v) * TW_BLOCK + part * TW_VECTOR_LANES));
                }
                TW_UNROLL
                for (int o = 0; o < 4; o++) {
                    const tw_vector pixel = tw_vector_broadcast(line + o / 2 * row_pitch + v + o % 2);

                    TW_UNROLL
                    for (int part = 0; part < TW_VECTORS; part++) {
                        sums[o][part] = tw_vector_fma(pixel, weight[part], sums[o][part]);
                    }
                }
            }
        }
    }
    TW_UNROLL
    for (int i = 0; i < 4 * TW_VECTORS; i++) {
        outputs->of[i / TW_VECTORS][i % TW_VECTORS] = sums[i / TW_VECTORS][i % TW_VECTORS];
    }
    /* Written from here on: compilers would keep them in registers, which the next sums need. */
    __asm__("" : "+m"(*outputs));
}

/* Pools one window; returns the new doubt (conv_pool_window_lanes.h). */
static inline __attribute__((always_inline)) struct tw_lanes planar_pool(
    const bool careful, const struct planar_outputs *outputs, const struct tw_planar_window *window, float *y,
    uint8_t *code, struct tw_lanes doubt)
{
    struct tw_lanes v[4];

    TW_UNROLL
    for (int i = 0; i < 4; i++) {
        v[i] = tw_lanes_of_vectors(outputs->of[i]);
    }
    return tw_window_end(careful, v, y + window->y, tw_code_at(code, window->code), doubt);
}

/* Every window is pooled behind the sums of the next: its own are done by then, and pooling fills the gaps instead of
 * waiting in front of what could go on. Meanwhile its outputs lie in memory, in two places by turns. The first window is
 * pooled once too often, from zeros; of an odd number the last is computed twice. `careful` and `in_channels`, where it is
 * 1, are constants at every call. */
static inline __attribute__((always_inline)) struct tw_lanes planar_turns(
    const bool careful, const ptrdiff_t in_channels, const struct tw_planar_input *input,
    const struct tw_planar_window *windows, ptrdiff_t count, float *y, uint8_t *code)
{
    const ptrdiff_t row_pitch = input->shape->width + 2, plane_pitch = (input->shape->height + 2) * row_pitch;
    const struct tw_planar_window *last = windows;
    struct tw_lanes doubt = tw_lanes_set(0.0f);
    struct planar_outputs even, odd = {0};

    for (ptrdiff_t i = 0; i < count; i += 2) {
        const struct tw_planar_window *pair[2] = {windows + i, windows + (i + 1 < count ? i + 1 : i)};

        planar_outputs(input->padded + pair[0]->patch, row_pitch, plane_pitch, in_channels, input->weights,
                       input->start, &even);
        doubt = planar_pool(careful, &odd, last, y, code, doubt);
        planar_outputs(input->padded + pair[1]->patch, row_pitch, plane_pitch, in_channels, input->weights,
                       input->start, &odd);
        doubt = planar_pool(careful, &even, pair[0], y, code, doubt);
        last = pair[1];
    }
    return count > 0 ? planar_pool(careful, &odd, last, y, code, doubt) : doubt;
}

/* Of images in grey: without a loop. In functions of their own these two have the registers to themselves. */
static __attribute__((noinline)) struct tw_lanes planar_list_of_one(const struct tw_planar_input *input,
                                                                    const struct tw_planar_window *windows,
                                                                    ptrdiff_t count, float *y, uint8_t *code)
{
    return planar_turns(false, 1, input, windows, count, y, code);
}

static __attribute__((noinline)) struct tw_lanes planar_list_of_some(const struct tw_planar_input *input,
                                                                     const struct tw_planar_window *windows,
                                                                     ptrdiff_t count, float *y, uint8_t *code)
{
    return planar_turns(false, input->shape->in_channels, input, windows, count, y, code);
}

/* Listed windows for one block of output channels; returns the doubt. `careful` is a constant at every call. */
static inline __attribute__((always_inline)) struct tw_lanes planar_list(
    const bool careful, const struct tw_planar_input *input, const struct tw_planar_window *windows,
    ptrdiff_t count, float *y, uint8_t *code)
{
    if (careful) {
        return planar_turns(true, input->shape->in_channels, input, windows, count, y, code);
    }
    return input->shape->in_channels == 1 ? planar_list_of_one(input, windows, count, y, code)
                                          : planar_list_of_some(input, windows, count, y, code);
}
