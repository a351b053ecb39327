/* What the tests of the kernel families share: the variants to compare, buffers that end where memory ends,
 * inputs full of special values, and equality of bits. */
#ifndef TOWER_TESTS_KERNELS_KERNEL_TEST_H
#define TOWER_TESTS_KERNELS_KERNEL_TEST_H

#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "tests/support/test_support.h"

/* Unit roundoff of float. */
#define TW_UNIT_ROUNDOFF 0x1p-24

/* The tables this CPU can run beside the reference. */
struct variants {
    const struct tw_kernels *table[TW_ISA_COUNT];
    int count;
};

static inline struct variants variants_here(void)
{
    struct variants v = {.count = 0};

    for (int isa = TW_ISA_REFERENCE + 1; isa < TW_ISA_COUNT; isa++)
        if (tw_isa_available((enum tw_isa)isa)) {
            v.table[v.count] = tw_kernels_of((enum tw_isa)isa);
            assert_non_null(v.table[v.count]);
            v.count++;
        }
    if (v.count == 0)
        print_message("only the reference runs here: nothing to compare\n");
    return v;
}

/* --- buffers: each between a page without access and a canary, or misaligned (tests/support) ---------- */

#define TW_TEST_BUFFERS 24

struct buffers {
    struct tw_guard guard[TW_TEST_BUFFERS];
    int count;
};

static inline void *take_bytes(struct buffers *b, ptrdiff_t bytes)
{
    assert_in_range(b->count, 0, TW_TEST_BUFFERS - 1);
    b->guard[b->count] = tw_guard_page((size_t)bytes);
    return b->guard[b->count++].data;
}

/* `count` floats, all NaN. */
static inline float *take(struct buffers *b, ptrdiff_t count)
{
    assert_in_range(b->count, 0, TW_TEST_BUFFERS - 1);
    b->guard[b->count] = tw_guard_floats(count);
    return b->guard[b->count++].data;
}

static inline float *take_copy(struct buffers *b, const float *values, ptrdiff_t count)
{
    float *copy = take(b, count);

    if (count > 0)
        memcpy(copy, values, (size_t)count * sizeof *copy);
    return copy;
}

/* Fails if anything was written beside a buffer. */
static inline void release(struct buffers *b)
{
    while (b->count > 0)
        tw_guard_release(&b->guard[--b->count]);
}

/* --- inputs ------------------------------------------------------------------------------------------ */

static inline float float_of_bits(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t bits_of_float(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float special_value(ptrdiff_t which)
{
    static const float values[] = {0.0f,      -0.0f,    NAN,       -NAN,       INFINITY,
                                   -INFINITY, 1.0f,     -1.0f,     FLT_MAX,    -FLT_MAX,
                                   FLT_MIN,   -FLT_MIN, 0x1p-149f, -0x1p-149f, 0x1p-130f,
                                   88.7f,     -103.9f,  0x1p+24f,  -0x1p+24f,  0x1.fffffep-127f};

    return values[(size_t)which % (sizeof values / sizeof *values)];
}

/* Mostly numbers of one size, some of any size (any bit pattern), some special values. */
static inline void fill_any(struct tw_rng *rng, float *values, ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        const ptrdiff_t kind = tw_test_integer(rng, 0, 15);

        if (kind == 0)
            values[i] = special_value(tw_test_integer(rng, 0, 1000));
        else if (kind == 1)
            values[i] = float_of_bits(tw_rng_u32(rng));
        else
            values[i] = tw_rng_uniform_f32(rng, -2.0f, 2.0f);
    }
}

/* NaN or an infinity, then one of these, -0 and a subnormal number. */
static inline float telling_value(struct tw_rng *rng, bool first)
{
    static const float values[] = {NAN, INFINITY, -INFINITY, -0.0f, 0x1p-130f};

    return values[tw_test_integer(rng, 0, first ? 2 : 4)];
}

/* So many of them among values that stay as they are: few enough to tell what flows from them from what does not. */
static inline void strew(struct tw_rng *rng, float *values, ptrdiff_t count, ptrdiff_t specials)
{
    for (ptrdiff_t i = 0; i < specials && count > 0; i++)
        values[tw_test_integer(rng, 0, count - 1)] = telling_value(rng, i == 0);
}

static inline float *take_any(struct buffers *b, struct tw_rng *rng, ptrdiff_t count)
{
    float *values = take(b, count);

    fill_any(rng, values, count);
    return values;
}

static inline float *take_uniform(struct buffers *b, struct tw_rng *rng, ptrdiff_t count, float from,
                                  float to)
{
    float *values = take(b, count);

    tw_test_fill(rng, values, count, from, to);
    return values;
}

/* Lengths worth trying: all of 0 … 200, then some long ones. */
#define TW_TEST_LENGTHS 206
static inline ptrdiff_t test_length(ptrdiff_t which)
{
    static const ptrdiff_t longer[] = {255, 1000, 1024, 4099, 20011};

    return which <= 200 ? which : longer[which - 201];
}

/* --- equality ---------------------------------------------------------------------------------------- */

/* The same bits, or two NaNs: which NaN comes out is promised nowhere. */
static inline bool same_float(float a, float b)
{
    return bits_of_float(a) == bits_of_float(b) || (isnan(a) && isnan(b));
}

#define assert_same_floats(expected, actual, count, what) \
    check_same_floats(expected, actual, count, what, __FILE__, __LINE__)
static inline void check_same_floats(const float *expected, const float *actual, ptrdiff_t count,
                                     const char *what, const char *file, int line)
{
    for (ptrdiff_t i = 0; i < count; i++)
        if (!same_float(expected[i], actual[i])) {
            print_error("%s: element %td of %td: expected %a, got %a\n", what, i, count, (double)expected[i],
                        (double)actual[i]);
            _fail(file, line);
        }
}

#endif
