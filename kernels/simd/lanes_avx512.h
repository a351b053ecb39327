/* Sixteen float lanes as one zmm: the operations the vector families are written in.
 *
 * lanes_avx2.h, lanes_avx512.h and lanes_neon.h define the same names with the same results, bit for bit
 * (which NaN comes out of two is not promised). A family's body (kernels/<family>/<family>_lanes.h) is
 * included after one of them. `count` of the _part functions is 1 … 15: exactly that many elements are
 * touched, and the lanes beyond hold +0.
 */
#ifndef TOWER_KERNELS_SIMD_LANES_AVX512_H
#define TOWER_KERNELS_SIMD_LANES_AVX512_H

#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__) || !defined(__AVX512VL__)
#error "compile with -mavx512f -mavx512bw -mavx512dq -mavx512vl"
#endif

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define TW_VARIANT(symbol) symbol##__avx512

/* Element i is lane i. */
struct tw_lanes {
    __m512 all;
};
/* Bit i is lane i. */
struct tw_mask {
    __mmask16 bits;
};

/* --- memory --------------------------------------------------------------------------------------------- */

static inline struct tw_lanes tw_lanes_load(const float *x)
{
    return (struct tw_lanes){_mm512_loadu_ps(x)};
}

static inline void tw_lanes_store(float *y, struct tw_lanes a)
{
    _mm512_storeu_ps(y, a.all);
}

/* Lanes 0 … 7 and 8 … 15 in two places; the upper ones are stored last. */
static inline struct tw_lanes tw_lanes_load_halves(const float *low, const float *high)
{
    return (struct tw_lanes){
        _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps(low)), _mm256_loadu_ps(high), 1)};
}

static inline void tw_lanes_store_halves(float *low, float *high, struct tw_lanes a)
{
    _mm256_storeu_ps(low, _mm512_castps512_ps256(a.all));
    _mm256_storeu_ps(high, _mm512_extractf32x8_ps(a.all, 1));
}

/* Lanes 0 … count-1. */
static inline struct tw_mask tw_mask_first(int count)
{
    return (struct tw_mask){(__mmask16)((1u << count) - 1)};
}

static inline struct tw_lanes tw_lanes_load_part(const float *x, int count)
{
    return (struct tw_lanes){_mm512_maskz_loadu_ps(tw_mask_first(count).bits, x)};
}

static inline void tw_lanes_store_part(float *y, int count, struct tw_lanes a)
{
    _mm512_mask_storeu_ps(y, tw_mask_first(count).bits, a.all);
}

/* --- arithmetic, each operation rounded once ------------------------------------------------------------ */

static inline struct tw_lanes tw_lanes_set(float value)
{
    return (struct tw_lanes){_mm512_set1_ps(value)};
}

static inline struct tw_lanes tw_lanes_add(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_lanes){_mm512_add_ps(a.all, b.all)};
}

static inline struct tw_lanes tw_lanes_sub(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_lanes){_mm512_sub_ps(a.all, b.all)};
}

static inline struct tw_lanes tw_lanes_mul(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_lanes){_mm512_mul_ps(a.all, b.all)};
}

static inline struct tw_lanes tw_lanes_div(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_lanes){_mm512_div_ps(a.all, b.all)};
}

static inline struct tw_lanes tw_lanes_sqrt(struct tw_lanes a)
{
    return (struct tw_lanes){_mm512_sqrt_ps(a.all)};
}

/* a * b + c, rounded once. */
static inline struct tw_lanes tw_lanes_fma(struct tw_lanes a, struct tw_lanes b, struct tw_lanes c)
{
    return (struct tw_lanes){_mm512_fmadd_ps(a.all, b.all, c.all)};
}

/* a > b ? a : b, and a < b ? a : b: b where either is NaN. */
static inline struct tw_lanes tw_lanes_max(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_lanes){_mm512_max_ps(a.all, b.all)};
}

static inline struct tw_lanes tw_lanes_min(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_lanes){_mm512_min_ps(a.all, b.all)};
}

/* The folds: lane l takes in lane l+8, then l+4, l+2, l+1. */
static inline float tw_lanes_fold_add(struct tw_lanes a)
{
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a.all), _mm512_extractf32x8_ps(a.all, 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static inline float tw_lanes_fold_max(struct tw_lanes a)
{
    const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(a.all), _mm512_extractf32x8_ps(a.all, 1));
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

/* --- comparisons and choices: false where either is NaN ------------------------------------------------- */

static inline struct tw_mask tw_lanes_greater(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_mask){_mm512_cmp_ps_mask(a.all, b.all, _CMP_GT_OQ)};
}

static inline struct tw_mask tw_lanes_less_equal(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_mask){_mm512_cmp_ps_mask(a.all, b.all, _CMP_LE_OQ)};
}

static inline struct tw_mask tw_lanes_equal(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_mask){_mm512_cmp_ps_mask(a.all, b.all, _CMP_EQ_OQ)};
}

static inline struct tw_mask tw_lanes_is_nan(struct tw_lanes a)
{
    return (struct tw_mask){_mm512_cmp_ps_mask(a.all, a.all, _CMP_UNORD_Q)};
}

/* Where either is NaN. */
static inline struct tw_mask tw_lanes_unordered(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_mask){_mm512_cmp_ps_mask(a.all, b.all, _CMP_UNORD_Q)};
}

static inline struct tw_mask tw_mask_or(struct tw_mask a, struct tw_mask b)
{
    return (struct tw_mask){(__mmask16)(a.bits | b.bits)};
}

static inline bool tw_mask_any(struct tw_mask a)
{
    return a.bits != 0;
}

/* mask ? yes : no. */
static inline struct tw_lanes tw_lanes_select(struct tw_mask mask, struct tw_lanes yes, struct tw_lanes no)
{
    return (struct tw_lanes){_mm512_mask_blend_ps(mask.bits, no.all, yes.all)};
}

/* mask ? a : +0, and mask ? +0 : a. */
static inline struct tw_lanes tw_lanes_keep(struct tw_mask mask, struct tw_lanes a)
{
    return (struct tw_lanes){_mm512_maskz_mov_ps(mask.bits, a.all)};
}

static inline struct tw_lanes tw_lanes_clear(struct tw_mask mask, struct tw_lanes a)
{
    return (struct tw_lanes){_mm512_maskz_mov_ps((__mmask16)~mask.bits, a.all)};
}

/* --- rearranging ---------------------------------------------------------------------------------------- */

/* Of the 32 numbers a, b: those at even and those at odd places. */
static inline void tw_lanes_split(struct tw_lanes a, struct tw_lanes b, struct tw_lanes *even,
                                  struct tw_lanes *odd)
{
    const __m512i even_places = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd_places = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);

    even->all = _mm512_permutex2var_ps(a.all, even_places, b.all);
    odd->all = _mm512_permutex2var_ps(a.all, odd_places, b.all);
}

/* The reverse: the 32 numbers even[0], odd[0], even[1], odd[1], … */
static inline void tw_lanes_merge(struct tw_lanes even, struct tw_lanes odd, struct tw_lanes *a,
                                  struct tw_lanes *b)
{
    const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i second = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);

    a->all = _mm512_permutex2var_ps(even.all, first, odd.all);
    b->all = _mm512_permutex2var_ps(even.all, second, odd.all);
}

/* a[1] … a[15], b[0]; and a[15], b[0] … b[14]. */
static inline struct tw_lanes tw_lanes_next(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_lanes){
        _mm512_castsi512_ps(_mm512_alignr_epi32(_mm512_castps_si512(b.all), _mm512_castps_si512(a.all), 1))};
}

static inline struct tw_lanes tw_lanes_previous(struct tw_lanes a, struct tw_lanes b)
{
    return (struct tw_lanes){
        _mm512_castsi512_ps(_mm512_alignr_epi32(_mm512_castps_si512(b.all), _mm512_castps_si512(a.all), 15))};
}

#endif
