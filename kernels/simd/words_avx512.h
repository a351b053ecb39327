/* Sixteen 32-bit words as one zmm: what exp, log, Philox, bytes and pooling winners need beside the lanes.
 *
 * words_avx2.h, words_avx512.h and words_neon.h define the same names with the same results. `count` of the
 * _part functions is 1 … 15, as in the lanes headers.
 */
#ifndef TOWER_KERNELS_SIMD_WORDS_AVX512_H
#define TOWER_KERNELS_SIMD_WORDS_AVX512_H

#include "kernels/simd/lanes_avx512.h"

struct tw_words {
    __m512i all;
};

static inline struct tw_words tw_words_load_u16(const uint16_t *x)
{
    return (struct tw_words){_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)x))};
}

static inline struct tw_words tw_words_load_u16_part(const uint16_t *x, int count)
{
    return (struct tw_words){_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(tw_mask_first(count).bits, x))};
}

/* Words below 65536. */
static inline void tw_words_store_u16(uint16_t *y, struct tw_words a)
{
    _mm256_storeu_si256((__m256i *)y, _mm512_cvtepi32_epi16(a.all));
}

static inline void tw_words_store_u16_part(uint16_t *y, int count, struct tw_words a)
{
    _mm256_mask_storeu_epi16(y, tw_mask_first(count).bits, _mm512_cvtepi32_epi16(a.all));
}

/* As tw_lanes_load_halves and tw_lanes_store_halves (words below 65536). */
static inline struct tw_words tw_words_load_u16_halves(const uint16_t *low, const uint16_t *high)
{
    const __m256i both =
        _mm256_set_m128i(_mm_loadu_si128((const __m128i *)high), _mm_loadu_si128((const __m128i *)low));

    return (struct tw_words){_mm512_cvtepu16_epi32(both)};
}

static inline void tw_words_store_u16_halves(uint16_t *low, uint16_t *high, struct tw_words a)
{
    const __m256i both = _mm512_cvtepi32_epi16(a.all);

    _mm_storeu_si128((__m128i *)low, _mm256_castsi256_si128(both));
    _mm_storeu_si128((__m128i *)high, _mm256_extracti128_si256(both, 1));
}

static inline struct tw_words tw_words_set(uint32_t value)
{
    return (struct tw_words){_mm512_set1_epi32((int)value)};
}

/* Four copies of w0, w1, w2, w3. */
static inline struct tw_words tw_words_set4(uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3)
{
    return (struct tw_words){_mm512_setr4_epi32((int)w0, (int)w1, (int)w2, (int)w3)};
}

/* Four 128-bit numbers first, first+1, first+2, first+3, lowest word first (first + 3 < 2^64). */
static inline struct tw_words tw_words_counters(uint64_t first)
{
    return (struct tw_words){_mm512_setr_epi64((long long)first, 0, (long long)(first + 1), 0,
                                               (long long)(first + 2), 0, (long long)(first + 3), 0)};
}

/* The same bits under the other type. */
static inline struct tw_words tw_words_of(struct tw_lanes a)
{
    return (struct tw_words){_mm512_castps_si512(a.all)};
}

static inline struct tw_lanes tw_lanes_of(struct tw_words a)
{
    return (struct tw_lanes){_mm512_castsi512_ps(a.all)};
}

/* The number that a word is, below 2^24: exact. */
static inline struct tw_lanes tw_lanes_from_words(struct tw_words a)
{
    return (struct tw_lanes){_mm512_cvtepi32_ps(a.all)};
}

static inline struct tw_lanes tw_lanes_load_u8(const uint8_t *x)
{
    return (struct tw_lanes){_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)x)))};
}

static inline struct tw_lanes tw_lanes_load_u8_part(const uint8_t *x, int count)
{
    const __m128i bytes = _mm_maskz_loadu_epi8(tw_mask_first(count).bits, x);

    return (struct tw_lanes){_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes))};
}

static inline struct tw_words tw_words_add(struct tw_words a, struct tw_words b)
{
    return (struct tw_words){_mm512_add_epi32(a.all, b.all)};
}

static inline struct tw_words tw_words_sub(struct tw_words a, struct tw_words b)
{
    return (struct tw_words){_mm512_sub_epi32(a.all, b.all)};
}

static inline struct tw_words tw_words_xor(struct tw_words a, struct tw_words b)
{
    return (struct tw_words){_mm512_xor_si512(a.all, b.all)};
}

/* Shifts by 1 and by 23, the width of a float's fraction; zeros come in. */
static inline struct tw_words tw_words_half(struct tw_words a)
{
    return (struct tw_words){_mm512_srli_epi32(a.all, 1)};
}

static inline struct tw_words tw_words_to_exponent(struct tw_words a)
{
    return (struct tw_words){_mm512_slli_epi32(a.all, 23)};
}

static inline struct tw_words tw_words_from_exponent(struct tw_words a)
{
    return (struct tw_words){_mm512_srli_epi32(a.all, 23)};
}

static inline struct tw_words tw_words_select(struct tw_mask mask, struct tw_words yes, struct tw_words no)
{
    return (struct tw_words){_mm512_mask_blend_epi32(mask.bits, no.all, yes.all)};
}

static inline struct tw_mask tw_words_equal(struct tw_words a, struct tw_words b)
{
    return (struct tw_mask){_mm512_cmpeq_epi32_mask(a.all, b.all)};
}

/* a >= b, unsigned. */
static inline struct tw_mask tw_words_at_least(struct tw_words a, struct tw_words b)
{
    return (struct tw_mask){_mm512_cmpge_epu32_mask(a.all, b.all)};
}

/* Words 2i and 2i+1 become the low and the high half of a[2i] * b[2i]. */
static inline struct tw_words tw_words_multiply_even(struct tw_words a, struct tw_words b)
{
    return (struct tw_words){_mm512_mul_epu32(a.all, b.all)};
}

/* Word 2i becomes a[2i+1], word 2i+1 becomes 0. */
static inline struct tw_words tw_words_odd_to_even(struct tw_words a)
{
    return (struct tw_words){_mm512_srli_epi64(a.all, 32)};
}

/* Every group of four words w0 w1 w2 w3 becomes w3 w2 w1 w0. */
static inline struct tw_words tw_words_reverse4(struct tw_words a)
{
    return (struct tw_words){_mm512_shuffle_epi32(a.all, _MM_PERM_ABCD)};
}

#endif
