/* kernels/sparse for AVX2. */
#include "kernels/simd/vector_avx2.h"

/* Row m: the places of the bits set in m, ascending (kernels/simd/bit_places.c). */
extern const uint8_t tw_bit_places[256][8];

/* Of eight elements of A those that are not zero, moved to the front by a table. */
static inline int list_eight(const float *a, int32_t first, int32_t pitch, int32_t *place, float *value)
{
    const __m256 all = _mm256_loadu_ps(a);
    const int chosen = _mm256_movemask_ps(_mm256_cmp_ps(all, _mm256_setzero_ps(), _CMP_NEQ_UQ));
    const __m256i number =
        _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)tw_bit_places[chosen]));

    _mm256_storeu_si256(
        (__m256i *)(void *)place,
        _mm256_add_epi32(_mm256_mullo_epi32(number, _mm256_set1_epi32(pitch)), _mm256_set1_epi32(first)));
    _mm256_storeu_ps(value, _mm256_permutevar8x32_ps(all, number));
    return __builtin_popcount((unsigned)chosen);
}

/* Of sixteen elements of A those that are not zero: their values, and first + pitch times their number. Up to sixteen
 * entries are written, those beyond the returned number are without meaning. */
static inline int tw_list_nonzeros(const float *a, int32_t first, int32_t pitch, int32_t *place, float *value)
{
    const int count = list_eight(a, first, pitch, place, value);

    return count + list_eight(a + 8, first + 8 * pitch, pitch, place + count, value + count);
}

#include "kernels/sparse/sparse_lanes.h"
