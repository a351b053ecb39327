/* Transposition with AVX-512: that of AVX2, and stores of some lanes for rows that are left. */
#ifndef TOWER_KERNELS_GEMM_GEMM_TRANSPOSE_AVX512_H
#define TOWER_KERNELS_GEMM_GEMM_TRANSPOSE_AVX512_H

#include <immintrin.h>

#define TRANSPOSE_STORE_SOME(to, count, a) _mm256_mask_storeu_ps(to, (__mmask8)((1u << (count)) - 1), a)

#include "kernels/gemm/gemm_transpose_avx2.h"

#endif
