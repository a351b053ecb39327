/* The product that leaves out zeros, included after the vectors of an ISA and its tw_list_nonzeros.
 *
 *   for rows of A, 64 at a time:  for k, a block at a time:
 *     the non-zeros of each row are listed: where their row of B begins, and their value
 *     for columns of B, eight vectors at a time:            the block of B, in L1
 *       for each row: its list against the block            eight chains of fma hide each other's latency
 *
 * A list is walked without looking at zeros, and branches on nothing but its end. B is read where it lies unless it is
 * transposed, its rows would meet in few sets of L1, or all its columns fill no vector: then the block is copied first.
 * The last vector of a tile ends with it, over columns of the one before: both start from the same, and store the same.
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
    FEW_ROWS = 8,                               /* of A, for which a copy of B does not pay */
    BAD_PITCH = 256,                            /* rows a multiple of this apart meet in few sets of L1 */
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
_Static_assert(BLOCK_ROWS *BLOCK_DEPTH <= BLOCK_FLOATS, "a transposed block of A does not fit");

/* One row of C in up to eight vectors, the last one at `last`: `vectors` is a constant at every call. */
static inline __attribute__((always_inline)) void sparse_tile(const int vectors, bool accumulate, int count,
                                                              const int32_t *place, const float *value,
                                                              const float *b, float *c, ptrdiff_t last)
{
    tw_vector sums[TILE_VECTORS];

    TW_UNROLL
    for (int v = 0; v < vectors; v++) {
        const float *start = c + (v + 1 < vectors ? v * TW_VECTOR_LANES : last);

        sums[v] = accumulate ? tw_vector_load(start) : tw_vector_zero();
    }
    for (int i = 0; i < count; i++) {
        const float *row = b + place[i];
        const tw_vector factor = tw_vector_broadcast(value + i);

        TW_UNROLL
        for (int v = 0; v < vectors; v++) {
            const float *from = row + (v + 1 < vectors ? v * TW_VECTOR_LANES : last);

            sums[v] = tw_vector_fma(factor, tw_vector_load(from), sums[v]);
        }
    }
    TW_UNROLL
    for (int v = 0; v < vectors; v++) {
        tw_vector_store(c + (v + 1 < vectors ? v * TW_VECTOR_LANES : last), sums[v]);
    }
}

/* Whole vectors, whose places are constants, and tiles that end within one. */
typedef void sparse_tile_fn(bool accumulate, int count, const int32_t *place, const float *value,
                            const float *b, float *c);
typedef void sparse_end_fn(bool accumulate, int count, const int32_t *place, const float *value,
                           const float *b, float *c, ptrdiff_t last);

#define DEFINE_SPARSE_TILE(vectors)                                                                         \
    static void sparse_tile_##vectors(bool accumulate, int count, const int32_t *place, const float *value, \
                                      const float *b, float *c)                                             \
    {                                                                                                       \
        sparse_tile(vectors, accumulate, count, place, value, b, c,                                         \
                    (ptrdiff_t)(vectors - 1) * TW_VECTOR_LANES);                                            \
    }                                                                                                       \
    static void sparse_end_##vectors(bool accumulate, int count, const int32_t *place, const float *value,  \
                                     const float *b, float *c, ptrdiff_t last)                              \
    {                                                                                                       \
        sparse_tile(vectors, accumulate, count, place, value, b, c, last);                                  \
    }

DEFINE_SPARSE_TILE(1)
DEFINE_SPARSE_TILE(2)
DEFINE_SPARSE_TILE(3)
DEFINE_SPARSE_TILE(4)
DEFINE_SPARSE_TILE(5)
DEFINE_SPARSE_TILE(6)
DEFINE_SPARSE_TILE(7)
DEFINE_SPARSE_TILE(8)

static const struct {
    sparse_tile_fn *tile;
    sparse_end_fn *end;
} sparse_tiles[TILE_VECTORS + 1] = {
    {NULL, NULL},
    {sparse_tile_1, sparse_end_1},
    {sparse_tile_2, sparse_end_2},
    {sparse_tile_3, sparse_end_3},
    {sparse_tile_4, sparse_end_4},
    {sparse_tile_5, sparse_end_5},
    {sparse_tile_6, sparse_end_6},
    {sparse_tile_7, sparse_end_7},
    {sparse_tile_8, sparse_end_8},
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

static bool is_transposed(const struct tw_gemm_shape *shape)
{
    return shape->a_row == 1 && shape->a_col != 1;
}

/* Where row i of A lies in whole groups of neighbours. Rows that do not are brought together first: all at once where A is
 * transposed (`block` is free as long as lists are made), else one by one in `together`. */
static const float *whole_groups(const struct sparse_part *part, ptrdiff_t i, ptrdiff_t padded,
                                 float *together)
{
    const float *row = part->a + i * part->shape->a_row;

    if (is_transposed(part->shape)) {
        return part->lists->block + i * padded;
    }
    if (part->shape->a_col == 1 && padded == part->depth) {
        return row;
    }
    for (ptrdiff_t p = 0; p < padded; p++) {
        together[p] = p < part->depth ? row[p * part->shape->a_col] : 0.0f;
    }
    return together;
}

static void transpose_rows(const struct sparse_part *part, ptrdiff_t padded)
{
    float *block = part->lists->block;

    TW_VARIANT(tw_f32_transpose)(part->depth, part->rows, part->a, part->shape->a_col, block, padded);
    for (ptrdiff_t i = 0; i < part->rows && part->depth < padded; i++) {
        memset(block + i * padded + part->depth, 0, (size_t)(padded - part->depth) * sizeof *block);
    }
}

/* The lists of every row. */
static void list_rows(const struct sparse_part *part)
{
    const ptrdiff_t padded = (part->depth + LIST_GROUP - 1) / LIST_GROUP * LIST_GROUP;

    if (is_transposed(part->shape)) {
        transpose_rows(part, padded);
    }
    for (ptrdiff_t i = 0; i < part->rows; i++) {
        float together[LIST_LENGTH];
        const float *row = whole_groups(part, i, padded, together);
        int count = 0;

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

/* Row i in all columns, which are less than a vector: by way of a whole one. */
static void multiply_partial(const struct sparse_part *part, ptrdiff_t i, ptrdiff_t columns)
{
    const struct sparse_lists *lists = part->lists;
    float *c = part->c + i * part->shape->c_row, whole[TW_VECTOR_LANES] = {0.0f};

    if (part->accumulate) {
        memcpy(whole, c, (size_t)columns * sizeof *c);
    }
    sparse_tile_1(part->accumulate, lists->count[i], lists->place[i], lists->value[i], lists->block, whole);
    memcpy(c, whole, (size_t)columns * sizeof *c);
}

/* Columns [j, j + columns), at most a tile's, against every list. */
static void multiply_columns(const struct sparse_part *part, ptrdiff_t j, ptrdiff_t columns, bool copied)
{
    const struct sparse_lists *lists = part->lists;
    const float *b = copied ? lists->block : part->b + j;
    const ptrdiff_t vectors = (columns + TW_VECTOR_LANES - 1) / TW_VECTOR_LANES;
    sparse_tile_fn *tile = sparse_tiles[vectors].tile;
    sparse_end_fn *end = sparse_tiles[vectors].end;

    for (ptrdiff_t i = 0; i < part->rows; i++) {
        float *c = part->c + i * part->shape->c_row + j;

        if (part->shape->b_col != 1 && part->next > 0) {
            fetch_ahead(part, i, j, columns);
        }
        if (columns < TW_VECTOR_LANES) {
            multiply_partial(part, i, columns);
        } else if (columns < vectors * TW_VECTOR_LANES) {
            end(part->accumulate, lists->count[i], lists->place[i], lists->value[i], b, c,
                columns - TW_VECTOR_LANES);
        } else {
            tile(part->accumulate, lists->count[i], lists->place[i], lists->value[i], b, c);
        }
    }
}

/* How many of `rest` columns the next tile takes: tiles share the vectors evenly, since few chains leave fma waiting. What
 * is left for the last one is more than a vector. */
static ptrdiff_t tile_columns(ptrdiff_t rest)
{
    const ptrdiff_t vectors = (rest + TW_VECTOR_LANES - 1) / TW_VECTOR_LANES;
    const ptrdiff_t tiles = (vectors + TILE_VECTORS - 1) / TILE_VECTORS;

    return tiles == 1 ? rest : (vectors + tiles - 1) / tiles * TW_VECTOR_LANES;
}

static void multiply_part(struct sparse_part *part)
{
    const ptrdiff_t n = part->shape->n, b_row = part->shape->b_row;
    const bool copied = part->shape->b_col != 1 || n < TW_VECTOR_LANES || b_row > LONGEST_PITCH ||
                        b_row < -LONGEST_PITCH ||
                        (b_row % BAD_PITCH == 0 && n > TW_VECTOR_LANES && part->rows > FEW_ROWS);

    part->pitch = copied ? TILE_COLUMNS : b_row;
    list_rows(part);
    for (ptrdiff_t j = 0, columns; j < n; j += columns) {
        columns = tile_columns(n - j);
        if (copied) {
            copy_block(part, j, columns);
        }
        multiply_columns(part, j, columns, copied);
    }
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
