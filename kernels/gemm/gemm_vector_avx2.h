/* Vectors of eight under the names that vector_strided.h describes; included by the files of AVX2 and of AVX-512, which has
 * masks of its own for them. */
#ifndef TOWER_KERNELS_GEMM_GEMM_VECTOR_AVX2_H
#define TOWER_KERNELS_GEMM_GEMM_VECTOR_AVX2_H

#include <immintrin.h>

#include "kernels/simd/part_avx2.h"

#define LANES           8
#define STRIDED_FETCHES 0
#define IN_PLACE        static inline __attribute__((always_inline))

typedef __m256 vector;

IN_PLACE vector load(const float *x)
{
    return _mm256_loadu_ps(x);
}

IN_PLACE void store(float *y, vector v)
{
    _mm256_storeu_ps(y, v);
}

IN_PLACE vector broadcast(const float *x)
{
    return _mm256_broadcast_ss(x);
}

IN_PLACE vector zero(void)
{
    return _mm256_setzero_ps();
}

IN_PLACE vector multiply_add(vector a, vector b, vector c)
{
    return _mm256_fmadd_ps(a, b, c);
}

#if defined(__AVX512VL__)
typedef __mmask8 part;

IN_PLACE part part_first(int count)
{
    return (part)((1u << count) - 1);
}

IN_PLACE vector load_part(const float *x, part lanes)
{
    return _mm256_maskz_loadu_ps(lanes, x);
}

IN_PLACE void store_part(float *y, int count, part lanes, vector v)
{
    (void)count;
    _mm256_mask_storeu_ps(y, lanes, v);
}
#else
typedef __m256i part;

IN_PLACE part part_first(int count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

IN_PLACE vector load_part(const float *x, part lanes)
{
    return _mm256_maskload_ps(x, lanes);
}

IN_PLACE void store_part(float *y, int count, part lanes, vector v)
{
    (void)lanes;
    if (count == LANES) {
        _mm256_storeu_ps(y, v);
    } else {
        tw_store_part_avx2(y, count, v);
    }
}
#endif

#endif
