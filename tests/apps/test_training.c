/* tower-train end to end on a small data set: outputs, round trips, determinism. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/apps/apps_test.h"

static const char *text(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    if (!cJSON_IsString(item))
        fail_msg("no text under \"%s\"", name);
    return item->valuestring;
}

/* Runs tower-train --json --quiet with `arguments` in `folder` and parses the summary, which must be all of
 * its standard output. */
static cJSON *summary_of(const char *folder, const char *arguments)
{
    struct tw_program program =
        tw_program_run("cd %s && exec tower-train --data . --json --quiet %s", folder, arguments);
    const char *end = NULL;
    cJSON *summary;

    tw_program_assert(&program, 0, "");
    assert_string_equal(program.error, "");
    summary = cJSON_ParseWithOpts(program.out, &end, false);
    if (!summary)
        fail_msg("no JSON: %s", program.out);
    assert_string_equal(end, "\n");
    tw_program_release(&program);
    return summary;
}

static void assert_digest(const cJSON *object, const char *expected)
{
    assert_int_equal(strlen(text(object, "weights_sha256")), 64);
    assert_string_equal(text(object, "weights_sha256"), expected);
}

static void summary_tells_what_was_done(void **state)
{
    cJSON *summary = summary_of(*state, "--epochs 2 --batch-size 40 --seed 18446744073709551615");

    assert_true(number(summary, "epoch") == 2);
    assert_true(number(summary, "parameters") == 421642);
    assert_true(number(summary, "train_images") == FEW_TRAIN_IMAGES);
    assert_true(number(summary, "test_images") == FEW_TEST_IMAGES);
    assert_true(number(summary, "batch_size") == 40);
    assert_true(number(summary, "test_accuracy") >= 0 && number(summary, "test_accuracy") <= 1);
    assert_true(number(summary, "images_per_second") > 0);
    assert_true(number(summary, "peak_memory_bytes") > 421642 * 4);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(summary, "interrupted")));
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(summary, "saved_to")));
    cJSON_Delete(summary);
}

static void log_has_one_object_per_epoch(void **state)
{
    cJSON *summary = summary_of(*state, "--epochs 3 --log log.jsonl");
    char *log = tw_test_read_file(*state, "log.jsonl", NULL), *rest = log, *line;
    double first_loss = 0, last_loss = 0;
    int epochs = 0;

    while ((line = strsep(&rest, "\n")) != NULL && line[0] != '\0') {
        cJSON *object = cJSON_ParseWithOpts(line, NULL, true);
        assert_non_null(object);
        assert_true(number(object, "epoch") == ++epochs);
        assert_true(number(object, "seconds") > 0 && number(object, "images_per_second") > 0);
        assert_true(number(object, "test_accuracy") <= 1);
        assert_true(isfinite(number(object, "test_loss")));
        last_loss = number(object, "train_loss");
        first_loss = epochs == 1 ? last_loss : first_loss;
        if (epochs == 3)
            assert_digest(object, text(summary, "weights_sha256"));
        cJSON_Delete(object);
    }
    assert_int_equal(epochs, 3);
    /* Three passes over the same images with Adam must have learnt something about them. */
    assert_true(last_loss < first_loss);
    free(log);
    cJSON_Delete(summary);
}

static void json_keeps_standard_output_for_itself(void **state)
{
    struct tw_program program = tw_program_run(
        "cd %s && exec tower-train --data . --json --epochs 1 --print-plan --print-model", (char *)*state);
    const char *end = NULL;
    cJSON *summary = cJSON_ParseWithOpts(program.out, &end, false);

    tw_program_assert(&program, 0, "421,642");
    tw_program_assert(&program, 0, "fc1.weight");
    tw_program_assert(&program, 0, "(128, 3136)");
    assert_non_null(summary);
    assert_string_equal(end, "\n");
    cJSON_Delete(summary);
    tw_program_release(&program);
}

/* Output that is no terminal gets no progress line, which is the only thing with a carriage return. */
static void no_progress_in_a_pipe(void **state)
{
    struct tw_program program =
        tw_program_run("cd %s && exec tower-train --data . --epochs 1", (char *)*state);

    tw_program_assert(&program, 0, "");
    assert_non_null(strstr(program.out, "421,642"));
    assert_null(strchr(program.out, '\r'));
    assert_null(strchr(program.out, '\033'));
    tw_program_release(&program);
}

static void weights_survive_saving_and_loading(void **state)
{
    cJSON *trained = summary_of(*state, "--epochs 1 --save weights.safetensors");
    cJSON *evaluated = summary_of(*state, "--load weights.safetensors --eval-only");
    cJSON *kept = summary_of(*state, "--load weights.safetensors --epochs 0 --save again.safetensors");
    size_t bytes, again_bytes;
    char *saved = tw_test_read_file(*state, "weights.safetensors", &bytes);
    char *again = tw_test_read_file(*state, "again.safetensors", &again_bytes);

    assert_string_equal(text(trained, "saved_to"), "weights.safetensors");
    assert_digest(evaluated, text(trained, "weights_sha256"));
    assert_digest(kept, text(trained, "weights_sha256"));
    assert_true(number(evaluated, "test_loss") == number(trained, "test_loss"));
    assert_true(number(evaluated, "test_accuracy") == number(trained, "test_accuracy"));
    assert_int_equal(bytes, again_bytes);
    assert_memory_equal(saved, again, bytes);
    free(saved);
    free(again);
    cJSON_Delete(trained);
    cJSON_Delete(evaluated);
    cJSON_Delete(kept);
}

/* Zero weights pass zeros forward and back: the last bias alone learns, one class is said of every image, and
 * the loss stays near that of knowing nothing. */
static void initial_weights_are_those_asked_for(void **state)
{
    cJSON *zeros = summary_of(*state, "--epochs 1 --init zeros");
    cJSON *constant = summary_of(*state, "--epochs 0 --init constant:0");
    cJSON *xavier = summary_of(*state, "--epochs 0 --init xavier-uniform");

    assert_string_equal(text(zeros, "init"), "zeros");
    assert_true(number(zeros, "test_accuracy") < 0.25);
    assert_true(fabs(number(zeros, "test_loss") - log(10)) < 0.05);
    assert_true(fabs(number(constant, "test_loss") - log(10)) < 1e-6);
    assert_true(fabs(number(xavier, "test_loss") - log(10)) > 1e-6);
    cJSON_Delete(zeros);
    cJSON_Delete(constant);
    cJSON_Delete(xavier);
}

/* The machine must not matter: threads, binding. The seed must. */
static void weights_depend_on_the_seed_alone(void **state)
{
    static const char *const same[] = {
        "--threads 1",
        "--threads 2 --bind compact",
        "--threads 3 --bind scatter",
        "--threads 5",
    };
    cJSON *first = summary_of(*state, "--epochs 1 --batch-size 37"), *other;
    char arguments[256];

    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        snprintf(arguments, sizeof arguments, "--epochs 1 --batch-size 37 %s", same[i]);
        other = summary_of(*state, arguments);
        assert_digest(other, text(first, "weights_sha256"));
        assert_true(number(other, "test_loss") == number(first, "test_loss"));
        cJSON_Delete(other);
    }
    other = summary_of(*state, "--epochs 1 --batch-size 37 --seed 2");
    assert_string_not_equal(text(other, "weights_sha256"), text(first, "weights_sha256"));
    cJSON_Delete(other);
    cJSON_Delete(first);
}

static void assert_same_weights(const char *folder, const char *one, const char *other)
{
    cJSON *first = summary_of(folder, one), *second = summary_of(folder, other);

    assert_digest(second, text(first, "weights_sha256"));
    cJSON_Delete(first);
    cJSON_Delete(second);
}

/* The reference kernels end at the same bits as the SIMD kernels at every level; level 2 sums in an order of
 * its own, 0 and 1 in the same one. */
static void weights_do_not_depend_on_the_kernels(void **state)
{
    tw_test_write_digits(*state, 7, 3); /* the reference takes its time */
    assert_same_weights(*state, "--epochs 1 --batch-size 4", "--epochs 1 --batch-size 4 --isa reference");
    assert_same_weights(*state, "--epochs 1 --batch-size 4 --plan 1",
                        "--epochs 1 --batch-size 4 --plan 1 --isa reference");
    assert_same_weights(*state, "--epochs 1 --batch-size 4 --plan 1", "--epochs 1 --batch-size 4 --plan 0");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder_of_digits, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(summary_tells_what_was_done),           TEST(log_has_one_object_per_epoch),
        TEST(json_keeps_standard_output_for_itself), TEST(no_progress_in_a_pipe),
        TEST(weights_survive_saving_and_loading),    TEST(initial_weights_are_those_asked_for),
        TEST(weights_depend_on_the_seed_alone),      TEST(weights_do_not_depend_on_the_kernels),
    };

    tw_program_use(TOWER_BIN_DIR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
