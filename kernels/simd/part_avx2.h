/* The first lanes of a ymm to memory, for the files of AVX2 and those of AVX-512 that have vectors of eight. */
#ifndef TOWER_KERNELS_SIMD_PART_AVX2_H
#define TOWER_KERNELS_SIMD_PART_AVX2_H

#include <immintrin.h>

/* `count` of them, 0 … 7, and nothing behind, in pieces of 4, 2 and 1: the masked store is microcode on AMD's cores. */
static inline __attribute__((always_inline)) void tw_store_part_avx2(float *y, int count, __m256 a)
{
    __m128 rest = _mm256_castps256_ps128(a);

    if (count & 4) {
        _mm_storeu_ps(y, rest);
        rest = _mm256_extractf128_ps(a, 1);
        y += 4;
    }
    if (count & 2) {
        _mm_storel_pi((__m64 *)(void *)y, rest);
        rest = _mm_movehl_ps(rest, rest);
        y += 2;
    }
    if (count & 1) {
        _mm_store_ss(y, rest);
    }
}

#endif
