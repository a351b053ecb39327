/* Dot products (gemm_dots_avx2.h) of sixteen columns at a time, a quarter of a vector of four each. For more than DOTS_FAR rows of
 * A, which then have a_row 1: fewer do not multiply enough by what is put together. Included by the file of AVX-512.
 *
 *     b[p … p+3][j … j+15] in memory  j     |p p+1 p+2 p+3|        in registers   p   |j j+1 … j+15|
 *                                     j+1   |p p+1 p+2 p+3|                       p+1 |j j+1 … j+15|
 *                                     …                                           …
 */
#ifndef TOWER_KERNELS_GEMM_GEMM_DOTS_AVX512_H
#define TOWER_KERNELS_GEMM_GEMM_DOTS_AVX512_H

#include "kernels/gemm/gemm_dots_avx2.h"

enum { DOTS_WIDE = 16 };

/* r[i]: four elements of columns i, i + 4, i + 8 and i + 12. */
DOTS_IN_PLACE void dots_wide_load(const float *b, ptrdiff_t b_col, __m512 r[4])
{
    const float *second = dots_next(b, b_col), *third = dots_next(second, b_col),
                *fourth = dots_next(third, b_col);

    TW_UNROLL
    for (int i = 0; i < 4; i++) {
        const __m512 first = _mm512_castps128_ps512(_mm_loadu_ps(b + i * b_col));
        const __m512 two = _mm512_insertf32x4(first, _mm_loadu_ps(second + i * b_col), 1);
        const __m512 three = _mm512_insertf32x4(two, _mm_loadu_ps(third + i * b_col), 2);

        r[i] = _mm512_insertf32x4(three, _mm_loadu_ps(fourth + i * b_col), 3);
    }
}

/* column[q] = elements q of the sixteen columns. */
DOTS_IN_PLACE void dots_wide_transpose(const float *b, ptrdiff_t b_col, __m512 column[DOTS_DEPTH])
{
    __m512 r[4], pair[4];

    dots_wide_load(b, b_col, r);
    pair[0] = _mm512_unpacklo_ps(r[0], r[1]);
    pair[1] = _mm512_unpackhi_ps(r[0], r[1]);
    pair[2] = _mm512_unpacklo_ps(r[2], r[3]);
    pair[3] = _mm512_unpackhi_ps(r[2], r[3]);
    column[0] = _mm512_shuffle_ps(pair[0], pair[2], 0x44);
    column[1] = _mm512_shuffle_ps(pair[0], pair[2], 0xee);
    column[2] = _mm512_shuffle_ps(pair[1], pair[3], 0x44);
    column[3] = _mm512_shuffle_ps(pair[1], pair[3], 0xee);
}

/* One element of each of sixteen columns. */
DOTS_IN_PLACE __m512 dots_wide_gather(const float *b, ptrdiff_t b_col)
{
    float element[DOTS_WIDE];

    TW_UNROLL
    for (int i = 0; i < DOTS_WIDE; i++) {
        element[i] = b[i * b_col];
    }
    return _mm512_loadu_ps(element);
}

/* The next fma of every chain. */
DOTS_IN_PLACE void dots_wide_step(int rows, const float *a, __m512 column, __m512 acc[TW_DOTS_ROWS_MAX])
{
    TW_UNROLL
    for (int i = 0; i < rows; i++) {
        acc[i] = _mm512_fmadd_ps(_mm512_set1_ps(a[i]), column, acc[i]);
    }
}

/* Sixteen columns of C from `c` on, by those of B from `b` on. */
DOTS_IN_PLACE void dots_wide_columns(int rows, const struct tw_gemm_shape *s, const float *a, const float *b,
                                     float *c)
{
    __m512 acc[TW_DOTS_ROWS_MAX];
    ptrdiff_t p = 0;

    TW_UNROLL
    for (int i = 0; i < rows; i++) {
        acc[i] = s->accumulate ? _mm512_loadu_ps(c + i * s->c_row) : _mm512_setzero_ps();
    }
    for (; p + DOTS_DEPTH <= s->k; p += DOTS_DEPTH, b += DOTS_DEPTH, a += DOTS_DEPTH * s->a_col) {
        __m512 column[DOTS_DEPTH];

        dots_wide_transpose(b, s->b_col, column);
        TW_UNROLL
        for (int q = 0; q < DOTS_DEPTH; q++) {
            dots_wide_step(rows, a + q * s->a_col, column[q], acc);
        }
    }
    for (; p < s->k; p++, b++, a += s->a_col) {
        dots_wide_step(rows, a, dots_wide_gather(b, s->b_col), acc);
    }
    TW_UNROLL
    for (int i = 0; i < rows; i++) {
        _mm512_storeu_ps(c + i * s->c_row, acc[i]);
    }
}

/* All whole sixteens of columns; returns how many columns those are. */
DOTS_IN_PLACE ptrdiff_t dots_wide(int rows, const struct tw_gemm_shape *s, const float *a, const float *b,
                                  float *c)
{
    ptrdiff_t j = 0;

    for (; j + DOTS_WIDE <= s->n; j += DOTS_WIDE) {
        dots_wide_columns(rows, s, a, b + j * s->b_col, c + j);
    }
    return j;
}

#endif
