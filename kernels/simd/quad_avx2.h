/* One xmm of four floats, for rows of three taps. Used by the AVX2 and the AVX-512 variants alike.
 */
#ifndef TOWER_KERNELS_SIMD_QUAD_AVX2_H
#define TOWER_KERNELS_SIMD_QUAD_AVX2_H

#if !defined(__AVX2__) || !defined(__FMA__)
#error "compile with -mavx2 -mfma"
#endif

#include <immintrin.h>

typedef __m128 tw_quad;

static inline tw_quad tw_quad_load(const float *x)
{
    return _mm_loadu_ps(x);
}

static inline void tw_quad_store(float *y, tw_quad a)
{
    _mm_storeu_ps(y, a);
}

static inline tw_quad tw_quad_set(float value)
{
    return _mm_set1_ps(value);
}

/* a * b + c, rounded once. */
static inline tw_quad tw_quad_fma(tw_quad a, tw_quad b, tw_quad c)
{
    return _mm_fmadd_ps(a, b, c);
}

#endif
