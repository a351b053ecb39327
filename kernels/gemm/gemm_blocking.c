/* GEMM in blocks that fit the caches, around the tiles of an ISA (Goto and van de Geijn, "Anatomy of
 * high-performance matrix multiplication", ACM TOMS 34(3), 2008):
 *
 *   for columns of B, nc at a time:  for k, kc at a time:        pack B (kc x nc) into panels
 *     for rows of A, mc at a time:                               bring the rows of A together (mc x kc)
 *       for every panel: for every tile of rows                  the tile function
 *
 * From the second k block on the tiles start from what C holds, so every element stays one chain.
 */
#include <string.h>

#include "kernels/gemm/gemm_tile.h"
#include "kernels/gemm/workspace.h"

struct parts {
    ptrdiff_t *row; /* distance of each row of A */
    float *a;       /* packed A, a_pitch between rows */
    float *panels;  /* packed B */
    size_t bytes;
};

static ptrdiff_t smaller(ptrdiff_t x, ptrdiff_t y)
{
    return x < y ? x : y;
}

/* Rows of A that are contiguous along k are read where they are. */
static bool packs_a(const struct tw_gemm_shape *shape)
{
    return shape->a_col != 1;
}

static struct parts divide(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape, void *base)
{
    const ptrdiff_t m = smaller(shape->m, tiles->mc), k = smaller(shape->k, tiles->kc);
    const ptrdiff_t n = tw_tile_columns(tiles, smaller(shape->n, tiles->nc));
    struct tw_workspace workspace = {.base = base};
    struct parts parts;

    parts.row = tw_workspace_take(&workspace, m, sizeof(ptrdiff_t));
    parts.a = tw_workspace_take(&workspace, packs_a(shape) ? m * tiles->kc : 0, sizeof(float));
    parts.panels = tw_workspace_take(&workspace, n * k, sizeof(float));
    parts.bytes = workspace.used;
    return parts;
}

size_t tw_gemm_blocked_workspace(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape)
{
    if (shape->m == 0 || shape->n == 0)
        return 0;
    return divide(tiles, shape, NULL).bytes;
}

/* a[i][p] of an rows x k block, rows contiguous, `pitch` apart. */
static void pack_a(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape, ptrdiff_t rows,
                   ptrdiff_t k, const float *a, float *packed, ptrdiff_t pitch)
{
    if (shape->a_row == 1) {
        tiles->transpose(k, rows, a, shape->a_col, packed, pitch);
        return;
    }
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t p = 0; p < k; p++)
            packed[i * pitch + p] = a[i * shape->a_row + p * shape->a_col];
}

static void pack_b(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape, ptrdiff_t k,
                   ptrdiff_t n, const float *b, float *panels)
{
    for (ptrdiff_t j = 0, width; j < n; j += width) {
        width = tw_tile_width(tiles, n - j)->columns;
        tw_tile_pack(tiles, k, smaller(width, n - j), width, b + j * shape->b_col, shape->b_row, shape->b_col,
                     panels + j * k);
    }
}

/* All panels against one block of rows. */
static void multiply(const struct tw_f32_tiles *tiles, struct tw_f32_tile_block block, ptrdiff_t n)
{
    for (ptrdiff_t j = 0; j < n;) {
        const struct tw_f32_tile_width *width = tw_tile_width(tiles, n - j);
        const ptrdiff_t columns = width->columns;

        block.columns = smaller(columns, n - j);
        tw_tile_run(width, &block);
        block.panel += columns * block.k;
        block.c += columns;
        block.start = block.start ? block.start + columns : NULL;
        j += columns;
    }
}

/* One block of B against all rows of A. */
static void run_rows(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape,
                     const struct parts *parts, ptrdiff_t n, ptrdiff_t k, const float *a, float *c,
                     bool reload)
{
    const bool packed = packs_a(shape);

    for (ptrdiff_t i = 0; i < shape->m; i += tiles->mc) {
        const ptrdiff_t rows = smaller(tiles->mc, shape->m - i);
        const float *from = a + i * shape->a_row;
        float *to = c + i * shape->c_row;

        if (packed)
            pack_a(tiles, shape, rows, k, from, parts->a, tiles->kc);
        multiply(tiles,
                 (struct tw_f32_tile_block){.rows = rows,
                                            .k = k,
                                            .a = packed ? parts->a : from,
                                            .row = parts->row,
                                            .panel = parts->panels,
                                            .start = reload ? to : NULL,
                                            .start_row = shape->c_row,
                                            .c = to,
                                            .c_row = shape->c_row},
                 n);
    }
}

/* k = 0: the empty sum. */
static void clear(const struct tw_gemm_shape *shape, float *c)
{
    for (ptrdiff_t i = 0; i < shape->m && shape->n > 0; i++)
        memset(c + i * shape->c_row, 0, (size_t)shape->n * sizeof *c);
}

void tw_gemm_blocked(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape, const float *a,
                     const float *b, float *c, void *workspace)
{
    struct parts parts;

    if (shape->m == 0 || shape->n == 0)
        return;
    if (shape->k == 0) {
        if (!shape->accumulate)
            clear(shape, c);
        return;
    }
    parts = divide(tiles, shape, workspace);
    for (ptrdiff_t i = 0; i < smaller(shape->m, tiles->mc); i++)
        parts.row[i] = i * (packs_a(shape) ? tiles->kc : shape->a_row);
    for (ptrdiff_t j = 0; j < shape->n; j += tiles->nc) {
        const ptrdiff_t n = smaller(tiles->nc, shape->n - j);

        for (ptrdiff_t p = 0; p < shape->k; p += tiles->kc) {
            const ptrdiff_t k = smaller(tiles->kc, shape->k - p);

            pack_b(tiles, shape, k, n, b + p * shape->b_row + j * shape->b_col, parts.panels);
            run_rows(tiles, shape, &parts, n, k, a + p * shape->a_col, c + j, p > 0 || shape->accumulate);
        }
    }
}
