/* The weights after some steps are the same bits for any team, binding and instruction set, and at plan
 * levels 0 and 1; level 2, which sums convolutions in another order, has bits of its own. */
#include "core/cpu.h"
#include "core/memory.h"
#include "layers/models/tower.h"
#include "layers/module/state_dict.h"
#include "tests/support/test_support.h"
#include "tests/support/trial.h"

/* Odd on purpose: no share of any team is even, gradient slots have 1 or 2 samples; the second batch is
 * smaller than the slots are many. */
#define BATCH 19
#define COUNT (BATCH + 7)

static struct tw_dataset digits;

static void train(const struct tw_trial_options *options, char hash[TW_SHA256_TEXT_BYTES])
{
    struct tw_trial_options complete = *options;
    struct tw_trial trial;
    struct tw_rng rng;
    tw_module *tower;

    complete.batch = BATCH;
    tw_rng_seed(&rng, 1);
    tower = tw_tower_new(&rng);
    trial = tw_trial_new(tower, &complete);
    for (ptrdiff_t begin = 0; begin < COUNT; begin += BATCH)
        tw_trial_step(&trial, (const uint8_t *)digits.images->data + begin * TW_TRIAL_PIXELS,
                      (const int32_t *)digits.labels->data + begin,
                      COUNT - begin < BATCH ? COUNT - begin : BATCH);
    tw_trial_release(&trial);
    assert_ok(tw_module_sha256(tower, hash));
    tw_module_release(tower);
}

static void assert_same(const char *expected, const struct tw_trial_options *options)
{
    char found[TW_SHA256_TEXT_BYTES];

    train(options, found);
    assert_string_equal(found, expected);
}

static void test_threads(void **state)
{
    static const int threads[] = {1, 2, 3, 5, 16};
    char expected[TW_SHA256_TEXT_BYTES];

    (void)state;
    for (int level = 1; level < TW_PLAN_LEVELS; level++) {
        train(&(struct tw_trial_options){.threads = 1, .level = level}, expected);
        for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
            assert_same(expected, &(struct tw_trial_options){.threads = threads[i], .level = level});
    }
}

static void test_bindings(void **state)
{
    char expected[TW_SHA256_TEXT_BYTES];

    (void)state;
    for (int level = 1; level < TW_PLAN_LEVELS; level++) {
        train(&(struct tw_trial_options){.threads = 2, .bind = TW_BIND_NONE, .level = level}, expected);
        assert_same(expected,
                    &(struct tw_trial_options){.threads = 2, .bind = TW_BIND_COMPACT, .level = level});
        assert_same(expected,
                    &(struct tw_trial_options){.threads = 2, .bind = TW_BIND_SCATTER, .level = level});
    }
}

/* `expected` with the kernels of every instruction set. */
static void check_instruction_sets(const char *expected, int level)
{
    int compared = 0;

    for (int isa = TW_ISA_REFERENCE; isa < TW_ISA_COUNT; isa++) {
        if (!tw_isa_available((enum tw_isa)isa))
            continue;
        assert_same(expected, &(struct tw_trial_options){
                                  .threads = 2, .level = level, .kernels = tw_kernels_of((enum tw_isa)isa)});
        print_message("same weights at level %d with %s\n", level, tw_isa_name((enum tw_isa)isa));
        compared++;
    }
    assert_true(compared > 0);
}

static void test_levels_0_and_1(void **state)
{
    char expected[TW_SHA256_TEXT_BYTES];

    (void)state;
    train(&(struct tw_trial_options){.threads = 2, .level = 0}, expected);
    check_instruction_sets(expected, 1);
}

static void test_level_2(void **state)
{
    char expected[TW_SHA256_TEXT_BYTES];

    (void)state;
    train(&(struct tw_trial_options){.threads = 1, .level = 2}, expected);
    check_instruction_sets(expected, 2);
}

/* What the other tests compare must depend on what was trained. */
static void test_hash_tells_runs_apart(void **state)
{
    char one[TW_SHA256_TEXT_BYTES], other[TW_SHA256_TEXT_BYTES];

    (void)state;
    for (int level = 1; level < TW_PLAN_LEVELS; level++) {
        train(&(struct tw_trial_options){.level = level}, one);
        train(&(struct tw_trial_options){.level = level, .learning_rate = 1.001e-3}, other);
        assert_string_not_equal(one, other);
    }
}

static void check_no_allocation(int level)
{
    struct tw_trial trial;
    struct tw_rng rng;
    tw_module *tower;
    uint64_t calls;

    tw_rng_seed(&rng, 1);
    tower = tw_tower_new(&rng);
    trial = tw_trial_new(tower, &(struct tw_trial_options){.threads = 2, .level = level, .batch = BATCH});
    calls = tw_memory_usage().calls;
    for (int i = 0; i < 3; i++)
        tw_trial_step(&trial, digits.images->data, digits.labels->data, BATCH);
    assert_int_equal(tw_memory_usage().calls, calls);
    tw_trial_release(&trial);
    tw_module_release(tower);
}

static void test_steps_allocate_nothing(void **state)
{
    (void)state;
    for (int level = 1; level < TW_PLAN_LEVELS; level++)
        check_no_allocation(level);
}

static int make_digits(void **state)
{
    (void)state;
    return tw_dataset_synthetic(COUNT, TW_SUBSET_TRAIN, 1, &digits) == TW_OK ? 0 : -1;
}

static int release_digits(void **state)
{
    (void)state;
    tw_dataset_release(&digits);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_bindings),
        cmocka_unit_test(test_levels_0_and_1),
        cmocka_unit_test(test_level_2),
        cmocka_unit_test(test_hash_tells_runs_apart),
        cmocka_unit_test(test_steps_allocate_nothing),
    };

    return cmocka_run_group_tests(tests, make_digits, release_digits);
}
