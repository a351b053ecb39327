#if !defined(__AVX2__) || !defined(__FMA__)
#error "this file needs -mavx2 -mfma"
#endif
#include <immintrin.h>

#define VECTOR            __m256
#define LANES             8
#define ZERO()            _mm256_setzero_ps()
#define LOAD(pointer)     _mm256_loadu_ps(pointer)
#define STORE(pointer, v) _mm256_storeu_ps(pointer, v)
#define ADD(a, b)         _mm256_add_ps(a, b)
#include "benchmarks/peak_loops.h"

const struct tw_peak_loops tw_peak_loops__avx2 = PEAK_LOOPS;
