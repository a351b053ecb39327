#if !defined(__AVX2__) || !defined(__FMA__)
#error "compile with -mavx2 -mfma"
#endif
#include <immintrin.h>

#define TW_PEAK       tw_f32_peak__avx2
#define VECTOR        __m256
#define SPREAD(value) _mm256_set1_ps(value)
#define ADD(a, b)     _mm256_add_ps(a, b)
#define FMA(a, b, c)  _mm256_fmadd_ps(a, b, c)
#define FIRST(v)      _mm256_cvtss_f32(v)
#include "kernels/peak/peak_lanes.h"
