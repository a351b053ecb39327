#include <math.h>

#include "core/memory.h"
#include "core/rng.h"
#include "tests/support/test_support.h"

/* Recorded by tests/golden/record_rng.py. */

static void compare_words(const char *name, uint64_t seed)
{
    struct tw_tensor *recorded = tw_test_load_npy(name);
    const int64_t *expected = recorded->data;
    struct tw_rng rng;

    tw_rng_seed(&rng, seed);
    for (ptrdiff_t i = 0; i < tw_tensor_count(recorded); i++)
        assert_int_equal(tw_rng_u32(&rng) % UINT32_MAX, expected[i]);
    tw_tensor_release(recorded);
}

static void words_match_pytorch(void **state)
{
    (void)state;
    compare_words("rng/words_seed_42.npy", 42);
    compare_words("rng/words_seed_2p32_plus_7.npy", (1ULL << 32) + 7);
    compare_words("rng/words_seed_2p32_plus_7.npy", 7); /* only 32 bits of the seed count */
}

/* The first output for the reference implementation's default seed (mt19937ar.c; also C++'s std::mt19937,
 * whose 10000th output is fixed by the C++ standard, [rand.predef]). */
static void words_match_the_reference_implementation(void **state)
{
    struct tw_rng rng;

    (void)state;
    tw_rng_seed(&rng, 5489);
    assert_int_equal(tw_rng_u32(&rng), 3499211612U);
    for (int i = 1; i < 9999; i++)
        tw_rng_u32(&rng);
    assert_int_equal(tw_rng_u32(&rng), 4123659995U);
}

static void long_words_match_pytorch(void **state)
{
    struct tw_tensor *recorded = tw_test_load_npy("rng/long_words.npy");
    const int64_t *expected = recorded->data;
    struct tw_rng rng;

    (void)state;
    tw_rng_seed(&rng, 1);
    for (ptrdiff_t i = 0; i < tw_tensor_count(recorded); i++)
        assert_int_equal(tw_rng_u64(&rng) & INT64_MAX, expected[i]);
    tw_tensor_release(recorded);
}

static void compare_uniform(const char *name, uint64_t seed, double from, double to)
{
    struct tw_tensor *recorded = tw_test_load_npy(name);
    ptrdiff_t count = tw_tensor_count(recorded);
    float *actual = tw_alloc_array((size_t)count, sizeof *actual);
    struct tw_rng rng;

    tw_rng_seed(&rng, seed);
    tw_rng_fill_uniform(&rng, actual, count, (float)from, (float)to);
    assert_bits_equal_f32(recorded->data, actual, count);
    tw_free(actual);
    tw_tensor_release(recorded);
}

static void uniform_floats_match_pytorch(void **state)
{
    (void)state;
    compare_uniform("rng/uniform_0_1.npy", 42, 0, 1);
    compare_uniform("rng/uniform_fan_in_25.npy", 43, -0.2, 0.2);
    compare_uniform("rng/uniform_fan_in_3136.npy", 44, -1.0 / 56, 1.0 / 56);
    compare_uniform("rng/uniform_3_1000.npy", 45, 3, 1000);
}

static void uniform_doubles_match_pytorch(void **state)
{
    struct tw_tensor *recorded = tw_test_load_npy("rng/uniform_double.npy");
    const double *expected = recorded->data;
    struct tw_rng rng;

    (void)state;
    tw_rng_seed(&rng, 46);
    for (ptrdiff_t i = 0; i < tw_tensor_count(recorded); i++)
        assert_memory_equal(&expected[i], &(double){tw_rng_uniform_f64(&rng)}, sizeof(double));
    tw_tensor_release(recorded);
}

/* Below 16 values the arithmetic is in double on both sides; only libm's last place may differ, which is not
 * seen after rounding to float but for ties. */
static void few_normals_match_pytorch(void **state)
{
    struct tw_tensor *recorded = tw_test_load_npy("rng/normal_7_then_8.npy");
    float actual[15];
    struct tw_rng rng;

    (void)state;
    tw_rng_seed(&rng, 50);
    tw_rng_fill_normal(&rng, actual, 7, 0, 1);
    tw_rng_fill_normal(&rng, actual + 7, 8, 2, 0.5f);
    assert_in_range(tw_test_max_ulp(recorded->data, actual, 15), 0, 1);
    tw_tensor_release(recorded);
}

static void double_normals_match_pytorch(void **state)
{
    struct tw_tensor *recorded = tw_test_load_npy("rng/normal_double.npy");
    const double *expected = recorded->data;
    struct tw_rng rng;

    (void)state;
    tw_rng_seed(&rng, 60);
    for (ptrdiff_t i = 0; i < tw_tensor_count(recorded); i++)
        assert_true(fabs(tw_rng_normal(&rng, 1, 3) - expected[i]) <=
                    4 * 0x1p-52 * (1 + fabs(expected[i] - 1)));
    tw_tensor_release(recorded);
}

/* Box-Muller multiplies a radius r <= sqrt(-2 ln 2^-24) < 5.8 with the sine or cosine of an angle a < 2 pi.
 * In units of e = 2^-24 (half an ulp of 1), the two sides may differ by a rounding of a (at most 8e / 2, for
 * the constant and the product on each side: 8 e), by 2 ulp = 4 e in each sine or cosine (8 e together), and
 * by 2 ulp in the logarithm, halved by the root, and the products: 4 e. In all 20 e r, with r < 5.8. */
static void compare_normals(const char *name, ptrdiff_t count)
{
    struct tw_tensor *recorded = tw_test_load_npy(name);
    float actual[100];
    struct tw_rng rng;

    assert_int_equal(tw_tensor_count(recorded), count);
    tw_rng_seed(&rng, 50 + (uint64_t)count);
    tw_rng_fill_normal(&rng, actual, count, 0, 1);
    print_message("%td normals: at most %u ulp apart\n", count,
                  (unsigned)tw_test_max_ulp(recorded->data, actual, count));
    assert_close_f32(recorded->data, actual, count, 20 * 0x1p-24 * 5.8, 0);
    tw_tensor_release(recorded);
}

static void many_normals_match_pytorch(void **state)
{
    (void)state;
    compare_normals("rng/normal_16.npy", 16);
    compare_normals("rng/normal_17.npy", 17);
    compare_normals("rng/normal_100.npy", 100);
}

static void permutations_match_pytorch(void **state)
{
    static const struct {
        const char *name;
        ptrdiff_t count;
    } cases[] = {{"rng/permutation_0.npy", 0},
                 {"rng/permutation_1.npy", 1},
                 {"rng/permutation_2.npy", 2},
                 {"rng/permutation_1000.npy", 1000}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tw_tensor *recorded = tw_test_load_npy(cases[i].name);
        int64_t order[1000];
        struct tw_rng rng;

        assert_int_equal(tw_tensor_count(recorded), cases[i].count);
        tw_rng_seed(&rng, 70);
        tw_rng_permutation(&rng, order, cases[i].count);
        assert_memory_equal(recorded->data, order, tw_tensor_bytes(recorded));
        tw_tensor_release(recorded);
    }
}

static void the_training_sets_permutation_matches_pytorch(void **state)
{
    struct tw_tensor *recorded = tw_test_load_npy("rng/permutation_60000.npy");
    const int64_t *expected = recorded->data;
    int64_t *order = tw_alloc_array(60000, sizeof *order), checksum = 0;
    struct tw_rng rng;

    (void)state;
    tw_rng_seed(&rng, 71);
    tw_rng_permutation(&rng, order, 60000);
    for (int64_t i = 0; i < 60000; i++)
        checksum += (i + 1) * order[i];
    assert_memory_equal(expected, order, 100 * sizeof *order);
    assert_memory_equal(expected + 100, order + 60000 - 100, 100 * sizeof *order);
    assert_int_equal(checksum, expected[200]);
    assert_int_equal(tw_rng_u32(&rng) % UINT32_MAX, expected[201]);
    tw_free(order);
    tw_tensor_release(recorded);
}

static void seeding_drops_the_waiting_normal(void **state)
{
    struct tw_rng rng;
    double first;

    (void)state;
    tw_rng_seed(&rng, 9);
    first = tw_rng_normal(&rng, 0, 1);
    assert_true(rng.has_normal);
    tw_rng_seed(&rng, 9);
    assert_true(tw_rng_normal(&rng, 0, 1) == first);
}

/* kat_vectors of the Random123 distribution, philox4x32 with 10 rounds. */
static void philox_gives_the_known_answers(void **state)
{
    static const struct {
        uint64_t key, low, high;
        uint32_t answer[4];
    } known[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822,
         0x85a308d3243f6a88,
         0x0370734413198a2e,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t out[4];

        tw_philox4x32(known[i].key, known[i].low, known[i].high, out);
        assert_memory_equal(known[i].answer, out, sizeof out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_match_pytorch),
        cmocka_unit_test(words_match_the_reference_implementation),
        cmocka_unit_test(long_words_match_pytorch),
        cmocka_unit_test(uniform_floats_match_pytorch),
        cmocka_unit_test(uniform_doubles_match_pytorch),
        cmocka_unit_test(few_normals_match_pytorch),
        cmocka_unit_test(double_normals_match_pytorch),
        cmocka_unit_test(many_normals_match_pytorch),
        cmocka_unit_test(permutations_match_pytorch),
        cmocka_unit_test(the_training_sets_permutation_matches_pytorch),
        cmocka_unit_test(seeding_drops_the_waiting_normal),
        cmocka_unit_test(philox_gives_the_known_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
