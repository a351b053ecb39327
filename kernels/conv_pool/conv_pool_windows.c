/* Where the windows of a planar sample are, and the blank image that has all kinds of them. */
#include "kernels/conv_pool/conv_pool_workspace.h"

/* Of `count` rows (or columns) of windows, the one of the blank image's `blank` that window `index` is like. */
static ptrdiff_t blank_index(ptrdiff_t index, ptrdiff_t count, ptrdiff_t blank)
{
    if (index == count - 1) {
        return blank - 1;
    }
    return index < 1 ? 0 : 1;
}

void tw_planar_windows(const struct tw_conv_pool_shape *shape, struct tw_planar_window *windows)
{
    const struct tw_conv_pool_shape blank = tw_blank_shape(shape);
    ptrdiff_t rows = shape->height / 2, columns = shape->width / 2;

    for (ptrdiff_t r = 0; r < rows; r++) {
        ptrdiff_t first = blank_index(r, rows, blank.height / 2) * (blank.width / 2);

        for (ptrdiff_t c = 0; c < columns; c++) {
            *windows++ = (struct tw_planar_window){
                .patch = (int32_t)(2 * r * (shape->width + 2) + 2 * c),
                .y = (int32_t)((r * (columns + 2 * shape->y_halo) + c) * TW_BLOCK),
                .code = (int32_t)((r * columns + c) * TW_BLOCK),
                .blank = (int32_t)((first + blank_index(c, columns, blank.width / 2)) * TW_BLOCK)};
        }
    }
}

/* Three rows of windows are a first, one inside and a last; an odd last row of pixels is below the last. */
static ptrdiff_t blank_side(ptrdiff_t side)
{
    return side <= TW_BLANK_SIDE ? side : TW_BLANK_SIDE - 1 + side % 2;
}

struct tw_conv_pool_shape tw_blank_shape(const struct tw_conv_pool_shape *shape)
{
    struct tw_conv_pool_shape blank = *shape;

    blank.height = blank_side(shape->height);
    blank.width = blank_side(shape->width);
    blank.y_halo = 0;
    return blank;
}
