#include "core/rng.h"

#include <math.h>

#define MIDDLE     397
#define PI         3.14159265358979323846
#define FLOAT_BITS 24

void tw_rng_seed(struct tw_rng *rng, uint64_t seed)
{
    *rng = (struct tw_rng){.seed = seed, .position = TW_MT19937_WORDS};
    rng->state[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < TW_MT19937_WORDS; i++) {
        rng->state[i] = 1812433253U * (rng->state[i - 1] ^ (rng->state[i - 1] >> 30)) + i;
    }
}

/* Upper bit of `high`, the other bits of `low`, times the companion matrix. */
static uint32_t twist(uint32_t high, uint32_t low)
{
    uint32_t mixed = (high & 0x80000000U) | (low & 0x7fffffffU);

    return (mixed >> 1) ^ ((low & 1U) != 0 ? 0x9908b0dfU : 0);
}

static void next_state(struct tw_rng *rng)
{
    uint32_t *s = rng->state;
    int i = 0;

    for (; i < TW_MT19937_WORDS - MIDDLE; i++) {
        s[i] = s[i + MIDDLE] ^ twist(s[i], s[i + 1]);
    }
    for (; i < TW_MT19937_WORDS - 1; i++) {
        s[i] = s[i + MIDDLE - TW_MT19937_WORDS] ^ twist(s[i], s[i + 1]);
    }
    s[i] = s[MIDDLE - 1] ^ twist(s[i], s[0]);
    rng->position = 0;
}

uint32_t tw_rng_u32(struct tw_rng *rng)
{
    uint32_t word;

    if (rng->position >= TW_MT19937_WORDS) {
        next_state(rng);
    }
    word = rng->state[rng->position++];
    word ^= word >> 11;
    word ^= (word << 7) & 0x9d2c5680U;
    word ^= (word << 15) & 0xefc60000U;
    return word ^ (word >> 18);
}

uint64_t tw_rng_u64(struct tw_rng *rng)
{
    uint64_t high = tw_rng_u32(rng);

    return high << 32 | tw_rng_u32(rng);
}

float tw_rng_uniform_f32(struct tw_rng *rng, float from, float to)
{
    uint32_t bits = tw_rng_u32(rng) & ((1U << FLOAT_BITS) - 1);
    double unit = (double)bits * 0x1p-24;

    return (float)(unit * (double)(to - from) + (double)from);
}

double tw_rng_uniform_f64(struct tw_rng *rng)
{
    uint64_t bits = tw_rng_u64(rng) & ((1ULL << 53) - 1);

    return (double)bits * 0x1p-53;
}

double tw_rng_normal(struct tw_rng *rng, double mean, double standard_deviation)
{
    double u1, u2, radius, angle;

    if (rng->has_normal) {
        rng->has_normal = false;
        return rng->next_normal * standard_deviation + mean;
    }
    u1 = tw_rng_uniform_f64(rng);
    u2 = tw_rng_uniform_f64(rng);
    radius = sqrt(-2.0 * log1p(-u2));
    angle = 2.0 * PI * u1;
    rng->next_normal = radius * sin(angle);
    rng->has_normal = true;
    return radius * cos(angle) * standard_deviation + mean;
}

void tw_rng_fill_uniform(struct tw_rng *rng, float *values, ptrdiff_t count, float from, float to)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        values[i] = tw_rng_uniform_f32(rng, from, to);
    }
}

#define GROUP 16

/* Box-Muller on GROUP uniform floats: value j gives the radius and value j + 8 the angle of a pair. */
static void transform_group(float *values, float mean, float standard_deviation)
{
    for (int j = 0; j < GROUP / 2; j++) {
        float u1 = 1.0f - values[j]; /* [0, 1) to (0, 1] */
        float radius = sqrtf(-2.0f * logf(u1));
        float angle = (float)(2.0 * PI) * values[j + GROUP / 2];

        values[j] = radius * cosf(angle) * standard_deviation + mean;
        values[j + GROUP / 2] = radius * sinf(angle) * standard_deviation + mean;
    }
}

void tw_rng_fill_normal(struct tw_rng *rng, float *values, ptrdiff_t count, float mean,
                        float standard_deviation)
{
    if (count < GROUP) {
        for (ptrdiff_t i = 0; i < count; i++) {
            values[i] = (float)tw_rng_normal(rng, (double)mean, (double)standard_deviation);
        }
        return;
    }
    tw_rng_fill_uniform(rng, values, count, 0.0f, 1.0f);
    for (ptrdiff_t i = 0; i + GROUP <= count; i += GROUP) {
        transform_group(values + i, mean, standard_deviation);
    }
    if (count % GROUP != 0) {
        tw_rng_fill_uniform(rng, values + count - GROUP, GROUP, 0.0f, 1.0f);
        transform_group(values + count - GROUP, mean, standard_deviation);
    }
}

/* Fisher and Yates, from the front. The remainder favours small values by less than 5 %, which is where the
 * limit on count comes from. */
void tw_rng_permutation(struct tw_rng *rng, int64_t *order, ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        order[i] = i;
    }
    for (ptrdiff_t i = 0; i < count - 1; i++) {
        ptrdiff_t other = i + (ptrdiff_t)((int64_t)tw_rng_u32(rng) % (count - i));
        int64_t kept = order[i];

        order[i] = order[other];
        order[other] = kept;
    }
}

void tw_philox4x32(uint64_t key, uint64_t counter_low, uint64_t counter_high, uint32_t out[4])
{
    uint32_t key0 = (uint32_t)key, key1 = (uint32_t)(key >> 32);
    uint32_t word0 = (uint32_t)counter_low, word1 = (uint32_t)(counter_low >> 32);
    uint32_t word2 = (uint32_t)counter_high, word3 = (uint32_t)(counter_high >> 32);

    for (int round = 0; round < 10; round++) {
        uint64_t product0 = (uint64_t)0xd2511f53U * word0, product1 = (uint64_t)0xcd9e8d57U * word2;

        word0 = (uint32_t)(product1 >> 32) ^ word1 ^ key0;
        word1 = (uint32_t)product1;
        word2 = (uint32_t)(product0 >> 32) ^ word3 ^ key1;
        word3 = (uint32_t)product0;
        key0 += 0x9e3779b9U;
        key1 += 0xbb67ae85U;
    }
    out[0] = word0, out[1] = word1, out[2] = word2, out[3] = word3;
}
