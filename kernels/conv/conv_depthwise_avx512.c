/* Algorithm "along rows" for AVX-512: what its bodies need of this ISA, then the bodies.
 *
 * Vectors of eight lanes: neighbouring taps are loads at every element, and a vector of sixteen crosses a cache line at nearly
 * all of them. Where that pays all the same, there are bodies of sixteen in files of their own. What the ISA adds here are 32
 * registers and masks for parts of a vector. */
#include <immintrin.h>
#include <stddef.h>

#include "kernels/simd/folds_avx2.h"

#undef TW_VARIANT
#define TW_VARIANT(symbol) symbol##__avx512

#if !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "compile with -mavx512vl -mavx512dq and their companions"
#endif

/* Rows of results that are in registers beside nine weights. */
#define TW_CONV_ROWS 7

/* Whether there are bodies for vectors of sixteen lanes. */
#define TW_CONV_SIXTEEN_LANES 1

/* Body of kernels of 5 x 5 in place: streams, or a better one. */
#define TW_CONV_5X5_STREAMS 0
#define TW_CONV_5X5         tw_conv_depthwise_5x5__avx512

/* Whether nine weights are in registers beside twelve sums. */
#define TW_CONV_WEIGHTS_STAY 1

/* Vectors of chains that a weight gradient keeps in registers, ten sums for each. */
#define TW_CONV_WALKS 2

/* The first `count` lanes, 1 … 7 of them. */
typedef __mmask8 tw_some;

static inline tw_some tw_some_first(ptrdiff_t count)
{
    return (__mmask8)((1u << count) - 1);
}

/* The lanes whose bits are set. */
static inline tw_some tw_some_of(unsigned bits)
{
    return (__mmask8)bits;
}

/* The other lanes are 0. */
static inline tw_vector tw_vector_load_some(const float *x, tw_some some)
{
    return _mm256_maskz_loadu_ps(some, x);
}

/* The other lanes are -0. */
static inline tw_vector tw_vector_load_some_or_minus_zero(const float *x, tw_some some)
{
    return _mm256_mask_loadu_ps(_mm256_set1_ps(-0.0f), some, x);
}

static inline void tw_vector_store_some(float *y, ptrdiff_t count, tw_vector a)
{
    _mm256_mask_storeu_ps(y, tw_some_first(count), a);
}

/* `a` in some lanes, `b` in the others. */
static inline tw_vector tw_vector_choose(tw_some some, tw_vector a, tw_vector b)
{
    return _mm256_mask_blend_ps(some, b, a);
}

/* Lanes of even and of odd number of two vectors, a first. */
static inline void tw_vector_split(tw_vector a, tw_vector b, tw_vector *even, tw_vector *odd)
{
    const __m256i evens = _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14);

    *even = _mm256_permutex2var_ps(a, evens, b);
    *odd = _mm256_permutex2var_ps(a, _mm256_add_epi32(evens, _mm256_set1_epi32(1)), b);
}

/* Lane 0 of `a`, then all of `b` but its last lane. */
static inline tw_vector tw_vector_push(tw_vector a, tw_vector b)
{
    return _mm256_permutex2var_ps(b, _mm256_setr_epi32(8, 0, 1, 2, 3, 4, 5, 6), a);
}

static inline void tw_vector_join(tw_vector even, tw_vector odd, tw_vector *a, tw_vector *b)
{
    const __m256i first = _mm256_setr_epi32(0, 8, 1, 9, 2, 10, 3, 11);

    *a = _mm256_permutex2var_ps(even, first, odd);
    *b = _mm256_permutex2var_ps(even, _mm256_add_epi32(first, _mm256_set1_epi32(4)), odd);
}

#include "kernels/conv/conv_depthwise_lanes.h"
