/* The product that leaves out zeros, included after the vectors of an ISA and its tw_list_nonzeros.
 *
 *   for rows of A, 64 at a time:  for k, a block at a time:
 *     the non-zeros of each row are listed: where their row of B begins, and their value
 *     for columns of B, eight vectors at a time:            the block of B, in L1
 *       for each row: its list against the block            eight chains of fma hide each other's latency
 *
 * A list is walked without looking at zeros, and branches on nothing but its end. B is read where it lies unless it is
 * transposed, its rows would meet in few sets of L1, or its last columns fill no vector: then the block is copied first.
 */
#include <stdint.h>
#include <string.h>

#include "kernels/gemm/transpose.h"
#include "kernels/simd/unroll.h"
#include "kernels/sparse/sparse.h"

enum {
    TILE_VECTORS = 8,
    TILE_COLUMNS = TILE_VECTORS * TW_VECTOR_LANES,
    BLOCK_FLOATS = 6144,                       /* of B: 24 KiB of L1, lists and C want the rest */
    BLOCK_DEPTH = BLOCK_FLOATS / TILE_COLUMNS, /* a multiple of LIST_GROUP */
    BLOCK_ROWS = 64,
    LIST_GROUP = 16,                            /* elements of A that tw_list_nonzeros takes */
    LIST_LENGTH = BLOCK_DEPTH + 2 * LIST_GROUP, /* lists are written in whole groups */
    BAD_PITCH = 512,                            /* rows a multiple of this apart meet in few sets of L1 */
    LONGEST_PITCH = 1 << 24,                    /* offsets have 32 bits */
    LINE = 16                                   /* floats of a cache line */
};

struct sparse_lists {
    _Alignas(64) float block[BLOCK_FLOATS]; /* a copy of B's */
    float value[BLOCK_ROWS][LIST_LENGTH];
    int32_t place[BLOCK_ROWS][LIST_LENGTH];
    int count[BLOCK_ROWS];
};

_Static_assert(sizeof(struct sparse_lists) <= TW_SPARSE_GEMM_WORKSPACE, "the workspace is too small");

/* One row of C in up to eight vectors: `vectors` is a constant at every call. */
static inline __attribute__((always_inline)) void sparse_tile(const int vectors, bool accumulate, int count,
                                                              const int32_t *place, const float *value,
                                                              const float *b, float *c)
{
    tw_vector sums[TILE_VECTORS];

    TW_UNROLL
    for (int v = 0; v < vectors; v++) {
        sums[v] = accumulate ? tw_vector_load(c + v * TW_VECTOR_LANES) : tw_vector_zero();
    }
    for (int i = 0; i < count; i++) {
        const float *row = b + place[i];
        const tw_vector factor = tw_vector_broadcast(value + i);

        TW_UNROLL
        for (int v = 0; v < vectors; v++) {
            sums[v] = tw_vector_fma(factor, tw_vector_load(row + v * TW_VECTOR_LANES), sums[v]);
        }
    }
    TW_UNROLL
    for (int v = 0; v < vectors; v++) {
        tw_vector_store(c + v * TW_VECTOR_LANES, sums[v]);
    }
}

typedef void sparse_tile_fn(bool accumulate, int count, const int32_t *place, const float *value,
                            const float *b, float *c);

#define DEFINE_SPARSE_TILE(vectors)                                                                         \
    static void sparse_tile_##vectors(bool accumulate, int count, const int32_t *place, const float *value, \
                                      const float *b, float *c)                                             \
    {                                                                                                       \
        sparse_tile(vectors, accumulate, count, place, value, b, c);                                        \
    }

DEFINE_SPARSE_TILE(1)
DEFINE_SPARSE_TILE(2)
DEFINE_SPARSE_TILE(3)
DEFINE_SPARSE_TILE(4)
DEFINE_SPARSE_TILE(5)
DEFINE_SPARSE_TILE(6)
DEFINE_SPARSE_TILE(7)
DEFINE_SPARSE_TILE(8)

static sparse_tile_fn *const sparse_tiles[TILE_VECTORS + 1] = {
    NULL,          sparse_tile_1, sparse_tile_2, sparse_tile_3, sparse_tile_4,
    sparse_tile_5, sparse_tile_6, sparse_tile_7, sparse_tile_8,
};

/* Part of a product: rows [i, i + rows) of C at depths [p, p + depth). */
struct sparse_part {
    const struct tw_gemm_shape *shape;
    struct sparse_lists *lists;
    ptrdiff_t rows, depth, pitch; /* of the rows of B as the lists know it */
    const float *a, *b;           /* from element (i, p), (p, 0) on */
    float *c;
    ptrdiff_t next; /* depth of the part of B that comes after this one */
    bool accumulate;
};

/* The lists of every row. Rows that are not contiguous, or end within a group, are brought together first. */
static void list_rows(const struct sparse_part *part)
{
    const ptrdiff_t step = part->shape->a_col,
                    padded = (part->depth + LIST_GROUP - 1) / LIST_GROUP * LIST_GROUP;

    for (ptrdiff_t i = 0; i < part->rows; i++) {
        const float *row = part->a + i * part->shape->a_row;
        float together[LIST_LENGTH];
        int count = 0;

        if (step != 1 || padded != part->depth) {
            for (ptrdiff_t p = 0; p < padded; p++) {
                together[p] = p < part->depth ? row[p * step] : 0.0f;
            }
            row = together;
        }
        for (ptrdiff_t p = 0; p < padded; p += LIST_GROUP) {
            count += tw_list_nonzeros(row + p, (int32_t)(p * part->pitch), (int32_t)part->pitch,
                                      part->lists->place[i] + count, part->lists->value[i] + count);
        }
        part->lists->count[i] = count;
    }
}

/* Columns [j, j + columns) of the block of B side by side, filled up with zeros to whole vectors. */
static void copy_block(const struct sparse_part *part, ptrdiff_t j, ptrdiff_t columns)
{
    const ptrdiff_t b_row = part->shape->b_row, b_col = part->shape->b_col;
    const ptrdiff_t whole = columns - columns % TW_VECTOR_LANES;
    float *block = part->lists->block;

    for (ptrdiff_t p = 0; p < part->depth && whole < columns; p++) {
        tw_vector_store(block + p * part->pitch + whole, tw_vector_zero());
    }
    if (b_col != 1) {
        TW_VARIANT(tw_f32_transpose)
        (columns, part->depth, part->b + j * b_col, b_col, block, part->pitch);
        return;
    }
    for (ptrdiff_t p = 0; p < part->depth; p++, block += part->pitch) {
        const float *from = part->b + p * b_row + j;

        for (ptrdiff_t v = 0; v < whole; v += TW_VECTOR_LANES) {
            tw_vector_store(block + v, tw_vector_load(from + v));
        }
        memcpy(block + whole, from + whole, (size_t)(columns - whole) * sizeof *block);
    }
}

/* Row i's share of a transposed B's next block, whose short rows no prefetcher follows. */
static inline void fetch_ahead(const struct sparse_part *part, ptrdiff_t i, ptrdiff_t j, ptrdiff_t columns)
{
    const ptrdiff_t b_col = part->shape->b_col;

    for (ptrdiff_t o = columns * i / part->rows; o < columns * (i + 1) / part->rows; o++) {
        const float *row = part->b + (j + o) * b_col + part->depth;

        for (ptrdiff_t p = 0; p < part->next; p += LINE) {
            __builtin_prefetch(row + p);
        }
    }
}

/* Row i in columns [j, j + columns) that end within a vector: by way of a whole number of vectors. */
static void multiply_partial(const struct sparse_part *part, ptrdiff_t i, ptrdiff_t j, ptrdiff_t columns,
                             sparse_tile_fn *tile)
{
    const struct sparse_lists *lists = part->lists;
    float *c = part->c + i * part->shape->c_row + j, whole[TILE_COLUMNS] = {0.0f};

    if (part->accumulate) {
        memcpy(whole, c, (size_t)columns * sizeof *c);
    }
    tile(part->accumulate, lists->count[i], lists->place[i], lists->value[i], lists->block, whole);
    memcpy(c, whole, (size_t)columns * sizeof *c);
}

/* Columns [j, j + columns), at most a tile's, against every list. */
static void multiply_columns(const struct sparse_part *part, ptrdiff_t j, ptrdiff_t columns, bool copied)
{
    const struct sparse_lists *lists = part->lists;
    const float *b = copied ? lists->block : part->b + j;
    const ptrdiff_t vectors = (columns + TW_VECTOR_LANES - 1) / TW_VECTOR_LANES;
    sparse_tile_fn *tile = sparse_tiles[vectors];

    for (ptrdiff_t i = 0; i < part->rows; i++) {
        if (part->shape->b_col != 1 && part->next > 0) {
            fetch_ahead(part, i, j, columns);
        }
        if (columns < vectors * TW_VECTOR_LANES) {
            multiply_partial(part, i, j, columns, tile);
        } else {
            tile(part->accumulate, lists->count[i], lists->place[i], lists->value[i], b,
                 part->c + i * part->shape->c_row + j);
        }
    }
}

/* Columns [first, last), in place or copied. */
static void multiply_range(struct sparse_part *part, ptrdiff_t first, ptrdiff_t last, bool copied)
{
    if (first == last) {
        return;
    }
    part->pitch = copied ? TILE_COLUMNS : part->shape->b_row;
    list_rows(part);
    for (ptrdiff_t j = first; j < last; j += TILE_COLUMNS) {
        const ptrdiff_t columns = last - j < TILE_COLUMNS ? last - j : TILE_COLUMNS;

        if (copied) {
            copy_block(part, j, columns);
        }
        multiply_columns(part, j, columns, copied);
    }
}

/* The columns that can be read in place come first; what is left of them is less than a vector. */
static void multiply_part(struct sparse_part *part)
{
    const ptrdiff_t n = part->shape->n, b_row = part->shape->b_row;
    const bool copies = part->shape->b_col != 1 || b_row > LONGEST_PITCH || b_row < -LONGEST_PITCH ||
                        (b_row % BAD_PITCH == 0 && n > TW_VECTOR_LANES);
    const ptrdiff_t in_place = copies ? 0 : n - n % TW_VECTOR_LANES;

    multiply_range(part, 0, in_place, false);
    multiply_range(part, in_place, n, true);
}

/* Part `block` of `blocks` equal ones of the depth, in whole groups. */
static struct sparse_part part_of(const struct tw_gemm_shape *shape, ptrdiff_t i, ptrdiff_t block,
                                  ptrdiff_t blocks)
{
    const ptrdiff_t groups = (shape->k + LIST_GROUP - 1) / LIST_GROUP;
    ptrdiff_t edge[3];
    struct sparse_part part = {.shape = shape, .rows = shape->m - i < BLOCK_ROWS ? shape->m - i : BLOCK_ROWS};

    for (int e = 0; e < 3; e++) {
        edge[e] = groups * (block + e) / blocks * LIST_GROUP;
        edge[e] = edge[e] < shape->k ? edge[e] : shape->k;
    }
    part.depth = edge[1] - edge[0];
    part.next = edge[2] - edge[1];
    part.accumulate = shape->accumulate || block > 0;
    return part;
}

void TW_VARIANT(tw_f32_sparse_gemm)(const struct tw_gemm_shape *shape, const float *a, const float *b,
                                    float *c, void *workspace)
{
    const ptrdiff_t groups = (shape->k + LIST_GROUP - 1) / LIST_GROUP;
    const ptrdiff_t blocks = groups > 0 ? (groups * LIST_GROUP + BLOCK_DEPTH - 1) / BLOCK_DEPTH : 1;

    for (ptrdiff_t i = 0; i < shape->m; i += BLOCK_ROWS) {
        ptrdiff_t p = 0;

        for (ptrdiff_t block = 0; block < blocks; block++) {
            struct sparse_part part = part_of(shape, i, block, blocks);

            part.lists = workspace;
            part.a = a + i * shape->a_row + p * shape->a_col;
            part.b = b + p * shape->b_row;
            part.c = c + i * shape->c_row;
            multiply_part(&part);
            p += part.depth;
        }
    }
}
