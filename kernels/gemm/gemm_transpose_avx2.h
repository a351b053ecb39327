/* Transposition in 8 x 8 blocks of ymm registers; included by the files of AVX2 and, through gemm_transpose_avx512.h, of AVX-512.
 * TRANSPOSE_STORE_SOME(to, count, a), where the including file has one, stores the first `count` lanes. */
#ifndef TOWER_KERNELS_GEMM_GEMM_TRANSPOSE_AVX2_H
#define TOWER_KERNELS_GEMM_GEMM_TRANSPOSE_AVX2_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>

/* Two rounds of shuffles within the halves: column[j] has element j of each quarter of the rows, r[i] those of rows i and i + 4. */
static inline void transpose_halves(const __m256 r[4], __m256 column[4])
{
    const __m256 low[2] = {_mm256_unpacklo_ps(r[0], r[1]), _mm256_unpacklo_ps(r[2], r[3])};
    const __m256 high[2] = {_mm256_unpackhi_ps(r[0], r[1]), _mm256_unpackhi_ps(r[2], r[3])};

    column[0] = _mm256_shuffle_ps(low[0], low[1], 0x44);
    column[1] = _mm256_shuffle_ps(low[0], low[1], 0xee);
    column[2] = _mm256_shuffle_ps(high[0], high[1], 0x44);
    column[3] = _mm256_shuffle_ps(high[0], high[1], 0xee);
}

/* Halves of rows i and i+4 are put together while loading: 8 shuffles for 32 elements. */
static inline void transpose_8x4(const float *src, ptrdiff_t src_row, float *dst, ptrdiff_t dst_row)
{
    __m256 r[4], column[4];

    for (int i = 0; i < 4; i++)
        r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(src + i * src_row)),
                                    _mm_loadu_ps(src + (i + 4) * src_row), 1);
    transpose_halves(r, column);
    for (int j = 0; j < 4; j++)
        _mm256_storeu_ps(dst + j * dst_row, column[j]);
}

static inline void transpose_8x8(const float *src, ptrdiff_t src_row, float *dst, ptrdiff_t dst_row)
{
    transpose_8x4(src, src_row, dst, dst_row);
    transpose_8x4(src + 4, src_row, dst + 4 * dst_row, dst_row);
}

#ifdef TRANSPOSE_STORE_SOME
/* One to seven rows, as if the last one were there several times, and no element of dst but theirs. */
static inline void transpose_some(ptrdiff_t rows, const float *src, ptrdiff_t src_row, float *dst,
                                  ptrdiff_t dst_row)
{
    __m256 r[4], column[4];

    for (int i = 0; i < 4; i++) {
        const ptrdiff_t low = i < rows ? i : rows - 1, high = i + 4 < rows ? i + 4 : rows - 1;

        r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(src + low * src_row)),
                                    _mm_loadu_ps(src + high * src_row), 1);
    }
    transpose_halves(r, column);
    for (int j = 0; j < 4; j++)
        TRANSPOSE_STORE_SOME(dst + j * dst_row, rows, column[j]);
}
#endif

enum {
    TRANSPOSE_OPEN = 384,  /* lines of dst that stay in L1 until they are full */
    TRANSPOSE_MEET = 1024, /* rows of src this apart: their lines meet in one set of L1, of eight */
    TRANSPOSE_APART = 512, /* rows of dst a multiple of this apart: so many of their lines do … */
    TRANSPOSE_CHUNK = 128, /* … that they are written four at a time, from so many rows of src in L1 */
    TRANSPOSE_LONG = 512,  /* floats of a row of src beyond which half as many are read: fewer pages */
    TRANSPOSE_LINE = 16    /* floats */
};

/* In whole blocks, along eight rows of src after the other. */
static void transpose_along(ptrdiff_t rows, ptrdiff_t columns, const float *src, ptrdiff_t src_row,
                            float *dst, ptrdiff_t dst_row)
{
    for (ptrdiff_t i = 0; i < rows; i += 8)
        for (ptrdiff_t j = 0; j < columns; j += 8)
            transpose_8x8(src + i * src_row + j, src_row, dst + j * dst_row + i, dst_row);
}

/* In whole blocks, down the rows of a line of columns, then down those of the next. */
static void transpose_down(ptrdiff_t rows, ptrdiff_t columns, const float *src, ptrdiff_t src_row, float *dst,
                           ptrdiff_t dst_row)
{
    for (ptrdiff_t j = 0; j < columns; j += TRANSPOSE_LINE) {
        const float *from = src + j;
        float *to = dst + j * dst_row;

        for (ptrdiff_t i = 0; i < rows; i += 8, from += 8 * src_row, to += 8) {
            transpose_8x8(from, src_row, to, dst_row);
            if (columns - j > 8)
                transpose_8x8(from + 8, src_row, to + 8 * dst_row, dst_row);
        }
    }
}

/* In whole blocks, down some rows of four columns, then of the next four: so few lines of dst are open at a time, also
 * among the stores under way, that they find room in one set. */
static void transpose_narrow(ptrdiff_t rows, ptrdiff_t columns, const float *src, ptrdiff_t src_row,
                             float *dst, ptrdiff_t dst_row)
{
    const ptrdiff_t chunk =
        (src_row < 0 ? -src_row : src_row) > TRANSPOSE_LONG ? TRANSPOSE_CHUNK / 2 : TRANSPOSE_CHUNK;

    for (ptrdiff_t first = 0; first < rows; first += chunk) {
        const ptrdiff_t last = rows - first < chunk ? rows : first + chunk;

        for (ptrdiff_t j = 0; j < columns; j += 4)
            for (ptrdiff_t i = first; i < last; i += 8)
                transpose_8x4(src + i * src_row + j, src_row, dst + j * dst_row + i, dst_row);
    }
}

/* Rows of dst whose lines meet are written narrowly, unless those of src meet, too: then they would not stay in L1.
 * Otherwise the lines of dst that eight rows begin wait in L1 for the next eight, unless there are too many: then more
 * rows are read side by side, of long ones as many as fill these lines, or of many rows a page. */
static void transpose_blocks(ptrdiff_t rows, ptrdiff_t columns, const float *src, ptrdiff_t src_row,
                             float *dst, ptrdiff_t dst_row)
{
    const bool wide = columns > 2 * rows;
    const ptrdiff_t most = wide ? TRANSPOSE_LINE : 64;

    if (rows > TRANSPOSE_LINE && dst_row % TRANSPOSE_APART == 0 && src_row % TRANSPOSE_APART != 0) {
        transpose_narrow(rows, columns, src, src_row, dst, dst_row);
        return;
    }
    if (columns <= TRANSPOSE_OPEN || (wide && src_row % TRANSPOSE_MEET == 0)) {
        transpose_along(rows, columns, src, src_row, dst, dst_row);
        return;
    }
    for (ptrdiff_t i = 0; i < rows; i += most) {
        const ptrdiff_t rest = rows - i;

        transpose_down(rest < most ? rest : most, columns, src + i * src_row, src_row, dst + i, dst_row);
    }
}

/* Fewer than eight rows. */
static void transpose_rest(ptrdiff_t rows, ptrdiff_t columns, const float *src, ptrdiff_t src_row, float *dst,
                           ptrdiff_t dst_row)
{
    ptrdiff_t done = 0;

#ifdef TRANSPOSE_STORE_SOME
    for (; rows > 0 && done + 4 <= columns; done += 4)
        transpose_some(rows, src + done, src_row, dst + done * dst_row, dst_row);
#endif
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t j = done; j < columns; j++)
            dst[j * dst_row + i] = src[i * src_row + j];
}

/* A tw_f32_transpose_fn. */
static void transpose(ptrdiff_t rows, ptrdiff_t columns, const float *src, ptrdiff_t src_row, float *dst,
                      ptrdiff_t dst_row)
{
    const ptrdiff_t whole_rows = rows & ~(ptrdiff_t)7, whole_columns = columns & ~(ptrdiff_t)7;

    transpose_blocks(whole_rows, whole_columns, src, src_row, dst, dst_row);
    for (ptrdiff_t j = whole_columns; j < columns; j++)
        for (ptrdiff_t i = 0; i < whole_rows; i++)
            dst[j * dst_row + i] = src[i * src_row + j];
    transpose_rest(rows - whole_rows, columns, src + whole_rows * src_row, src_row, dst + whole_rows,
                   dst_row);
}

#endif
