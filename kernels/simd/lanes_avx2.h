/* Sixteen float lanes as two ymm: the operations the vector families are written in.
 *
 * lanes_avx2.h, lanes_avx512.h and lanes_neon.h define the same names with the same results, bit for bit
 * (which NaN comes out of two is not promised). A family's body (kernels/<family>/<family>_lanes.h) is
 * included after one of them. `count` of the _part functions is 1 … 15: exactly that many elements are
 * touched, and the lanes beyond hold +0.
 */
#ifndef TOWER_KERNELS_SIMD_LANES_AVX2_H
#define TOWER_KERNELS_SIMD_LANES_AVX2_H

#if !defined(__AVX2__) || !defined(__FMA__)
#error "compile with -mavx2 -mfma"
#endif

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernels/simd/part_avx2.h"

#define TW_VARIANT(symbol) symbol##__avx2

/* Element i is lane i; `low` holds lanes 0 … 7. */
struct tw_lanes {
    __m256 low, high;
};
/* All bits of a lane set or clear. */
struct tw_mask {
    __m256 low, high;
};

/* --- memory --------------------------------------------------------------------------------------------- */

static inline struct tw_lanes tw_lanes_load(const float *x)
{
    return (struct tw_lanes){_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8)};
}

static inline void tw_lanes_store(float *y, struct tw_lanes a)
{
    _mm256_storeu_ps(y, a.low);
    _mm256_storeu_ps(y + 8, a.high);
}

/* Lanes 0 … 7 and 8 … 15 in two places; the upper ones are stored last. */
static inline struct tw_lanes tw_lanes_load_halves(const float *low, const float *high)
{
    return (struct tw_lanes){_mm256_loadu_ps(low), _mm256_loadu_ps(high)};
}

static inline void tw_lanes_store_halves(float *low, float *high, struct tw_lanes a)
{
    _mm256_storeu_ps(low, a.low);
    _mm256_storeu_ps(high, a.high);
}

/* Lanes 0 … count-1. */
static inline struct tw_mask tw_mask_first(int count)
{
    const __m256i limit = _mm256_set1_epi32(count);
    const __m256i low = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i high = _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15);

    return (struct tw_mask){_mm256_castsi256_ps(_mm256_cmpgt_epi32(limit, low)),
                            _mm256_castsi256_ps(_mm256_cmpgt_epi32(limit, high))};
}

/* A masked load of an all-clear half reads nothing, but its address must still be formed: hence the test. */
static inline struct tw_lanes tw_lanes_load_part(const float *x, int count)
{
    const struct tw_mask mask = tw_mask_first(count);
    const __m256 low = _mm256_maskload_ps(x, _mm256_castps_si256(mask.low));

    if (count <= 8) {
        return (struct tw_lanes){low, _mm256_setzero_ps()};
    }
    return (struct tw_lanes){low, _mm256_maskload_ps(x + 8, _mm256_castps_si256(mask.high))};
}

static inline void tw_lanes_store_part(float *y, int count, struct tw_lanes a)
{
    if (count & 8) {
        _mm256_storeu_ps(y, a.low);
        tw_store_part_avx2(y + 8, count & 7, a.high);
    } else {
        tw_store_part_avx2(y, count, a.low);
    }
}

/* --- arithmetic, each operation rounded once ------------------------------------------------------------ */

static inline struct tw_lanes tw_lanes_set(float value)
{
    return (struct tw_lanes){_mm256_set1_ps(value), _mm256_set1_ps(value)};
}

static inline struct tw_lanes tw_lanes_add(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_lanes){_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}

static inline struct tw_lanes tw_lanes_sub(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_lanes){_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}

static inline struct tw_lanes tw_lanes_mul(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_lanes){_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}

static inline struct tw_lanes tw_lanes_div(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_lanes){_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}

static inline struct tw_lanes tw_lanes_sqrt(struct tw_lanes a)
{
    return (struct tw_lanes){_mm256_sqrt_ps(a.low), _mm256_sqrt_ps(a.high)};
}

/* a * b + c, rounded once. */
static inline struct tw_lanes tw_lanes_fma(struct tw_lanes a, struct tw_lanes b, struct tw_lanes c)
{
    return (struct tw_lanes){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}

/* a > b ? a : b, and a < b ? a : b: b where either is NaN. */
static inline struct tw_lanes tw_lanes_max(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_lanes){_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}

static inline struct tw_lanes tw_lanes_min(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_lanes){_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}

/* The folds: lane l takes in lane l+8, then l+4, l+2, l+1. */
static inline float tw_lanes_fold_add(struct tw_lanes a)
{
    const __m256 eight = _mm256_add_ps(a.low, a.high);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static inline float tw_lanes_fold_max(struct tw_lanes a)
{
    const __m256 eight = _mm256_max_ps(a.low, a.high);
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

/* --- comparisons and choices: false where either is NaN ------------------------------------------------- */

static inline struct tw_mask tw_lanes_greater(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_mask){_mm256_cmp_ps(a.low, b.low, _CMP_GT_OQ),
                            _mm256_cmp_ps(a.high, b.high, _CMP_GT_OQ)};
}

static inline struct tw_mask tw_lanes_less_equal(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_mask){_mm256_cmp_ps(a.low, b.low, _CMP_LE_OQ),
                            _mm256_cmp_ps(a.high, b.high, _CMP_LE_OQ)};
}

static inline struct tw_mask tw_lanes_equal(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_mask){_mm256_cmp_ps(a.low, b.low, _CMP_EQ_OQ),
                            _mm256_cmp_ps(a.high, b.high, _CMP_EQ_OQ)};
}

static inline struct tw_mask tw_lanes_is_nan(struct tw_lanes a)
{
    return (struct tw_mask){_mm256_cmp_ps(a.low, a.low, _CMP_UNORD_Q),
                            _mm256_cmp_ps(a.high, a.high, _CMP_UNORD_Q)};
}

/* Where either is NaN. */
static inline struct tw_mask tw_lanes_unordered(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_mask){_mm256_cmp_ps(a.low, b.low, _CMP_UNORD_Q),
                            _mm256_cmp_ps(a.high, b.high, _CMP_UNORD_Q)};
}

static inline struct tw_mask tw_mask_or(struct tw_mask a, struct tw_mask b)
{
    return (struct tw_mask){_mm256_or_ps(a.low, b.low), _mm256_or_ps(a.high, b.high)};
}

static inline bool tw_mask_any(struct tw_mask a)
{
    return _mm256_movemask_ps(_mm256_or_ps(a.low, a.high)) != 0;
}

/* mask ? yes : no. */
static inline struct tw_lanes tw_lanes_select(struct tw_mask mask, struct tw_lanes yes, struct tw_lanes no)
{
    return (struct tw_lanes){_mm256_blendv_ps(no.low, yes.low, mask.low),
                             _mm256_blendv_ps(no.high, yes.high, mask.high)};
}

/* mask ? a : +0, and mask ? +0 : a. */
static inline struct tw_lanes tw_lanes_keep(struct tw_mask mask, struct tw_lanes a)
{
    return (struct tw_lanes){_mm256_and_ps(mask.low, a.low), _mm256_and_ps(mask.high, a.high)};
}

static inline struct tw_lanes tw_lanes_clear(struct tw_mask mask, struct tw_lanes a)
{
    return (struct tw_lanes){_mm256_andnot_ps(mask.low, a.low), _mm256_andnot_ps(mask.high, a.high)};
}

/* --- rearranging ---------------------------------------------------------------------------------------- */

/* Of the 32 numbers a, b: those at even and those at odd places. */
static inline void tw_lanes_split(struct tw_lanes a, struct tw_lanes b, struct tw_lanes *even,
                                  struct tw_lanes *odd)
{
    const __m256 a_even = _mm256_shuffle_ps(a.low, a.high, 0x88); /* 64-bit quarters in the order 0 2 1 3 */
    const __m256 a_odd = _mm256_shuffle_ps(a.low, a.high, 0xdd);
    const __m256 b_even = _mm256_shuffle_ps(b.low, b.high, 0x88);
    const __m256 b_odd = _mm256_shuffle_ps(b.low, b.high, 0xdd);

    even->low = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(a_even), 0xd8));
    even->high = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(b_even), 0xd8));
    odd->low = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(a_odd), 0xd8));
    odd->high = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(b_odd), 0xd8));
}

/* The reverse: the 32 numbers even[0], odd[0], even[1], odd[1], … */
static inline void tw_lanes_merge(struct tw_lanes even, struct tw_lanes odd, struct tw_lanes *a,
                                  struct tw_lanes *b)
{
    const __m256 low_first = _mm256_unpacklo_ps(even.low, odd.low);  /* pairs 0 1 | 4 5 */
    const __m256 low_second = _mm256_unpackhi_ps(even.low, odd.low); /* pairs 2 3 | 6 7 */
    const __m256 high_first = _mm256_unpacklo_ps(even.high, odd.high);
    const __m256 high_second = _mm256_unpackhi_ps(even.high, odd.high);

    a->low = _mm256_permute2f128_ps(low_first, low_second, 0x20);
    a->high = _mm256_permute2f128_ps(low_first, low_second, 0x31);
    b->low = _mm256_permute2f128_ps(high_first, high_second, 0x20);
    b->high = _mm256_permute2f128_ps(high_first, high_second, 0x31);
}

/* a[1] … a[7], b[0]; and a[7], b[0] … b[6]. */
static inline __m256 tw_eight_next(__m256 a, __m256 b)
{
    const __m256i middle = _mm256_castps_si256(_mm256_permute2f128_ps(a, b, 0x21));

    return _mm256_castsi256_ps(_mm256_alignr_epi8(middle, _mm256_castps_si256(a), 4));
}

static inline __m256 tw_eight_previous(__m256 a, __m256 b)
{
    const __m256i middle = _mm256_castps_si256(_mm256_permute2f128_ps(a, b, 0x21));

    return _mm256_castsi256_ps(_mm256_alignr_epi8(_mm256_castps_si256(b), middle, 12));
}

/* a[1] … a[15], b[0]; and a[15], b[0] … b[14]. */
static inline struct tw_lanes tw_lanes_next(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_lanes){tw_eight_next(a.low, a.high), tw_eight_next(a.high, b.low)};
}

static inline struct tw_lanes tw_lanes_previous(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_lanes){tw_eight_previous(a.high, b.low), tw_eight_previous(b.low, b.high)};
}

#endif
