/* What walks of weight gradients (conv_depthwise_*_avx512.c) sum: nine taps and the bias, a vector of sixteen chains each. Included by
 * the files of AVX-512.
 */
#ifndef TOWER_KERNELS_CONV_CONV_DEPTHWISE_SUMS_AVX512_H
#define TOWER_KERNELS_CONV_CONV_DEPTHWISE_SUMS_AVX512_H

#include <immintrin.h>

#include "kernels/conv/conv_depthwise.h"
#include "kernels/simd/unroll.h"

#if !defined(__AVX512F__)
#error "compile with -mavx512f and its companions"
#endif

/* Nine taps, then the bias. */
struct sums {
    __m512 of[TW_CONV_WALK_SUMS];
};

TW_IN_PLACE void clear_sums(struct sums *sums)
{
    TW_UNROLL
    for (int i = 0; i < TW_CONV_WALK_SUMS; i++) {
        sums->of[i] = _mm512_setzero_ps();
    }
}

TW_IN_PLACE void store_sums(const struct sums *sums, float lanes[TW_CONV_WALK_SUMS][TW_CONV_CHAINS])
{
    TW_UNROLL
    for (int i = 0; i < TW_CONV_WALK_SUMS; i++) {
        _mm512_storeu_ps(lanes[i], sums->of[i]);
    }
}

/* Gradients that kernel row `a` meets, by what its columns meet of the source. */
TW_IN_PLACE void meet_gradient(const __m512 met[3], __m512 gradient, const int a, struct sums *sums)
{
    TW_UNROLL
    for (int b = 0; b < 3; b++) {
        sums->of[a * 3 + b] = _mm512_fmadd_ps(met[b], gradient, sums->of[a * 3 + b]);
    }
}

TW_IN_PLACE __m512 add_to_bias(__m512 gradient, struct sums *sums)
{
    sums->of[9] = _mm512_add_ps(sums->of[9], gradient);
    return gradient;
}

/* Sixteen gradients. Lanes beyond the end of a row: -0, which with sources of +0 leave whatever sum there is as it is. */
TW_IN_PLACE __m512 load_gradients(const float *dy, __mmask16 some, struct sums *sums)
{
    return add_to_bias(_mm512_mask_loadu_ps(_mm512_set1_ps(-0.0f), some, dy), sums);
}

#endif
