/* The planar gradient: no lists, every lane picks its winner's pixels out of the 4x4 patch of its window. Included after
 * the lanes and the vectors of an ISA.
 */
#include "kernels/conv_pool/conv_pool_pad_lanes.h"
#include "kernels/conv_pool/conv_pool_window_lanes.h"

/* What one vector of output channels has gathered against one input channel. */
struct planar_sums {
    tw_vector tap[9], bias;
};

/* One window: each lane picks its winner's pixels out of the 4x4 patch. For a row u of taps the candidates
 * are the eight pixels of patch rows u and u + 1; a winner in row r, column c of the window picks number 4 r
 * + c + v for tap v. */
static inline __attribute__((always_inline)) void planar_add(struct planar_sums *sums, const float *patch,
                                                             ptrdiff_t pitch, const uint8_t *code,
                                                             const float *dy)
{
    const tw_picks winner = tw_picks_of_codes(code);
    const tw_vector gradient = tw_vector_keep_open(code, tw_vector_load(dy));

    sums->bias = tw_vector_add(sums->bias, gradient);
    TW_UNROLL
    for (int u = 0; u < 3; u++) {
        const tw_table8 pixels = tw_table8_load(patch + u * pitch, patch + (u + 1) * pitch);

        TW_UNROLL
        for (int v = 0; v < 3; v++) {
            sums->tap[3 * u + v] = tw_vector_fma(tw_vector_pick8(pixels, tw_picks_next(winner, v)), gradient,
                                                 sums->tap[3 * u + v]);
        }
    }
}

/* All windows of one sample for one vector of output channels against one input channel. */
static void planar_sample(const struct tw_conv_pool_shape *shape, const float *plane, const uint8_t *code,
                          const float *dy, float *dw, float *db)
{
    ptrdiff_t columns = shape->width / 2, pitch = shape->width + 2,
              dy_row = (columns + 2 * shape->y_halo) * TW_BLOCK;
    struct planar_sums sums = {.bias = tw_vector_load(db)};

    TW_UNROLL
    for (int tap = 0; tap < 9; tap++) {
        sums.tap[tap] = tw_vector_load(dw + tap * TW_BLOCK);
    }
    for (ptrdiff_t r = 0; r < shape->height / 2; r++) {
        for (ptrdiff_t c = 0; c < columns; c++) {
            planar_add(&sums, plane + 2 * r * pitch + 2 * c, pitch, code + (r * columns + c) * TW_BLOCK,
                       dy + r * dy_row + c * TW_BLOCK);
        }
    }
    TW_UNROLL
    for (int tap = 0; tap < 9; tap++) {
        tw_vector_store(dw + tap * TW_BLOCK, sums.tap[tap]);
    }
    tw_vector_store(db, sums.bias);
}

/* The sums of a block of output channels to dw (out, in, 3, 3) and db. */
static void planar_unpack(const struct tw_conv_pool_shape *shape, const float *sums, float *dw, float *db)
{
    const float *bias = sums + tw_blocks(shape->out_channels) * shape->in_channels * 9 * TW_BLOCK;

    for (ptrdiff_t o = 0; o < shape->out_channels; o++) {
        for (ptrdiff_t i = 0; i < shape->in_channels * 9; i++) {
            dw[o * shape->in_channels * 9 + i] =
                sums[(o / TW_BLOCK * shape->in_channels * 9 + i) * TW_BLOCK + o % TW_BLOCK];
        }
        if (db) {
            db[o] = bias[o];
        }
    }
}

/* One sample against every vector of output channels and every input channel. The bias gathers along with
 * input channel 0. */
static void planar_gather(const struct tw_conv_pool_shape *shape, const struct tw_conv_pool_workspace *parts,
                          const uint8_t *code, const float *dy)
{
    const struct tw_window_layout layout = tw_window_layout(shape);
    ptrdiff_t in = shape->in_channels, windows = shape->height / 2 * (shape->width / 2);
    ptrdiff_t plane = (shape->height + 2) * (shape->width + 2);
    float *bias = parts->sums + tw_blocks(shape->out_channels) * in * 9 * TW_BLOCK;

    for (ptrdiff_t vector = 0; vector < tw_blocks(shape->out_channels) * TW_VECTORS; vector++) {
        ptrdiff_t block = vector / TW_VECTORS, lane = vector % TW_VECTORS * TW_VECTOR_LANES;

        for (ptrdiff_t i = 0; i < in; i++) {
            _Alignas(64) float ignored[TW_BLOCK] = {0.0f};

            planar_sample(shape, parts->padded + i * plane, code + block * windows * TW_BLOCK + lane,
                          dy + layout.first + block * layout.block + lane,
                          parts->sums + (block * in + i) * 9 * TW_BLOCK + lane,
                          i == 0 ? bias + block * TW_BLOCK + lane : ignored);
        }
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
    memset(parts.sums, 0,
           (size_t)(tw_blocks(shape->out_channels) * TW_BLOCK * (shape->in_channels * 9 + 1)) *
               sizeof *parts.sums);
    for (ptrdiff_t n = 0; n < samples; n++) {
        tw_conv_pool_pad(shape, (const char *)x + n * x_size, pixels, parts.padded);
        planar_gather(shape, &parts, code + n * tw_code_size(shape), dy + n * dy_size);
    }
    planar_unpack(shape, parts.sums, dw, db);
}
