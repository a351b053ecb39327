/* Transposition in 8 x 8 blocks of ymm registers; included by the files of AVX2 and of AVX-512. */
#ifndef TOWER_KERNELS_GEMM_GEMM_TRANSPOSE_AVX2_H
#define TOWER_KERNELS_GEMM_GEMM_TRANSPOSE_AVX2_H

#include <immintrin.h>
#include <stddef.h>

/* Halves of rows i and i+4 are put together while loading, then two rounds of shuffles within the halves
 * finish: 16 shuffles for 64 elements. */
static inline void transpose_8x8(const float *src, ptrdiff_t src_row, float *dst, ptrdiff_t dst_row)
{
    for (int half = 0; half < 2; half++, src += 4, dst += 4 * dst_row) {
        __m256 r[4], pair[4];

        for (int i = 0; i < 4; i++)
            r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(src + i * src_row)),
                                        _mm_loadu_ps(src + (i + 4) * src_row), 1);
        pair[0] = _mm256_unpacklo_ps(r[0], r[1]);
        pair[1] = _mm256_unpackhi_ps(r[0], r[1]);
        pair[2] = _mm256_unpacklo_ps(r[2], r[3]);
        pair[3] = _mm256_unpackhi_ps(r[2], r[3]);
        _mm256_storeu_ps(dst, _mm256_shuffle_ps(pair[0], pair[2], 0x44));
        _mm256_storeu_ps(dst + dst_row, _mm256_shuffle_ps(pair[0], pair[2], 0xee));
        _mm256_storeu_ps(dst + 2 * dst_row, _mm256_shuffle_ps(pair[1], pair[3], 0x44));
        _mm256_storeu_ps(dst + 3 * dst_row, _mm256_shuffle_ps(pair[1], pair[3], 0xee));
    }
}

/* A tw_f32_transpose_fn. */
static void transpose(ptrdiff_t rows, ptrdiff_t columns, const float *src, ptrdiff_t src_row, float *dst,
                      ptrdiff_t dst_row)
{
    const ptrdiff_t whole_rows = rows & ~(ptrdiff_t)7, whole_columns = columns & ~(ptrdiff_t)7;

    for (ptrdiff_t i = 0; i < whole_rows; i += 8)
        for (ptrdiff_t j = 0; j < whole_columns; j += 8)
            transpose_8x8(src + i * src_row + j, src_row, dst + j * dst_row + i, dst_row);
    for (ptrdiff_t j = whole_columns; j < columns; j++)
        for (ptrdiff_t i = 0; i < whole_rows; i++)
            dst[j * dst_row + i] = src[i * src_row + j];
    for (ptrdiff_t i = whole_rows; i < rows; i++)
        for (ptrdiff_t j = 0; j < columns; j++)
            dst[j * dst_row + i] = src[i * src_row + j];
}

#endif
