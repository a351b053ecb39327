/* The planar kernels: few input channels, patches of pixels broadcast to sixteen output channels. Included
 * after the lanes and the vectors of an ISA.
 */
#include <stdbool.h>

#include "kernels/conv_pool/conv_pool_window_lanes.h"

/* The four outputs of one window for one vector of output channels: each pixel of the 4x4 patch is broadcast
 * once and meets the weights of every tap that sees it. For each output that is (u, v) ascending. */
static inline __attribute__((always_inline)) void planar_window(const float *patch, ptrdiff_t row_pitch,
                                                                ptrdiff_t plane_pitch, ptrdiff_t in_channels,
                                                                const float *weights, tw_vector v[4])
{
    for (ptrdiff_t i = 0; i < in_channels; i++) {
        const float *plane = patch + i * plane_pitch, *w = weights + i * 9 * TW_BLOCK;

        TW_UNROLL
        for (int r = 0; r < 4; r++) {
            TW_UNROLL
            for (int c = 0; c < 4; c++) {
                const tw_vector pixel = tw_vector_broadcast(plane + r * row_pitch + c);

                TW_UNROLL
                for (int out = 0; out < 4; out++) {
                    int tap_row = r - out / 2, tap_column = c - out % 2;

                    if (tap_row >= 0 && tap_row < 3 && tap_column >= 0 && tap_column < 3) {
                        v[out] = tw_vector_fma(
                            pixel, tw_vector_load(w + (tap_row * 3 + tap_column) * TW_BLOCK), v[out]);
                    }
                }
            }
        }
    }
}

/* One row of windows for one block of output channels. */
static void planar_row(const struct tw_conv_pool_shape *shape, const float *patches, const float *weights,
                       struct tw_lanes bias, float *y, uint8_t *code)
{
    ptrdiff_t row_pitch = shape->width + 2, plane_pitch = (shape->height + 2) * row_pitch;
    _Alignas(64) float start[TW_BLOCK];

    tw_lanes_store(start, bias);
    for (ptrdiff_t c = 0; c < shape->width / 2; c++) {
        _Alignas(64) float out[4][TW_BLOCK];
        struct tw_lanes v[4];

        TW_UNROLL
        for (int part = 0; part < TW_VECTORS; part++) {
            tw_vector sums[4];

            TW_UNROLL
            for (int i = 0; i < 4; i++) {
                sums[i] = tw_vector_load(start + part * TW_VECTOR_LANES);
            }
            planar_window(patches + 2 * c, row_pitch, plane_pitch, shape->in_channels,
                          weights + part * TW_VECTOR_LANES, sums);
            TW_UNROLL
            for (int i = 0; i < 4; i++) {
                tw_vector_store(out[i] + part * TW_VECTOR_LANES, sums[i]);
            }
        }
        TW_UNROLL
        for (int i = 0; i < 4; i++) {
            v[i] = tw_lanes_load(out[i]);
        }
        tw_window_finish(v, y + c * TW_BLOCK, code + c * TW_BLOCK);
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
                           code + (block * rows + r) * columns * TW_BLOCK);
            }
        }
        y += tw_blocks(shape->out_channels) * layout.block;
        code += tw_code_size(shape);
    }
}

/* --- gradient ----------------------------------------------------------------------------------------------
 */

/* What one output channel has gathered against one input channel: three rows of taps, each in the first three
 * of four lanes, and the bias. */
struct planar_sums {
    tw_quad row[3];
    float bias;
};

static inline struct planar_sums planar_sums_load(const float *dw, float bias)
{
    struct planar_sums sums = {.bias = bias};

    for (int u = 0; u < 3; u++) {
        const float taps[4] = {dw[u * 3], dw[u * 3 + 1], dw[u * 3 + 2], 0.0f};

        sums.row[u] = tw_quad_load(taps);
    }
    return sums;
}

static inline void planar_sums_store(const struct planar_sums *sums, float *dw)
{
    for (int u = 0; u < 3; u++) {
        float taps[4];

        tw_quad_store(taps, sums->row[u]);
        memcpy(dw + u * 3, taps, 3 * sizeof(float));
    }
}

static inline void planar_add(struct planar_sums *sums, const float *patch, ptrdiff_t pitch, float value)
{
    const tw_quad gradient = tw_quad_set(value);

    sums->row[0] = tw_quad_fma(tw_quad_load(patch), gradient, sums->row[0]);
    sums->row[1] = tw_quad_fma(tw_quad_load(patch + pitch), gradient, sums->row[1]);
    sums->row[2] = tw_quad_fma(tw_quad_load(patch + 2 * pitch), gradient, sums->row[2]);
    sums->bias += value;
}

/* Output channels o and o + 1 together: each one's chain waits for itself only, so two chains hide half of
 * the latency. */
static void planar_pair(const float *plane, ptrdiff_t pitch, const struct tw_conv_pool_workspace *parts,
                        ptrdiff_t o, float *dw[2], float db[2])
{
    const int32_t *first = parts->first + o;
    struct planar_sums a = planar_sums_load(dw[0], db[0]), b = planar_sums_load(dw[1], db[1]);
    int32_t i = first[0], j = first[1];

    for (; i < first[1] && j < first[2]; i++, j++) {
        planar_add(&a, plane + parts->offset[i], pitch, parts->value[i]);
        planar_add(&b, plane + parts->offset[j], pitch, parts->value[j]);
    }
    for (; i < first[1]; i++) {
        planar_add(&a, plane + parts->offset[i], pitch, parts->value[i]);
    }
    for (; j < first[2]; j++) {
        planar_add(&b, plane + parts->offset[j], pitch, parts->value[j]);
    }
    planar_sums_store(&a, dw[0]);
    planar_sums_store(&b, dw[1]);
    db[0] = a.bias;
    db[1] = b.bias;
}

static void planar_single(const float *plane, ptrdiff_t pitch, const struct tw_conv_pool_workspace *parts,
                          ptrdiff_t o, float *dw, float *db)
{
    struct planar_sums sums = planar_sums_load(dw, *db);

    for (int32_t i = parts->first[o]; i < parts->first[o + 1]; i++) {
        planar_add(&sums, plane + parts->offset[i], pitch, parts->value[i]);
    }
    planar_sums_store(&sums, dw);
    *db = sums.bias;
}

/* All output channels against input channel i. The bias gathers along with the first input channel only. */
static void planar_sample(const struct tw_conv_pool_shape *shape, const struct tw_conv_pool_workspace *parts,
                          ptrdiff_t i, float *dw, float *db)
{
    ptrdiff_t pitch = shape->width + 2, o = 0;
    const float *plane = parts->padded + i * (shape->height + 2) * pitch;
    bool gathers = db && i == 0;

    for (; o + 2 <= shape->out_channels; o += 2) {
        float *rows[2] = {dw + (o * shape->in_channels + i) * 9, dw + ((o + 1) * shape->in_channels + i) * 9};
        float ignored[2] = {0.0f, 0.0f};

        planar_pair(plane, pitch, parts, o, rows, gathers ? db + o : ignored);
    }
    if (o < shape->out_channels) {
        float ignored = 0.0f;

        planar_single(plane, pitch, parts, o, dw + (o * shape->in_channels + i) * 9,
                      gathers ? db + o : &ignored);
    }
}

void TW_VARIANT(tw_f32_conv_pool_planar_gradient)(const struct tw_conv_pool_shape *shape, ptrdiff_t samples,
                                                  const void *x, const struct tw_pixel_scale *pixels,
                                                  const uint8_t *code, const float *dy, float *dw, float *db,
                                                  void *workspace)
{
    ptrdiff_t x_size =
        shape->in_channels * shape->height * shape->width * (pixels ? 1 : (ptrdiff_t)sizeof(float));
    ptrdiff_t dy_size =
        tw_blocked_size(shape->out_channels, shape->height / 2, shape->width / 2, shape->y_halo);
    struct tw_conv_pool_workspace parts;

    tw_conv_pool_carve(shape, workspace, &parts);
    memset(dw, 0, (size_t)(shape->out_channels * shape->in_channels * 9) * sizeof *dw);
    if (db) {
        memset(db, 0, (size_t)shape->out_channels * sizeof *db);
    }
    for (ptrdiff_t n = 0; n < samples; n++) {
        tw_conv_pool_pad(shape, (const char *)x + n * x_size, pixels, parts.padded);
        tw_conv_pool_list(shape, code + n * tw_code_size(shape), dy + n * dy_size, 1, &parts);
        for (ptrdiff_t i = 0; i < shape->in_channels; i++) {
            planar_sample(shape, &parts, i, dw, db);
        }
    }
}
