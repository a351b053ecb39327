/* One zmm of sixteen floats: what register tiles are made of. See vector_avx2.h. */
#ifndef TOWER_KERNELS_SIMD_VECTOR_AVX512_H
#define TOWER_KERNELS_SIMD_VECTOR_AVX512_H

#include "kernels/simd/lanes_avx512.h"

typedef __m512 tw_vector;

#define TW_VECTOR_LANES 16
#define TW_VECTORS      1
/* Rows of a register tile of TW_VECTORS columns. */
#define TW_TILE_ROWS 12

static inline tw_vector tw_vector_load(const float *x)
{
    return _mm512_loadu_ps(x);
}

static inline void tw_vector_store(float *y, tw_vector a)
{
    _mm512_storeu_ps(y, a);
}

static inline tw_vector tw_vector_zero(void)
{
    return _mm512_setzero_ps();
}

static inline tw_vector tw_vector_broadcast(const float *x)
{
    return _mm512_set1_ps(*x);
}

/* a * b + c, rounded once. */
static inline tw_vector tw_vector_fma(tw_vector a, tw_vector b, tw_vector c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline tw_vector tw_vector_add(tw_vector a, tw_vector b)
{
    return _mm512_add_ps(a, b);
}

/* --- picking pixels by code (kernels/conv_pool): code = 2 * row + column, 4 closed ---------------------- */

/* Eight floats to pick from: `low[0 … 3]`, `high[0 … 3]`; the upper half is never picked. */
typedef __m512 tw_table8;
/* One number 0 … 7 per lane. */
typedef __m512i tw_picks;

static inline tw_table8 tw_table8_load(const float *low, const float *high)
{
    return _mm512_castps256_ps512(
        _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1));
}

static inline __m512i tw_codes_load(const uint8_t *code)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)code));
}

/* The numbers themselves. */
static inline tw_picks tw_picks_load(const uint8_t *numbers)
{
    return tw_codes_load(numbers);
}

/* 4 * row + column of each lane's code. */
static inline tw_picks tw_picks_of_codes(const uint8_t *code)
{
    const __m512i codes = tw_codes_load(code);

    return _mm512_add_epi32(codes, _mm512_and_si512(codes, _mm512_set1_epi32(2)));
}

static inline tw_picks tw_picks_next(tw_picks picks, int by)
{
    return _mm512_add_epi32(picks, _mm512_set1_epi32(by));
}

static inline tw_vector tw_vector_pick8(tw_table8 table, tw_picks picks)
{
    return _mm512_permutexvar_ps(picks, table);
}

/* 0 in the lanes whose code is closed. */
static inline tw_vector tw_vector_keep_open(const uint8_t *code, tw_vector a)
{
    return _mm512_maskz_mov_ps(_mm512_cmplt_epi32_mask(tw_codes_load(code), _mm512_set1_epi32(4)), a);
}

/* One vector of sixteen is sixteen lanes. */
static inline struct tw_lanes tw_lanes_of_vectors(const tw_vector a[TW_VECTORS])
{
    return (struct tw_lanes){a[0]};
}

/* Sixteen small whole numbers, held as floats, to bytes. */
static inline void tw_lanes_store_bytes(uint8_t *y, struct tw_lanes a)
{
    _mm_storeu_si128((__m128i *)(void *)y, _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(a.all)));
}

/* Codes of a window (kernels/conv_pool) to bytes. Negative signs name winners: of `top` the second of the upper two
 * outputs, of `bottom` that of the lower two, of `rows` the lower two; where `open` is +0 the window is closed (4). No
 * lane of `open` is negative. */
static inline void tw_lanes_store_winners(uint8_t *code, struct tw_lanes top, struct tw_lanes bottom,
                                          struct tw_lanes rows, struct tw_lanes open)
{
    const __m512i lower = _mm512_srai_epi32(_mm512_castps_si512(rows.all), 31);
    const __m512i closed =
        _mm512_srai_epi32(_mm512_sub_epi32(_mm512_castps_si512(open.all), _mm512_set1_epi32(1)), 31);
    /* lower ? bottom : top, its sign; then | lower & 2; then closed ? 4 : that. */
    const __m512i second = _mm512_srli_epi32(
        _mm512_ternarylogic_epi32(lower, _mm512_castps_si512(bottom.all), _mm512_castps_si512(top.all), 0xca),
        31);
    const __m512i winner = _mm512_ternarylogic_epi32(second, lower, _mm512_set1_epi32(2), 0xf8);
    const __m512i codes = _mm512_ternarylogic_epi32(closed, _mm512_set1_epi32(4), winner, 0xca);

    _mm_storeu_si128((__m128i *)(void *)code, _mm512_cvtepi32_epi8(codes));
}

/* Bit i: byte i is not 0. `count` is 1 … 64. */
static inline uint64_t tw_bytes_set(const uint8_t *x, int count)
{
    const __mmask64 inside = ~(__mmask64)0 >> (64 - count);
    const __m512i bytes = _mm512_maskz_loadu_epi8(inside, x);

    return _mm512_test_epi8_mask(bytes, bytes);
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
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));

    _mm512_storeu_ps(y, _mm512_permutex2var_ps(a, low, b));
    _mm512_storeu_ps(y + 16, _mm512_permutex2var_ps(a, high, b));
}

#endif
