/* One ymm of eight floats: what register tiles are made of, where sixteen lanes at once would not leave
 * enough registers.
 *
 * vector_avx2.h and vector_avx512.h define the same names; TW_BLOCK lanes are TW_VECTORS of them.
 */
#ifndef TOWER_KERNELS_SIMD_VECTOR_AVX2_H
#define TOWER_KERNELS_SIMD_VECTOR_AVX2_H

#include <stdbool.h>

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

static inline bool tw_mask_any(struct tw_mask a)
{
    return _mm256_movemask_ps(_mm256_or_ps(a.low, a.high)) != 0;
}

/* Codes of sixteen windows: 1 or 0 by `second`, or where `lower` 3 or 2 by `fourth`; 4 where closed. */
static inline void tw_codes_store(uint8_t *code, struct tw_mask second, struct tw_mask fourth,
                                  struct tw_mask lower, struct tw_mask closed)
{
    const struct tw_lanes upper = tw_lanes_keep(second, tw_lanes_set(1.0f));
    const struct tw_lanes under = tw_lanes_select(fourth, tw_lanes_set(3.0f), tw_lanes_set(2.0f));

    tw_lanes_store_bytes(code,
                         tw_lanes_select(closed, tw_lanes_set(4.0f), tw_lanes_select(lower, under, upper)));
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
