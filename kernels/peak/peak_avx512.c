#if !defined(__AVX512F__)
#error "compile with -mavx512f"
#endif
#include <immintrin.h>

#define TW_PEAK       tw_f32_peak__avx512
#define VECTOR        __m512
#define SPREAD(value) _mm512_set1_ps(value)
#define ADD(a, b)     _mm512_add_ps(a, b)
#define FMA(a, b, c)  _mm512_fmadd_ps(a, b, c)
#define FIRST(v)      _mm512_cvtss_f32(v)
#include "kernels/peak/peak_lanes.h"
