/* The blocked gradients: every survivor of an output channel meets its 3x3 patch, nine vectors of input
 * channels at a time. Included after the lanes and the vectors of an ISA.
 *
 *   weights   nine accumulators in registers, one per tap; the patch of x is loaded       (9 loads, 9 fma a
 * non-zero) input     nine weights in registers; the patch of dx is loaded, added to and stored   (9 loads, 9
 * fma, 9 stores)
 *
 * One vector of input channels of x or dx of a whole sample is small enough for L1.
 */
#include <string.h>

#include "kernels/conv_pool/conv_pool_workspace.h"
#include "kernels/simd/unroll.h"

/* Floats from the first tap of a patch to tap (u, v). */
#define TAP(u, v) ((u)*pitch + (v)*TW_BLOCK)

static inline __attribute__((always_inline)) void load_taps(const float *from, tw_vector taps[9])
{
    TW_UNROLL
    for (int tap = 0; tap < 9; tap++) {
        taps[tap] = tw_vector_load(from + tap * TW_BLOCK);
    }
}

/* dw of one output channel and one vector of input channels, over the survivors of its list. */
static void gather_weights(const float *x, ptrdiff_t pitch, const struct tw_survivor *survivor,
                           const struct tw_survivor *end, float *dw)
{
    tw_vector sums[9];

    load_taps(dw, sums);
    for (; survivor < end; survivor++) {
        const float *patch = x + survivor->offset;
        const tw_vector gradient = tw_vector_broadcast(&survivor->value);

        TW_UNROLL
        for (int tap = 0; tap < 9; tap++) {
            sums[tap] = tw_vector_fma(tw_vector_load(patch + TAP(tap / 3, tap % 3)), gradient, sums[tap]);
        }
    }
    TW_UNROLL
    for (int tap = 0; tap < 9; tap++) {
        tw_vector_store(dw + tap * TW_BLOCK, sums[tap]);
    }
}

/* dx of one vector of input channels, from one output channel. */
static void scatter_input(float *dx, ptrdiff_t pitch, const struct tw_survivor *survivor,
                          const struct tw_survivor *end, const float *weights)
{
    tw_vector taps[9];

    load_taps(weights, taps);
    for (; survivor < end; survivor++) {
        float *patch = dx + survivor->offset;
        const tw_vector gradient = tw_vector_broadcast(&survivor->value);

        TW_UNROLL
        for (int tap = 0; tap < 9; tap++) {
            float *place = patch + TAP(tap / 3, tap % 3);

            tw_vector_store(place, tw_vector_fma(taps[tap], gradient, tw_vector_load(place)));
        }
    }
}

#undef TAP

/* One sample against its lists, one vector of input channels after the other. */
static void gradient_sample(const struct tw_conv_pool_shape *shape,
                            const struct tw_conv_pool_workspace *parts, const float *x, const float *weights,
                            float *dw, float *dx)
{
    ptrdiff_t pitch = (shape->width + 2) * TW_BLOCK, plane = (shape->height + 2) * pitch;

    for (ptrdiff_t vector = 0; vector < tw_blocks(shape->in_channels) * TW_VECTORS; vector++) {
        ptrdiff_t block = vector / TW_VECTORS, lane = vector % TW_VECTORS * TW_VECTOR_LANES;

        for (ptrdiff_t o = 0; o < shape->out_channels; o++) {
            gather_weights(x + block * plane + lane, pitch, parts->survivors + parts->first[o],
                           parts->survivors + parts->first[o + 1],
                           dw + (block * shape->out_channels + o) * 9 * TW_BLOCK + lane);
        }
        for (ptrdiff_t o = 0; dx && o < shape->out_channels; o++) {
            scatter_input(dx + block * plane + lane, pitch, parts->survivors + parts->first[o],
                          parts->survivors + parts->first[o + 1],
                          weights + (block * shape->out_channels + o) * 9 * TW_BLOCK + lane);
        }
    }
}

void TW_VARIANT(tw_f32_conv_pool_gradient)(const struct tw_conv_pool_shape *shape, ptrdiff_t samples,
                                           const float *x, const float *scatter_weights, const uint8_t *code,
                                           const float *dy, float *dw, float *db, float *dx, void *workspace)
{
    ptrdiff_t x_size = tw_blocked_size(shape->in_channels, shape->height, shape->width, 1);
    ptrdiff_t dy_size =
        tw_blocked_size(shape->out_channels, shape->height / 2, shape->width / 2, shape->y_halo);
    struct tw_conv_pool_workspace parts;

    tw_conv_pool_carve(shape, workspace, &parts);
    tw_conv_pool_order(shape, &parts);
    memset(dw, 0, (size_t)(tw_blocks(shape->in_channels) * shape->out_channels * 9 * TW_BLOCK) * sizeof *dw);
    if (db) {
        memset(db, 0, (size_t)shape->out_channels * sizeof *db);
    }
    for (ptrdiff_t n = 0; n < samples; n++) {
        tw_conv_pool_list(shape, code + n * tw_code_size(shape), dy + n * dy_size, &parts);
        for (ptrdiff_t o = 0; db && o < shape->out_channels; o++) {
            for (int32_t i = parts.first[o]; i < parts.first[o + 1]; i++) {
                db[o] += parts.survivors[i].value;
            }
        }
        if (dx) {
            memset(dx + n * x_size, 0, (size_t)x_size * sizeof *dx);
        }
        gradient_sample(shape, &parts, x + n * x_size, scatter_weights, dw, dx ? dx + n * x_size : NULL);
    }
}
