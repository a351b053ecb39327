/* The rows of a block of A, which do not lie contiguous, brought together. */
#include <string.h>

#include "kernels/gemm/gemm_block.h"

/* `rows` neighbours of each of k columns. Sizes are constants at the calls: a few vector moves each. */
static inline __attribute__((always_inline)) void copy_columns(size_t rows, ptrdiff_t k, const float *a,
                                                               ptrdiff_t a_col, float *packed)
{
    for (ptrdiff_t p = 0; p < k; p++) {
        memcpy(packed + p * (ptrdiff_t)rows, a + p * a_col, rows * sizeof *packed);
    }
}

static void interleave(ptrdiff_t rows, ptrdiff_t k, const float *a, ptrdiff_t a_col, float *packed)
{
    switch (rows) {
    case 4:
        copy_columns(4, k, a, a_col, packed);
        break;
    case 5:
        copy_columns(5, k, a, a_col, packed);
        break;
    case 6:
        copy_columns(6, k, a, a_col, packed);
        break;
    case 7:
        copy_columns(7, k, a, a_col, packed);
        break;
    case 8:
        copy_columns(8, k, a, a_col, packed);
        break;
    default:
        copy_columns((size_t)rows, k, a, a_col, packed);
        break;
    }
}

static void pack_rows(const struct tw_gemm_block *block, float *packed)
{
    for (ptrdiff_t i = 0; i < block->rows; i++) {
        const float *row = block->a + i * block->a_row;

        for (ptrdiff_t p = 0; p < block->k; p++) {
            packed[i * block->k + p] = row[p * block->a_col];
        }
    }
}

void tw_gemm_pack_a(struct tw_gemm_block *block, float *packed)
{
    const struct tw_gemm_heights heights = tw_gemm_heights(block->rows, block->tile_rows);

    block->interleaved = block->a_row == 1;
    if (!block->interleaved) {
        pack_rows(block, packed);
    }
    for (ptrdiff_t t = 0, first = 0; t < heights.tiles && block->interleaved; t++) {
        const ptrdiff_t rows = heights.height + (t < heights.taller);

        interleave(rows, block->k, block->a + first, block->a_col, packed + first * block->k);
        first += rows;
    }
    block->a = packed;
    block->a_row = block->k;
    block->a_col = 1;
}
