/* Algorithm "along rows" for AVX2: what its bodies need of this ISA, then the bodies. */
#include <immintrin.h>
#include <stddef.h>

#include "kernels/simd/folds_avx2.h"

/* Rows of results that are in registers beside some of nine weights: the others come from memory. */
#define TW_CONV_ROWS 7

/* Whether there are bodies for vectors of sixteen lanes. */
#define TW_CONV_SIXTEEN_LANES 0

/* Body of kernels of 5 x 5 in place: streams, or a better one. */
#define TW_CONV_5X5_STREAMS 1
#define TW_CONV_5X5         stream_5x5

/* Whether nine weights are in registers beside twelve sums. */
#define TW_CONV_WEIGHTS_STAY 0

/* Vectors of chains that a weight gradient keeps in registers, ten sums for each. */
#define TW_CONV_WALKS 1

/* The first `count` lanes, 1 … 7 of them. */
typedef __m256i tw_some;

static inline tw_some tw_some_first(ptrdiff_t count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* The lanes whose bits are set. */
static inline tw_some tw_some_of(unsigned bits)
{
    const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);

    return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)bits), bit), bit);
}

/* The other lanes are 0. */
static inline tw_vector tw_vector_load_some(const float *x, tw_some some)
{
    return _mm256_maskload_ps(x, some);
}

/* The other lanes are -0. */
static inline tw_vector tw_vector_load_some_or_minus_zero(const float *x, tw_some some)
{
    const __m256 others = _mm256_andnot_ps(_mm256_castsi256_ps(some), _mm256_set1_ps(-0.0f));

    return _mm256_or_ps(_mm256_maskload_ps(x, some), others);
}

/* Masked stores are microcode on AMD: two overlapping parts instead. */
static inline void tw_vector_store_some(float *y, ptrdiff_t count, tw_vector a)
{
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const ptrdiff_t part = count >= 4 ? 4 : count >= 2 ? 2 : 1;
    const __m256i last = _mm256_add_epi32(lanes, _mm256_set1_epi32((int)(count - part)));
    const __m128 first_part = _mm256_castps256_ps128(a);
    const __m128 last_part = _mm256_castps256_ps128(_mm256_permutevar8x32_ps(a, last));

    if (part == 4) {
        _mm_storeu_ps(y, first_part);
        _mm_storeu_ps(y + count - 4, last_part);
    } else if (part == 2) {
        _mm_storel_pi((__m64 *)(void *)y, first_part);
        _mm_storel_pi((__m64 *)(void *)(y + count - 2), last_part);
    } else {
        _mm_store_ss(y, first_part);
    }
}

/* `a` in some lanes, `b` in the others. */
static inline tw_vector tw_vector_choose(tw_some some, tw_vector a, tw_vector b)
{
    return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(some));
}

/* Lanes of even and of odd number of two vectors, a first. */
static inline void tw_vector_split(tw_vector a, tw_vector b, tw_vector *even, tw_vector *odd)
{
    const __m256d evens = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88));
    const __m256d odds = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0xdd));

    *even = _mm256_castpd_ps(_mm256_permute4x64_pd(evens, 0xd8));
    *odd = _mm256_castpd_ps(_mm256_permute4x64_pd(odds, 0xd8));
}

/* Lane 0 of `a`, then all of `b` but its last lane. */
static inline tw_vector tw_vector_push(tw_vector a, tw_vector b)
{
    const __m256i before = _mm256_setr_epi32(0, 0, 1, 2, 3, 4, 5, 6);

    return _mm256_blend_ps(_mm256_permutevar8x32_ps(b, before), a, 1);
}

static inline void tw_vector_join(tw_vector even, tw_vector odd, tw_vector *a, tw_vector *b)
{
    const __m256 low = _mm256_unpacklo_ps(even, odd), high = _mm256_unpackhi_ps(even, odd);

    *a = _mm256_permute2f128_ps(low, high, 0x20);
    *b = _mm256_permute2f128_ps(low, high, 0x31);
}

#include "kernels/conv/conv_depthwise_lanes.h"
