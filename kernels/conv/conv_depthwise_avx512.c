/* Algorithm "depthwise" for AVX-512: what its bodies need of this ISA, then the bodies. */
#include <immintrin.h>
#include <stddef.h>

#include "kernels/simd/vector_avx512.h"

/* The first `count` lanes, 1 … 15 of them. */
typedef __mmask16 tw_some;

static inline tw_some tw_some_first(ptrdiff_t count)
{
    return (__mmask16)((1u << count) - 1);
}

/* The other lanes are 0. */
static inline tw_vector tw_vector_load_some(const float *x, tw_some some)
{
    return _mm512_maskz_loadu_ps(some, x);
}

static inline void tw_vector_store_some(float *y, ptrdiff_t count, tw_vector a)
{
    _mm512_mask_storeu_ps(y, tw_some_first(count), a);
}

/* `a` in some lanes, `b` in the others. */
static inline tw_vector tw_vector_choose(tw_some some, tw_vector a, tw_vector b)
{
    return _mm512_mask_blend_ps(some, b, a);
}

/* Lanes of even and of odd number of two vectors, a first. */
static inline void tw_vector_split(tw_vector a, tw_vector b, tw_vector *even, tw_vector *odd)
{
    const __m512i evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);

    *even = _mm512_permutex2var_ps(a, evens, b);
    *odd = _mm512_permutex2var_ps(a, _mm512_add_epi32(evens, _mm512_set1_epi32(1)), b);
}

static inline void tw_vector_join(tw_vector even, tw_vector odd, tw_vector *a, tw_vector *b)
{
    const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);

    *a = _mm512_permutex2var_ps(even, first, odd);
    *b = _mm512_permutex2var_ps(even, _mm512_add_epi32(first, _mm512_set1_epi32(8)), odd);
}

#include "kernels/conv/conv_depthwise_lanes.h"
