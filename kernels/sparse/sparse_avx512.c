/* kernels/sparse for AVX-512. */
#include "kernels/simd/vector_avx512.h"

/* Of sixteen elements of A those that are not zero: their values, and first + pitch times their number. Sixteen entries
 * are written, those beyond the returned number are without meaning. Compressed in a register and stored whole: the
 * compressing store is microcoded on Zen 4. */
static inline int tw_list_nonzeros(const float *a, int32_t first, int32_t pitch, int32_t *place, float *value)
{
    const __m512 all = _mm512_loadu_ps(a);
    const __mmask16 chosen = _mm512_cmp_ps_mask(all, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    const __m512i number = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i places =
        _mm512_add_epi32(_mm512_mullo_epi32(number, _mm512_set1_epi32(pitch)), _mm512_set1_epi32(first));

    _mm512_storeu_si512(place, _mm512_maskz_compress_epi32(chosen, places));
    _mm512_storeu_ps(value, _mm512_maskz_compress_ps(chosen, all));
    return __builtin_popcount(chosen);
}

#include "kernels/sparse/sparse_lanes.h"
