/* Sums over the lanes of several vectors of eight at once, each in the order of tw_lanes_fold_add: l += l + 4, l += l + 2,
 * l += l + 1. Side by side they take three operations a vector instead of six, and none waits for another.
 */
#ifndef TOWER_KERNELS_SIMD_FOLDS_AVX2_H
#define TOWER_KERNELS_SIMD_FOLDS_AVX2_H

#include "kernels/simd/vector_avx2.h"

/* Four lanes of each: l + (l + 4). */
static inline __m256 tw_fold_to_four(__m256 a, __m256 b)
{
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}

/* Two lanes of each four: l + (l + 2). */
static inline __m256 tw_fold_to_two(__m256 ab, __m256 cd)
{
    return _mm256_add_ps(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xee));
}

/* One lane of each two: l + (l + 1). */
static inline __m256 tw_fold_to_one(__m256 acbd, __m256 egfh)
{
    return _mm256_add_ps(_mm256_shuffle_ps(acbd, egfh, 0x88), _mm256_shuffle_ps(acbd, egfh, 0xdd));
}

/* Lane i is the sum of `a[i]`. */
static inline tw_vector tw_vectors_fold_add(const tw_vector a[8])
{
    const __m256 first = tw_fold_to_two(tw_fold_to_four(a[0], a[1]), tw_fold_to_four(a[2], a[3]));
    const __m256 second = tw_fold_to_two(tw_fold_to_four(a[4], a[5]), tw_fold_to_four(a[6], a[7]));

    return _mm256_permutevar8x32_ps(tw_fold_to_one(first, second), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* The sums of `a` and of `b`. */
static inline void tw_two_vectors_fold_add(tw_vector a, tw_vector b, float sums[2])
{
    const __m256 four = tw_fold_to_four(a, b), two = tw_fold_to_two(four, four);
    const __m256 one = tw_fold_to_one(two, two);

    sums[0] = _mm256_cvtss_f32(one);
    sums[1] = _mm_cvtss_f32(_mm256_extractf128_ps(one, 1));
}

#endif
