/* tower-train's options that change what is trained on, how, and what is told about it: recipes and what overrides them,
 * augmentation, validation, profiles, time and memory. */
#include <stdlib.h>
#include <string.h>

#include "tests/apps/apps_test.h"

#define HELD_BACK 30

/* The address sanitizer's own memory is several times the program's. */
#if defined(__SANITIZE_ADDRESS__)
#define TW_TEST_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TW_TEST_SANITIZED true
#endif
#endif
#if !defined(TW_TEST_SANITIZED)
#define TW_TEST_SANITIZED false
#endif

static bool has(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name) != NULL;
}

static cJSON *summary_of(const char *folder, const char *arguments)
{
    struct tw_program program =
        tw_program_run("cd %s && exec tower-train --json --quiet --data . %s", folder, arguments);
    cJSON *summary;

    tw_program_assert(&program, 0, "");
    summary = cJSON_Parse(program.out);
    assert_non_null(summary);
    tw_program_release(&program);
    return summary;
}

/* Whether two trainings end with the same weights. */
static bool same_weights(const char *folder, const char *arguments, const char *others)
{
    cJSON *one = summary_of(folder, arguments), *other = summary_of(folder, others);
    bool same = cJSON_Compare(item(one, "weights_sha256"), item(other, "weights_sha256"), true);

    cJSON_Delete(one);
    cJSON_Delete(other);
    return same;
}

/* --- recipes --------------------------------------------------------------------------------------------- */

#define FAST_SPELLED_OUT "--batch-size 128 --lr 3e-3 --schedule one-cycle --augment translate:1"

static void a_recipe_is_what_its_options_are(void **state)
{
    cJSON *fast = summary_of(*state, "--recipe fast"), *plain = summary_of(*state, "--epochs 1");

    assert_string_equal(item(fast, "recipe")->valuestring, "fast");
    assert_string_equal(item(plain, "recipe")->valuestring, "default");
    assert_true(number(fast, "epochs") == 3 && number(fast, "epoch") == 3);
    assert_true(number(fast, "batch_size") == 128 && number(plain, "batch_size") == 64);
    assert_string_equal(item(fast, "schedule")->valuestring, "one-cycle");
    assert_string_equal(item(fast, "augmentation")->valuestring, "translate:1");
    assert_string_equal(item(plain, "augmentation")->valuestring, "none");
    assert_true(same_weights(*state, "--recipe fast", "--epochs 3 " FAST_SPELLED_OUT));
    assert_true(same_weights(*state, "--recipe default --epochs 1", "--epochs 1"));
    cJSON_Delete(fast);
    cJSON_Delete(plain);
}

/* Each option counts, wherever it stands, and changes what it names alone. */
static void options_override_a_recipe(void **state)
{
    cJSON *before = summary_of(*state, "--epochs 1 --lr 2e-3 --recipe fast");
    cJSON *after = summary_of(*state, "--recipe fast --lr 2e-3 --epochs 1");

    assert_true(number(before, "learning_rate") == 2e-3 && number(before, "epochs") == 1);
    assert_true(number(before, "batch_size") == 128);
    assert_string_equal(item(before, "schedule")->valuestring, "one-cycle");
    assert_true(cJSON_Compare(item(before, "weights_sha256"), item(after, "weights_sha256"), true));
    assert_true(same_weights(*state, "--recipe fast --augment none --epochs 1",
                             "--epochs 1 --batch-size 128 --lr 3e-3 --schedule one-cycle"));
    assert_false(same_weights(*state, "--recipe fast --epochs 1", "--recipe fast --epochs 1 --lr 2e-3"));
    cJSON_Delete(before);
    cJSON_Delete(after);
}

/* --- augmentation ---------------------------------------------------------------------------------------- */

static void augmentation_moves_training_images_alone(void **state)
{
    cJSON *plain = summary_of(*state, "--epochs 0"),
          *moved = summary_of(*state, "--epochs 0 --augment translate:2");

    assert_false(same_weights(*state, "--epochs 1", "--epochs 1 --augment translate:2"));
    assert_false(
        same_weights(*state, "--epochs 1 --augment translate:1", "--epochs 1 --augment translate:2"));
    assert_true(same_weights(*state, "--epochs 2 --augment translate:2 --threads 1",
                             "--epochs 2 --augment translate:2 --threads 3"));
    assert_true(number(plain, "test_loss") == number(moved, "test_loss"));
    cJSON_Delete(plain);
    cJSON_Delete(moved);
}

/* --- validation ------------------------------------------------------------------------------------------ */

static void validation_holds_back_the_last_images(void **state)
{
    cJSON *summary = summary_of(*state, "--epochs 1 --validation 30");

    assert_true(number(summary, "train_images") == FEW_TRAIN_IMAGES - HELD_BACK);
    assert_true(number(summary, "validation_images") == HELD_BACK);
    assert_false(has(summary, "test_accuracy") || has(summary, "test_loss") || has(summary, "test_images"));
    assert_true(same_weights(*state, "--epochs 2 --validation 30", "--epochs 2 --limit 120"));
    cJSON_Delete(summary);
}

/* Other test labels change what is told of the test set, and nothing of what is held back. */
static void validation_never_looks_at_the_test_set(void **state)
{
    cJSON *validation[2], *test[2];
    size_t bytes;
    char *labels = tw_test_read_file(*state, "t10k-labels-idx1-ubyte", &bytes);

    for (int i = 0; i < 2; i++) {
        validation[i] = summary_of(*state, "--epochs 1 --validation 30");
        test[i] = summary_of(*state, "--epochs 1");
        memset(labels + 8, 9, bytes - 8);
        tw_test_write_file(*state, "t10k-labels-idx1-ubyte", labels, bytes);
    }
    assert_true(number(validation[0], "validation_loss") == number(validation[1], "validation_loss"));
    assert_true(number(validation[0], "validation_loss") != number(test[0], "test_loss"));
    assert_true(number(test[0], "test_loss") != number(test[1], "test_loss"));
    for (int i = 0; i < 2; i++) {
        cJSON_Delete(validation[i]);
        cJSON_Delete(test[i]);
    }
    free(labels);
}

static void validation_leaves_something_to_train_on(void **state)
{
    struct tw_program program = tw_program_run("cd %s && exec tower-train --data . --quiet --validation %d",
                                               (char *)*state, FEW_TRAIN_IMAGES);

    tw_program_assert(&program, 1, "--validation: 150 of 150 training images, none is left to train on");
    tw_program_release(&program);
}

/* --- profiles -------------------------------------------------------------------------------------------- */

/* A plan's runs and samples; times of the parts within those of the whole. A part is a mean rounded once: 1e-9 covers
 * thousands of them. */
static void check_plan(const cJSON *profile, double runs, double most_samples)
{
    const cJSON *stage, *node;
    double seconds = 0.0;

    assert_true(number(profile, "runs") == runs);
    assert_true(number(profile, "samples") >= 1 && number(profile, "samples") <= most_samples);
    cJSON_ArrayForEach(stage, item(profile, "stages"))
    {
        double busy = 0.0;

        cJSON_ArrayForEach(node, item(stage, "nodes"))
        {
            busy += number(node, "busy_seconds");
            assert_true(number(node, "units") >= 1 && strlen(item(node, "operation")->valuestring) > 0);
        }
        assert_true(busy <= number(stage, "busy_seconds") + 1e-9 &&
                    busy >= number(stage, "busy_seconds") - 1e-9);
        assert_true(number(stage, "longest_seconds") <= number(stage, "busy_seconds") + 1e-9);
        assert_true(number(stage, "threads") >= 1 && number(stage, "threads") <= 2);
        seconds += number(stage, "seconds");
    }
    assert_true(seconds > 0.0 && seconds <= number(profile, "seconds") + 1e-9);
}

static void profile_accounts_for_every_run(void **state)
{
    cJSON *summary = summary_of(*state, "--epochs 2 --batch-size 40 --threads 2 --profile");
    const cJSON *profile = item(summary, "profile"), *step = item(profile, "step");
    const double parts =
        number(step, "gather_seconds") + number(step, "run_seconds") + number(step, "optimizer_seconds");

    check_plan(item(profile, "training"), 8, 40); /* 150 images: 4 steps an epoch */
    check_plan(item(profile, "evaluation"), 2, FEW_TEST_IMAGES);
    assert_true(parts > 0.0 && parts <= number(step, "seconds"));
    assert_true(number(item(profile, "training"), "seconds") <= number(step, "run_seconds"));
    assert_true(number(step, "optimizer_bytes") == 7.0 * 4 * 421642); /* adam's streams */
    cJSON_Delete(summary);
}

static void profile_is_told_when_asked_for(void **state)
{
    struct tw_program with =
        tw_program_run("cd %s && exec tower-train --data . --epochs 1 --profile", (char *)*state);
    struct tw_program without =
        tw_program_run("cd %s && exec tower-train --data . --epochs 1", (char *)*state);
    cJSON *summary = summary_of(*state, "--epochs 1");

    tw_program_assert(&with, 0, "");
    tw_program_assert(&without, 0, "");
    assert_non_null(strstr(with.out, "Profile of training: 3 runs"));
    assert_non_null(strstr(with.out, "A training step, mean of 3"));
    assert_null(strstr(without.out, "Profile of"));
    assert_false(has(summary, "profile"));
    assert_true(same_weights(*state, "--epochs 1", "--epochs 1 --profile"));
    cJSON_Delete(summary);
    tw_program_release(&with);
    tw_program_release(&without);
}

/* --- time and memory ------------------------------------------------------------------------------------- */

/* As many images as MNIST has, all of them in memory; a batch of the usual size. */
static void training_takes_at_most_128_mebibytes(void **state)
{
    const double images = 70000.0 * 28 * 28;
    struct tw_program program;
    cJSON *summary;

    (void)state;
    if (TW_TEST_SANITIZED) {
        skip();
    }
    program =
        tw_program_run("exec tower-train --data synthetic --limit 256 --epochs 1 --threads 2 --json --quiet");
    tw_program_assert(&program, 0, "");
    summary = cJSON_Parse(program.out);
    assert_non_null(summary);
    assert_true(number(summary, "peak_resident_bytes") > images);
    assert_true(number(summary, "peak_resident_bytes") <= 128.0 * 1024 * 1024);
    assert_true(number(summary, "peak_memory_bytes") > images);
    cJSON_Delete(summary);
    tw_program_release(&program);
}

/* Two measures: what was asked for and not touched, as by an early interrupt, is resident nowhere. */
static void memory_asked_for_is_no_part_of_the_peak(void **state)
{
    struct tw_program told = tw_program_run("cd %s && exec tower-train --data . --epochs 0", (char *)*state);

    tw_program_assert(&told, 0, "");
    assert_non_null(strstr(told.out, "; peak memory "));
    assert_non_null(strstr(told.out, "MiB; data, model and plans "));
    assert_null(strstr(told.out, "of which"));
    tw_program_release(&told);
}

static void the_first_step_is_timed_from_the_start_of_the_process(void **state)
{
    cJSON *summary = summary_of(*state, "--epochs 1 --threads 1"), *none = summary_of(*state, "--epochs 0");
    struct tw_program delayed = tw_program_run(
        "cd %s && sleep 0.3 && exec tower-train --data . --epochs 1 --json --quiet", (char *)*state);
    struct tw_program told = tw_program_run("cd %s && exec tower-train --data . --epochs 1", (char *)*state);
    cJSON *late = cJSON_Parse(delayed.out);

    /* The process's age: exec keeps the process, so what its shell did before counts. A start is known to 0.01 s. */
    assert_true(number(summary, "first_step_seconds") > 0.0);
    assert_true(number(late, "first_step_seconds") >= 0.3);
    assert_true(cJSON_IsNull(item(none, "first_step_seconds")));
    assert_non_null(strstr(told.out, "the first step done "));
    cJSON_Delete(summary);
    cJSON_Delete(none);
    cJSON_Delete(late);
    tw_program_release(&delayed);
    tw_program_release(&told);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder_of_digits, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_recipe_is_what_its_options_are),
        TEST(options_override_a_recipe),
        TEST(augmentation_moves_training_images_alone),
        TEST(validation_holds_back_the_last_images),
        TEST(validation_never_looks_at_the_test_set),
        TEST(validation_leaves_something_to_train_on),
        TEST(profile_accounts_for_every_run),
        TEST(profile_is_told_when_asked_for),
        TEST(training_takes_at_most_128_mebibytes),
        TEST(memory_asked_for_is_no_part_of_the_peak),
        TEST(the_first_step_is_timed_from_the_start_of_the_process),
    };

    tw_program_use(TOWER_BIN_DIR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
