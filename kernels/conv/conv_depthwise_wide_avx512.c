/* Algorithm "along rows" for AVX-512 with vectors of sixteen lanes: the bodies where rows fill them. Nearly all loads of such a
 * vector cross a cache line, which costs less than the second vector of eight, and its multiplication. */
#include <immintrin.h>

#include "kernels/conv/conv_depthwise.h"
#include "kernels/simd/unroll.h"
#include "kernels/simd/vector_avx512.h"

#if !defined(__AVX512F__)
#error "compile with -mavx512f and its companions"
#endif

#define IN_PLACE     TW_IN_PLACE
#define NOT_IN_PLACE __attribute__((noinline))
#define LANES        TW_VECTOR_LANES

/* Rows of results that are in registers; no 5 x 5, which has a better body; weights stay beside twelve sums. */
#define TW_CONV_ROWS         7
#define TW_CONV_5X5_STREAMS  0
#define TW_CONV_WEIGHTS_STAY 1

/* These are they. */
#define TW_CONV_SIXTEEN_LANES 0

typedef __mmask16 tw_some;

/* The lanes whose bits are set. */
static inline tw_some tw_some_of(unsigned bits)
{
    return (__mmask16)bits;
}

/* The other lanes are 0. */
static inline tw_vector tw_vector_load_some(const float *x, tw_some some)
{
    return _mm512_maskz_loadu_ps(some, x);
}

/* The first `count` lanes, 1 … 15 of them. */
static inline void tw_vector_store_some(float *y, ptrdiff_t count, tw_vector a)
{
    _mm512_mask_storeu_ps(y, (__mmask16)((1u << count) - 1), a);
}

/* As of vectors of eight (kernels/simd/vector_avx2.h). */
static inline void tw_vector_split_crossed(tw_vector a, tw_vector b, tw_vector *even, tw_vector *odd)
{
    *even = _mm512_shuffle_ps(a, b, 0x88);
    *odd = _mm512_shuffle_ps(a, b, 0xdd);
}

static inline tw_vector tw_vector_uncross(tw_vector a)
{
    return _mm512_permutexvar_ps(_mm512_setr_epi32(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15), a);
}

static inline tw_vector tw_vector_hold(tw_vector a)
{
    __asm__("" : "+v"(a));
    return a;
}

#include "kernels/conv/conv_depthwise_strip_lanes.h"

#include "kernels/conv/conv_depthwise_stream_lanes.h"
#include "kernels/conv/conv_depthwise_stream_planes_lanes.h"

/* Whether rows of `columns` fill a vector of sixteen, and all those that they take have at most a seventh more lanes than vectors
 * of eight would: where a vector of sixteen is two turns of the multipliers, as many lanes would be in vain. */
static bool fills_vectors(ptrdiff_t columns)
{
    const ptrdiff_t wide = (columns + LANES - 1) / LANES * LANES, narrow = (columns + 7) / 8 * 8;

    return columns >= LANES && 7 * wide <= 8 * narrow;
}

bool tw_conv_depthwise_strip_wide__avx512(const struct tw_conv_strip *s)
{
    if (!fills_vectors(s->width)) {
        return false;
    }
    strip(s);
    return true;
}

bool tw_conv_depthwise_stream_wide__avx512(const struct tw_conv_in_place *p)
{
    return fills_vectors(p->columns) && stream_3x3(p);
}
