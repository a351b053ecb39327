/* Values that only pass through a stage: few samples of them exist at a time, whoever runs them, and nothing is seen of
 * it. */
#include <string.h>

#include "core/memory.h"
#include "layers/models/tower.h"
#include "tests/support/test_support.h"
#include "tests/support/trial.h"

enum { BATCH = 45, PARAMETERS = 421642 };

static uint8_t pixels[BATCH * TW_TRIAL_PIXELS];
static int32_t labels[BATCH];

/* Loss and parameters after two steps of `samples` samples, planned for `capacity`. */
static void train(int threads, ptrdiff_t capacity, ptrdiff_t samples, float *results)
{
    struct tw_rng rng;
    struct tw_parameter_list list;
    struct tw_trial trial;
    tw_module *tower;

    tw_rng_seed(&rng, 7);
    tower = tw_tower_new(&rng);
    trial =
        tw_trial_new(tower, &(struct tw_trial_options){.threads = threads, .level = 2, .batch = capacity});
    tw_trial_step(&trial, pixels, labels, samples);
    *results++ = tw_trial_step(&trial, pixels, labels, samples);
    assert_ok(tw_module_named_parameters(tower, &list));
    for (size_t i = 0; i < list.count; i++) {
        const struct tw_tensor *data = list.items[i].parameter->data;

        memcpy(results, data->data, tw_tensor_bytes(data));
        results += tw_tensor_count(data);
    }
    tw_parameter_list_release(&list);
    tw_trial_release(&trial);
    tw_module_release(tower);
}

/* The samples that a thread has under way depend on the capacity and on the samples of a run; the bits do not. */
static void results_do_not_depend_on_what_is_under_way(void **state)
{
    static const ptrdiff_t sizes[] = {1, 3, 4, 5, 17, 33, BATCH};
    static float expected[1 + PARAMETERS], actual[1 + PARAMETERS];

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        train(1, sizes[i], sizes[i], expected);
        for (int threads = 1; threads <= 5; threads += 2) {
            train(threads, BATCH, sizes[i], actual);
            assert_bits_equal_f32(expected, actual, 1 + PARAMETERS);
        }
    }
}

static int count(const char *text, const char *part)
{
    int found = 0;

    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part)) {
        found++;
    }
    return found;
}

/* conv2's pooled output on its way to plain layout; backward fc1's gradient on its way to blocked layout and conv2's
 * input gradient: 51 KiB a sample that a batch of any size has only a few of. */
static void a_batch_needs_less_memory(void **state)
{
    struct tw_rng rng;
    tw_module *tower;
    struct tw_trial few, many;
    double each;
    char *text;

    (void)state;
    tw_rng_seed(&rng, 7);
    tower = tw_tower_new(&rng);
    few = tw_trial_new(tower, &(struct tw_trial_options){.threads = 1, .level = 2, .batch = 64});
    many = tw_trial_new(tower, &(struct tw_trial_options){.threads = 1, .level = 2, .batch = 128});
    text = tw_plan_text(few.plan);
    assert_non_null(text);
    assert_int_equal(count(text, "passes by"), 2); /* of the three the last is no first output */
    each = (double)(tw_plan_facts(many.plan).memory_bytes - tw_plan_facts(few.plan).memory_bytes) / 64.0;
    /* conv1's output with its halo and both codes, x and its gradient in plain layout */
    assert_true(each >= 32 * 16 * 16 * 4 + 32 * 14 * 14 + 64 * 7 * 7 + 64 * 7 * 7 * 4);
    assert_true(each < 32 * 16 * 16 * 4 + 32 * 14 * 14 + 64 * 7 * 7 + 2 * 64 * 7 * 7 * 4 + 4096);
    tw_free(text);
    tw_trial_release(&few);
    tw_trial_release(&many);
    tw_module_release(tower);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_do_not_depend_on_what_is_under_way),
        cmocka_unit_test(a_batch_needs_less_memory),
    };

    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * i % 251);
    }
    for (int i = 0; i < BATCH; i++) {
        labels[i] = i * 7 % 10;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
