/* GEMM in blocks that fit the caches, around the strided tiles of an ISA (Goto and van de Geijn, "Anatomy of
 * high-performance matrix multiplication", ACM TOMS 34(3), 2008):
 *
 *   for columns of B, nc at a time:  for k, kc at a time:  for rows of A, mc at a time:  a block (gemm_block.h)
 *
 * From the second k block on the tiles start from what C holds, so every element stays one chain.
 *
 * What this becomes for products that are small in one direction, gemm_plan.h says.
 */
#include <string.h>

#include "kernels/gemm/gemm_block.h"
#include "kernels/gemm/gemm_plan.h"
#include "kernels/gemm/workspace.h"

enum { STREAM_C_IN_L1 = 4096 }; /* floats of C that B streams past */

/* The workspace, and what is around the product. */
struct parts {
    float *a, *panels, *exchanged;
    struct tw_gemm_around around;
    size_t bytes;
};

static ptrdiff_t larger(ptrdiff_t x, ptrdiff_t y)
{
    return x > y ? x : y;
}

/* A part of C needs no more than the whole, whatever its plan: only the sizes count here. */
static struct parts divide(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s, void *base)
{
    const ptrdiff_t exchanged = tw_gemm_smaller(s->n, TW_GEMM_EXCHANGED_MAX);
    const ptrdiff_t packed = tw_gemm_smaller(s->n, TW_GEMM_EXCHANGED_FEW); /* of more columns the rows lie */
    const ptrdiff_t columns = larger(s->n, tw_gemm_smaller(s->m, TW_GEMM_EXCHANGED_ROWS));
    struct tw_workspace workspace = {.base = base};
    ptrdiff_t a = 0, panels = 0;
    struct parts parts = {0};

    for (int i = 0; i < 2; i++) {
        const struct tw_f32_blocking *b = &tiles->blocking[i];
        const ptrdiff_t k = tw_gemm_smaller(s->k, b->kc), area = (b->mc + TW_TILE_ROWS_MAX) * b->kc;

        a = larger(a, tw_gemm_smaller(larger(s->m, packed) * k, area));
        panels = larger(panels, tw_tile_columns(tiles, tw_gemm_smaller(columns, b->nc)) * k);
    }
    parts.a = tw_workspace_take(&workspace, a, sizeof(float));
    parts.panels = tw_workspace_take(&workspace, panels, sizeof(float));
    parts.exchanged = tw_workspace_take(&workspace, exchanged * TW_GEMM_EXCHANGED_ROWS, sizeof(float));
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

/* Where B goes on behind the block of columns j … and depth p …, or NULL. */
static const float *next_b(const struct tw_gemm_shape *s, const struct tw_gemm_plan *plan,
                           const struct parts *parts, ptrdiff_t j, ptrdiff_t p, const float *b)
{
    if (p + plan->kc < s->k) {
        return b + (p + plan->kc) * s->b_row + j * s->b_col;
    }
    return j + plan->nc < s->n ? b + (j + plan->nc) * s->b_col : parts->around.next_b;
}

/* All blocks of rows against columns j … of B at depth p …. */
static void run_rows(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s,
                     const struct tw_gemm_plan *plan, const struct parts *parts, ptrdiff_t j, ptrdiff_t p,
                     const float *a, const float *b, float *c)
{
    const float *start = parts->around.start;

    for (ptrdiff_t i = 0; i < s->m; i += plan->mc) {
        struct tw_gemm_block block = {.tiles = tiles,
                                      .rows = tw_gemm_smaller(plan->mc, s->m - i),
                                      .columns = tw_gemm_smaller(plan->nc, s->n - j),
                                      .k = tw_gemm_smaller(plan->kc, s->k - p),
                                      .a = a + i * s->a_row + p * s->a_col,
                                      .b = b + p * s->b_row + j * s->b_col,
                                      .c = c + i * s->c_row + j,
                                      .a_row = s->a_row,
                                      .a_col = s->a_col,
                                      .b_row = s->b_row,
                                      .b_col = s->b_col,
                                      .c_row = s->c_row,
                                      .accumulate = s->accumulate || p > 0,
                                      .start = start && p == 0 ? start + i : NULL,
                                      .next_b = i + plan->mc < s->m ? NULL : next_b(s, plan, parts, j, p, b),
                                      .tile_rows = plan->tile_rows,
                                      .panel_rows = tw_gemm_smaller(s->m, plan->tile_rows),
                                      .width = plan->width,
                                      .rows_first = plan->way == TW_GEMM_ROWS,
                                      .b_state = !plan->packs_b ? TW_GEMM_B_IN_PLACE
                                                 : i > 0        ? TW_GEMM_B_PACKED
                                                                : TW_GEMM_B_PACK,
                                      .keeps_panels = plan->keeps_panels,
                                      .panels = parts->panels,
                                      .fetches_b = plan->fetches_b,
                                      .fetches_c = plan->fetches_c};

        if (plan->packs_a) {
            tw_gemm_pack_a(&block, parts->a);
        }
        tw_gemm_run_block(&block);
    }
}

/* k = 0: the empty sum. */
static void clear(const struct tw_gemm_shape *shape, float *c)
{
    for (ptrdiff_t i = 0; i < shape->m && shape->n > 0; i++) {
        memset(c + i * shape->c_row, 0, (size_t)shape->n * sizeof *c);
    }
}

/* The few rows of C start from zeros in memory: +0, as the chains do. */
static void run_stream(tw_f32_few_rows_fn *stream, const struct tw_gemm_shape *s, const float *a,
                       const float *b, float *c)
{
    struct tw_gemm_shape part = *s;

    if (!s->accumulate) {
        clear(s, c);
    }
    for (ptrdiff_t j = 0; j < s->n; j += part.n) {
        part.n = tw_gemm_smaller(STREAM_C_IN_L1 / s->m, s->n - j);
        stream(&part, a, b + j, c + j);
    }
}

static void run_blocks(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s,
                       const struct parts *parts, const float *a, const float *b, float *c)
{
    struct tw_gemm_plan plan;

    if (tw_gemm_is_small(s)) {
        tw_gemm_run_small(tiles, s, a, b, c);
        return;
    }
    plan = tw_gemm_plan(tiles, s);
    if (plan.way == TW_GEMM_DOTS) {
        tiles->few_rows->dots[s->m - 1](s, a, b, c);
        return;
    }
    if (plan.way == TW_GEMM_STREAM) {
        run_stream(tiles->few_rows->stream[s->m - 1], s, a, b, c);
        return;
    }
    for (ptrdiff_t j = 0; j < s->n; j += plan.nc) {
        for (ptrdiff_t p = 0; p < s->k; p += plan.kc) {
            run_rows(tiles, s, &plan, parts, j, p, a, b, c);
        }
    }
}

/* C^T = B^T A^T, TW_GEMM_EXCHANGED_ROWS of its columns at a time. */
static void run_exchanged(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s,
                          const struct parts *parts, const float *a, const float *b, float *c)
{
    struct tw_gemm_shape exchanged = tw_gemm_exchanged(s);

    for (ptrdiff_t i = 0; i < s->m; i += TW_GEMM_EXCHANGED_ROWS) {
        float *to = c + i * s->c_row;

        exchanged.n = tw_gemm_smaller(TW_GEMM_EXCHANGED_ROWS, s->m - i);
        if (s->accumulate) {
            tiles->transpose(exchanged.n, s->n, to, s->c_row, parts->exchanged, TW_GEMM_EXCHANGED_ROWS);
        }
        run_blocks(tiles, &exchanged, parts, b, a + i * s->a_row, parts->exchanged);
        tiles->transpose(s->n, exchanged.n, parts->exchanged, TW_GEMM_EXCHANGED_ROWS, to, s->c_row);
    }
}

/* Small, in a single tile of a single vector: never exchanged, since that takes more rows or a transposed B. */
static bool is_one_vector(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape)
{
    const struct tw_f32_strided_width *width = &tiles->strided[tiles->strided_widths - 1];

    return shape->m <= width->rows && shape->n <= width->columns && tw_gemm_is_small(shape);
}

/* Whether blocks compute it: they can start from anything. */
static bool has_blocks(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *s)
{
    return s->m > 0 && s->n > 0 && s->k > 0 && !tw_gemm_exchanges(tiles, s) && !tw_gemm_is_small(s) &&
           tw_gemm_plan(tiles, s).way > TW_GEMM_STREAM;
}

void tw_gemm_blocked_around(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape,
                            const struct tw_gemm_around *around, const float *a, const float *b, float *c,
                            void *workspace)
{
    const float *start = around->start;
    struct tw_gemm_shape goes_on = *shape;
    struct parts parts;

    if (has_blocks(tiles, shape)) {
        parts = divide(tiles, shape, workspace);
        parts.around = *around;
        run_blocks(tiles, shape, &parts, a, b, c);
        return;
    }
    for (ptrdiff_t i = 0; i < shape->m && start; i++) {
        for (ptrdiff_t j = 0; j < shape->n; j++) {
            c[i * shape->c_row + j] = start[i];
        }
    }
    goes_on.accumulate |= start != NULL;
    tw_gemm_blocked(tiles, &goes_on, a, b, c, workspace);
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
    } else if (is_one_vector(tiles, shape)) { /* looking for a way would take longer than the product */
        tw_gemm_run_one_vector(tiles, shape, a, b, c);
    } else if (tw_gemm_exchanges(tiles, shape)) {
        parts = divide(tiles, shape, workspace);
        run_exchanged(tiles, shape, &parts, a, b, c);
    } else if (tw_gemm_is_small(shape)) { /* dividing the workspace would take longer than the product */
        tw_gemm_run_small(tiles, shape, a, b, c);
    } else {
        parts = divide(tiles, shape, workspace);
        run_blocks(tiles, shape, &parts, a, b, c);
    }
}
