/* Tiles of last panels with AVX-512, in vectors of eight, where one of sixteen would be half idle: 8 x 24 for 17 to 24 columns, a
 * vector of sixteen and one of eight, and 8 x 8, whose eight chains are as many as two multipliers want. */
#include <immintrin.h>

#include "kernels/gemm/gemm_part_avx512.h"
#include "kernels/gemm/gemm_tile.h"
#include "kernels/simd/unroll.h"

#if !defined(__AVX512F__) || !defined(__AVX512VL__)
#error "gemm_last_avx512.c must be compiled with -mavx512f -mavx512vl"
#endif

/* An element of A in every lane. */
typedef vector tile_element;

#define load_element(x)           broadcast(x)
#define multiply_element(e, b, c) multiply_add(e, b, c)
#define TILE_ROW_ENDS(i, vectors)

#define VECTORS_MAX 1

#include "kernels/gemm/vector_along.h"
#include "kernels/gemm/vector_strided.h"
#include "kernels/gemm/vector_tile.h"

DEFINE_STRIDED_ROWS_6(1)
DEFINE_STRIDED(7, 1)
DEFINE_STRIDED(8, 1)
DEFINE_STRIDED_TABLED_8(1)

tw_f32_strided_fn *const tw_f32_tabled_half__avx512[TW_TILE_ROWS_MAX] = STRIDED_ROWS_8(1, tabled);

const struct tw_f32_strided_width tw_f32_half_width__avx512 = {
    8, 8, STRIDED_ROWS_8(1, whole), STRIDED_ROWS_8(1, part), {NULL}};

DEFINE_TILE_ROWS_8(1)

/* Rows of 24 columns. */
struct wide_sums {
    __m512 first[TW_TILE_ROWS_MAX];
    __m256 last[TW_TILE_ROWS_MAX];
};

TW_IN_PLACE void wide_step(const int rows, const float *const a[TW_TILE_ROWS_MAX], ptrdiff_t at,
                           const float *b, struct wide_sums *sums)
{
    const __m512 first = _mm512_loadu_ps(b);
    const __m256 last = _mm256_loadu_ps(b + 16);

    TW_UNROLL
    for (int i = 0; i < rows; i++) {
        const __m512 of_a = _mm512_set1_ps(a[i][at]);

        sums->first[i] = _mm512_fmadd_ps(of_a, first, sums->first[i]);
        sums->last[i] = _mm256_fmadd_ps(_mm512_castps512_ps256(of_a), last, sums->last[i]);
    }
}

TW_IN_PLACE void wide_start(const int rows, const struct tw_f32_tile *t, struct wide_sums *sums)
{
    TW_UNROLL
    for (int i = 0; i < rows; i++) {
        const float *start = t->start ? t->start + (t->start_at ? t->start_at[i] : 0) : NULL;

        sums->first[i] = start ? _mm512_loadu_ps(start) : _mm512_setzero_ps();
        sums->last[i] = start ? _mm256_loadu_ps(start + 16) : _mm256_setzero_ps();
    }
}

TW_IN_PLACE void wide_tile(const int rows, const struct tw_f32_tile *t)
{
    const ptrdiff_t k = t->k, *at = t->at, *b_at = t->b_at, *b_row = t->b_row;
    const float *a[TW_TILE_ROWS_MAX], *b = t->b;
    struct wide_sums sums;

    TW_UNROLL
    for (int i = 0; i < rows; i++) {
        a[i] = t->a + t->row[i];
    }
    wide_start(rows, t, &sums);
    if (b_at) {
        for (ptrdiff_t p = 0; p < k; p++) {
            wide_step(rows, a, at[p], b + b_at[p] * 24, &sums);
        }
    } else if (b_row) {
        for (ptrdiff_t p = 0; p < k; p++) {
            wide_step(rows, a, at[p], b + b_row[p], &sums);
        }
    } else {
        for (ptrdiff_t p = 0; p < k; p++) {
            wide_step(rows, a, at[p], b + p * 24, &sums);
        }
    }
    TW_UNROLL
    for (int i = 0; i < rows; i++) {
        _mm512_storeu_ps(t->c + t->c_at[i], sums.first[i]);
        _mm256_storeu_ps(t->c + t->c_at[i] + 16, sums.last[i]);
    }
}

#define WIDE_TILE(rows)                                              \
    static void tile_##rows##x24(const struct tw_f32_tile *operands) \
    {                                                                \
        wide_tile(rows, operands);                                   \
    }

WIDE_TILE(1)
WIDE_TILE(2)
WIDE_TILE(3)
WIDE_TILE(4)
WIDE_TILE(5)
WIDE_TILE(6)
WIDE_TILE(7)
WIDE_TILE(8)

/* The same for products. */
TW_IN_PLACE void strided_wide(const int rows, const bool whole, const struct tw_f32_strided *o)
{
    const __mmask8 there = whole ? 0xff : (__mmask8)((1u << (o->columns - 16)) - 1);
    const ptrdiff_t a_row = o->a_row, a_col = o->a_col, b_row = o->b_row, c_row = o->c_row;
    const float *a = o->a, *b = o->b;
    struct wide_sums sums;
    float *c = o->c;

    TW_UNROLL
    for (int i = 0; i < rows; i++) {
        const bool goes_on = !o->start && o->accumulate;

        sums.first[i] = o->start ? _mm512_set1_ps(o->start[i]) : _mm512_setzero_ps();
        sums.last[i] = _mm512_castps512_ps256(sums.first[i]);
        if (goes_on) {
            sums.first[i] = _mm512_loadu_ps(c + i * c_row);
            sums.last[i] = _mm256_maskz_loadu_ps(there, c + i * c_row + 16);
        }
    }
    for (ptrdiff_t p = o->k; p > 0; p--, a += a_col, b += b_row) {
        const __m512 first = _mm512_loadu_ps(b);
        const __m256 last = whole ? _mm256_loadu_ps(b + 16) : _mm256_maskz_loadu_ps(there, b + 16);

        TW_UNROLL
        for (int i = 0; i < rows; i++) {
            const __m512 of_a = _mm512_set1_ps(a[i * a_row]);

            sums.first[i] = _mm512_fmadd_ps(of_a, first, sums.first[i]);
            sums.last[i] = _mm256_fmadd_ps(_mm512_castps512_ps256(of_a), last, sums.last[i]);
        }
    }
    TW_UNROLL
    for (int i = 0; i < rows; i++, c = strided_next(c, c_row)) {
        _mm512_storeu_ps(c, sums.first[i]);
        _mm256_mask_storeu_ps(c + 16, there, sums.last[i]);
    }
}

#define STRIDED_WIDE(rows)                                                       \
    static void strided_##rows##x24_whole(const struct tw_f32_strided *operands) \
    {                                                                            \
        strided_wide(rows, true, operands);                                      \
    }                                                                            \
    static void strided_##rows##x24_part(const struct tw_f32_strided *operands)  \
    {                                                                            \
        strided_wide(rows, false, operands);                                     \
    }

STRIDED_WIDE(1)
STRIDED_WIDE(2)
STRIDED_WIDE(3)
STRIDED_WIDE(4)
STRIDED_WIDE(5)
STRIDED_WIDE(6)
STRIDED_WIDE(7)
STRIDED_WIDE(8)

const struct tw_f32_strided_width tw_f32_one_and_half_width__avx512 = {
    24,
    8,
    {strided_1x24_whole, strided_2x24_whole, strided_3x24_whole, strided_4x24_whole, strided_5x24_whole,
     strided_6x24_whole, strided_7x24_whole, strided_8x24_whole},
    {strided_1x24_part, strided_2x24_part, strided_3x24_part, strided_4x24_part, strided_5x24_part,
     strided_6x24_part, strided_7x24_part, strided_8x24_part},
    {NULL}};

const struct tw_f32_tile_width tw_f32_last_half_width__avx512 = {8, 8, TILE_ROWS_8(1)};
const struct tw_f32_tile_width tw_f32_last_width__avx512 = {
    24, 8, {tile_1x24, tile_2x24, tile_3x24, tile_4x24, tile_5x24, tile_6x24, tile_7x24, tile_8x24}};
