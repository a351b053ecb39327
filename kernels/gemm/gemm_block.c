#include "kernels/gemm/gemm_block.h"

enum { LINE = 16 }; /* floats */

/* The widest panel, from `width` on, of which less than a vector is wasted on `rest` columns; less than half a vector, if there are
 * such and tiles have rows enough to keep the multipliers busy with it: then a vector and a half is one, too. What fits in half a
 * vector takes no whole one. */
static const struct tw_f32_strided_width *narrow(const struct tw_f32_tiles *tiles,
                                                 const struct tw_f32_strided_width *width, ptrdiff_t rows,
                                                 ptrdiff_t rest)
{
    const struct tw_f32_strided_width *last = &tiles->strided[tiles->strided_widths - 1];
    const struct tw_f32_strided_width *least = tiles->half && rows >= TW_HALF_ROWS ? tiles->half : last;

    if (width == tiles->half || width == tiles->one_and_half) {
        return width;
    }
    while (width < last && width->columns - rest >= least->columns) {
        width++;
    }
    if (width < last || !tiles->half) {
        return width;
    }
    return rest <= tiles->half->columns ? tiles->half : rest > last->columns ? tiles->one_and_half : last;
}

const struct tw_f32_strided_width *tw_gemm_width(const struct tw_f32_tiles *tiles, ptrdiff_t rows,
                                                 ptrdiff_t columns)
{
    int w = 0;

    while (w < tiles->strided_general && tiles->strided[w].rows < rows) {
        w++;
    }
    return narrow(tiles, &tiles->strided[w], rows, columns);
}

struct tw_gemm_heights tw_gemm_heights(ptrdiff_t rows, ptrdiff_t tile_rows)
{
    struct tw_gemm_heights heights = {.tiles = 1, .height = rows};

    if (rows > tile_rows) {
        heights.tiles = (rows + tile_rows - 1) / tile_rows;
        heights.height = rows / heights.tiles;
        heights.taller = rows - heights.height * heights.tiles;
    }
    return heights;
}

/* --- fetching ------------------------------------------------------------------------------------------- */

/* The rows (or, where B is transposed, the columns) of the panel that comes next, or its cache lines where it is
 * packed. */
struct ahead {
    const float *b;
    ptrdiff_t lines, step, length, share; /* `share` lines for every tile of the panel before it */
};

static struct ahead ahead_of(const struct tw_gemm_block *block, ptrdiff_t next, ptrdiff_t most,
                             ptrdiff_t tiles)
{
    const bool ends = next >= block->columns, rows_lie = block->b_col == 1;
    const ptrdiff_t columns = ends ? most : tw_gemm_smaller(most, block->columns - next);
    const float *b = ends ? block->next_b : block->b + next * block->b_col;
    struct ahead ahead = {0};

    if (block->fetches_b && !ends && block->b_state == TW_GEMM_B_PACKED) {
        ahead.b = block->panels + next * block->k;
        ahead.lines = block->k * columns / LINE;
        ahead.step = LINE;
        ahead.length = 1;
    } else if (block->fetches_b && b) {
        ahead.b = b + (rows_lie ? tw_gemm_smaller(LINE, columns) - 1 : 0);
        ahead.lines = rows_lie ? block->k : columns;
        ahead.step = rows_lie ? block->b_row : block->b_col;
        ahead.length = rows_lie ? columns : block->k;
    }
    ahead.share = tiles > 1 ? ahead.lines / tiles + 1 : ahead.lines;
    return ahead;
}

static void fetch_share(struct ahead *ahead)
{
    const ptrdiff_t lines = tw_gemm_smaller(ahead->share, ahead->lines);

    for (ptrdiff_t i = 0; i < lines; i++, ahead->b += ahead->step) {
        for (ptrdiff_t j = 0; j < ahead->length; j += LINE) {
            __builtin_prefetch(ahead->b + j, 0, 2);
        }
    }
    ahead->lines -= lines;
}

static void fetch_c(const float *c, ptrdiff_t c_row, ptrdiff_t rows, ptrdiff_t columns)
{
    for (ptrdiff_t i = 0; i < rows; i++) {
        for (ptrdiff_t j = 0; j < columns; j += LINE) {
            __builtin_prefetch(c + i * c_row + j);
        }
        __builtin_prefetch(c + i * c_row + columns - 1);
    }
}

/* --- multiplying ---------------------------------------------------------------------------------------- */

struct panel {
    const struct tw_f32_strided_width *width;
    ptrdiff_t column, columns;
    float *packed;
};

static struct panel panel_at(const struct tw_gemm_block *block, ptrdiff_t column)
{
    const ptrdiff_t rest = block->columns - column;
    const struct tw_f32_strided_width *width = narrow(block->tiles, block->width, block->panel_rows, rest);

    return (struct panel){.width = width,
                          .column = column,
                          .columns = tw_gemm_smaller(width->columns, rest),
                          .packed = block->panels + (block->keeps_panels ? column * block->k : 0)};
}

static void pack_panel(const struct tw_gemm_block *block, const struct panel *panel)
{
    tw_tile_pack(block->tiles, block->k, panel->columns, panel->width->columns,
                 block->b + panel->column * block->b_col, block->b_row, block->b_col, panel->packed);
}

/* The first tile of the panel; `in_place`: it reads B by its strides. Every member is given: clearing the rest of them first
 * took a fifteenth of a product of 64 columns and k = 10. */
static struct tw_f32_strided first_tile(const struct tw_gemm_block *block, const struct panel *panel,
                                        bool in_place)
{
    return (struct tw_f32_strided){.columns = panel->columns,
                                   .k = block->k,
                                   .a = block->a,
                                   .b = in_place ? block->b + panel->column : panel->packed,
                                   .b_at = NULL,
                                   .c = block->c + panel->column,
                                   .a_row = block->interleaved ? 1 : block->a_row,
                                   .a_col = block->a_col,
                                   .b_row = in_place ? block->b_row : panel->width->columns,
                                   .c_row = block->c_row,
                                   .accumulate = block->accumulate,
                                   .start = block->start,
                                   .packed = panel->packed,
                                   .ahead = block->a,
                                   .ahead_step = 0,
                                   .ahead_lines = 0,
                                   .next_c = block->c + panel->column};
}

/* Makes tile t of `tiles` fetch its share of the panel that begins at column `next`: where it is packed, of its
 * length; where it is not, one line of every row. */
static void aim(const struct tw_gemm_block *block, ptrdiff_t next, ptrdiff_t tiles, ptrdiff_t t,
                struct tw_f32_strided *tile)
{
    const ptrdiff_t columns = tw_gemm_smaller(block->width->columns, block->columns - next);
    const ptrdiff_t step = tw_gemm_smaller(LINE, (columns + tiles - 1) / tiles);

    if (block->b_state != TW_GEMM_B_PACKED) {
        tile->ahead = block->b + next + tw_gemm_smaller(t * LINE, columns - 1);
        tile->ahead_step = t * LINE < columns + LINE - 1 ? block->b_row : 0;
        return;
    }
    tile->ahead = block->panels + (next + tw_gemm_smaller(t * step, columns - step)) * block->k;
    tile->ahead_step = step;
}

/* The tiles of one panel, down all rows. */
static void run_panel(const struct tw_gemm_block *block, const struct panel *panel,
                      const struct tw_gemm_heights *heights)
{
    const bool whole = panel->columns == panel->width->columns;
    const ptrdiff_t tallest = heights->height + (heights->taller > 0), next = panel->column + panel->columns;
    tw_f32_strided_fn *const *functions = whole ? panel->width->whole : panel->width->part;
    const bool packs = block->b_state == TW_GEMM_B_PACK;
    const bool packs_itself = packs && block->b_col == 1 && whole && panel->width->packing[tallest - 1];
    struct tw_f32_strided tile =
        first_tile(block, panel, packs_itself || block->b_state == TW_GEMM_B_IN_PLACE);
    struct ahead ahead = ahead_of(block, next, panel->width->columns, heights->tiles);
    const bool tiles_fetch = block->tiles->fetch && whole &&
                             panel->width->columns % LINE == 0 && /* not in halves */
                             block->k >= 2 * TW_STRIDED_LATE;
    const bool tiles_fetch_b =
        tiles_fetch && next < block->columns && (block->b_state == TW_GEMM_B_PACKED || block->b_col == 1);

    if (packs && !packs_itself) {
        pack_panel(block, panel);
    }
    for (ptrdiff_t t = 0; t < heights->tiles; t++) {
        const ptrdiff_t rows = heights->height + (t < heights->taller);
        const bool last = t + 1 == heights->tiles, packing = packs_itself && t == 0;

        tile.next_c = last ? block->c + next % block->columns : tile.c + rows * block->c_row;
        if (block->fetches_c && (packing || !tiles_fetch)) {
            fetch_c(tile.next_c, block->c_row, rows, panel->columns);
        }
        if (tiles_fetch_b && !packing) {
            aim(block, next, heights->tiles, t - packs_itself, &tile);
        }
        fetch_share(&ahead);
        tile.a_col = block->interleaved ? rows : block->a_col;
        if (packing) {
            panel->width->packing[rows - 1](&tile);
            tile.b = panel->packed;
            tile.b_row = panel->width->columns;
        } else {
            functions[rows - 1](&tile);
        }
        tile.a += rows * block->a_row;
        tile.c += rows * block->c_row;
        tile.start = tile.start ? tile.start + rows : NULL;
    }
}

/* Columns behind the tiles along a row: what is left of a unit, or a unit more, where they begin with a wider tile. */
static ptrdiff_t tail(const struct tw_gemm_block *block, ptrdiff_t columns)
{
    const ptrdiff_t unit = block->tiles->along.unit, rest = columns % unit;
    const ptrdiff_t first = narrow(block->tiles, block->width, TW_TILE_ROWS_MAX, unit + rest)->columns;

    return rest > 0 && columns > unit && first > unit && first < 2 * unit ? unit + rest : rest;
}

/* The tiles of `rows` rows along `columns` columns: whole units, then narrower tiles, or one that is wider. */
static void run_along(const struct tw_gemm_block *block, ptrdiff_t rows, ptrdiff_t columns,
                      struct tw_f32_strided *tile)
{
    const struct tw_f32_strided_width *width = block->width;

    tile->columns = columns - tail(block, columns);
    block->tiles->along.function[rows - 1](tile);
    for (ptrdiff_t rest = columns - tile->columns; rest > 0; rest -= tile->columns) {
        width = narrow(block->tiles, width, rows, rest);
        tile->b += tile->columns;
        tile->c += tile->columns;
        tile->columns = tw_gemm_smaller(width->columns, rest);
        (tile->columns == width->columns ? width->whole : width->part)[rows - 1](tile);
    }
}

/* The tiles of `rows` rows from `first` on: along all of B where it lies, or along one panel after the other. In the first case
 * tiles of an ISA that fetches, if they last long enough (vector_along.h), bring the same part of the rows of the next B. */
static void run_strip(const struct tw_gemm_block *block, ptrdiff_t first, ptrdiff_t rows)
{
    const bool in_place = block->b_state == TW_GEMM_B_IN_PLACE;

    for (ptrdiff_t j = 0; j < block->columns;) {
        const struct panel panel = panel_at(block, j);
        const ptrdiff_t columns = in_place ? block->columns : panel.columns;
        struct tw_f32_strided tile = first_tile(block, &panel, in_place);

        tile.a += first * block->a_row;
        tile.c += first * block->c_row;
        tile.start = tile.start ? tile.start + first : NULL;
        if (in_place && block->next_b && block->tiles->fetch) {
            const ptrdiff_t fetched = block->k * first / block->rows;

            tile.ahead = block->next_b + fetched * block->b_row + LINE - 1;
            tile.ahead_step = block->b_row;
            tile.ahead_lines = block->k * (first + rows) / block->rows - fetched;
        }
        tile.a_col = block->interleaved ? rows : block->a_col;
        run_along(block, rows, columns, &tile);
        j += columns;
    }
}

/* A tile at the beginning of a product whose operands are read where they lie; its columns are not set. */
static inline struct tw_f32_strided tile_in_place(const struct tw_gemm_shape *s, const float *a,
                                                  const float *b, float *c)
{
    return (struct tw_f32_strided){.columns = 0,
                                   .k = s->k,
                                   .a = a,
                                   .a_row = s->a_row,
                                   .a_col = s->a_col,
                                   .b = b,
                                   .b_at = NULL,
                                   .b_row = s->b_row,
                                   .c = c,
                                   .c_row = s->c_row,
                                   .accumulate = s->accumulate,
                                   .start = NULL,
                                   .packed = NULL,
                                   .ahead = b,
                                   .ahead_step = 0,
                                   .ahead_lines = 0,
                                   .next_c = c};
}

void tw_gemm_run_one_vector(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s, const float *a,
                            const float *b, float *c)
{
    const struct tw_f32_strided_width *width =
        narrow(tiles, &tiles->strided[tiles->strided_widths - 1], s->m, s->n);
    struct tw_f32_strided tile = tile_in_place(s, a, b, c);

    tile.columns = s->n;
    (s->n == width->columns ? width->whole : width->part)[s->m - 1](&tile);
}

void tw_gemm_run_small(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s, const float *a,
                       const float *b, float *c)
{
    const struct tw_f32_strided_width *width = tw_gemm_width(tiles, s->m, s->n);
    const struct tw_gemm_heights heights = tw_gemm_heights(s->m, width->rows);
    struct tw_f32_strided tile = tile_in_place(s, a, b, c);

    for (ptrdiff_t j = 0; j < s->n; j += tile.columns) {
        tw_f32_strided_fn *const *functions;

        width = narrow(tiles, width, heights.height, s->n - j);
        tile.columns = tw_gemm_smaller(width->columns, s->n - j);
        functions = tile.columns == width->columns ? width->whole : width->part;
        tile.a = a;
        tile.b = b + j;
        tile.c = c + j;
        for (ptrdiff_t t = 0; t < heights.tiles; t++) {
            const ptrdiff_t rows = heights.height + (t < heights.taller);

            functions[rows - 1](&tile);
            tile.a += rows * s->a_row;
            tile.c += rows * s->c_row;
        }
    }
}

void tw_gemm_run_block(const struct tw_gemm_block *block)
{
    const struct tw_gemm_heights heights = tw_gemm_heights(block->rows, block->tile_rows);

    for (ptrdiff_t j = 0; j < block->columns;) {
        const struct panel panel = panel_at(block, j);

        if (!block->rows_first) {
            run_panel(block, &panel, &heights);
        } else if (block->b_state == TW_GEMM_B_PACK) {
            pack_panel(block, &panel);
        }
        j += panel.columns;
    }
    for (ptrdiff_t t = 0, first = 0; t < heights.tiles && block->rows_first; t++) {
        const ptrdiff_t rows = heights.height + (t < heights.taller);

        run_strip(block, first, rows);
        first += rows;
    }
}
