/* Sixteen float lanes as four NEON vectors: the operations the vector families are written in.
 *
 * lanes_avx2.h, lanes_avx512.h and lanes_neon.h define the same names with the same results, bit for bit
 * (which NaN comes out of two is not promised). A family's body (kernels/<family>/<family>_lanes.h) is
 * included after one of them. `count` of the _part functions is 1 … 15: exactly that many elements are
 * touched, and the lanes beyond hold +0.
 */
#ifndef TOWER_KERNELS_SIMD_LANES_NEON_H
#define TOWER_KERNELS_SIMD_LANES_NEON_H

#if !defined(__aarch64__) || !defined(__ARM_NEON)
#error "compile for AArch64 with Advanced SIMD"
#endif

#include <arm_neon.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TW_VARIANT(symbol) symbol##__neon

/* Element 4 i + j is lane 4 i + j. */
struct tw_lanes {
    float32x4_t part[4];
};
/* All bits of a lane set or clear. */
struct tw_mask {
    uint32x4_t part[4];
};

/* One expression for each of the four parts. */
#define TW_FOUR(type, expression) \
    struct type r;                \
                                  \
    for (int i = 0; i < 4; i++) { \
        r.part[i] = (expression); \
    }                             \
    return r

/* --- memory --------------------------------------------------------------------------------------------- */

static inline struct tw_lanes tw_lanes_load(const float *x)
{
    TW_FOUR(tw_lanes, vld1q_f32(x + (ptrdiff_t)4 * i));
}

static inline void tw_lanes_store(float *y, struct tw_lanes a)
{
    for (int i = 0; i < 4; i++) {
        vst1q_f32(y + (ptrdiff_t)4 * i, a.part[i]);
    }
}

/* Lanes 0 … 7 and 8 … 15 in two places; the upper ones are stored last. */
static inline struct tw_lanes tw_lanes_load_halves(const float *low, const float *high)
{
    TW_FOUR(tw_lanes, vld1q_f32((i < 2 ? low : high) + (ptrdiff_t)(4 * (i % 2))));
}

static inline void tw_lanes_store_halves(float *low, float *high, struct tw_lanes a)
{
    for (int i = 0; i < 4; i++) {
        vst1q_f32((i < 2 ? low : high) + (ptrdiff_t)(4 * (i % 2)), a.part[i]);
    }
}

/* Lanes 0 … count-1. */
static inline struct tw_mask tw_mask_first(int count)
{
    static const uint32_t place[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

    TW_FOUR(tw_mask, vcltq_u32(vld1q_u32(place + (ptrdiff_t)4 * i), vdupq_n_u32((uint32_t)count)));
}

/* In pieces of 4, 2 and 1, as they are stored: a memcpy of any number of elements is a call. */
static inline float32x4_t tw_neon_load_part(const float *x, int count)
{
    float32x4_t four = vdupq_n_f32(0.0f);

    if (count >= 4) {
        return vld1q_f32(x);
    }
    if (count & 2) {
        four = vcombine_f32(vld1_f32(x), vget_high_f32(four));
        return count & 1 ? vld1q_lane_f32(x + 2, four, 2) : four;
    }
    return count == 1 ? vld1q_lane_f32(x, four, 0) : four;
}

static inline struct tw_lanes tw_lanes_load_part(const float *x, int count)
{
    struct tw_lanes r;

    for (int i = 0; i < 4; i++) {
        const int rest = count - 4 * i;

        r.part[i] = tw_neon_load_part(rest > 0 ? x + (ptrdiff_t)4 * i : x, rest > 0 ? rest : 0);
    }
    return r;
}

static inline void tw_lanes_store_part(float *y, int count, struct tw_lanes a)
{
    const bool half = (count & 8) != 0;
    float32x4_t four = half ? a.part[2] : a.part[0];

    if (half) {
        vst1q_f32(y, a.part[0]);
        vst1q_f32(y + 4, a.part[1]);
        y += 8;
    }
    if (count & 4) {
        vst1q_f32(y, four);
        four = half ? a.part[3] : a.part[1];
        y += 4;
    }
    if (count & 2) {
        vst1_f32(y, vget_low_f32(four));
        four = vextq_f32(four, four, 2);
        y += 2;
    }
    if (count & 1) {
        vst1q_lane_f32(y, four, 0);
    }
}

/* --- arithmetic, each operation rounded once ------------------------------------------------------------ */

static inline struct tw_lanes tw_lanes_set(float value)
{
    TW_FOUR(tw_lanes, vdupq_n_f32(value));
}

static inline struct tw_lanes tw_lanes_add(struct tw_lanes a, struct tw_lanes b)
{
    TW_FOUR(tw_lanes, vaddq_f32(a.part[i], b.part[i]));
}

static inline struct tw_lanes tw_lanes_sub(struct tw_lanes a, struct tw_lanes b)
{
    TW_FOUR(tw_lanes, vsubq_f32(a.part[i], b.part[i]));
}

static inline struct tw_lanes tw_lanes_mul(struct tw_lanes a, struct tw_lanes b)
{
    TW_FOUR(tw_lanes, vmulq_f32(a.part[i], b.part[i]));
}

static inline struct tw_lanes tw_lanes_div(struct tw_lanes a, struct tw_lanes b)
{
    TW_FOUR(tw_lanes, vdivq_f32(a.part[i], b.part[i]));
}

static inline struct tw_lanes tw_lanes_sqrt(struct tw_lanes a)
{
    TW_FOUR(tw_lanes, vsqrtq_f32(a.part[i]));
}

/* a * b + c, rounded once. */
static inline struct tw_lanes tw_lanes_fma(struct tw_lanes a, struct tw_lanes b, struct tw_lanes c)
{
    TW_FOUR(tw_lanes, vfmaq_f32(c.part[i], a.part[i], b.part[i]));
}

/* a > b ? a : b, and a < b ? a : b: b where either is NaN. (NEON's own maximum gives NaN instead.) */
static inline struct tw_lanes tw_lanes_max(struct tw_lanes a, struct tw_lanes b)
{
    TW_FOUR(tw_lanes, vbslq_f32(vcgtq_f32(a.part[i], b.part[i]), a.part[i], b.part[i]));
}

static inline struct tw_lanes tw_lanes_min(struct tw_lanes a, struct tw_lanes b)
{
    TW_FOUR(tw_lanes, vbslq_f32(vcltq_f32(a.part[i], b.part[i]), a.part[i], b.part[i]));
}

/* The folds: lane l takes in lane l+8, then l+4, l+2, l+1. */
static inline float tw_lanes_fold_add(struct tw_lanes a)
{
    const float32x4_t four = vaddq_f32(vaddq_f32(a.part[0], a.part[2]), vaddq_f32(a.part[1], a.part[3]));
    const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));

    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

/* No NaN among the lanes. */
static inline float tw_lanes_fold_max(struct tw_lanes a)
{
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(a.part[0], a.part[2]), vmaxq_f32(a.part[1], a.part[3])));
}

/* --- comparisons and choices: false where either is NaN ------------------------------------------------- */

static inline struct tw_mask tw_lanes_greater(struct tw_lanes a, struct tw_lanes b)
{
    TW_FOUR(tw_mask, vcgtq_f32(a.part[i], b.part[i]));
}

static inline struct tw_mask tw_lanes_less_equal(struct tw_lanes a, struct tw_lanes b)
{
    TW_FOUR(tw_mask, vcleq_f32(a.part[i], b.part[i]));
}

static inline struct tw_mask tw_lanes_equal(struct tw_lanes a, struct tw_lanes b)
{
    TW_FOUR(tw_mask, vceqq_f32(a.part[i], b.part[i]));
}

static inline struct tw_mask tw_lanes_is_nan(struct tw_lanes a)
{
    TW_FOUR(tw_mask, vmvnq_u32(vceqq_f32(a.part[i], a.part[i])));
}

/* Where either is NaN. */
static inline struct tw_mask tw_lanes_unordered(struct tw_lanes a, struct tw_lanes b)
{
    TW_FOUR(tw_mask, vmvnq_u32(vandq_u32(vceqq_f32(a.part[i], a.part[i]), vceqq_f32(b.part[i], b.part[i]))));
}

static inline struct tw_mask tw_mask_or(struct tw_mask a, struct tw_mask b)
{
    TW_FOUR(tw_mask, vorrq_u32(a.part[i], b.part[i]));
}

static inline bool tw_mask_any(struct tw_mask a)
{
    return vmaxvq_u32(vorrq_u32(vorrq_u32(a.part[0], a.part[1]), vorrq_u32(a.part[2], a.part[3]))) != 0;
}

/* mask ? yes : no. */
static inline struct tw_lanes tw_lanes_select(struct tw_mask mask, struct tw_lanes yes, struct tw_lanes no)
{
    TW_FOUR(tw_lanes, vbslq_f32(mask.part[i], yes.part[i], no.part[i]));
}

/* mask ? a : +0, and mask ? +0 : a. */
static inline struct tw_lanes tw_lanes_keep(struct tw_mask mask, struct tw_lanes a)
{
    TW_FOUR(tw_lanes, vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a.part[i]), mask.part[i])));
}

static inline struct tw_lanes tw_lanes_clear(struct tw_mask mask, struct tw_lanes a)
{
    TW_FOUR(tw_lanes, vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(a.part[i]), mask.part[i])));
}

/* --- rearranging ---------------------------------------------------------------------------------------- */

/* Of the 32 numbers a, b: those at even and those at odd places. */
static inline void tw_lanes_split(struct tw_lanes a, struct tw_lanes b, struct tw_lanes *even,
                                  struct tw_lanes *odd)
{
    for (int i = 0; i < 2; i++) {
        even->part[i] = vuzp1q_f32(a.part[2 * i], a.part[2 * i + 1]);
        even->part[i + 2] = vuzp1q_f32(b.part[2 * i], b.part[2 * i + 1]);
        odd->part[i] = vuzp2q_f32(a.part[2 * i], a.part[2 * i + 1]);
        odd->part[i + 2] = vuzp2q_f32(b.part[2 * i], b.part[2 * i + 1]);
    }
}

/* The reverse: the 32 numbers even[0], odd[0], even[1], odd[1], … */
static inline void tw_lanes_merge(struct tw_lanes even, struct tw_lanes odd, struct tw_lanes *a,
                                  struct tw_lanes *b)
{
    for (int i = 0; i < 2; i++) {
        a->part[2 * i] = vzip1q_f32(even.part[i], odd.part[i]);
        a->part[2 * i + 1] = vzip2q_f32(even.part[i], odd.part[i]);
        b->part[2 * i] = vzip1q_f32(even.part[i + 2], odd.part[i + 2]);
        b->part[2 * i + 1] = vzip2q_f32(even.part[i + 2], odd.part[i + 2]);
    }
}

/* a[1] … a[15], b[0]; and a[15], b[0] … b[14]. */
static inline struct tw_lanes tw_lanes_next(struct tw_lanes a, struct tw_lanes b)
{
    TW_FOUR(tw_lanes, vextq_f32(a.part[i], i < 3 ? a.part[(i + 1) % 4] : b.part[0], 1));
}

static inline struct tw_lanes tw_lanes_previous(struct tw_lanes a, struct tw_lanes b)
{
    TW_FOUR(tw_lanes, vextq_f32(i > 0 ? b.part[(i + 3) % 4] : a.part[3], b.part[i], 3));
}

#endif
