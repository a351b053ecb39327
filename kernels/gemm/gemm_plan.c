#include "kernels/gemm/gemm_plan.h"

#include "kernels/gemm/gemm_block.h"

enum {
    SMALL = 48,        /* most rows, columns and depth of a product that needs no plan */
    LINE = 16,         /* floats */
    BAD_ROW = 1024,    /* rows of B a multiple of this apart: their lines meet in one set of L1, … */
    WAYS = 8,          /* … which holds so many */
    FEW = 32,          /* rows of A for which B is not packed so that they meet no more */
    B_IN_L1 = 8192,    /* floats of a B that is not fetched */
    B_IN_L3 = 1 << 20, /* floats of a B that few rows of A meet where it lies */
    B_ALONG = 65536,   /* floats of B that tiles pass on their way along the rows of C; of a larger B, … */
    FAR_SHALLOW = 63,  /* … most k: tiles down the rows of A bring the next panel meanwhile */
    B_STREAMS = 32768, /* floats of a B from which on one tile reads it in short blocks of k … */
    STREAM_DEPTH = 64, /* … of this depth: as many pages as the first translation buffer holds */
    STREAMED = 3,      /* rows up to which a B that comes fast is streamed past nevertheless */
    STREAM_COLUMNS = 32,  /* least n that is streamed past */
    A_PACKS = 4096,       /* floats of a transposed A from which on it is packed */
    C_IN_L1 = 4096,       /* floats of a C that is not fetched ahead */
    EXCHANGED_DEPTH = 16, /* least k of a product that is computed as C^T */
    LONG = 256            /* least k beside which transposing C does not count */
};

static ptrdiff_t larger(ptrdiff_t x, ptrdiff_t y)
{
    return x > y ? x : y;
}

/* `extent` in the fewest even parts of at most `most`, which are multiples of `unit` as `most` is. */
static ptrdiff_t share(ptrdiff_t extent, ptrdiff_t most, ptrdiff_t unit)
{
    const ptrdiff_t parts = (extent + most - 1) / most;

    if (parts == 1) {
        return extent;
    }
    return ((extent + parts - 1) / parts + unit - 1) / unit * unit;
}

static bool packs_a(const struct tw_gemm_shape *s, const struct tw_f32_strided_width *width)
{
    return s->a_col != 1 && s->m > width->rows && s->n >= 4 * width->columns && s->m * s->k > A_PACKS;
}

/* Whether lines of B that are needed again throw each other out of L1. */
static bool meet(const struct tw_gemm_shape *s)
{
    return s->b_row != 0 && s->b_row % BAD_ROW == 0 && s->k > WAYS;
}

/* Whether several tiles read B where it lies. The rows of a wide panel are several lines, which come from L2 fast enough. */
static bool in_place(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s,
                     const struct tw_f32_strided_width *width)
{
    const ptrdiff_t b = s->k * s->n;
    const bool narrow = width->columns <= LINE;

    return b <= tiles->in_place || (s->m <= tiles->in_place_rows && b <= B_IN_L3 && !(narrow && meet(s)));
}

bool tw_gemm_is_small(const struct tw_gemm_shape *s)
{
    return s->m <= SMALL && s->n <= SMALL && s->k <= SMALL && s->b_col == 1;
}

/* Whether a wide tile reads B as fast as it comes, in one go: from L3, in rows of several lines. */
static bool comes_fast(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s)
{
    return tiles->fetch && s->b_col == 1 && s->k * s->n <= B_IN_L3;
}

/* Whether k is so short that the rows of C take longer than the sums. Of a B that stays in L2 more of it is: another comes faster by
 * panels, where tiles fetch, or several pass by a panel in L1. */
static bool is_shallow(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s)
{
    const bool comes_by_panels = s->k > FAR_SHALLOW && s->k * s->n > B_ALONG && (tiles->fetch || s->m > FEW);

    return s->k <= tiles->shallow[s->a_col != 1] && !comes_by_panels;
}

static enum tw_gemm_way way_of(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s,
                               const struct tw_f32_strided_width *width)
{
    const bool b_in_l1 = s->k * s->n <= B_IN_L1;

    if (tw_gemm_is_small(s)) {
        return TW_GEMM_SMALL;
    }
    if (s->m <= TW_DOTS_ROWS_MAX && s->b_row == 1 && s->b_col != 1 && tiles->few_rows->dots[s->m - 1]) {
        return TW_GEMM_DOTS;
    }
    if (s->m <= (comes_fast(tiles, s) ? STREAMED : TW_STREAM_ROWS_MAX) && s->b_col == 1 &&
        s->n >= STREAM_COLUMNS && !b_in_l1 && tiles->few_rows->stream[s->m - 1]) {
        return TW_GEMM_STREAM;
    }
    if (s->m <= width->rows) {
        return TW_GEMM_ONE_TILE;
    }
    if (is_shallow(tiles, s) && (s->m > FEW || s->b_col != 1 || !meet(s))) {
        return TW_GEMM_ROWS;
    }
    return TW_GEMM_PANELS;
}

struct tw_gemm_plan tw_gemm_plan(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s)
{
    const struct tw_f32_strided_width *width = tw_gemm_width(tiles, s->m, s->n);
    const ptrdiff_t general = tiles->strided[tiles->strided_general].columns, b = s->k * s->n;
    const struct tw_f32_blocking *most = &tiles->blocking[s->m < TW_GEMM_TALL];
    struct tw_gemm_plan plan = {.way = way_of(tiles, s, width),
                                .kc = s->k,
                                .mc = s->m,
                                .nc = s->n,
                                .tile_rows = width->rows,
                                .width = width};
    const bool one_tile = plan.way == TW_GEMM_ONE_TILE;

    if (plan.way <= TW_GEMM_STREAM) {
        return plan;
    }
    plan.packs_b = s->b_col != 1;
    if (plan.way == TW_GEMM_ROWS) {
        plan.tile_rows = tiles->along.rows;
        plan.width = &tiles->strided[0];
        plan.packs_b |= meet(s);
    } else if (!one_tile) {
        plan.packs_b |= !in_place(tiles, s, width);
    }
    plan.fetches_c = s->m * s->n > C_IN_L1;
    /* The columns of a transposed B are streams already; tiles that fetch do that themselves. */
    plan.fetches_b = b > B_IN_L1 && s->b_col == 1 &&
                     (one_tile ? !comes_fast(tiles, s) : !tiles->fetch || s->k < 2 * TW_STRIDED_LATE);
    if (!one_tile || plan.packs_b) {
        plan.kc = share(s->k, most->kc * general / larger(width->columns, general), 4);
    } else if (b > B_STREAMS && !comes_fast(tiles, s)) {
        plan.kc = share(s->k, STREAM_DEPTH, 4);
    }
    if (!one_tile) {
        plan.packs_a = packs_a(s, width);
        plan.mc =
            share(s->m, most->mc * most->kc / plan.kc / plan.tile_rows * plan.tile_rows, plan.tile_rows);
        plan.keeps_panels = plan.packs_b && (plan.mc < s->m || plan.way == TW_GEMM_ROWS);
        plan.nc = plan.keeps_panels ? share(s->n, most->nc, plan.width->columns) : s->n;
    }
    if (plan.way == TW_GEMM_ROWS && !plan.packs_b) {
        plan.nc =
            share(s->n, B_ALONG / s->k / plan.width->columns * plan.width->columns, plan.width->columns);
    }
    return plan;
}

/* Whether transposing A, and a small C, takes the place of transposing a B of more columns; its rows fill whole vectors. */
static bool transposes_less(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s)
{
    const bool b_is_transposed = s->b_col != 1 && s->b_row == 1 && s->a_col == 1;
    const ptrdiff_t idle = tw_tile_columns(tiles, s->m) - s->m;

    return b_is_transposed && s->m > TW_DOTS_ROWS_MAX && s->m <= TW_GEMM_EXCHANGED_ROWS && s->n >= 2 * s->m &&
           s->n <= TW_GEMM_EXCHANGED_MAX && s->k >= LONG && 8 * idle <= s->m;
}

/* The columns that are paid for where C has n. */
static ptrdiff_t paid(const struct tw_f32_tiles *tiles, ptrdiff_t n)
{
    const ptrdiff_t lanes = tiles->strided[tiles->strided_widths - 1].columns;
    ptrdiff_t columns = 0;

    for (ptrdiff_t rest = n; rest > 0;) {
        const struct tw_f32_strided_width *width = tw_gemm_width(tiles, TW_TILE_ROWS_MAX, rest);

        columns += width == tiles->half           ? tiles->half_vector[n > lanes]
                   : width == tiles->one_and_half ? tiles->one_and_half_vectors
                   : width->columns == lanes      ? tiles->one_vector[n > lanes]
                                                  : width->columns;
        rest -= width->columns;
    }
    return columns;
}

/* Whether C^T is cheaper. */
bool tw_gemm_exchanges(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s)
{
    const ptrdiff_t wide = tiles->strided[tiles->strided_general].columns;
    const ptrdiff_t transposing = tiles->transposing[s->a_col != 1 ? 2 : s->b_col != 1];

    if (s->k < EXCHANGED_DEPTH) {
        return false;
    }
    if (transposes_less(tiles, s)) {
        return true;
    }
    if (s->n > TW_GEMM_EXCHANGED_FEW || s->m < wide) {
        return false;
    }
    return larger(s->n, 3) + transposing < paid(tiles, s->n);
}

struct tw_gemm_shape tw_gemm_exchanged(const struct tw_gemm_shape *shape)
{
    return (struct tw_gemm_shape){.m = shape->n,
                                  .n = shape->m < TW_GEMM_EXCHANGED_ROWS ? shape->m : TW_GEMM_EXCHANGED_ROWS,
                                  .k = shape->k,
                                  .a_row = shape->b_col,
                                  .a_col = shape->b_row,
                                  .b_row = shape->a_col,
                                  .b_col = shape->a_row,
                                  .c_row = TW_GEMM_EXCHANGED_ROWS,
                                  .accumulate = shape->accumulate};
}

const char *tw_gemm_algorithm(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape)
{
    static const char *const names[2][TW_GEMM_PANELS + 1] = {
        {"small", "dots", "streamed", "one tile", "rows", "panels"},
        {"transposed small", "transposed dots", "transposed streamed", "transposed one tile",
         "transposed rows", "transposed panels"}};
    struct tw_gemm_shape exchanged;

    if (shape->m == 0 || shape->n == 0 || shape->k == 0) {
        return "empty";
    }
    if (!tw_gemm_exchanges(tiles, shape)) {
        return names[0][tw_gemm_plan(tiles, shape).way];
    }
    exchanged = tw_gemm_exchanged(shape);
    return names[1][tw_gemm_plan(tiles, &exchanged).way];
}
