/* Panels of B, and a panel's walk down the rows of A. */
#include <string.h>

#include "kernels/gemm/gemm_tile.h"

/* Whether the next narrower panel leaves just what `last` takes, where this one, as wide as two of those, leaves little. */
static bool leaves_last(const struct tw_f32_tiles *tiles, int w, ptrdiff_t rest)
{
    const ptrdiff_t columns = tiles->last ? tiles->last->columns : 0;

    return columns > 0 && tiles->width[w].columns == 2 * columns && rest > 2 * columns &&
           rest <= columns + tiles->width[w + 1].columns;
}

const struct tw_f32_tile_width *tw_tile_width(const struct tw_f32_tiles *tiles, ptrdiff_t rest)
{
    const struct tw_f32_tile_width *narrowest =
        tiles->last_half ? tiles->last_half : &tiles->width[tiles->widths - 1];
    int w = 0;

    if (tiles->last_half && rest <= tiles->last_half->columns)
        return tiles->last_half;
    if (tiles->last && rest <= tiles->last->columns && rest > tiles->last->columns - TW_TILE_LAST_LANES)
        return tiles->last;
    while (w + 1 < tiles->widths && tiles->width[w].columns - rest >= narrowest->columns)
        w++;
    return &tiles->width[w + leaves_last(tiles, w, rest)];
}

ptrdiff_t tw_tile_widest(const struct tw_f32_tiles *tiles)
{
    const ptrdiff_t last = tiles->last ? tiles->last->columns : 0, first = tiles->width[0].columns;

    return last > first ? last : first;
}

ptrdiff_t tw_tile_columns(const struct tw_f32_tiles *tiles, ptrdiff_t n)
{
    const ptrdiff_t narrowest = tiles->width[tiles->widths - 1].columns;

    return (n + narrowest - 1) / narrowest * narrowest;
}

/* Rows of `width` floats, b_row apart, one after the other. Sizes are constants at the calls, so each memcpy
 * is a few vector moves. */
static inline __attribute__((always_inline)) void copy_rows(ptrdiff_t k, size_t width, const float *b,
                                                            ptrdiff_t b_row, float *panel)
{
    for (ptrdiff_t p = 0; p < k; p++)
        memcpy(panel + p * (ptrdiff_t)width, b + p * b_row, width * sizeof *panel);
}

static void pack_contiguous(ptrdiff_t k, ptrdiff_t width, const float *b, ptrdiff_t b_row, float *panel)
{
    switch (width) {
    case 4:
        copy_rows(k, 4, b, b_row, panel);
        break;
    case 8:
        copy_rows(k, 8, b, b_row, panel);
        break;
    case 16:
        copy_rows(k, 16, b, b_row, panel);
        break;
    case 24:
        copy_rows(k, 24, b, b_row, panel);
        break;
    case 32:
        copy_rows(k, 32, b, b_row, panel);
        break;
    case 48:
        copy_rows(k, 48, b, b_row, panel);
        break;
    default:
        copy_rows(k, (size_t)width, b, b_row, panel);
        break;
    }
}

/* Columns from `first` on; where they are many, the whole panel at once, which is written next: compilers make a call for every
 * row of the loop. */
static void zero_columns(ptrdiff_t k, ptrdiff_t first, ptrdiff_t width, float *panel)
{
    if (4 * (width - first) >= width) {
        memset(panel, 0, (size_t)(k * width) * sizeof *panel);
        return;
    }
    for (ptrdiff_t p = 0; p < k; p++)
        for (ptrdiff_t j = first; j < width; j++)
            panel[p * width + j] = 0.0f;
}

void tw_tile_pack(const struct tw_f32_tiles *tiles, ptrdiff_t k, ptrdiff_t columns, ptrdiff_t width,
                  const float *b, ptrdiff_t b_row, ptrdiff_t b_col, float *panel)
{
    if (columns < width)
        zero_columns(k, columns, width, panel);
    if (b_col == 1 && columns == width) {
        pack_contiguous(k, width, b, b_row, panel);
    } else if (b_row == 1) {
        tiles->transpose(columns, k, b, b_col, panel, width);
    } else {
        for (ptrdiff_t p = 0; p < k; p++)
            for (ptrdiff_t j = 0; j < columns; j++)
                panel[p * width + j] = b[p * b_row + j * b_col];
    }
}

/* A tile whose C is narrower than the panel: computed in a buffer of the full width. */
static void run_partial(tw_f32_tile_fn *function, const struct tw_f32_tile *operands, ptrdiff_t rows,
                        ptrdiff_t width)
{
    float buffer[TW_TILE_ROWS_MAX * TW_TILE_COLUMNS_MAX];
    ptrdiff_t place[TW_TILE_ROWS_MAX];
    const size_t bytes = (size_t)operands->columns * sizeof *buffer;
    struct tw_f32_tile tile = *operands;

    memset(buffer, 0, (size_t)(rows * width) * sizeof *buffer);
    for (ptrdiff_t i = 0; i < rows; i++) {
        place[i] = i * width;
        if (operands->start)
            memcpy(buffer + place[i], operands->start + (operands->start_at ? operands->start_at[i] : 0),
                   bytes);
    }
    tile.start = buffer;
    tile.c = buffer;
    tile.start_at = tile.c_at = place;
    function(&tile);
    for (ptrdiff_t i = 0; i < rows; i++)
        memcpy(operands->c + operands->c_at[i], buffer + place[i], bytes);
}

/* The rows are shared out evenly: 13 rows are 5 + 4 + 4, because a tile of one row leaves the multipliers
 * waiting for each other. */
void tw_tile_run(const struct tw_f32_tile_width *width, const struct tw_f32_tile *operands)
{
    ptrdiff_t tiles = (operands->rows + width->rows - 1) / width->rows, rest = operands->rows;
    struct tw_f32_tile tile = *operands;

    for (; rest > 0; tiles--) {
        const ptrdiff_t rows = (rest + tiles - 1) / tiles;

        if (operands->columns < width->columns)
            run_partial(width->tile[rows - 1], &tile, rows, width->columns);
        else
            width->tile[rows - 1](&tile);
        tile.row += rows;
        tile.c_at += rows;
        tile.start_at = tile.start_at ? tile.start_at + rows : NULL;
        rest -= rows;
    }
}

void tw_tile_run_along(const struct tw_f32_along *along, ptrdiff_t rows,
                       const struct tw_f32_strided *operands)
{
    ptrdiff_t tiles = (rows + along->rows - 1) / along->rows, rest = rows;
    const ptrdiff_t end = along->half > 0 ? operands->columns % (2 * along->half) : 0;
    const bool halves = end > 0 && end <= along->half;
    struct tw_f32_strided tile = *operands;

    tile.columns -= halves ? end : 0;
    for (; rest > 0; tiles--) {
        const ptrdiff_t height = (rest + tiles - 1) / tiles;

        along->tabled[height - 1](&tile);
        if (halves) {
            struct tw_f32_strided half = tile;

            half.columns = end;
            half.b += tile.columns;
            half.c += tile.columns;
            along->tabled_half[height - 1](&half);
        }
        tile.a += height * tile.a_row;
        tile.c += height * tile.c_row;
        tile.start = tile.start ? tile.start + height : NULL;
        rest -= height;
    }
}
