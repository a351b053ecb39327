/* Two NEON vectors side by side, eight floats: what register tiles are made of. Pairs, because 32 registers hold
 * the tiles that AVX2 makes of its 16, and what a loop does once per vector is shared by twice the lanes. See
 * vector_avx2.h.
 */
#ifndef TOWER_KERNELS_SIMD_VECTOR_NEON_H
#define TOWER_KERNELS_SIMD_VECTOR_NEON_H

#include "kernels/simd/lanes_neon.h"

typedef struct tw_vector {
    float32x4_t low, high;
} tw_vector;

#define TW_VECTOR_LANES 8
#define TW_VECTORS      2
/* Rows of a register tile of TW_VECTORS columns: 24 accumulators, 4 weights, 3 pixels of 32 registers. */
#define TW_TILE_ROWS 6

static inline tw_vector tw_vector_load(const float *x)
{
    return (tw_vector){vld1q_f32(x), vld1q_f32(x + 4)};
}

static inline void tw_vector_store(float *y, tw_vector a)
{
    vst1q_f32(y, a.low);
    vst1q_f32(y + 4, a.high);
}

static inline tw_vector tw_vector_zero(void)
{
    return (tw_vector){vdupq_n_f32(0.0f), vdupq_n_f32(0.0f)};
}

static inline tw_vector tw_vector_broadcast(const float *x)
{
    const float32x4_t copies = vdupq_n_f32(*x);

    return (tw_vector){copies, copies};
}

/* a * b + c, rounded once. */
static inline tw_vector tw_vector_fma(tw_vector a, tw_vector b, tw_vector c)
{
    return (tw_vector){vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high)};
}

static inline tw_vector tw_vector_add(tw_vector a, tw_vector b)
{
    return (tw_vector){vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high)};
}

/* --- picking pixels by code (kernels/conv_pool): code = 2 * row + column, 4 closed ---------------------- */

/* Eight floats to pick from: `low[0 … 3]`, `high[0 … 3]`. */
typedef uint8x16x2_t tw_table8;
/* One number 0 … 7 per lane, as the places of its float's four bytes in the table. */
typedef struct tw_picks {
    uint8x16_t low, high;
} tw_picks;

static inline tw_table8 tw_table8_load(const float *low, const float *high)
{
    return (tw_table8){{vreinterpretq_u8_f32(vld1q_f32(low)), vreinterpretq_u8_f32(vld1q_f32(high))}};
}

/* Of eight numbers, one per byte, the places of the floats they pick: byte j of lane i becomes 4 number[i] + j. */
static inline tw_picks tw_picks_of_bytes(uint8x8_t numbers)
{
    static const uint8_t lane[16] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3};
    const uint8x16_t byte = vreinterpretq_u8_u32(vdupq_n_u32(0x03020100));
    const uint8x16_t places = vcombine_u8(vshl_n_u8(numbers, 2), vdup_n_u8(0)), low = vld1q_u8(lane);

    return (tw_picks){vaddq_u8(vqtbl1q_u8(places, low), byte),
                      vaddq_u8(vqtbl1q_u8(places, vaddq_u8(low, vdupq_n_u8(4))), byte)};
}

/* The numbers themselves. */
static inline tw_picks tw_picks_load(const uint8_t *numbers)
{
    return tw_picks_of_bytes(vld1_u8(numbers));
}

/* 4 * row + column of each lane's code. */
static inline tw_picks tw_picks_of_codes(const uint8_t *code)
{
    const uint8x8_t codes = vld1_u8(code);

    return tw_picks_of_bytes(vadd_u8(codes, vand_u8(codes, vdup_n_u8(2))));
}

static inline tw_picks tw_picks_next(tw_picks picks, int by)
{
    const uint8x16_t bytes = vdupq_n_u8((uint8_t)(4 * by));

    return (tw_picks){vaddq_u8(picks.low, bytes), vaddq_u8(picks.high, bytes)};
}

static inline tw_vector tw_vector_pick8(tw_table8 table, tw_picks picks)
{
    return (tw_vector){vreinterpretq_f32_u8(vqtbl2q_u8(table, picks.low)),
                       vreinterpretq_f32_u8(vqtbl2q_u8(table, picks.high))};
}

/* 0 in the lanes whose code is closed. */
static inline tw_vector tw_vector_keep_open(const uint8_t *code, tw_vector a)
{
    const int8x8_t open = vreinterpret_s8_u8(vclt_u8(vld1_u8(code), vdup_n_u8(4)));
    const int16x8_t halves = vmovl_s8(open);

    return (tw_vector){
        vreinterpretq_f32_s32(vandq_s32(vreinterpretq_s32_f32(a.low), vmovl_s16(vget_low_s16(halves)))),
        vreinterpretq_f32_s32(vandq_s32(vreinterpretq_s32_f32(a.high), vmovl_s16(vget_high_s16(halves))))};
}

/* Sixteen small whole numbers, held as floats, to bytes. */
static inline void tw_lanes_store_bytes(uint8_t *y, struct tw_lanes a)
{
    const uint16x8_t low =
        vcombine_u16(vmovn_u32(vcvtq_u32_f32(a.part[0])), vmovn_u32(vcvtq_u32_f32(a.part[1])));
    const uint16x8_t high =
        vcombine_u16(vmovn_u32(vcvtq_u32_f32(a.part[2])), vmovn_u32(vcvtq_u32_f32(a.part[3])));

    vst1q_u8(y, vcombine_u8(vmovn_u16(low), vmovn_u16(high)));
}

/* Two vectors of eight as sixteen lanes. */
static inline struct tw_lanes tw_lanes_of_vectors(const tw_vector a[TW_VECTORS])
{
    return (struct tw_lanes){{a[0].low, a[0].high, a[1].low, a[1].high}};
}

/* Four codes as words: see tw_lanes_store_winners. */
static inline uint32x4_t tw_winners_of(float32x4_t top, float32x4_t bottom, float32x4_t rows,
                                       float32x4_t open)
{
    const uint32x4_t lower = vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_f32(rows), 31));
    const uint32x4_t second = vshrq_n_u32(vreinterpretq_u32_f32(vbslq_f32(lower, bottom, top)), 31);
    const uint32x4_t winner = vorrq_u32(second, vandq_u32(lower, vdupq_n_u32(2)));

    return vbslq_u32(vceqzq_u32(vreinterpretq_u32_f32(open)), vdupq_n_u32(4), winner);
}

/* Codes of a window (kernels/conv_pool) to bytes. Negative signs name winners: of `top` the second of the upper two
 * outputs, of `bottom` that of the lower two, of `rows` the lower two; where `open` is +0 the window is closed (4). No
 * lane of `open` is negative. */
static inline void tw_lanes_store_winners(uint8_t *code, struct tw_lanes top, struct tw_lanes bottom,
                                          struct tw_lanes rows, struct tw_lanes open)
{
    uint16x4_t words[4];

    for (int i = 0; i < 4; i++) {
        words[i] = vmovn_u32(tw_winners_of(top.part[i], bottom.part[i], rows.part[i], open.part[i]));
    }
    vst1q_u8(code, vcombine_u8(vmovn_u16(vcombine_u16(words[0], words[1])),
                               vmovn_u16(vcombine_u16(words[2], words[3]))));
}

/* Of sixteen bytes: bit i of byte i in place, halves summed. */
static inline uint64_t tw_sixteen_bytes_set(const uint8_t *x)
{
    static const uint8_t place[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t bytes = vld1q_u8(x), bits = vandq_u8(vtstq_u8(bytes, bytes), vld1q_u8(place));

    return (uint64_t)vaddv_u8(vget_low_u8(bits)) | (uint64_t)vaddv_u8(vget_high_u8(bits)) << 8;
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
    static const uint8_t bit[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t equal = vceqq_u8(vld1q_u8(codes), vdupq_n_u8((uint8_t)code));
    uint8x16_t bits = vandq_u8(equal, vld1q_u8(bit));

    bits = vpaddq_u8(bits, bits);
    bits = vpaddq_u8(bits, bits);
    bits = vpaddq_u8(bits, bits);
    return vgetq_lane_u16(vreinterpretq_u16_u8(bits), 0);
}

/* a[0], b[0], a[1], b[1] … */
static inline void tw_vector_store_pairs(float *y, tw_vector a, tw_vector b)
{
    vst2q_f32(y, (float32x4x2_t){{a.low, b.low}});
    vst2q_f32(y + 8, (float32x4x2_t){{a.high, b.high}});
}

#endif
