/* Parts of vectors of eight under the names that vector_strided.h describes, for AVX-512, whose masks take a store of a part as one. */
#ifndef TOWER_KERNELS_GEMM_GEMM_PART_AVX512_H
#define TOWER_KERNELS_GEMM_GEMM_PART_AVX512_H

#include "kernels/gemm/gemm_vector_avx2.h"

typedef __mmask8 part;

IN_PLACE part part_first(int count)
{
    return (part)((1u << count) - 1);
}

IN_PLACE vector load_part(const float *x, part lanes)
{
    return _mm256_maskz_loadu_ps(lanes, x);
}

IN_PLACE void store_part(float *y, int count, part lanes, vector v)
{
    (void)count;
    _mm256_mask_storeu_ps(y, lanes, v);
}

#endif
