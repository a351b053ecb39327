/* Sixteen 32-bit words as two ymm: what exp, log, Philox, bytes and pooling winners need beside the lanes.
 *
 * words_avx2.h, words_avx512.h and words_neon.h define the same names with the same results. `count` of the
 * _part functions is 1 … 15, as in the lanes headers.
 */
#ifndef TOWER_KERNELS_SIMD_WORDS_AVX2_H
#define TOWER_KERNELS_SIMD_WORDS_AVX2_H

#include <string.h>

#include "kernels/simd/lanes_avx2.h"

struct tw_words {
    __m256i low, high;
};

static inline struct tw_words tw_words_load_u16(const uint16_t *x)
{
    return (struct tw_words){_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)x)),
                             _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(x + 8)))};
}

static inline struct tw_words tw_words_load_u16_part(const uint16_t *x, int count)
{
    uint16_t whole[16] = {0};

    memcpy(whole, x, (size_t)count * sizeof *x);
    return tw_words_load_u16(whole);
}

/* Words below 65536. */
static inline void tw_words_store_u16(uint16_t *y, struct tw_words a)
{
    const __m256i packed = _mm256_packus_epi32(a.low, a.high); /* 64-bit quarters in the order 0 2 1 3 */

    _mm256_storeu_si256((__m256i *)y, _mm256_permute4x64_epi64(packed, 0xd8));
}

static inline void tw_words_store_u16_part(uint16_t *y, int count, struct tw_words a)
{
    uint16_t whole[16];

    tw_words_store_u16(whole, a);
    memcpy(y, whole, (size_t)count * sizeof *y);
}

/* As tw_lanes_load_halves and tw_lanes_store_halves (words below 65536). */
static inline struct tw_words tw_words_load_u16_halves(const uint16_t *low, const uint16_t *high)
{
    return (struct tw_words){_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)low)),
                             _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)high))};
}

static inline void tw_words_store_u16_halves(uint16_t *low, uint16_t *high, struct tw_words a)
{
    const __m256i packed = _mm256_packus_epi32(a.low, a.high); /* 64-bit quarters in the order 0 2 1 3 */
    const __m256i both = _mm256_permute4x64_epi64(packed, 0xd8);

    _mm_storeu_si128((__m128i *)low, _mm256_castsi256_si128(both));
    _mm_storeu_si128((__m128i *)high, _mm256_extracti128_si256(both, 1));
}

static inline struct tw_words tw_words_set(uint32_t value)
{
    return (struct tw_words){_mm256_set1_epi32((int)value), _mm256_set1_epi32((int)value)};
}

/* Four copies of w0, w1, w2, w3. */
static inline struct tw_words tw_words_set4(uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3)
{
    const __m256i four =
        _mm256_setr_epi32((int)w0, (int)w1, (int)w2, (int)w3, (int)w0, (int)w1, (int)w2, (int)w3);

    return (struct tw_words){four, four};
}

/* Four 128-bit numbers first, first+1, first+2, first+3, lowest word first (first + 3 < 2^64). */
static inline struct tw_words tw_words_counters(uint64_t first)
{
    return (struct tw_words){_mm256_setr_epi64x((long long)first, 0, (long long)(first + 1), 0),
                             _mm256_setr_epi64x((long long)(first + 2), 0, (long long)(first + 3), 0)};
}

/* The same bits under the other type. */
static inline struct tw_words tw_words_of(struct tw_lanes a)
{
    return (struct tw_words){_mm256_castps_si256(a.low), _mm256_castps_si256(a.high)};
}

static inline struct tw_lanes tw_lanes_of(struct tw_words a)
{
    return (struct tw_lanes){_mm256_castsi256_ps(a.low), _mm256_castsi256_ps(a.high)};
}

/* The number that a word is, below 2^24: exact. */
static inline struct tw_lanes tw_lanes_from_words(struct tw_words a)
{
    return (struct tw_lanes){_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)};
}

static inline struct tw_lanes tw_lanes_load_u8(const uint8_t *x)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)x);

    return tw_lanes_from_words(
        (struct tw_words){_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))});
}

static inline struct tw_lanes tw_lanes_load_u8_part(const uint8_t *x, int count)
{
    uint8_t whole[16] = {0};

    memcpy(whole, x, (size_t)count);
    return tw_lanes_load_u8(whole);
}

static inline struct tw_words tw_words_add(struct tw_words a, struct tw_words b)
{
    return (struct tw_words){_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}

static inline struct tw_words tw_words_sub(struct tw_words a, struct tw_words b)
{
    return (struct tw_words){_mm256_sub_epi32(a.low, b.low), _mm256_sub_epi32(a.high, b.high)};
}

static inline struct tw_words tw_words_xor(struct tw_words a, struct tw_words b)
{
    return (struct tw_words){_mm256_xor_si256(a.low, b.low), _mm256_xor_si256(a.high, b.high)};
}

/* Shifts by 1 and by 23, the width of a float's fraction; zeros come in. */
static inline struct tw_words tw_words_half(struct tw_words a)
{
    return (struct tw_words){_mm256_srli_epi32(a.low, 1), _mm256_srli_epi32(a.high, 1)};
}

static inline struct tw_words tw_words_to_exponent(struct tw_words a)
{
    return (struct tw_words){_mm256_slli_epi32(a.low, 23), _mm256_slli_epi32(a.high, 23)};
}

static inline struct tw_words tw_words_from_exponent(struct tw_words a)
{
    return (struct tw_words){_mm256_srli_epi32(a.low, 23), _mm256_srli_epi32(a.high, 23)};
}

static inline struct tw_words tw_words_select(struct tw_mask mask, struct tw_words yes, struct tw_words no)
{
    return tw_words_of(tw_lanes_select(mask, tw_lanes_of(yes), tw_lanes_of(no)));
}

static inline struct tw_mask tw_words_equal(struct tw_words a, struct tw_words b)
{
    return (struct tw_mask){_mm256_castsi256_ps(_mm256_cmpeq_epi32(a.low, b.low)),
                            _mm256_castsi256_ps(_mm256_cmpeq_epi32(a.high, b.high))};
}

/* a >= b, unsigned. */
static inline struct tw_mask tw_words_at_least(struct tw_words a, struct tw_words b)
{
    const struct tw_words larger = {_mm256_max_epu32(a.low, b.low), _mm256_max_epu32(a.high, b.high)};

    return tw_words_equal(larger, a);
}

/* Words 2i and 2i+1 become the low and the high half of a[2i] * b[2i]. */
static inline struct tw_words tw_words_multiply_even(struct tw_words a, struct tw_words b)
{
    return (struct tw_words){_mm256_mul_epu32(a.low, b.low), _mm256_mul_epu32(a.high, b.high)};
}

/* Word 2i becomes a[2i+1], word 2i+1 becomes 0. */
static inline struct tw_words tw_words_odd_to_even(struct tw_words a)
{
    return (struct tw_words){_mm256_srli_epi64(a.low, 32), _mm256_srli_epi64(a.high, 32)};
}

/* Every group of four words w0 w1 w2 w3 becomes w3 w2 w1 w0. */
static inline struct tw_words tw_words_reverse4(struct tw_words a)
{
    return (struct tw_words){_mm256_shuffle_epi32(a.low, 0x1b), _mm256_shuffle_epi32(a.high, 0x1b)};
}

#endif
