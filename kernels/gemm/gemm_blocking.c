/* GEMM in blocks that fit the caches, around the strided tiles of an ISA (Goto and van de Geijn, "Anatomy of
 * high-performance matrix multiplication", ACM TOMS 34(3), 2008):
 *
 *   for columns of B, nc at a time:  for k, kc at a time:  for rows of A, mc at a time:  a block (gemm_block.h)
 *
 * From the second k block on the tiles start from what C holds, so every element stays one chain.
 *
 * What the plan of a product is made of (the first line that fits; the numbers are the enum below):
 *
 *   C has few columns, so that most lanes of a tile would be empty   C^T = B^T A^T, 64 columns at a time, in a buffer
 *   m fits in one tile                  the widest tile of m rows; B is read where it lies unless it is transposed;
 *                                       a B beyond L1 in short blocks of k, few pages at a time
 *   k is short                          tiles along the rows of C: writing C is the work, so it is written in order
 *   otherwise                           tiles down the rows of A, B a panel at a time in L1
 *
 * B is packed where several tiles of rows read a panel that does not stay in L1 by itself: the first of them does
 * it, on its way. A is packed where it is transposed or its rows meet in few sets of the caches.
 */
#include <string.h>

#include "kernels/gemm/gemm_block.h"
#include "kernels/gemm/workspace.h"

enum {
    B_IN_L1 = 8192,       /* floats of a B that is not packed */
    B_STREAMS = 32768,    /* floats of a B from which on few rows read it in short blocks of k … */
    STREAM_DEPTH = 64,    /* … of this depth: as many pages as the first translation buffer holds */
    A_PACKS = 4096,       /* floats of A from which on it is packed, if its rows are not well apart */
    A_BAD_ROW = 512,      /* distances of rows that are multiples of this meet in few sets of L1 and L2 */
    C_IN_L1 = 4096,       /* floats of a C that is not fetched ahead */
    EXCHANGED_MAX = 32,   /* most columns of a C that is computed as C^T, and … */
    EXCHANGED_ROWS = 64,  /* … rows of it at a time */
    EXCHANGED_DEPTH = 16, /* least k */
    SHALLOW = 32,         /* most k of a product whose tiles go along the rows of C */
};

struct plan {
    ptrdiff_t kc, mc, nc, tile_rows;
    const struct tw_f32_strided_width *width;
    bool rows_first, packs_a, packs_b, keeps_panels, fetches_b, fetches_c;
};

struct parts {
    float *a, *panels, *exchanged;
    size_t bytes;
};

static ptrdiff_t smaller(ptrdiff_t x, ptrdiff_t y)
{
    return x < y ? x : y;
}

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
    const bool bad = s->a_col != 1 || s->a_row % A_BAD_ROW == 0;

    return s->m > width->rows && s->n >= 4 * width->columns && bad && s->m * s->k > A_PACKS;
}

static struct plan plan_of(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s)
{
    const struct tw_f32_strided_width *width = tw_gemm_width(tiles, s->m, s->n);
    const ptrdiff_t general = tiles->strided[tiles->strided_general].columns, b = s->k * s->n;
    const bool one_tile = s->m <= width->rows;
    struct plan plan = {.kc = s->k, .mc = s->m, .nc = s->n, .tile_rows = width->rows, .width = width};

    plan.packs_b = s->b_col != 1 || (!one_tile && b > B_IN_L1);
    plan.fetches_c = s->m * s->n > C_IN_L1;
    plan.fetches_b = b > B_IN_L1;
    if (plan.packs_b) {
        plan.kc = share(s->k, tiles->kc * general / larger(width->columns, general), 4);
    } else if (one_tile && b > B_STREAMS) {
        plan.kc = share(s->k, STREAM_DEPTH, 4);
    }
    if (!one_tile) {
        const ptrdiff_t area = tiles->mc * tiles->kc;

        plan.packs_a = packs_a(s, width);
        plan.mc = share(s->m, area / plan.kc / width->rows * width->rows, width->rows);
        plan.rows_first = s->k <= SHALLOW;
        plan.keeps_panels = plan.packs_b && (plan.mc < s->m || plan.rows_first);
        plan.nc = plan.keeps_panels ? share(s->n, tiles->nc, width->columns) : s->n;
    }
    return plan;
}

/* A part of C needs no more than the whole, whatever its plan: only the sizes count here. */
static struct parts divide(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s, void *base)
{
    const ptrdiff_t k = smaller(s->k, tiles->kc), exchanged = smaller(s->n, EXCHANGED_MAX);
    const ptrdiff_t columns =
        tw_tile_columns(tiles, smaller(larger(s->n, smaller(s->m, EXCHANGED_ROWS)), tiles->nc));
    const ptrdiff_t area = (tiles->mc + TW_TILE_ROWS_MAX) * tiles->kc;
    struct tw_workspace workspace = {.base = base};
    struct parts parts;

    parts.a = tw_workspace_take(&workspace, smaller(larger(s->m, exchanged) * k, area), sizeof(float));
    parts.panels = tw_workspace_take(&workspace, columns * k, sizeof(float));
    parts.exchanged = tw_workspace_take(&workspace, exchanged * EXCHANGED_ROWS, sizeof(float));
    parts.bytes = workspace.used;
    return parts;
}

size_t tw_gemm_blocked_workspace(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape)
{
    if (shape->m == 0 || shape->n == 0) {
        return 0;
    }
    return divide(tiles, shape, NULL).bytes;
}

/* All blocks of rows against columns j … of B at depth p …. */
static void run_rows(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s, const struct plan *plan,
                     const struct parts *parts, ptrdiff_t j, ptrdiff_t p, const float *a, const float *b,
                     float *c)
{
    for (ptrdiff_t i = 0; i < s->m; i += plan->mc) {
        struct tw_gemm_block block = {.tiles = tiles,
                                      .rows = smaller(plan->mc, s->m - i),
                                      .columns = smaller(plan->nc, s->n - j),
                                      .k = smaller(plan->kc, s->k - p),
                                      .a = a + i * s->a_row + p * s->a_col,
                                      .b = b + p * s->b_row + j * s->b_col,
                                      .c = c + i * s->c_row + j,
                                      .a_row = s->a_row,
                                      .a_col = s->a_col,
                                      .b_row = s->b_row,
                                      .b_col = s->b_col,
                                      .c_row = s->c_row,
                                      .accumulate = s->accumulate || p > 0,
                                      .tile_rows = plan->tile_rows,
                                      .width = plan->width,
                                      .rows_first = plan->rows_first,
                                      .b_state = !plan->packs_b ? TW_GEMM_B_IN_PLACE
                                                 : i > 0        ? TW_GEMM_B_PACKED
                                                                : TW_GEMM_B_PACK,
                                      .keeps_panels = plan->keeps_panels,
                                      .panels = parts->panels,
                                      .fetches_b = plan->fetches_b && i == 0,
                                      .fetches_c = plan->fetches_c};

        if (plan->packs_a) {
            tw_gemm_pack_a(&block, parts->a);
        }
        tw_gemm_run_block(&block);
    }
}

static void run_blocks(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s,
                       const struct parts *parts, const float *a, const float *b, float *c)
{
    const struct plan plan = plan_of(tiles, s);

    for (ptrdiff_t j = 0; j < s->n; j += plan.nc) {
        for (ptrdiff_t p = 0; p < s->k; p += plan.kc) {
            run_rows(tiles, s, &plan, parts, j, p, a, b, c);
        }
    }
}

/* Whether C^T is cheaper, counted in the columns that are paid for: a vector by itself keeps three quarters of
 * the multipliers busy, and transposing A costs about as much as 3 columns. */
static bool exchanges(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s)
{
    const ptrdiff_t wide = tiles->strided[tiles->strided_general].columns;
    const ptrdiff_t lanes = tiles->strided[tiles->strided_widths - 1].columns, rest = s->n % wide;
    const ptrdiff_t padded = s->n - rest + (rest > lanes ? wide : rest > 0 ? lanes + lanes / 3 : 0);

    return s->n <= EXCHANGED_MAX && s->m >= wide && s->k >= EXCHANGED_DEPTH && larger(s->n, 3) + 3 < padded;
}

/* C^T = B^T A^T, EXCHANGED_ROWS of its columns at a time. */
static void run_exchanged(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s,
                          const struct parts *parts, const float *a, const float *b, float *c)
{
    struct tw_gemm_shape exchanged = {.m = s->n,
                                      .k = s->k,
                                      .a_row = s->b_col,
                                      .a_col = s->b_row,
                                      .b_row = s->a_col,
                                      .b_col = s->a_row,
                                      .c_row = EXCHANGED_ROWS,
                                      .accumulate = s->accumulate};

    for (ptrdiff_t i = 0; i < s->m; i += EXCHANGED_ROWS) {
        float *to = c + i * s->c_row;

        exchanged.n = smaller(EXCHANGED_ROWS, s->m - i);
        if (s->accumulate) {
            tiles->transpose(exchanged.n, s->n, to, s->c_row, parts->exchanged, EXCHANGED_ROWS);
        }
        run_blocks(tiles, &exchanged, parts, b, a + i * s->a_row, parts->exchanged);
        tiles->transpose(s->n, exchanged.n, parts->exchanged, EXCHANGED_ROWS, to, s->c_row);
    }
}

/* k = 0: the empty sum. */
static void clear(const struct tw_gemm_shape *shape, float *c)
{
    for (ptrdiff_t i = 0; i < shape->m && shape->n > 0; i++) {
        memset(c + i * shape->c_row, 0, (size_t)shape->n * sizeof *c);
    }
}

void tw_gemm_blocked(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape, const float *a,
                     const float *b, float *c, void *workspace)
{
    struct parts parts;

    if (shape->m == 0 || shape->n == 0) {
        return;
    }
    if (shape->k == 0) {
        if (!shape->accumulate) {
            clear(shape, c);
        }
        return;
    }
    parts = divide(tiles, shape, workspace);
    if (exchanges(tiles, shape)) {
        run_exchanged(tiles, shape, &parts, a, b, c);
    } else {
        run_blocks(tiles, shape, &parts, a, b, c);
    }
}
