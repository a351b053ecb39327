/* The planar forward: few input channels, patches of pixels broadcast to sixteen output channels. Included
 * after the lanes and the vectors of an ISA.
 */
#include "kernels/conv_pool/conv_pool_window_lanes.h"
#include "kernels/elementwise/elementwise.h"

/* Windows that are computed side by side: eight chains of fma hide each other's latency. */
enum { PLANAR_WINDOWS = 2 };

/* Distances in the padded sample, in floats. */
struct planar_pitch {
    ptrdiff_t row, plane;
};

/* The outputs of `windows` neighbouring windows for one vector of output channels, from `start`. Line by line of their
 * common patch: each pixel is broadcast once and meets every tap that sees it, the weights of two rows of taps being in
 * registers. For each output that is (u, v) ascending. `windows` is a constant at every call. Outputs come in window
 * order. */
static inline __attribute__((always_inline)) void planar_windows(const int windows, const float *patch,
                                                                 struct planar_pitch pitch,
                                                                 ptrdiff_t in_channels, const float *weights,
                                                                 tw_vector start,
                                                                 tw_vector out[4 * PLANAR_WINDOWS])
{
    tw_vector sums[2][2 * PLANAR_WINDOWS]; /* [row][column] */

    TW_UNROLL
    for (int i = 0; i < 4 * windows; i++) {
        sums[i / (2 * windows)][i % (2 * windows)] = start;
    }
    for (ptrdiff_t i = 0; i < in_channels; i++, patch += pitch.plane, weights += 9 * TW_BLOCK) {
        const float *line = patch;
        tw_vector weight[2][3]; /* [u mod 2][v] */

        TW_UNROLL
        for (int r = 0; r < 4; r++, line += pitch.row) {
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
        out[i] = sums[i % 4 / 2][i / 4 * 2 + i % 2];
    }
}

/* `windows` neighbouring windows for one block of output channels, pooled. */
static inline __attribute__((always_inline)) void planar_pool(const int windows, struct planar_pitch pitch,
                                                              ptrdiff_t in_channels, const float *patch,
                                                              const float *weights, struct tw_lanes start,
                                                              float *y, uint8_t *code)
{
    _Alignas(64) float starts[TW_BLOCK];
    tw_vector sums[TW_VECTORS][4 * PLANAR_WINDOWS];

    tw_lanes_store(starts, start);
    TW_UNROLL
    for (int part = 0; part < TW_VECTORS; part++) {
        planar_windows(windows, patch, pitch, in_channels, weights + part * TW_VECTOR_LANES,
                       tw_vector_load(starts + part * TW_VECTOR_LANES), sums[part]);
    }
    TW_UNROLL
    for (int w = 0; w < windows; w++) {
        struct tw_lanes v[4];

        TW_UNROLL
        for (int i = 0; i < 4; i++) {
            tw_vector both[TW_VECTORS];

            TW_UNROLL
            for (int part = 0; part < TW_VECTORS; part++) {
                both[part] = sums[part][4 * w + i];
            }
            v[i] = tw_lanes_of_vectors(both);
        }
        tw_window_finish(v, y + w * TW_BLOCK, tw_code_at(code, w * TW_BLOCK));
    }
}

/* --- blank windows ----------------------------------------------------------------------------------------
 *
 * Where all pixels under a window's patch are 0, as most of a digit's are, its outputs depend on the padding alone: on
 * whether the window lies at the top, the bottom, the left or the right. The first such window of a kind is computed like
 * any other and kept for the call; those that follow are copies. Whether a window is blank is seen from the bytes of four
 * rows, or-ed. */

enum { KIND_TOP = 1, KIND_BOTTOM = 2, KIND_LEFT = 4, KIND_RIGHT = 8, KINDS = 16 };

/* What does not change within a call. */
struct planar_call {
    const struct tw_conv_pool_shape *shape;
    const struct tw_pixel_scale *pixels; /* NULL: floats, of which none is called blank */
    const float *weights, *bias;
    struct tw_conv_pool_workspace parts;
    struct tw_window_layout layout;
    ptrdiff_t rows, columns, blocks; /* of windows, of output channels */
    bool known[KINDS];               /* kinds of blank windows in parts.blank_y and parts.blank_code */
};

/* One row of windows of a sample. */
struct planar_row {
    int kind;             /* KIND_TOP and KIND_BOTTOM */
    const float *patches; /* of its first window */
    float *y;             /* of its first window in block 0 */
    uint8_t *code;
};

/* Computes `windows` neighbouring windows from `column` on for every block. */
static inline __attribute__((always_inline)) void planar_compute(const int windows,
                                                                 const struct planar_call *call,
                                                                 const struct planar_row *row,
                                                                 ptrdiff_t column)
{
    const struct tw_conv_pool_shape *shape = call->shape;
    const struct planar_pitch pitch = {shape->width + 2, (shape->height + 2) * (shape->width + 2)};

    for (ptrdiff_t block = 0; block < call->blocks; block++) {
        planar_pool(windows, pitch, shape->in_channels, row->patches + 2 * column,
                    call->weights + block * shape->in_channels * 9 * TW_BLOCK,
                    tw_block_bias(call->bias, block, shape->out_channels),
                    row->y + block * call->layout.block + column * TW_BLOCK,
                    tw_code_at(row->code, (block * call->rows * call->columns + column) * TW_BLOCK));
    }
}

static void planar_one(const struct planar_call *call, const struct planar_row *row, ptrdiff_t column)
{
    planar_compute(1, call, row, column);
}

static void planar_pair(const struct planar_call *call, const struct planar_row *row, ptrdiff_t column)
{
    planar_compute(PLANAR_WINDOWS, call, row, column);
}

/* A window of a kind that is not known yet: computed, and kept. */
static __attribute__((noinline)) void planar_keep(struct planar_call *call, const struct planar_row *row,
                                                  ptrdiff_t column, int kind)
{
    const ptrdiff_t windows = call->rows * call->columns, kept = kind * call->blocks * TW_BLOCK;

    planar_one(call, row, column);
    for (ptrdiff_t block = 0; block < call->blocks; block++) {
        tw_lanes_store(call->parts.blank_y + kept + block * TW_BLOCK,
                       tw_lanes_load(row->y + block * call->layout.block + column * TW_BLOCK));
        if (row->code) {
            memcpy(call->parts.blank_code + kept + block * TW_BLOCK,
                   row->code + (block * windows + column) * TW_BLOCK, TW_BLOCK);
        }
    }
    call->known[kind] = true;
}

/* A window that is blank: copied, if its kind is known. */
static inline void planar_blank(struct planar_call *call, const struct planar_row *row, ptrdiff_t column)
{
    const int kind =
        row->kind + (column == 0 ? KIND_LEFT : 0) + (2 * column + 2 >= call->shape->width ? KIND_RIGHT : 0);
    const float *kept = call->parts.blank_y + kind * call->blocks * TW_BLOCK;
    const uint8_t *kept_code = call->parts.blank_code + kind * call->blocks * TW_BLOCK;
    const ptrdiff_t code_block = call->rows * call->columns * TW_BLOCK;
    float *y = row->y + column * TW_BLOCK;
    uint8_t *code = tw_code_at(row->code, column * TW_BLOCK);

    if (!call->known[kind]) {
        planar_keep(call, row, column, kind);
        return;
    }
    for (ptrdiff_t block = 0; block < call->blocks; block++, y += call->layout.block, kept += TW_BLOCK) {
        tw_lanes_store(y, tw_lanes_load(kept));
    }
    for (ptrdiff_t block = 0; code && block < call->blocks;
         block++, code += code_block, kept_code += TW_BLOCK) {
        memcpy(code, kept_code, TW_BLOCK);
    }
}

/* seen |= bytes, eight at a time; the last eight may meet some twice, which changes nothing. */
static inline void planar_or(uint8_t *seen, const uint8_t *bytes, ptrdiff_t width)
{
    for (ptrdiff_t c = 0; c < width; c += 8) {
        const ptrdiff_t at = c + 8 <= width || width < 8 ? c : width - 8;
        const size_t count = width < 8 ? (size_t)width : 8;
        uint64_t a = 0, b = 0;

        memcpy(&a, seen + at, count);
        memcpy(&b, bytes + at, count);
        a |= b;
        memcpy(seen + at, &a, count);
    }
}

/* The bytes under a row of windows, or-ed over rows and channels: byte 1 + c is column c, byte 0 the padding. */
static void planar_look(const struct planar_call *call, const uint8_t *x, ptrdiff_t r)
{
    const struct tw_conv_pool_shape *shape = call->shape;
    const ptrdiff_t first = r > 0 ? 2 * r - 1 : 0,
                    end = 2 * r + 3 < shape->height ? 2 * r + 3 : shape->height;
    uint8_t *seen = call->parts.seen + 1;

    memset(call->parts.seen, 0, (size_t)shape->width + 4);
    for (ptrdiff_t i = 0; i < shape->in_channels; i++) {
        for (ptrdiff_t row = first; row < end; row++) {
            planar_or(seen, x + (i * shape->height + row) * shape->width, shape->width);
        }
    }
}

/* Whether the four columns under a window hold nothing. */
static inline bool planar_is_blank(const struct planar_call *call, ptrdiff_t column)
{
    uint32_t four;

    memcpy(&four, call->parts.seen + 2 * column, sizeof four);
    return call->pixels && four == 0;
}

static void planar_run_row(struct planar_call *call, const struct planar_row *row)
{
    for (ptrdiff_t column = 0; column < call->columns;) {
        if (planar_is_blank(call, column)) {
            planar_blank(call, row, column++);
        } else if (column + 1 < call->columns && !planar_is_blank(call, column + 1)) {
            planar_pair(call, row, column);
            column += PLANAR_WINDOWS;
        } else {
            planar_one(call, row, column++);
        }
    }
}

/* One plane of bytes, normalised, into its padding. */
static void planar_normalize(const struct tw_conv_pool_shape *shape, const uint8_t *x,
                             const struct tw_pixel_scale *pixels, float *padded)
{
    const ptrdiff_t count = shape->in_channels * shape->height, width = shape->width;

    memset(padded, 0, (size_t)(shape->in_channels * (shape->height + 2) * (width + 2)) * sizeof *padded);
    for (ptrdiff_t line = 0; line < count; line++) {
        TW_VARIANT(tw_f32_normalize_u8)
        (width, x + line * width, pixels->mean, pixels->standard_deviation,
         padded + (line + 2 * (line / shape->height) + 1) * (width + 2) + 1);
    }
}

/* One sample; x as bytes or floats. */
static void planar_sample_forward(struct planar_call *call, const void *x, float *y, uint8_t *code)
{
    const struct tw_conv_pool_shape *shape = call->shape;

    if (call->pixels) {
        planar_normalize(shape, x, call->pixels, call->parts.padded);
    } else {
        tw_conv_pool_pad(shape, x, NULL, call->parts.padded);
    }
    tw_clear_halo(shape, y);
    for (ptrdiff_t r = 0; r < call->rows; r++) {
        const struct planar_row row = {
            .kind = (r == 0 ? KIND_TOP : 0) + (2 * r + 2 >= shape->height ? KIND_BOTTOM : 0),
            .patches = call->parts.padded + 2 * r * (shape->width + 2),
            .y = y + call->layout.first + r * call->layout.row,
            .code = tw_code_at(code, r * call->columns * TW_BLOCK),
        };

        if (call->pixels) {
            planar_look(call, x, r);
        }
        planar_run_row(call, &row);
    }
    tw_clear_missing(shape, y, code);
}

void TW_VARIANT(tw_f32_conv_pool_planar_forward)(const struct tw_conv_pool_shape *shape, ptrdiff_t samples,
                                                 const void *x, const struct tw_pixel_scale *pixels,
                                                 const float *planar_weights, const float *bias, float *y,
                                                 uint8_t *code, void *workspace)
{
    const ptrdiff_t x_bytes =
        shape->in_channels * shape->height * shape->width * (pixels ? 1 : (ptrdiff_t)sizeof(float));
    struct planar_call call = {
        .shape = shape,
        .pixels = pixels,
        .weights = planar_weights,
        .bias = bias,
        .layout = tw_window_layout(shape),
        .rows = shape->height / 2,
        .columns = shape->width / 2,
        .blocks = tw_blocks(shape->out_channels),
    };

    tw_conv_pool_carve(shape, workspace, &call.parts);
    for (ptrdiff_t n = 0; n < samples; n++) {
        planar_sample_forward(&call, (const char *)x + n * x_bytes, y + n * call.blocks * call.layout.block,
                              tw_code_at(code, n * tw_code_size(shape)));
    }
}
