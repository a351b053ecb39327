/* The planar kernels: few input channels, patches of pixels broadcast to sixteen output channels. Included
 * after the lanes and the vectors of an ISA and its planar_list: conv_pool_planar_pairs_lanes.h or
 * conv_pool_planar_turns_lanes.h.
 *
 * Windows go through in lists, wherever they lie. Of pixels of 8 bits only the windows with ink are computed: where all of
 * a window's patch is the pixel 0, as around a digit, its outputs are those of the same window of a blank image, which are
 * computed once a call and copied.
 */
#include "kernels/conv_pool/conv_pool_pad_lanes.h"
#include "kernels/conv_pool/conv_pool_window_lanes.h"

static __attribute__((noinline)) void planar_list_careful(const struct tw_planar_input *input,
                                                          const struct tw_planar_window *windows,
                                                          ptrdiff_t count, float *y, uint8_t *code)
{
    planar_list(true, input, windows, count, y, code);
}

/* A call's weights and biases. */
struct planar_layer {
    const float *weights, *bias;
};

/* Listed windows of one sample for all output channels. */
static void planar_compute(const struct tw_conv_pool_shape *shape, const struct planar_layer *layer,
                           const float *padded, const struct tw_planar_window *windows, ptrdiff_t count,
                           float *y, uint8_t *code)
{
    const struct tw_window_layout layout = tw_window_layout(shape);
    ptrdiff_t codes = shape->height / 2 * (shape->width / 2) * TW_BLOCK;

    for (ptrdiff_t block = 0; block < tw_blocks(shape->out_channels); block++) {
        struct tw_planar_input input = {
            shape, padded, layer->weights + block * shape->in_channels * 9 * TW_BLOCK, {0.0f}};
        float *to = y + layout.first + block * layout.block;
        uint8_t *code_to = tw_code_at(code, block * codes);

        tw_lanes_store(input.start, tw_block_bias(layer->bias, block, shape->out_channels));
        if (tw_windows_in_doubt(planar_list(false, &input, windows, count, to, code_to))) {
            planar_list_careful(&input, windows, count, to, code_to);
        }
    }
    tw_clear_missing(shape, y, code);
}

/* --- ink ---------------------------------------------------------------------------------------------------- */

/* Where one row of pixels has ink, in any channel; none outside the image. */
static uint64_t planar_row_ink(const struct tw_conv_pool_shape *shape, const uint8_t *x, ptrdiff_t row)
{
    uint64_t ink = 0;

    for (ptrdiff_t i = 0; i < shape->in_channels && row < shape->height; i++) {
        ink |= tw_bytes_set(x + (i * shape->height + row) * shape->width, (int)shape->width);
    }
    return ink;
}

/* Bit 2 c of ink[r]: the patch of window (r, c) has ink. Returns whether all have. */
static bool planar_find_ink(const struct tw_conv_pool_shape *shape, const uint8_t *x, uint64_t *ink)
{
    const uint64_t windows = ~(uint64_t)0 >> (TW_INK_WIDTH - shape->width / 2 * 2) & 0x5555555555555555;
    uint64_t upper = planar_row_ink(shape, x, 0), all = windows;

    for (ptrdiff_t r = 0; r < shape->height / 2; r++) {
        const uint64_t lower = planar_row_ink(shape, x, 2 * r + 1) | planar_row_ink(shape, x, 2 * r + 2);
        const uint64_t four = upper | lower;

        /* Columns 2 c - 1 … 2 c + 2. */
        ink[r] = (four << 1 | four | four >> 1 | four >> 2) & windows;
        all &= ink[r];
        upper = lower;
    }
    return all == windows;
}

/* Windows with ink from the front of `sorted`, blank ones from its back; returns how many have ink. Without branches on
 * the image: every window is written to both ends, and one of them moves on. */
static ptrdiff_t planar_sort(const struct tw_conv_pool_shape *shape, const uint64_t *ink,
                             const struct tw_planar_window *windows, struct tw_planar_window *sorted)
{
    ptrdiff_t rows = shape->height / 2, columns = shape->width / 2, front = 0, back = rows * columns - 1;

    for (ptrdiff_t r = 0; r < rows; r++) {
        uint64_t bits = ink[r];

        for (ptrdiff_t c = 0; c < columns; c++, bits >>= 2, windows++) {
            const ptrdiff_t has_ink = (ptrdiff_t)(bits & 1);

            sorted[front] = *windows;
            sorted[back] = *windows;
            front += has_ink;
            back -= 1 - has_ink;
        }
    }
    return front;
}

/* The blank image through the layer. */
static void planar_compute_blank(const struct tw_conv_pool_shape *shape, const struct planar_layer *layer,
                                 const struct tw_pixel_scale *pixels,
                                 const struct tw_conv_pool_workspace *parts, bool codes)
{
    static const uint8_t image[TW_CONV_POOL_PLANAR_CHANNELS * TW_BLANK_SIDE * TW_BLANK_SIDE];
    const struct tw_conv_pool_shape blank = tw_blank_shape(shape);

    tw_conv_pool_pad(&blank, image, pixels, parts->blank_padded);
    tw_planar_windows(&blank, parts->blank_windows);
    planar_compute(&blank, layer, parts->blank_padded, parts->blank_windows,
                   blank.height / 2 * (blank.width / 2), parts->blank_y, codes ? parts->blank_code : NULL);
}

/* Copies listed windows from the blank image's. */
static void planar_copy_blank(const struct tw_conv_pool_shape *shape,
                              const struct tw_conv_pool_workspace *parts,
                              const struct tw_planar_window *windows, ptrdiff_t count, float *y,
                              uint8_t *code)
{
    const struct tw_conv_pool_shape blank = tw_blank_shape(shape);
    const struct tw_window_layout layout = tw_window_layout(shape);
    ptrdiff_t blank_block = blank.height / 2 * (blank.width / 2) * TW_BLOCK;
    ptrdiff_t codes = shape->height / 2 * (shape->width / 2) * TW_BLOCK;

    for (ptrdiff_t block = 0; block < tw_blocks(shape->out_channels); block++) {
        const float *from = parts->blank_y + block * blank_block;
        const uint8_t *code_from = parts->blank_code + block * blank_block;
        float *to = y + layout.first + block * layout.block;
        uint8_t *code_to = tw_code_at(code, block * codes);

        for (ptrdiff_t i = 0; i < count; i++) {
            tw_lanes_store(to + windows[i].y, tw_lanes_load(from + windows[i].blank));
            if (code_to) {
                memcpy(code_to + windows[i].code, code_from + windows[i].blank, TW_BLOCK);
            }
        }
    }
}

/* --- all samples -------------------------------------------------------------------------------------------- */

void TW_VARIANT(tw_f32_conv_pool_planar_forward)(const struct tw_conv_pool_shape *shape, ptrdiff_t samples,
                                                 const void *x, const struct tw_pixel_scale *pixels,
                                                 const float *planar_weights, const float *bias, float *y,
                                                 uint8_t *code, void *workspace)
{
    const struct planar_layer layer = {planar_weights, bias};
    ptrdiff_t windows = shape->height / 2 * (shape->width / 2);
    ptrdiff_t x_size = shape->in_channels * shape->height * shape->width;
    bool look_for_ink = pixels && shape->width <= TW_INK_WIDTH, blank_known = false;
    struct tw_conv_pool_workspace parts;

    tw_conv_pool_carve(shape, workspace, &parts);
    tw_conv_pool_clear_padded(shape, parts.padded);
    tw_planar_windows(shape, parts.windows);
    for (ptrdiff_t n = 0; n < samples; n++) {
        const char *sample = (const char *)x + n * x_size * (pixels ? 1 : (ptrdiff_t)sizeof(float));
        const struct tw_planar_window *list = parts.windows;
        ptrdiff_t count = windows;

        tw_conv_pool_pad_inside(shape, sample, pixels, parts.padded);
        tw_clear_halo(shape, y);
        if (look_for_ink && !planar_find_ink(shape, (const uint8_t *)sample, parts.ink)) {
            if (!blank_known) {
                planar_compute_blank(shape, &layer, pixels, &parts, code != NULL);
                blank_known = true;
            }
            count = planar_sort(shape, parts.ink, list, parts.sorted);
            list = parts.sorted;
            planar_copy_blank(shape, &parts, list + count, windows - count, y, code);
        }
        planar_compute(shape, &layer, parts.padded, list, count, y, code);
        y += tw_blocked_size(shape->out_channels, shape->height / 2, shape->width / 2, shape->y_halo);
        code = tw_code_at(code, tw_code_size(shape));
    }
}
