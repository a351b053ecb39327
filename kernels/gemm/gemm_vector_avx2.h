/* Vectors of eight under the names that vector_strided.h describes, for the files of AVX2 and of AVX-512; parts of them are each ISA's
 * own (gemm_part_avx2.h, gemm_part_avx512.h). */
#ifndef TOWER_KERNELS_GEMM_GEMM_VECTOR_AVX2_H
#define TOWER_KERNELS_GEMM_GEMM_VECTOR_AVX2_H

#include <immintrin.h>

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

#endif
