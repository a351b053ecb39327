/* What the tests of both algorithms named "direct rows" share, which AVX-512 alone has. */
#ifndef TOWER_TESTS_KERNELS_CONV_ROWS_CASES_H
#define TOWER_TESTS_KERNELS_CONV_ROWS_CASES_H

#include "tests/kernels/conv/conv_cases.h"

static inline void skip_without_avx512(void)
{
#if defined(__x86_64__)
    if (!tw_isa_available(TW_ISA_AVX512))
        skip();
#else
    skip();
#endif
}

/* Values that show where a sum leaves out what it should not, or the reverse. */
static inline void strew(struct tw_rng *rng, struct conv_data *data)
{
    static const float values[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1e38f};
    const int count = (int)(sizeof values / sizeof *values);

    for (int i = 0; i < count && data->x_count > 0; i++) {
        data->x[tw_test_integer(rng, 0, data->x_count - 1)] = values[i];
        data->dy[tw_test_integer(rng, 0, data->y_count - 1)] = values[tw_test_integer(rng, 0, count - 1)];
        data->w[tw_test_integer(rng, 0, data->w_count - 1)] = values[tw_test_integer(rng, 0, count - 1)];
    }
}

/* A shape that suits; `far`: maybe with kernel rows far outside the image, for which other algorithms want gigabytes. */
typedef struct tw_conv2d_shape random_rows_fn(struct tw_rng *rng, bool far);

/* The algorithm by itself against the reference; `special`: with such values. */
typedef void check_rows_fn(struct tw_rng *rng, const struct tw_conv2d_shape *shape, ptrdiff_t samples,
                           bool special);

static inline void check_random_rows(ptrdiff_t cases, random_rows_fn *random_rows, check_rows_fn *check_rows)
{
    struct tw_rng rng = tw_test_rng(1);

    skip_without_avx512();
    for (ptrdiff_t i = 0; i < cases; i++) {
        const struct tw_conv2d_shape shape = random_rows(&rng, true);

        check_rows(&rng, &shape, tw_test_integer(&rng, 0, 3), i % 2);
    }
}

/* The entry points, too, take it and have memory for it. */
static inline void check_entry_points(random_rows_fn *random_rows)
{
    const ptrdiff_t cases = tw_test_cases(20);
    const int available = conv_variants_to_compare();
    struct tw_rng rng = tw_test_rng(2);

    for (ptrdiff_t i = 0; i < cases; i++) {
        const struct tw_conv2d_shape shape = random_rows(&rng, false);

        assert_int_equal(check_shape(&rng, &shape, 1, NULL, 0), available);
    }
}

#endif
