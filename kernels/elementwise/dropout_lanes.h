/* Dropout in lanes; included by elementwise_<isa>.c after the ISA's words header.
 *
 * Philox4x32 keeps a counter in four words c0 … c3, and those words, in that order, are the random words of
 * four consecutive elements. So four counters lie side by side in the sixteen words, and a round is, in each
 * group of four,
 *
 *   products         p = c0 * M0 in words 0, 1 (low, high),  q = c2 * M1 in words 2, 3
 *   reversed         q.high   q.low   p.high   p.low
 *   xor              c1 ^ k0    0     c3 ^ k1    0
 *   next counter     c0       c1      c2       c3
 *
 * and the result comes out in element order. Constants: core/rng.h's source.
 */
#ifndef TOWER_KERNELS_ELEMENTWISE_DROPOUT_LANES_H
#define TOWER_KERNELS_ELEMENTWISE_DROPOUT_LANES_H

#include "core/rng.h"
#include "kernels/elementwise/elementwise.h"

/* The random words of the 16 elements from 4 * counter on. */
static inline struct tw_words philox_words(uint64_t key, uint64_t counter)
{
    const struct tw_words multipliers = tw_words_set4(0xd2511f53u, 0, 0xcd9e8d57u, 0);
    const struct tw_words key_step = tw_words_set4(0x9e3779b9u, 0, 0xbb67ae85u, 0);
    struct tw_words round_key = tw_words_set4((uint32_t)key, 0, (uint32_t)(key >> 32), 0);
    struct tw_words state = tw_words_counters(counter);

    for (int round = 0; round < 10; round++) {
        const struct tw_words products = tw_words_multiply_even(state, multipliers);
        const struct tw_words mixed = tw_words_xor(tw_words_odd_to_even(state), round_key);

        state = tw_words_xor(tw_words_reverse4(products), mixed);
        round_key = tw_words_add(round_key, key_step);
    }
    return state;
}

void TW_VARIANT(tw_f32_dropout)(ptrdiff_t count, ptrdiff_t first, uint64_t key, uint32_t threshold,
                                float scale, const float *x, float *y)
{
    const struct tw_words thresholds = tw_words_set(threshold);
    const struct tw_lanes scales = tw_lanes_set(scale);
    ptrdiff_t i = 0;

    /* Up to three elements whose counter began before them. */
    if (first % 4 != 0) {
        uint32_t word[4];

        tw_philox4x32(key, (uint64_t)first / 4, 0, word);
        for (; i < count && (first + i) % 4 != 0; i++) {
            y[i] = word[(first + i) % 4] >= threshold ? x[i] * scale : 0.0f;
        }
        if (i == count) {
            return;
        }
    }
    for (; count - i >= TW_LANES; i += TW_LANES) {
        const struct tw_words words = philox_words(key, (uint64_t)(first + i) / 4);
        const struct tw_lanes scaled = tw_lanes_mul(tw_lanes_load(x + i), scales);

        tw_lanes_store(y + i, tw_lanes_keep(tw_words_at_least(words, thresholds), scaled));
    }
    if (i < count) {
        const int rest = (int)(count - i);
        const struct tw_words words = philox_words(key, (uint64_t)(first + i) / 4);
        const struct tw_lanes scaled = tw_lanes_mul(tw_lanes_load_part(x + i, rest), scales);

        tw_lanes_store_part(y + i, rest, tw_lanes_keep(tw_words_at_least(words, thresholds), scaled));
    }
}

#endif
