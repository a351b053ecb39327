#if !defined(__AVX512F__)
#error "this file needs -mavx512f"
#endif
#include <immintrin.h>

#define VECTOR            __m512
#define LANES             16
#define ZERO()            _mm512_setzero_ps()
#define LOAD(pointer)     _mm512_loadu_ps(pointer)
#define STORE(pointer, v) _mm512_storeu_ps(pointer, v)
#define ADD(a, b)         _mm512_add_ps(a, b)
#include "benchmarks/peak_loops.h"

const struct tw_peak_loops tw_peak_loops__avx512 = PEAK_LOOPS;
