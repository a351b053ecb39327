/* The register tile under GEMM and convolution, and how an ISA describes its tiles. Private to kernels/.
 *
 * A tile function computes `rows` x `columns` elements of C, both fixed per function:
 *
 *   acc[i][j] = start[start_at[i] + j], or +0 if start is NULL
 *   for p = 0 … k-1:   acc[i][j] = fma(a[row[i] + at[p]], b[b_at[p]*columns + j], acc[i][j])
 *   c[c_at[i] + j] = acc[i][j]
 *
 * So A is not interleaved, and neither it nor C needs to be a matrix in memory: a convolution reads the image
 * itself through the distances of positions and taps ("indirect GEMM"), and no column matrix exists. (A product's
 * strided tiles, below, may read a transposed A that gemm_pack.c has interleaved.)
 *
 * B comes in panels: the columns of B in strips, each strip stored row by row, the last one filled up with
 * zeros:
 *
 *       column   0 … 15   16 … 31   32 … 39           widths 16, 16, 8 for n = 37 with AVX2, of a
 *     p = 0     |-------| |-------| |---000           product; a convolution's are 16 and 24
 *     p = 1     |-------| |-------| |---000           panel at column j0 begins at  packed + j0 * k
 *       …
 *
 * Order of the sum: one chain of fma per element, p ascending. The product is commutative, so which operand
 * is broadcast does not matter to the bits.
 */
#ifndef TOWER_KERNELS_GEMM_GEMM_TILE_H
#define TOWER_KERNELS_GEMM_GEMM_TILE_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/gemm/gemm.h"
#include "kernels/gemm/pairs.h"
#include "kernels/gemm/transpose.h"

#define TW_TILE_ROWS_MAX    8
#define TW_TILE_COLUMNS_MAX 64
#define TW_TILE_WIDTHS_MAX  4
#define TW_TILE_LAST_LANES  8 /* of the vectors of `last`, none of which may be idle */
#define TW_STRIDED_MAX      5
#define TW_STREAM_ROWS_MAX  5
#define TW_DOTS_ROWS_MAX    10
#define TW_GEMM_TALL        512 /* rows of a product from which on its blocks are deep */
#define TW_HALF_ROWS        6   /* rows of a tile from which on columns are split for half a vector */
#define TW_STRIDED_LATE     32  /* steps before its end at which a tile fetches rows of C */

/* Operands of a tile, or of several down the rows of one panel (tw_tile_run). */
struct tw_f32_tile {
    ptrdiff_t rows, columns; /* for tw_tile_run: of C; columns at most the panel's */
    ptrdiff_t k;
    const float *a;
    const ptrdiff_t *row, *at;
    const float *b;
    const ptrdiff_t *b_at;  /* NULL: p */
    const ptrdiff_t *b_row; /* instead of b_at: row p of B is b[b_row[p] + j], wherever that lies; or NULL */
    const float *start;     /* `c` itself for chains that go on */
    const ptrdiff_t *start_at; /* NULL: 0 for every row, as for a bias */
    float *c;
    const ptrdiff_t *c_at;
};

typedef void tw_f32_tile_fn(const struct tw_f32_tile *operands);

/* The tiles of one panel width: tile[r - 1] computes r rows, up to `rows`. */
struct tw_f32_tile_width {
    ptrdiff_t columns, rows;
    tw_f32_tile_fn *tile[TW_TILE_ROWS_MAX];
};

/* Operands of a strided tile: the tile of a matrix product, which reads A and B by their strides, wherever they
 * lie. Its rows and columns are fixed per function, except that the `part` functions compute only `columns`
 * columns, at least one vector's lanes less one fewer than the full width, and touch no others:
 *
 *   acc[i][j] = start[i], or if that is NULL: c[i*c_row + j] if accumulate, else +0
 *   for p = 0 … k-1:   acc[i][j] = fma(a[i*a_row + p*a_col], b[p*b_row + j], acc[i][j])
 *   c[i*c_row + j] = acc[i][j]
 *
 * Where tiles fetch (struct tw_f32_tiles), the functions of whole tiles of whole vectors bring what comes next into the caches, and so
 * do those along rows; these addresses are hints, of any value. Those along rows fetch rows of C on every ISA.
 *
 * The `packing` functions also leave the rows of B that they read in `packed`, one after the other: what the
 * tiles below then read. */
struct tw_f32_strided {
    ptrdiff_t columns, k;
    const float *a, *b;
    const ptrdiff_t *b_at; /* tabled: row p of B is b[b_at[p] + j] */
    float *c;
    ptrdiff_t a_row, a_col, b_row, c_row;
    bool accumulate;
    const float *start;
    float *packed;
    const float *ahead; /* at step p a tile fetches ahead[p*ahead_step] … */
    ptrdiff_t ahead_step;
    float *next_c;         /* … and towards its end the rows of C that the tile after it begins with */
    ptrdiff_t ahead_lines; /* along, before a tile: so many lines ahead_step apart; then those beside them */
};

typedef void tw_f32_strided_fn(const struct tw_f32_strided *operands);

/* The strided tiles of one width: entry r - 1 computes r rows, up to `rows`. packing may be NULL. */
struct tw_f32_strided_width {
    ptrdiff_t columns, rows;
    tw_f32_strided_fn *whole[TW_TILE_ROWS_MAX], *part[TW_TILE_ROWS_MAX], *packing[TW_TILE_ROWS_MAX];
};

/* Tiles along the rows of C: entry r - 1 of `function` computes r rows, up to `rows`, of as many whole times `unit` columns as
 * `columns` of the operands holds; of `tabled` all columns, with the places of the rows of B from a table. */
struct tw_f32_along {
    ptrdiff_t unit, rows;
    tw_f32_strided_fn *function[TW_TILE_ROWS_MAX], *tabled[TW_TILE_ROWS_MAX];
    ptrdiff_t half;                        /* lanes of half a vector, for the end of a row; 0: none */
    tw_f32_strided_fn *const *tabled_half; /* `tabled` in such vectors, or NULL */
};

/* Products of few rows of A, whose work is reading B once. Strides and order as in the contract. */
typedef void tw_f32_few_rows_fn(const struct tw_gemm_shape *shape, const float *a, const float *b, float *c);

/* Those of an ISA, [m - 1]; NULL: not here. */
struct tw_f32_few_rows {
    tw_f32_few_rows_fn *stream[TW_STREAM_ROWS_MAX]; /* C += A B with b_col 1 */
    tw_f32_few_rows_fn *dots[TW_DOTS_ROWS_MAX];     /* C = or += A B with b_row 1 */
};

/* The blocks of a product. A deep one loads and stores C less often; fewer rows do not pay for packing deep panels. */
struct tw_f32_blocking {
    ptrdiff_t kc; /* depth: a panel of B passes from L2, or stays in L1, by a few rows of A in L1 */
    ptrdiff_t mc; /* rows of A in a block: mc x kc stay in L2 */
    ptrdiff_t nc; /* columns of B packed at a time: kc x nc stay in L3 */
};

/* All that the portable blocking needs to know of an ISA. Widths descend in whole vectors, and the
 * narrowest is one. The wider of the strided widths have fewer rows: they are for products of few rows. */
struct tw_f32_tiles {
    struct tw_f32_tile_width width[TW_TILE_WIDTHS_MAX];
    int widths;
    /* Three vectors of eight, and a single one where others have sixteen lanes, for last panels; or NULL. */
    const struct tw_f32_tile_width *last, *last_half;
    struct tw_f32_strided_width strided[TW_STRIDED_MAX];
    int strided_widths, strided_general; /* the widest for any number of rows is [strided_general] */
    const struct tw_f32_strided_width *half, *one_and_half; /* vectors, for last columns; or NULL */
    /* The price of C^T, in columns of C: what a single vector costs (more than its lanes where its rows are too few
     * chains), [1] beside wider panels; likewise half a vector; one and a half; and transposing A, [1]: B is transposed, which is
     * saved, [2]: A is, which need not be packed. */
    ptrdiff_t one_vector[2], half_vector[2], one_and_half_vectors, transposing[3];
    struct tw_f32_along along;
    const struct tw_f32_few_rows *few_rows;
    ptrdiff_t links; /* of a block of a convolution: its panel and what it meets of the image stay near */
    struct tw_f32_blocking blocking[2]; /* [1]: of fewer than TW_GEMM_TALL rows */
    ptrdiff_t shallow[2];    /* most k of a product whose tiles go along the rows of C; [1]: A transposed */
    ptrdiff_t in_place;      /* floats of a B that is not packed, … */
    ptrdiff_t in_place_rows; /* … and rows of A up to which hardly any is */
    bool fetch; /* whole strided tiles fetch what comes next: they last long enough to pay for it */
    tw_f32_transpose_fn *transpose;
    tw_f32_take_pairs_fn *take_pairs;
    tw_f32_put_pairs_fn *put_pairs;
};

extern const struct tw_f32_tiles tw_f32_tiles__avx2, tw_f32_tiles__avx512, tw_f32_tiles__neon;
extern const struct tw_f32_tile_width tw_f32_last_width__avx512, tw_f32_last_half_width__avx512;
extern const struct tw_f32_strided_width tw_f32_half_width__avx512, tw_f32_one_and_half_width__avx512;
extern tw_f32_strided_fn *const tw_f32_tabled_half__avx512[TW_TILE_ROWS_MAX];
extern const struct tw_f32_few_rows tw_f32_few_rows__avx2, tw_f32_few_rows__avx512;

/* The panel that begins where `rest` columns are left: the narrowest width that takes them all, unless at
 * least one narrowest panel of it would be zeros; then the next narrower. `last` where none of its vectors is idle, also behind a
 * panel that is narrower for that; `last_half` where it takes them all. */
const struct tw_f32_tile_width *tw_tile_width(const struct tw_f32_tiles *tiles, ptrdiff_t rest);

/* Columns of the widest panel. */
ptrdiff_t tw_tile_widest(const struct tw_f32_tiles *tiles);

/* Columns of all panels together in whole vectors, zeros included: at least what they have. */
ptrdiff_t tw_tile_columns(const struct tw_f32_tiles *tiles, ptrdiff_t n);

/* Packs one panel of k x columns (at most `width`) elements b[p*b_row + j*b_col]. */
void tw_tile_pack(const struct tw_f32_tiles *tiles, ptrdiff_t k, ptrdiff_t columns, ptrdiff_t width,
                  const float *b, ptrdiff_t b_row, ptrdiff_t b_col, float *panel);

/* Runs the tiles of one panel down all rows. `c` and `start` are touched only inside rows x columns. */
void tw_tile_run(const struct tw_f32_tile_width *width, const struct tw_f32_tile *operands);

/* Runs the `tabled` tiles down `rows` rows. */
void tw_tile_run_along(const struct tw_f32_along *along, ptrdiff_t rows,
                       const struct tw_f32_strided *operands);

/* The product of the contract. */
void tw_gemm_blocked(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape, const float *a,
                     const float *b, float *c, void *workspace);

/* What a caller in kernels/ may say beyond the contract, or NULL: where the chains of row i start (start[i]; `accumulate` is
 * not set), a bias that is not written into C beforehand; and the B of the product that follows, to be fetched. */
struct tw_gemm_around {
    const float *start, *next_b;
};

void tw_gemm_blocked_around(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape,
                            const struct tw_gemm_around *around, const float *a, const float *b, float *c,
                            void *workspace);
size_t tw_gemm_blocked_workspace(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape);
const char *tw_gemm_algorithm(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape);

#endif
