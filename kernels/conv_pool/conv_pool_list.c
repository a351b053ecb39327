/* The padded planar sample, and the lists of what max-pool and relu left over. */
#include <string.h>

#include "kernels/conv_pool/conv_pool_workspace.h"

static void pad_plane(const struct tw_conv_pool_shape *shape, const void *x, ptrdiff_t plane,
                      const struct tw_pixel_scale *pixels, float *padded)
{
    for (ptrdiff_t row = 0; row < shape->height; row++) {
        ptrdiff_t source = (plane * shape->height + row) * shape->width;
        float *target = padded + (row + 1) * (shape->width + 2) + 1;

        if (!pixels) {
            memcpy(target, (const float *)x + source, (size_t)shape->width * sizeof(float));
            continue;
        }
        for (ptrdiff_t column = 0; column < shape->width; column++) {
            float pixel = (float)((const uint8_t *)x)[source + column];

            target[column] = ((pixel / 255.0f) - pixels->mean) / pixels->standard_deviation;
        }
    }
}

void tw_conv_pool_pad(const struct tw_conv_pool_shape *shape, const void *x,
                      const struct tw_pixel_scale *pixels, float *padded)
{
    ptrdiff_t size = (shape->height + 2) * (shape->width + 2);

    memset(padded, 0, (size_t)(shape->in_channels * size + 4) * sizeof *padded);
    for (ptrdiff_t plane = 0; plane < shape->in_channels; plane++) {
        pad_plane(shape, x, plane, pixels, padded + plane * size);
    }
}

/* One row of windows of one channel: the winners in its upper row first, then those in its lower row. Every
 * candidate is written and the cursor moves only past the real ones, so that no branch depends on the data.
 */
struct cursor {
    int32_t *offset;
    float *value;
    ptrdiff_t count;
};

static void list_row(const uint8_t *code, const float *dy, ptrdiff_t windows, int32_t row_offset,
                     int32_t row_pitch, int32_t pixel, struct cursor *to)
{
    for (int half = 0; half < 2; half++) {
        int32_t *offset = to->offset + to->count;
        float *value = to->value + to->count;
        ptrdiff_t count = 0;

        for (ptrdiff_t c = 0; c < windows; c++) {
            int winner = code[c * TW_BLOCK];

            offset[count] = row_offset + half * row_pitch + (int32_t)(2 * c + (winner & 1)) * pixel;
            value[count] = dy[c * TW_BLOCK];
            count += (winner >> 1) == half;
        }
        to->count += count;
    }
}

void tw_conv_pool_list(const struct tw_conv_pool_shape *shape, const uint8_t *code, const float *dy,
                       ptrdiff_t pixel, const struct tw_conv_pool_workspace *workspace)
{
    ptrdiff_t rows = shape->height / 2, columns = shape->width / 2, dy_pitch = columns + 2 * shape->y_halo;
    struct cursor to = {workspace->offset, workspace->value, 0};
    int32_t row_pitch = (int32_t)((shape->width + 2) * pixel);

    for (ptrdiff_t o = 0; o < shape->out_channels; o++) {
        const uint8_t *codes = code + o / TW_BLOCK * rows * columns * TW_BLOCK + o % TW_BLOCK;
        const float *dys =
            dy + o / TW_BLOCK * (rows + 2 * shape->y_halo) * dy_pitch * TW_BLOCK + o % TW_BLOCK;

        workspace->first[o] = (int32_t)to.count;
        for (ptrdiff_t r = 0; r < rows; r++) {
            list_row(codes + r * columns * TW_BLOCK,
                     dys + ((r + shape->y_halo) * dy_pitch + shape->y_halo) * TW_BLOCK, columns,
                     (int32_t)(2 * r) * row_pitch, row_pitch, (int32_t)pixel, &to);
        }
    }
    workspace->first[shape->out_channels] = (int32_t)to.count;
}
