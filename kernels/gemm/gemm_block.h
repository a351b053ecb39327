/* One block of a matrix product: rows of A that stay in L2 against the panels of B, one after the other. Private
 * to kernels/gemm.
 *
 *              columns of B, a panel at a time (L1, L2)
 *            |------|------|------|---|
 *   rows of  | tile | tile |      |   |      within a panel the tiles go down the rows, of even height;
 *   A, in L2 | tile | tile |      |   |      meanwhile the next panel of B and the next tile of C are fetched
 *            |------|------|------|---|
 *
 * or, for a short k, the tiles go along the rows, and down them only then.
 */
#ifndef TOWER_KERNELS_GEMM_GEMM_BLOCK_H
#define TOWER_KERNELS_GEMM_GEMM_BLOCK_H

#include "kernels/gemm/gemm_tile.h"

static inline ptrdiff_t tw_gemm_smaller(ptrdiff_t x, ptrdiff_t y)
{
    return x < y ? x : y;
}

/* What becomes of B. Packing is done by the first tile of a panel where it can be, at no cost. */
enum tw_gemm_b {
    TW_GEMM_B_IN_PLACE, /* read by its strides; b_col is 1 */
    TW_GEMM_B_PACK,     /* packed before its first use */
    TW_GEMM_B_PACKED    /* already in `panels` */
};

struct tw_gemm_block {
    const struct tw_f32_tiles *tiles;
    ptrdiff_t rows, columns, k;
    const float *a, *b;
    float *c;
    ptrdiff_t a_row, a_col, b_row, b_col, c_row;
    bool accumulate;
    const float *start;  /* of the rows' chains, or NULL (gemm_tile.h) */
    const float *next_b; /* what is wanted of B when this block is done: a hint, or NULL */

    ptrdiff_t tile_rows; /* at most so many rows a tile */
    ptrdiff_t
        panel_rows; /* the same, but no more than the product has: what panels are chosen for, the same in all blocks */
    bool interleaved; /* A is packed tile by tile, the rows of a tile alternating: a_row and a_col unused */
    enum tw_gemm_b b_state;
    const struct tw_f32_strided_width *width; /* of the panels, but the last ones may be narrower */
    bool rows_first;   /* tiles go along the rows, and only then down; a B to pack must keep its panels */
    bool keeps_panels; /* the panel of column j goes to panels + j * k, not all to the same place */
    float *panels;
    bool fetches_b, fetches_c;
};

/* The widest panel for `rest` columns and tiles of up to `rows` rows of which less than a vector is wasted; from TW_HALF_ROWS rows on
 * less than half a vector, if there is one. */
const struct tw_f32_strided_width *tw_gemm_width(const struct tw_f32_tiles *tiles, ptrdiff_t rows,
                                                 ptrdiff_t rest);

/* How `rows` are shared out evenly among the fewest tiles: 13 rows are 5 + 4 + 4, because a tile of one row leaves
 * the multipliers waiting for each other. The first `taller` of the tiles have one row more than `height`. */
struct tw_gemm_heights {
    ptrdiff_t tiles, height, taller;
};

struct tw_gemm_heights tw_gemm_heights(ptrdiff_t rows, ptrdiff_t tile_rows);

/* Brings the rows of A together in `packed` (rows * k floats) and makes the block read them there. */
void tw_gemm_pack_a(struct tw_gemm_block *block, float *packed);

/* C from one tile of one vector of columns, which is high and wide enough; b_col is 1. */
void tw_gemm_run_one_vector(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape,
                            const float *a, const float *b, float *c);

/* C from tiles that read A and B where they lie; b_col is 1. */
void tw_gemm_run_small(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape, const float *a,
                       const float *b, float *c);

void tw_gemm_run_block(const struct tw_gemm_block *block);

#endif
