/* Random numbers: MT19937 with PyTorch's conversions, and a counter-based generator for parallel use.
 *
 * tw_rng gives, bit for bit, what a CPU torch.Generator gives after manual_seed(seed) when the same draws are
 * made in the same order (PyTorch 1.13: ATen/core/MT19937RNGEngine.h, TransformationHelper.h,
 * native/TensorFactories.cpp randperm_cpu). The engine is Matsumoto and Nishimura, "Mersenne Twister", ACM
 * TOMACS 8(1), 1998. Not thread-safe: one owner per generator.
 */
#ifndef TOWER_CORE_RNG_H
#define TOWER_CORE_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TW_MT19937_WORDS 624

struct tw_rng {
    uint64_t seed;                    /* as given */
    uint32_t state[TW_MT19937_WORDS]; /* engine */
    int position;                     /* next word of state to temper; TW_MT19937_WORDS: twist first */
    bool has_normal;                  /* a second Box-Muller value is waiting in next_normal */
    double next_normal;
};

/* As torch.manual_seed: the low 32 bits seed the engine, any waiting normal is dropped. */
void tw_rng_seed(struct tw_rng *rng, uint64_t seed);

/* 32 uniform bits; 64 uniform bits (two draws, first draw in the high half, as random64 does). */
uint32_t tw_rng_u32(struct tw_rng *rng);
uint64_t tw_rng_u64(struct tw_rng *rng);

/* Uniform float between from and to: (low 24 bits of one draw) * 2^-24 * (to - from) + from, where to - from
 * is rounded to float and the rest is done in double and rounded to float once, as tensor.uniform_ on float32
 * does (so that, rarely, the result is `to` itself). */
float tw_rng_uniform_f32(struct tw_rng *rng, float from, float to);

/* Uniform double in [0, 1): (low 53 bits of tw_rng_u64) * 2^-53. */
double tw_rng_uniform_f64(struct tw_rng *rng);

/* One normal deviate as torch's scalar normal_distribution<double> draws it (Box-Muller in double, the second
 * value kept for the next call). */
double tw_rng_normal(struct tw_rng *rng, double mean, double standard_deviation);

/* Fills: `count` elements. The uniform fill equals tensor.uniform_(from, to) bit for bit. The normal fill
 * draws as tensor.normal_(mean, std) does (16 at a time from 16 on, the last 16 redrawn where count is no
 * multiple of 16; one by one below 16); its values agree with PyTorch's to a few units in the last place,
 * since PyTorch's own backends differ there. */
void tw_rng_fill_uniform(struct tw_rng *rng, float *values, ptrdiff_t count, float from, float to);
void tw_rng_fill_normal(struct tw_rng *rng, float *values, ptrdiff_t count, float mean,
                        float standard_deviation);

/* A random order of 0 … count-1: torch.randperm(count, generator) for 0 <= count < 2^32/20. */
void tw_rng_permutation(struct tw_rng *rng, int64_t *order, ptrdiff_t count);

/* Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four 32-bit words
 * that depend on (key, counter) alone, so that any thread can draw the numbers of any element. */
void tw_philox4x32(uint64_t key, uint64_t counter_low, uint64_t counter_high, uint32_t out[4]);

#endif
