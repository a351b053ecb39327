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

/* Sixteen lanes of their vectors. */
static inline struct tw_lanes tw_lanes_of_vectors(const tw_vector parts[TW_VECTORS])
{
    return (struct tw_lanes){parts[0]};
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

/* Of sixteen output channels those whose code is `winner`: their gradients to `value`, and `first` + 9
 * vectors per channel before them to `place`. Sixteen entries are written, those beyond the returned number
 * are without meaning. Compressed in a register and stored whole: the compressing store is microcoded on
 * Zen 4. */
static inline int tw_compress_block(const uint8_t *code, int winner, const float *gradient, int32_t first,
                                    int32_t *place, float *value)
{
    const __mmask16 chosen = _mm_cmpeq_epi8_mask(_mm_loadu_si128((const __m128i *)(const void *)code),
                                                 _mm_set1_epi8((char)winner));
    const __m512i channel = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i nine = _mm512_add_epi32(_mm512_slli_epi32(channel, 7), _mm512_slli_epi32(channel, 4));
    const __m512i places = _mm512_add_epi32(nine, _mm512_set1_epi32(first));

    _mm512_storeu_si512(place, _mm512_maskz_compress_epi32(chosen, places));
    _mm512_storeu_ps(value, _mm512_maskz_compress_ps(chosen, _mm512_loadu_ps(gradient)));
    return __builtin_popcount(chosen);
}

#endif
