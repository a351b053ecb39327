/* One ymm of eight floats: what register tiles are made of, where sixteen lanes at once would not leave
 * enough registers.
 *
 * vector_avx2.h and vector_avx512.h define the same names; TW_BLOCK lanes are TW_VECTORS of them.
 */
#ifndef TOWER_KERNELS_SIMD_VECTOR_AVX2_H
#define TOWER_KERNELS_SIMD_VECTOR_AVX2_H

#include "kernels/simd/lanes_avx2.h"

typedef __m256 tw_vector;

#define TW_VECTOR_LANES 8
#define TW_VECTORS      2
/* Rows of a register tile of TW_VECTORS columns: 12 accumulators, 2 weights, 1 broadcast of 16 registers. */
#define TW_TILE_ROWS 6

static inline tw_vector tw_vector_load(const float *x)
{
    return _mm256_loadu_ps(x);
}

static inline void tw_vector_store(float *y, tw_vector a)
{
    _mm256_storeu_ps(y, a);
}

static inline tw_vector tw_vector_zero(void)
{
    return _mm256_setzero_ps();
}

static inline tw_vector tw_vector_broadcast(const float *x)
{
    return _mm256_broadcast_ss(x);
}

/* a * b + c, rounded once. */
static inline tw_vector tw_vector_fma(tw_vector a, tw_vector b, tw_vector c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline tw_vector tw_vector_add(tw_vector a, tw_vector b)
{
    return _mm256_add_ps(a, b);
}

/* Lanes of even and of odd number of two vectors, in crossed order: each half holds two of one vector and two of the other.
 * That takes no operation across halves.
 *
 *     a, b              | 0 1 2 3 | 4 5 6 7 |   | 8 9 10 11 | 12 13 14 15 |
 *     even, crossed     | 0 2 8 10 | 4 6 12 14 |
 *     in order          | 0 2 4 6 | 8 10 12 14 |
 */
static inline void tw_vector_split_crossed(tw_vector a, tw_vector b, tw_vector *even, tw_vector *odd)
{
    *even = _mm256_shuffle_ps(a, b, 0x88);
    *odd = _mm256_shuffle_ps(a, b, 0xdd);
}

/* From crossed to natural order, and back. */
static inline tw_vector tw_vector_uncross(tw_vector a)
{
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(a), 0xd8));
}

/* In a register from here on: what several operations need, compilers would load for each. */
static inline tw_vector tw_vector_hold(tw_vector a)
{
    __asm__("" : "+v"(a));
    return a;
}

/* --- picking pixels by code (kernels/conv_pool): code = 2 * row + column, 4 closed ---------------------- */

/* Eight floats to pick from: `low[0 … 3]`, `high[0 … 3]`. */
typedef __m256 tw_table8;
/* One number 0 … 7 per lane. */
typedef __m256i tw_picks;

static inline tw_table8 tw_table8_load(const float *low, const float *high)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
}

static inline __m256i tw_codes_load(const uint8_t *code)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)code));
}

/* The numbers themselves. */
static inline tw_picks tw_picks_load(const uint8_t *numbers)
{
    return tw_codes_load(numbers);
}

/* 4 * row + column of each lane's code. */
static inline tw_picks tw_picks_of_codes(const uint8_t *code)
{
    const __m256i codes = tw_codes_load(code);

    return _mm256_add_epi32(codes, _mm256_and_si256(codes, _mm256_set1_epi32(2)));
}

static inline tw_picks tw_picks_next(tw_picks picks, int by)
{
    return _mm256_add_epi32(picks, _mm256_set1_epi32(by));
}

static inline tw_vector tw_vector_pick8(tw_table8 table, tw_picks picks)
{
    return _mm256_permutevar8x32_ps(table, picks);
}

/* 0 in the lanes whose code is closed. */
static inline tw_vector tw_vector_keep_open(const uint8_t *code, tw_vector a)
{
    const __m256i open = _mm256_cmpgt_epi32(_mm256_set1_epi32(4), tw_codes_load(code));

    return _mm256_and_ps(a, _mm256_castsi256_ps(open));
}

/* Sixteen small whole numbers, held as floats, to bytes. */
static inline void tw_lanes_store_bytes(uint8_t *y, struct tw_lanes a)
{
    const __m256i words = _mm256_packs_epi32(_mm256_cvttps_epi32(a.low), _mm256_cvttps_epi32(a.high));
    const __m256i ordered = _mm256_permute4x64_epi64(words, 0xd8);

    _mm_storeu_si128((__m128i *)(void *)y,
                     _mm_packus_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1)));
}

/* Two vectors of eight as sixteen lanes. */
static inline struct tw_lanes tw_lanes_of_vectors(const tw_vector a[TW_VECTORS])
{
    return (struct tw_lanes){a[0], a[1]};
}

/* Sixteen words of 16 bits, saturated: with the sign of each lane's bits, and 0 for +0 alone. Order: see
 * tw_lanes_store_winners. */
static inline __m256i tw_signs(struct tw_lanes a)
{
    return _mm256_packs_epi32(_mm256_castps_si256(a.low), _mm256_castps_si256(a.high));
}

/* Codes of a window (kernels/conv_pool) to bytes. Negative signs name winners: of `top` the second of the upper two
 * outputs, of `bottom` that of the lower two, of `rows` the lower two; where `open` is +0 the window is closed (4). No
 * lane of `open` is negative. */
static inline void tw_lanes_store_winners(uint8_t *code, struct tw_lanes top, struct tw_lanes bottom,
                                          struct tw_lanes rows, struct tw_lanes open)
{
    /* Lanes 0 … 3, 8 … 11, 4 … 7, 12 … 15. */
    const __m256i zero = _mm256_setzero_si256(), signs = tw_signs(rows);
    const __m256i second = _mm256_srli_epi16(_mm256_blendv_epi8(tw_signs(top), tw_signs(bottom), signs), 15);
    const __m256i lower = _mm256_and_si256(_mm256_cmpgt_epi16(zero, signs), _mm256_set1_epi16(2));
    const __m256i closed = _mm256_cmpeq_epi16(tw_signs(open), zero);
    const __m256i codes = _mm256_blendv_epi8(_mm256_or_si256(second, lower), _mm256_set1_epi16(4), closed);
    const __m256i ordered = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(codes, codes),
                                                        _mm256_setr_epi32(0, 4, 1, 5, 0, 4, 1, 5));

    _mm_storeu_si128((__m128i *)(void *)code, _mm256_castsi256_si128(ordered));
}

/* Of sixteen bytes. */
static inline uint64_t tw_sixteen_bytes_set(const uint8_t *x)
{
    const __m128i clear =
        _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)x), _mm_setzero_si128());

    return (uint64_t)_mm_movemask_epi8(clear) ^ 0xffff;
}

/* Bit i: byte i is not 0. `count` is 1 … 64. */
static inline uint64_t tw_bytes_set(const uint8_t *x, int count)
{
    uint64_t bits = 0;

    if (count < 16) {
        for (int i = 0; i < count; i++) {
            bits |= (uint64_t)(x[i] != 0) << i;
        }
        return bits;
    }
    for (int i = 0; i + 16 <= count; i += 16) {
        bits |= tw_sixteen_bytes_set(x + i) << i;
    }
    return bits | tw_sixteen_bytes_set(x + count - 16) << (count - 16);
}

/* Of sixteen codes those equal to `code`, one bit each. */
static inline unsigned tw_codes_equal(const uint8_t *codes, int code)
{
    const __m128i all = _mm_loadu_si128((const __m128i *)(const void *)codes);

    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(all, _mm_set1_epi8((char)code)));
}

/* a[0], b[0], a[1], b[1] … */
static inline void tw_vector_store_pairs(float *y, tw_vector a, tw_vector b)
{
    const __m256 low = _mm256_unpacklo_ps(a, b), high = _mm256_unpackhi_ps(a, b);

    _mm256_storeu_ps(y, _mm256_permute2f128_ps(low, high, 0x20));
    _mm256_storeu_ps(y + 8, _mm256_permute2f128_ps(low, high, 0x31));
}

#endif
