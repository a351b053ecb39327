#if !defined(__ARM_NEON) || !defined(__aarch64__)
#error "compile for AArch64"
#endif
#include <arm_neon.h>

/* Two registers: with four units of latency 4, twelve chains of one would leave them idle. */
struct pair {
    float32x4_t low, high;
};

static inline struct pair spread(float value)
{
    return (struct pair){vdupq_n_f32(value), vdupq_n_f32(value)};
}

static inline struct pair add(struct pair a, struct pair b)
{
    return (struct pair){vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high)};
}

static inline struct pair fma_pair(struct pair a, struct pair b, struct pair c)
{
    return (struct pair){vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high)};
}

/* Both halves are used, or the compiler leaves one out. */
static inline float first(struct pair a)
{
    return vgetq_lane_f32(vmulq_n_f32(vaddq_f32(a.low, a.high), 0.5f), 0);
}

#define TW_PEAK       tw_f32_peak__neon
#define VECTOR        struct pair
#define SPREAD(value) spread(value)
#define ADD(a, b)     add(a, b)
#define FMA(a, b, c)  fma_pair(a, b, c)
#define FIRST(v)      first(v)
#include "kernels/peak/peak_lanes.h"
