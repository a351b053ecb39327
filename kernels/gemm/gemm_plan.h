/* How a product is computed, from its sizes and strides alone. Private to kernels/gemm.
 *
 * The first line that fits; the numbers are in gemm_plan.c, and what differs between ISAs in their tables (gemm_tile.h):
 *
 *   "transposed …"   k of 16 and more, few columns, many rows: most lanes of a tile would be empty. C^T = B^T A^T by what
 *                    follows, 64 of its columns at a time, into a buffer. Also where B is transposed, A is not, and has 11
 *                    to 64 rows and half as many as B has columns, of which there are up to 512, k is 256 or more, and
 *                    the rows of A, as columns, leave at most an eighth of their number in lanes idle: A is transposed
 *                    in its place
 *   "small"          m, n and k up to 48, rows of B contiguous: all is in L1, tiles without a plan
 *   "dots"           up to 8 rows (10 on AVX-512; not on NEON), B transposed: its columns are transposed in registers
 *                    and never written
 *   "streamed"       up to 5 rows (AVX-512: 3 while B stays in L3), rows of B contiguous, of 32 floats and more, B larger
 *                    than L1, 32 KiB: B passes by once in whole rows, the few rows of C stay in L1
 *   "one tile"       m fits in a tile: the widest of its height; B by its strides unless it is transposed
 *   "rows"           short k: the tiles go along the rows of C, without a call between them, B where it lies unless its
 *                    lines meet in L1; then only many rows of A are worth packing it. Of a B beyond L2's share, 256 KiB, k
 *                    up to 63, or more with up to 32 rows of A where tiles do not fetch
 *   "panels"         otherwise: tiles down the rows of A, one panel of B after the other in L1 or L2
 *
 * B is packed where many tiles read a panel that does not stay near by itself: the first of them does it, on its way. With
 * few rows of A packing takes longer than it saves, unless the lines of a panel meet in few sets of L1. A is packed where
 * it is transposed. None of this changes a bit.
 */
#ifndef TOWER_KERNELS_GEMM_GEMM_PLAN_H
#define TOWER_KERNELS_GEMM_GEMM_PLAN_H

#include "kernels/gemm/gemm_tile.h"

enum {
    TW_GEMM_EXCHANGED_FEW =
        32, /* most columns of a C on which tiles are wasted, so that it is computed as C^T */
    TW_GEMM_EXCHANGED_MAX = 512, /* most columns of a C that is computed as C^T, and … */
    TW_GEMM_EXCHANGED_ROWS = 64  /* … rows of it at a time */
};

enum tw_gemm_way {
    TW_GEMM_SMALL,
    TW_GEMM_DOTS,
    TW_GEMM_STREAM,
    TW_GEMM_ONE_TILE,
    TW_GEMM_ROWS,
    TW_GEMM_PANELS
};

struct tw_gemm_plan {
    enum tw_gemm_way way;
    ptrdiff_t kc, mc, nc, tile_rows; /* blocks, and most rows of a tile; small, dots and stream have none */
    const struct tw_f32_strided_width *width; /* of the panels */
    bool packs_a, packs_b, keeps_panels, fetches_b, fetches_c;
};

/* Whether C^T is cheaper; the plan of C^T, as that of C where it is not, is tw_gemm_plan's. */
bool tw_gemm_exchanges(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape);

/* Whether C is computed by tw_gemm_run_small, where it is not exchanged. */
bool tw_gemm_is_small(const struct tw_gemm_shape *shape);

/* For m, n and k of at least 1. */
struct tw_gemm_plan tw_gemm_plan(const struct tw_f32_tiles *tiles, const struct tw_gemm_shape *shape);

/* The shape of C^T, of at most TW_GEMM_EXCHANGED_ROWS columns. */
struct tw_gemm_shape tw_gemm_exchanged(const struct tw_gemm_shape *shape);

#endif
