/* The loops of peak.h, written once in terms of a vector: the file that includes this defines
 *   VECTOR, LANES, ZERO(), LOAD(pointer), STORE(pointer, v), ADD(a, b)
 * and gets a static function for each loop.
 */
#include "benchmarks/peak.h"

/* Eight sums: two loads a cycle, each with an addition that takes three or four. */
static void load_pass(float *const *arrays, ptrdiff_t count)
{
    const float *x = arrays[0];
    VECTOR s0 = ZERO(), s1 = ZERO(), s2 = ZERO(), s3 = ZERO(), s4 = ZERO(), s5 = ZERO(), s6 = ZERO(),
           s7 = ZERO();
    volatile float sink;
    float sums[LANES];

    for (ptrdiff_t i = 0; i < count; i += 8 * LANES) {
        s0 = ADD(s0, LOAD(x + i));
        s1 = ADD(s1, LOAD(x + i + LANES));
        s2 = ADD(s2, LOAD(x + i + 2 * LANES));
        s3 = ADD(s3, LOAD(x + i + 3 * LANES));
        s4 = ADD(s4, LOAD(x + i + 4 * LANES));
        s5 = ADD(s5, LOAD(x + i + 5 * LANES));
        s6 = ADD(s6, LOAD(x + i + 6 * LANES));
        s7 = ADD(s7, LOAD(x + i + 7 * LANES));
    }
    s0 = ADD(ADD(ADD(s0, s1), ADD(s2, s3)), ADD(ADD(s4, s5), ADD(s6, s7)));
    STORE(sums, s0);
    sink = sums[0];
    (void)sink;
}

static void store_pass(float *const *arrays, ptrdiff_t count)
{
    const VECTOR zero = ZERO();

    for (ptrdiff_t i = 0; i < count; i += 4 * LANES) {
        STORE(arrays[0] + i, zero);
        STORE(arrays[0] + i + LANES, zero);
        STORE(arrays[0] + i + 2 * LANES, zero);
        STORE(arrays[0] + i + 3 * LANES, zero);
    }
}

static void copy_pass(float *const *arrays, ptrdiff_t count)
{
    const float *x = arrays[0];
    float *y = arrays[1];

    for (ptrdiff_t i = 0; i < count; i += 2 * LANES) {
        STORE(y + i, LOAD(x + i));
        STORE(y + i + LANES, LOAD(x + i + LANES));
    }
}

static void merge_pass(float *const *arrays, ptrdiff_t count)
{
    const float *a = arrays[0], *b = arrays[1];
    float *y = arrays[2];

    for (ptrdiff_t i = 0; i < count; i += 2 * LANES) {
        STORE(y + i, ADD(LOAD(a + i), LOAD(b + i)));
        STORE(y + i + LANES, ADD(LOAD(a + i + LANES), LOAD(b + i + LANES)));
    }
}

static void momentum_pass(float *const *arrays, ptrdiff_t count)
{
    const float *gradient = arrays[0];
    float *a = arrays[1], *b = arrays[2];

    for (ptrdiff_t i = 0; i < count; i += LANES) {
        const VECTOR g = LOAD(gradient + i);

        STORE(a + i, ADD(g, LOAD(a + i)));
        STORE(b + i, ADD(g, LOAD(b + i)));
    }
}

static void adam_pass(float *const *arrays, ptrdiff_t count)
{
    const float *gradient = arrays[0];
    float *a = arrays[1], *b = arrays[2], *c = arrays[3];

    for (ptrdiff_t i = 0; i < count; i += LANES) {
        const VECTOR g = LOAD(gradient + i);

        STORE(a + i, ADD(g, LOAD(a + i)));
        STORE(b + i, ADD(g, LOAD(b + i)));
        STORE(c + i, ADD(g, LOAD(c + i)));
    }
}

#define PEAK_LOOPS                                 \
    {                                              \
        .pass = {                                  \
            [TW_TRAFFIC_LOAD] = load_pass,         \
            [TW_TRAFFIC_STORE] = store_pass,       \
            [TW_TRAFFIC_COPY] = copy_pass,         \
            [TW_TRAFFIC_MERGE] = merge_pass,       \
            [TW_TRAFFIC_MOMENTUM] = momentum_pass, \
            [TW_TRAFFIC_ADAM] = adam_pass          \
        }                                          \
    }
