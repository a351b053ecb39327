/* One zmm of sixteen floats: what register tiles are made of. See vector_avx2.h.
 */
#ifndef TOWER_KERNELS_SIMD_VECTOR_AVX512_H
#define TOWER_KERNELS_SIMD_VECTOR_AVX512_H

#include "kernels/simd/lanes_avx512.h"
#include "kernels/simd/quad_avx2.h"

typedef __m512 tw_vector;

#define TW_VECTOR_LANES 16
#define TW_VECTORS      1
/* Rows of a register tile of TW_VECTORS columns. */
#define TW_TILE_ROWS 12

static inline tw_vector tw_vector_load(const float *x)
{
    return _mm512_loadu_ps(x);
}

static inline void tw_vector_store(float *y, tw_vector a)
{
    _mm512_storeu_ps(y, a);
}

static inline tw_vector tw_vector_zero(void)
{
    return _mm512_setzero_ps();
}

static inline tw_vector tw_vector_broadcast(const float *x)
{
    return _mm512_set1_ps(*x);
}

/* a * b + c, rounded once. */
static inline tw_vector tw_vector_fma(tw_vector a, tw_vector b, tw_vector c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* Sixteen small whole numbers, held as floats, to bytes. */
static inline void tw_lanes_store_bytes(uint8_t *y, struct tw_lanes a)
{
    _mm_storeu_si128((__m128i *)(void *)y, _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(a.all)));
}

#endif
