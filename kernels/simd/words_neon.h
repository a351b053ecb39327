/* Sixteen 32-bit words as four NEON vectors: what exp, log, Philox, bytes and pooling winners need beside
 * the lanes.
 *
 * words_avx2.h, words_avx512.h and words_neon.h define the same names with the same results. `count` of the
 * _part functions is 1 … 15, as in the lanes headers.
 */
#ifndef TOWER_KERNELS_SIMD_WORDS_NEON_H
#define TOWER_KERNELS_SIMD_WORDS_NEON_H

#include <string.h>

#include "kernels/simd/lanes_neon.h"

struct tw_words {
    uint32x4_t part[4];
};

static inline struct tw_words tw_words_load_u16(const uint16_t *x)
{
    TW_FOUR(tw_words, vmovl_u16(vld1_u16(x + (ptrdiff_t)4 * i)));
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
    for (int i = 0; i < 4; i++) {
        vst1_u16(y + (ptrdiff_t)4 * i, vmovn_u32(a.part[i]));
    }
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
    TW_FOUR(tw_words, vmovl_u16(vld1_u16((i < 2 ? low : high) + (ptrdiff_t)(4 * (i % 2)))));
}

static inline void tw_words_store_u16_halves(uint16_t *low, uint16_t *high, struct tw_words a)
{
    for (int i = 0; i < 4; i++) {
        vst1_u16((i < 2 ? low : high) + (ptrdiff_t)(4 * (i % 2)), vmovn_u32(a.part[i]));
    }
}

static inline struct tw_words tw_words_set(uint32_t value)
{
    TW_FOUR(tw_words, vdupq_n_u32(value));
}

/* Four copies of w0, w1, w2, w3. */
static inline struct tw_words tw_words_set4(uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3)
{
    const uint32_t four[4] = {w0, w1, w2, w3};

    TW_FOUR(tw_words, vld1q_u32(four));
}

/* Four 128-bit numbers first, first+1, first+2, first+3, lowest word first (first + 3 < 2^64). */
static inline struct tw_words tw_words_counters(uint64_t first)
{
    TW_FOUR(tw_words, vreinterpretq_u32_u64(vcombine_u64(vcreate_u64(first + (uint64_t)i), vcreate_u64(0))));
}

/* The same bits under the other type. */
static inline struct tw_words tw_words_of(struct tw_lanes a)
{
    TW_FOUR(tw_words, vreinterpretq_u32_f32(a.part[i]));
}

static inline struct tw_lanes tw_lanes_of(struct tw_words a)
{
    TW_FOUR(tw_lanes, vreinterpretq_f32_u32(a.part[i]));
}

/* The number that a word is, below 2^24: exact. */
static inline struct tw_lanes tw_lanes_from_words(struct tw_words a)
{
    TW_FOUR(tw_lanes, vcvtq_f32_u32(a.part[i]));
}

static inline struct tw_lanes tw_lanes_load_u8(const uint8_t *x)
{
    const uint8x16_t bytes = vld1q_u8(x);
    const uint16x8_t low = vmovl_u8(vget_low_u8(bytes));
    const uint16x8_t high = vmovl_u8(vget_high_u8(bytes));

    return tw_lanes_from_words(
        (struct tw_words){{vmovl_u16(vget_low_u16(low)), vmovl_u16(vget_high_u16(low)),
                           vmovl_u16(vget_low_u16(high)), vmovl_u16(vget_high_u16(high))}});
}

static inline struct tw_lanes tw_lanes_load_u8_part(const uint8_t *x, int count)
{
    uint8_t whole[16] = {0};

    memcpy(whole, x, (size_t)count);
    return tw_lanes_load_u8(whole);
}

static inline struct tw_words tw_words_add(struct tw_words a, struct tw_words b)
{
    TW_FOUR(tw_words, vaddq_u32(a.part[i], b.part[i]));
}

static inline struct tw_words tw_words_sub(struct tw_words a, struct tw_words b)
{
    TW_FOUR(tw_words, vsubq_u32(a.part[i], b.part[i]));
}

static inline struct tw_words tw_words_xor(struct tw_words a, struct tw_words b)
{
    TW_FOUR(tw_words, veorq_u32(a.part[i], b.part[i]));
}

/* Shifts by 1 and by 23, the width of a float's fraction; zeros come in. */
static inline struct tw_words tw_words_half(struct tw_words a)
{
    TW_FOUR(tw_words, vshrq_n_u32(a.part[i], 1));
}

static inline struct tw_words tw_words_to_exponent(struct tw_words a)
{
    TW_FOUR(tw_words, vshlq_n_u32(a.part[i], 23));
}

static inline struct tw_words tw_words_from_exponent(struct tw_words a)
{
    TW_FOUR(tw_words, vshrq_n_u32(a.part[i], 23));
}

static inline struct tw_words tw_words_select(struct tw_mask mask, struct tw_words yes, struct tw_words no)
{
    TW_FOUR(tw_words, vbslq_u32(mask.part[i], yes.part[i], no.part[i]));
}

static inline struct tw_mask tw_words_equal(struct tw_words a, struct tw_words b)
{
    TW_FOUR(tw_mask, vceqq_u32(a.part[i], b.part[i]));
}

/* a >= b, unsigned. */
static inline struct tw_mask tw_words_at_least(struct tw_words a, struct tw_words b)
{
    TW_FOUR(tw_mask, vcgeq_u32(a.part[i], b.part[i]));
}

/* Words 2i and 2i+1 become the low and the high half of a[2i] * b[2i]. */
static inline struct tw_words tw_words_multiply_even(struct tw_words a, struct tw_words b)
{
    TW_FOUR(tw_words, vreinterpretq_u32_u64(vmull_u32(vmovn_u64(vreinterpretq_u64_u32(a.part[i])),
                                                      vmovn_u64(vreinterpretq_u64_u32(b.part[i])))));
}

/* Word 2i becomes a[2i+1], word 2i+1 becomes 0. */
static inline struct tw_words tw_words_odd_to_even(struct tw_words a)
{
    TW_FOUR(tw_words, vreinterpretq_u32_u64(vshrq_n_u64(vreinterpretq_u64_u32(a.part[i]), 32)));
}

/* Every group of four words w0 w1 w2 w3 becomes w3 w2 w1 w0. */
static inline struct tw_words tw_words_reverse4(struct tw_words a)
{
    TW_FOUR(tw_words, vextq_u32(vrev64q_u32(a.part[i]), vrev64q_u32(a.part[i]), 2));
}

#endif
