/* The loops of peak.h, written once in terms of a vector: the file that includes this defines
 *   VECTOR, LANES, ZERO(), LOAD(pointer), STORE(pointer, v), ADD(a, b)
 * and gets a static function for each loop.
 *
 * Loops that write come in three ways, of 1, 2 and 4 vectors at a time, all of which are read before any is written: which is
 * the fastest differs by level of the caches, and a load right behind a store to an address that looks alike (its last 12
 * bits) waits for it. A fourth way, where there is one, is the C library's, which passes the caches by where arrays are too
 * large for them.
 */
#include <string.h>

#include "benchmarks/peak.h"
#include "kernels/simd/unroll.h"

/* Eight sums: two loads a cycle, each with an addition that takes three or four. */
static void load_pass(float *const *arrays, ptrdiff_t count)
{
    const float *x = arrays[0];
    VECTOR sum[8];
    volatile float sink;
    float sums[LANES];

    TW_UNROLL
    for (int v = 0; v < 8; v++)
        sum[v] = ZERO();
    for (ptrdiff_t i = 0; i < count; i += 8 * LANES) {
        TW_UNROLL
        for (int v = 0; v < 8; v++)
            sum[v] = ADD(sum[v], LOAD(x + i + v * LANES));
    }
    TW_UNROLL
    for (int v = 1; v < 8; v++)
        sum[0] = ADD(sum[0], sum[v]);
    STORE(sums, sum[0]);
    sink = sums[0];
    (void)sink;
}

/* Arrays a and b are read, those behind them read and written (`updated` of them) or written; NULL: none of that kind. */
TW_IN_PLACE void pass(const float *a, const float *b, float *const *updated, int updates, float *written,
                      int vectors, ptrdiff_t count)
{
    float *first = updates > 0 ? updated[0] : NULL, *second = updates > 1 ? updated[1] : NULL,
          *third = updates > 2 ? updated[2] : NULL;

    for (ptrdiff_t i = 0; i < count; i += vectors * LANES) {
        VECTOR sum[4], one[4], two[4], three[4];

        TW_UNROLL
        for (int v = 0; v < vectors; v++) {
            sum[v] = a ? LOAD(a + i + v * LANES) : ZERO();
            sum[v] = b ? ADD(sum[v], LOAD(b + i + v * LANES)) : sum[v];
            one[v] = first ? ADD(sum[v], LOAD(first + i + v * LANES)) : sum[v];
            two[v] = second ? ADD(sum[v], LOAD(second + i + v * LANES)) : sum[v];
            three[v] = third ? ADD(sum[v], LOAD(third + i + v * LANES)) : sum[v];
        }
        TW_UNROLL
        for (int v = 0; v < vectors; v++) {
            if (first)
                STORE(first + i + v * LANES, one[v]);
            if (second)
                STORE(second + i + v * LANES, two[v]);
            if (third)
                STORE(third + i + v * LANES, three[v]);
            if (written)
                STORE(written + i + v * LANES, sum[v]);
        }
    }
}

/* The three ways of a loop. */
#define WAYS(name, a, b, updated, updates, written)                \
    static void name##_by_1(float *const *arrays, ptrdiff_t count) \
    {                                                              \
        pass(a, b, updated, updates, written, 1, count);           \
    }                                                              \
    static void name##_by_2(float *const *arrays, ptrdiff_t count) \
    {                                                              \
        pass(a, b, updated, updates, written, 2, count);           \
    }                                                              \
    static void name##_by_4(float *const *arrays, ptrdiff_t count) \
    {                                                              \
        pass(a, b, updated, updates, written, 4, count);           \
    }

WAYS(store, NULL, NULL, NULL, 0, arrays[0])
WAYS(copy, arrays[0], NULL, NULL, 0, arrays[1])
WAYS(merge, arrays[0], arrays[1], NULL, 0, arrays[2])
WAYS(momentum, arrays[0], NULL, arrays + 1, 2, NULL)
WAYS(adam, arrays[0], NULL, arrays + 1, 3, NULL)

static void store_by_library(float *const *arrays, ptrdiff_t count)
{
    memset(arrays[0], 0, (size_t)count * sizeof(float));
}

static void copy_by_library(float *const *arrays, ptrdiff_t count)
{
    memcpy(arrays[1], arrays[0], (size_t)count * sizeof(float));
}

#define BY_1_2_4(name) name##_by_1, name##_by_2, name##_by_4
#define PEAK_LOOPS                                                    \
    {                                                                 \
        .pass = {                                                     \
            [TW_TRAFFIC_LOAD] = {load_pass},                          \
            [TW_TRAFFIC_STORE] = {BY_1_2_4(store), store_by_library}, \
            [TW_TRAFFIC_COPY] = {BY_1_2_4(copy), copy_by_library},    \
            [TW_TRAFFIC_MERGE] = {BY_1_2_4(merge)},                   \
            [TW_TRAFFIC_MOMENTUM] = {BY_1_2_4(momentum)},             \
            [TW_TRAFFIC_ADAM] = {BY_1_2_4(adam)}                      \
        }                                                             \
    }
