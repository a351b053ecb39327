/* The product of few rows of A with a transposed B, whose columns lie contiguous along k: dot products. Eight columns
 * are transposed in registers, four elements of each at a time, and go into one accumulator per row of A, whose
 * lanes are the eight columns; so every sum ascends in k, and B is read once and never written. Included by the
 * files of AVX2 and of AVX-512.
 *
 *     b[p … p+3][j … j+7] in memory   j   |p p+1 p+2 p+3|        in registers   p   |j j+1 … j+7|
 *                                     j+1 |p p+1 p+2 p+3|                       p+1 |j j+1 … j+7|
 *                                     …                                         …
 */
#ifndef TOWER_KERNELS_GEMM_GEMM_DOTS_AVX2_H
#define TOWER_KERNELS_GEMM_GEMM_DOTS_AVX2_H

#include <immintrin.h>
#include <string.h>

#include "kernels/gemm/gemm_tile.h"
#include "kernels/simd/unroll.h"

#define DOTS_IN_PLACE static inline __attribute__((always_inline))

enum {
    DOTS_LANES = 8,
    DOTS_DEPTH = 4,
    DOTS_GROUPS_MAX = 2,
    DOTS_FAR =
        4, /* most rows of A that are read where they lie; more have no registers for their addresses */
    DOTS_BLOCK = 256 /* the others are brought together so many columns at a time */
};

/* Some groups of eight columns. Column i of a group begins at b + i*b_col, but no further than `last` columns on:
 * a group of fewer columns repeats its last one. */
struct dots {
    const float *a, *b;
    ptrdiff_t a_row, a_col, b_col, last;
};

DOTS_IN_PLACE const float *dots_column(const struct dots *o, bool whole, ptrdiff_t i)
{
    return o->b + (whole || i < o->last ? i : o->last) * o->b_col;
}

/* Four columns on, one addition away for the compiler, too, which has no registers for the addresses of all. */
DOTS_IN_PLACE const float *dots_next(const float *b, ptrdiff_t b_col)
{
    b += 4 * b_col;
    __asm__("" : "+r"(b));
    return b;
}

/* column[q][group] = elements p + q of the eight columns of the group, in the first of which element p is at `low`. */
DOTS_IN_PLACE const float *dots_transpose(const struct dots *o, bool whole, int group, ptrdiff_t p,
                                          const float *low, __m256 column[DOTS_DEPTH][DOTS_GROUPS_MAX])
{
    const float *high = dots_next(low, o->b_col);
    __m256 r[4], pair[4];

    TW_UNROLL
    for (int i = 0; i < 4; i++) {
        const float *first = whole ? low + i * o->b_col : dots_column(o, false, i) + p;
        const float *second = whole ? high + i * o->b_col : dots_column(o, false, i + 4) + p;

        r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(first)), _mm_loadu_ps(second), 1);
    }
    pair[0] = _mm256_unpacklo_ps(r[0], r[1]);
    pair[1] = _mm256_unpackhi_ps(r[0], r[1]);
    pair[2] = _mm256_unpacklo_ps(r[2], r[3]);
    pair[3] = _mm256_unpackhi_ps(r[2], r[3]);
    column[0][group] = _mm256_shuffle_ps(pair[0], pair[2], 0x44);
    column[1][group] = _mm256_shuffle_ps(pair[0], pair[2], 0xee);
    column[2][group] = _mm256_shuffle_ps(pair[1], pair[3], 0x44);
    column[3][group] = _mm256_shuffle_ps(pair[1], pair[3], 0xee);
    return dots_next(high, o->b_col);
}

/* One element of each of eight columns. */
DOTS_IN_PLACE __m256 dots_gather(const struct dots *o, bool whole, ptrdiff_t first, ptrdiff_t p)
{
    float element[DOTS_LANES];

    TW_UNROLL
    for (int i = 0; i < DOTS_LANES; i++) {
        element[i] = dots_column(o, whole, first + i)[p];
    }
    return _mm256_loadu_ps(element);
}

/* The next fma of every chain. Above DOTS_FAR rows a_row is 1. */
DOTS_IN_PLACE void dots_step(int rows, int groups, const struct dots *o, ptrdiff_t p,
                             const __m256 column[DOTS_GROUPS_MAX],
                             __m256 acc[DOTS_GROUPS_MAX][TW_DOTS_ROWS_MAX])
{
    const float *const a = o->a + p * o->a_col;

    TW_UNROLL
    for (int i = 0; i < rows; i++) {
        const __m256 element = _mm256_broadcast_ss(a + i * (rows > DOTS_FAR ? 1 : o->a_row));

        TW_UNROLL
        for (int g = 0; g < groups; g++) {
            acc[g][i] = _mm256_fmadd_ps(element, column[g], acc[g][i]);
        }
    }
}

/* DOTS_DEPTH elements of every chain. */
DOTS_IN_PLACE void dots_steps(int rows, int groups, bool whole, const struct dots *o, ptrdiff_t p,
                              __m256 acc[DOTS_GROUPS_MAX][TW_DOTS_ROWS_MAX])
{
    __m256 column[DOTS_DEPTH][DOTS_GROUPS_MAX];
    const float *b = o->b + p;

    TW_UNROLL
    for (int g = 0; g < groups; g++) {
        b = dots_transpose(o, whole, g, p, b, column);
    }
    TW_UNROLL
    for (int q = 0; q < DOTS_DEPTH; q++) {
        dots_step(rows, groups, o, p + q, column[q], acc);
    }
}

DOTS_IN_PLACE void dots_groups(int rows, int groups, bool whole, const struct dots *o, ptrdiff_t k,
                               __m256 acc[DOTS_GROUPS_MAX][TW_DOTS_ROWS_MAX])
{
    ptrdiff_t p = 0;

    for (; p + DOTS_DEPTH <= k; p += DOTS_DEPTH) {
        dots_steps(rows, groups, whole, o, p, acc);
    }
    for (; p < k; p++) {
        __m256 column[DOTS_GROUPS_MAX];

        TW_UNROLL
        for (int g = 0; g < groups; g++) {
            column[g] = dots_gather(o, whole, g * DOTS_LANES, p);
        }
        dots_step(rows, groups, o, p, column, acc);
    }
}

/* Columns j … of C: `groups` whole groups, or `count` columns of one. */
DOTS_IN_PLACE void dots_columns(int rows, int groups, ptrdiff_t count, const struct tw_gemm_shape *s,
                                ptrdiff_t j, const float *a, const float *b, float *c)
{
    const struct dots operands = {a, b + j * s->b_col, s->a_row, s->a_col, s->b_col, count - 1};
    const bool whole = count == DOTS_LANES;
    __m256 acc[DOTS_GROUPS_MAX][TW_DOTS_ROWS_MAX];
    float lanes[DOTS_LANES] = {0};
    const size_t bytes = (size_t)count * sizeof *lanes;

    TW_UNROLL
    for (int g = 0; g < groups; g++) {
        TW_UNROLL
        for (int i = 0; i < rows; i++) {
            if (s->accumulate) {
                memcpy(lanes, c + i * s->c_row + j + g * DOTS_LANES, bytes);
            }
            acc[g][i] = _mm256_loadu_ps(lanes);
        }
    }
    dots_groups(rows, groups, whole, &operands, s->k, acc);
    TW_UNROLL
    for (int g = 0; g < groups; g++) {
        TW_UNROLL
        for (int i = 0; i < rows; i++) {
            _mm256_storeu_ps(lanes, acc[g][i]);
            memcpy(c + i * s->c_row + j + g * DOTS_LANES, lanes, bytes);
        }
    }
}

/* The columns from j on. `groups` groups at a time keep enough chains going to hide the latency of an fma. */
DOTS_IN_PLACE void dots(int rows, int groups, const struct tw_gemm_shape *s, ptrdiff_t j, const float *a,
                        const float *b, float *c)
{
    for (; j + groups * DOTS_LANES <= s->n; j += groups * DOTS_LANES) {
        dots_columns(rows, groups, DOTS_LANES, s, j, a, b, c);
    }
    for (; j + DOTS_LANES <= s->n; j += DOTS_LANES) {
        dots_columns(rows, 1, DOTS_LANES, s, j, a, b, c);
    }
    if (j < s->n) {
        dots_columns(rows, 1, s->n - j, s, j, a, b, c);
    }
}

/* near[p * rows + i] = element (i, p) of A; four rows at a time, the last four of them overlapping. */
DOTS_IN_PLACE void dots_gather_rows(int rows, ptrdiff_t k, const float *a, ptrdiff_t a_row, ptrdiff_t a_col,
                                    float *near)
{
    ptrdiff_t p = 0;

    for (; a_col == 1 && p + 4 <= k; p += 4) {
        for (int i = 0; i < rows; i += 4) {
            const int first = i + 4 <= rows ? i : rows - 4;
            const float *from = a + first * a_row + p;
            __m128 r0 = _mm_loadu_ps(from), r1 = _mm_loadu_ps(from + a_row);
            __m128 r2 = _mm_loadu_ps(from + 2 * a_row), r3 = _mm_loadu_ps(from + 3 * a_row);

            _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
            _mm_storeu_ps(near + (p + 0) * rows + first, r0);
            _mm_storeu_ps(near + (p + 1) * rows + first, r1);
            _mm_storeu_ps(near + (p + 2) * rows + first, r2);
            _mm_storeu_ps(near + (p + 3) * rows + first, r3);
        }
    }
    for (; p < k; p++) {
        for (int i = 0; i < rows; i++) {
            near[p * rows + i] = a[i * a_row + p * a_col];
        }
    }
}

/* All columns by the first ones that `wide` does, or NULL, and the others. */
typedef ptrdiff_t dots_wide_fn(int rows, const struct tw_gemm_shape *s, const float *a, const float *b,
                               float *c);

DOTS_IN_PLACE void dots_all(int rows, int groups, dots_wide_fn *wide, const struct tw_gemm_shape *s,
                            const float *a, const float *b, float *c)
{
    dots(rows, groups, s, wide ? wide(rows, s, a, b, c) : 0, a, b, c);
}

/* More rows than DOTS_FAR: the chains stop and go on between the blocks of k. */
DOTS_IN_PLACE void dots_of_many(int rows, int groups, dots_wide_fn *wide, const struct tw_gemm_shape *s,
                                const float *a, const float *b, float *c)
{
    struct tw_gemm_shape part = *s;
    float near[DOTS_BLOCK * TW_DOTS_ROWS_MAX];

    if (s->a_row == 1) {
        dots_all(rows, groups, wide, s, a, b, c);
        return;
    }
    part.a_row = 1;
    part.a_col = rows;
    for (ptrdiff_t p = 0; p < s->k; p += part.k) {
        part.k = s->k - p < DOTS_BLOCK ? s->k - p : DOTS_BLOCK;
        dots_gather_rows(rows, part.k, a + p * s->a_col, s->a_row, s->a_col, near);
        dots_all(rows, groups, wide, &part, near, b + p, c);
        part.accumulate = true;
    }
}

#define DEFINE_DOTS(rows, groups, wide)                                                                  \
    static void dots_##rows(const struct tw_gemm_shape *shape, const float *a, const float *b, float *c) \
    {                                                                                                    \
        if (rows > DOTS_FAR) {                                                                           \
            dots_of_many(rows, groups, wide, shape, a, b, c);                                            \
        } else {                                                                                         \
            dots(rows, groups, shape, 0, a, b, c);                                                       \
        }                                                                                                \
    }

#endif
