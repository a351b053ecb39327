/* Parts of vectors of eight under the names that vector_strided.h describes, for AVX2. */
#ifndef TOWER_KERNELS_GEMM_GEMM_PART_AVX2_H
#define TOWER_KERNELS_GEMM_GEMM_PART_AVX2_H

#include "kernels/gemm/gemm_vector_avx2.h"
#include "kernels/simd/part_avx2.h"

typedef __m256i part;

IN_PLACE part part_first(int count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

IN_PLACE vector load_part(const float *x, part lanes)
{
    return _mm256_maskload_ps(x, lanes);
}

IN_PLACE void store_part(float *y, int count, part lanes, vector v)
{
    (void)lanes;
    if (count == LANES) {
        _mm256_storeu_ps(y, v);
    } else {
        tw_store_part_avx2(y, count, v);
    }
}

#endif
