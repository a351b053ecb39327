/* tower-predict: the same answers as tower-train's evaluation, however the work is cut; bad files refused. */
#include <stdlib.h>
#include <string.h>

#include "tests/apps/apps_test.h"

#define TRAIN_IMAGES 300
#define TEST_IMAGES  61

/* A folder with digits, labels and the weights of a short training. */
static int make_folder(void **state)
{
    char *folder = tw_test_temporary_folder();
    struct tw_program program;

    tw_test_write_file(folder, "data/README", "digits", 6);
    program = tw_program_run("mkdir -p %s/data", folder);
    tw_program_release(&program);
    char data[4096];
    snprintf(data, sizeof data, "%s/data", folder);
    tw_test_write_digits(data, TRAIN_IMAGES, TEST_IMAGES);
    program = tw_program_run("cd %s && gzip -k data/t10k-images-idx3-ubyte && "
                             "exec tower-train --data data --quiet --epochs 2 --save weights",
                             folder);
    tw_program_assert(&program, 0, "");
    tw_program_release(&program);
    *state = folder;
    return 0;
}

/* The JSON that `command`, run in `folder`, prints on standard output and nothing else. */
static cJSON *json_of(const char *folder, const char *command)
{
    struct tw_program program = tw_program_run("cd %s && exec %s", folder, command);
    const char *end = NULL;
    cJSON *object;

    tw_program_assert(&program, 0, "");
    object = cJSON_ParseWithOpts(program.out, &end, false);
    assert_non_null(object);
    assert_string_equal(end, "\n");
    tw_program_release(&program);
    return object;
}

#define PREDICT "tower-predict --load weights --json data/t10k-images-idx3-ubyte"
#define LABELS  " --labels data/t10k-labels-idx1-ubyte"

static void accuracy_is_that_of_evaluation(void **state)
{
    cJSON *ours = json_of(*state, PREDICT LABELS);
    cJSON *evaluated = json_of(*state, "tower-train --data data --eval-only --load weights --quiet --json");
    const cJSON *row;
    double sum = 0.0, diagonal = 0.0;
    int r = 0;

    assert_true(item(ours, "accuracy")->valuedouble == item(evaluated, "test_accuracy")->valuedouble);
    cJSON_ArrayForEach(row, item(ours, "confusion"))
    {
        const cJSON *count;
        int c = 0;

        cJSON_ArrayForEach(count, row)
        {
            sum += count->valuedouble;
            diagonal += c++ == r ? count->valuedouble : 0.0;
        }
        r++;
    }
    assert_true(sum == TEST_IMAGES);
    assert_true(diagonal == item(ours, "correct")->valuedouble);
    cJSON_Delete(ours);
    cJSON_Delete(evaluated);
}

/* Digits and every probability, to the last bit. */
static void assert_same_predictions(const cJSON *expected, const cJSON *actual)
{
    assert_true(cJSON_Compare(item(expected, "digits"), item(actual, "digits"), true));
    assert_true(cJSON_Compare(item(expected, "probabilities"), item(actual, "probabilities"), true));
}

static void cutting_the_work_changes_nothing(void **state)
{
    static const char *const ways[] = {PREDICT " --batch-size 1 --threads 1",
                                       PREDICT " --batch-size 7 --threads 3", PREDICT " --batch-size 1000",
                                       PREDICT " --isa reference", PREDICT ".gz --batch-size 3 --threads 2"};
    cJSON *expected = json_of(*state, PREDICT);

    assert_int_equal(cJSON_GetArraySize(item(expected, "digits")), TEST_IMAGES);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        cJSON *actual = json_of(*state, ways[i]);

        assert_same_predictions(expected, actual);
        cJSON_Delete(actual);
    }
    cJSON_Delete(expected);
}

static void probabilities_sum_to_one_and_name_the_digit(void **state)
{
    cJSON *object = json_of(*state, PREDICT " --limit 20");
    const cJSON *row;
    int image = 0;

    cJSON_ArrayForEach(row, item(object, "probabilities"))
    {
        const cJSON *probability;
        double sum = 0.0, best = -1.0;
        int digit = 0, place = 0;

        cJSON_ArrayForEach(probability, row)
        {
            sum += probability->valuedouble;
            digit = probability->valuedouble > best ? place : digit;
            best = probability->valuedouble > best ? probability->valuedouble : best;
            place++;
        }
        /* Ten floats, each rounded once or twice. */
        assert_true(sum > 1.0 - 20.0 * 1.2e-7 && sum < 1.0 + 20.0 * 1.2e-7);
        assert_int_equal(cJSON_GetArrayItem(item(object, "digits"), image++)->valueint, digit);
    }
    assert_int_equal(image, 20);
    cJSON_Delete(object);
}

struct refusal {
    const char *arguments, *quoted;
    int status;
};

static void bad_input_is_refused(void **state)
{
    static const struct refusal refusals[] = {
        {"--load weights", "no images", 2},
        {"data/t10k-images-idx3-ubyte", "--load FILE", 2},
        {"--load weights --batch-size 0 data/t10k-images-idx3-ubyte", "'0'", 2},
        {"--load weights a b", "'b'", 2},
        {"--load weights --gpu a", "--gpu", 2},
        {"--load weights missing", "missing", 1},
        {"--load missing data/t10k-images-idx3-ubyte", "missing", 1},
        {"--load data/README data/t10k-images-idx3-ubyte", "data/README", 1},
        {"--load weights data/README", "data/README", 1},
        {"--load weights data/t10k-labels-idx1-ubyte", "t10k-labels-idx1-ubyte", 1},
        {"--load weights --limit 62 data/t10k-images-idx3-ubyte", "62", 1},
        {"--load weights --labels data/train-labels-idx1-ubyte data/t10k-images-idx3-ubyte", "300 labels", 1},
        {"--load weights --labels data/t10k-images-idx3-ubyte data/t10k-images-idx3-ubyte", "idx3", 1},
    };

    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct tw_program program =
            tw_program_run("cd %s && exec tower-predict %s", (char *)*state, refusals[i].arguments);

        tw_program_assert(&program, refusals[i].status, refusals[i].quoted);
        assert_int_equal(strncmp(program.error, "tower-predict: ", 15), 0);
        assert_string_equal(program.out, "");
        tw_program_release(&program);
    }
}

/* A set of black images of SIDE x SIDE pixels and their labels in "large". */
#define SIDE 32

static void write_large_digits(const char *folder, const char *set)
{
    static const char images[16 + 5 * SIDE * SIDE] = {0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, SIDE, 0, 0, 0, SIDE};
    static const char labels[8 + 5] = {0, 0, 8, 1, 0, 0, 0, 5};
    char name[64];

    snprintf(name, sizeof name, "large/%s-images-idx3-ubyte", set);
    tw_test_write_file(folder, name, images, sizeof images);
    snprintf(name, sizeof name, "large/%s-labels-idx1-ubyte", set);
    tw_test_write_file(folder, name, labels, sizeof labels);
}

static void assert_named(const char *folder, const char *command, const char *expected)
{
    struct tw_program program = tw_program_run("cd %s && exec %s", folder, command);

    tw_program_assert(&program, 1, expected);
    tw_program_assert(&program, 1, "images of 32 x 32 pixels: fc1: ");
    tw_program_release(&program);
}

/* A file of the right format, whose images the model does not take, is named as any bad file is. */
static void images_of_another_size_are_named(void **state)
{
    struct tw_program program = tw_program_run("mkdir %s/large", (char *)*state);

    tw_program_release(&program);
    write_large_digits(*state, "train");
    write_large_digits(*state, "t10k");
    assert_named(*state, "tower-predict --load weights large/t10k-images-idx3-ubyte",
                 "tower-predict: large/t10k-images-idx3-ubyte: images");
    assert_named(*state, "tower-train --data large", "files in large, as asked: training images");
    assert_named(*state, "tower-train --data large --load weights --eval-only",
                 "files in large, as asked: test images");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accuracy_is_that_of_evaluation),
        cmocka_unit_test(cutting_the_work_changes_nothing),
        cmocka_unit_test(probabilities_sum_to_one_and_name_the_digit),
        cmocka_unit_test(bad_input_is_refused),
        cmocka_unit_test(images_of_another_size_are_named),
    };

    tw_program_use(TOWER_BIN_DIR);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
