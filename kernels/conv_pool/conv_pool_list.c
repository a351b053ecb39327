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

    memset(padded, 0, (size_t)(shape->in_channels * size) * sizeof *padded);
    for (ptrdiff_t plane = 0; plane < shape->in_channels; plane++) {
        pad_plane(shape, x, plane, pixels, padded + plane * size);
    }
}

void tw_conv_pool_order(const struct tw_conv_pool_shape *shape,
                        const struct tw_conv_pool_workspace *workspace)
{
    ptrdiff_t rows = shape->height / 2, columns = shape->width / 2, halo = shape->y_halo;
    struct tw_window *window = workspace->order;

    for (ptrdiff_t colour = 0; colour < 4; colour++) {
        for (ptrdiff_t r = colour / 2; r < rows; r += 2) {
            for (ptrdiff_t c = colour % 2; c < columns; c += 2) {
                *window++ = (struct tw_window){
                    .code = (int32_t)((r * columns + c) * TW_BLOCK),
                    .dy = (int32_t)(((r + halo) * (columns + 2 * halo) + c + halo) * TW_BLOCK),
                    .patch = (int32_t)((2 * r * (shape->width + 2) + 2 * c) * TW_BLOCK),
                };
            }
        }
    }
}

/* Every window is written and the cursor moves only past the open ones, so that no branch depends on the
 * data. `step`: from a window's patch to that of its winner. Returns the new end. */
static struct tw_survivor *list_channel(const struct tw_window *window, const struct tw_window *last,
                                        const int32_t *step, const uint8_t *code, const float *dy,
                                        struct tw_survivor *end)
{
    for (; window < last; window++) {
        uint8_t winner = code[window->code];

        *end = (struct tw_survivor){window->patch + step[winner], dy[window->dy]};
        end += winner < TW_CODE_CLOSED;
    }
    return end;
}

void tw_conv_pool_list(const struct tw_conv_pool_shape *shape, const uint8_t *code, const float *dy,
                       const struct tw_conv_pool_workspace *workspace)
{
    ptrdiff_t rows = shape->height / 2, columns = shape->width / 2, halo = shape->y_halo;
    ptrdiff_t dy_block = (rows + 2 * halo) * (columns + 2 * halo) * TW_BLOCK;
    int32_t pitch = (int32_t)(shape->width + 2) * TW_BLOCK;
    const int32_t step[TW_CODE_CLOSED + 1] = {0, TW_BLOCK, pitch, pitch + TW_BLOCK, 0};
    struct tw_survivor *end = workspace->survivors;

    for (ptrdiff_t o = 0; o < shape->out_channels; o++) {
        ptrdiff_t block = o / TW_BLOCK, lane = o % TW_BLOCK;

        workspace->first[o] = (int32_t)(end - workspace->survivors);
        end =
            list_channel(workspace->order, workspace->order + rows * columns, step,
                         code + block * rows * columns * TW_BLOCK + lane, dy + block * dy_block + lane, end);
    }
    workspace->first[shape->out_channels] = (int32_t)(end - workspace->survivors);
}
