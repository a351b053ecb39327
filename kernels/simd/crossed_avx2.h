/* Every second element of memory, in an order that needs no operation across the halves of a vector. Included by the files of
 * AVX2 and of AVX-512.
 *
 *     x[0 … 15] in two vectors    | 0 1 2 3 | 4 5 6 7 |   | 8 9 10 11 | 12 13 14 15 |
 *     every second, crossed       | 0 2 8 10 | 4 6 12 14 |
 *     in order                    | 0 2 4 6 | 8 10 12 14 |
 */
#ifndef TOWER_KERNELS_SIMD_CROSSED_AVX2_H
#define TOWER_KERNELS_SIMD_CROSSED_AVX2_H

#include "kernels/simd/vector_avx2.h"

/* x[0], x[2] … x[14], crossed. */
static inline tw_vector tw_vector_evens_crossed(tw_vector a, tw_vector b)
{
    return _mm256_shuffle_ps(a, b, 0x88);
}

/* x[1], x[3] … x[15], crossed. */
static inline tw_vector tw_vector_odds_crossed(tw_vector a, tw_vector b)
{
    return _mm256_shuffle_ps(a, b, 0xdd);
}

/* From one order to the other, and back. */
static inline tw_vector tw_vector_cross(tw_vector a)
{
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(a), 0xd8));
}

#endif
