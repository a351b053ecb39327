/* tower-train stopped by a signal, and left by those who read what it prints: the weights are saved all the same. */
#include <cjson/cJSON.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/program.h"
#include "tests/support/test_support.h"

#define TRAIN_IMAGES 150
#define TEST_IMAGES  70

/* For the shell: descriptor 4 becomes a pipe that nobody reads, as after the end of `tee`. */
#define DEAD_PIPE "mkfifo dead && exec 3<>dead 4>dead 3>&-"

static int make_folder(void **state)
{
    *state = tw_test_temporary_folder();
    tw_test_write_digits(*state, TRAIN_IMAGES, TEST_IMAGES);
    return 0;
}

static int remove_folder(void **state)
{
    tw_test_remove_folder(*state);
    return 0;
}

static const cJSON *item(const cJSON *object, const char *name)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);

    if (!found) {
        fail_msg("no \"%s\" in the summary", name);
    }
    return found;
}

static void wait_for_file(const char *folder, const char *name)
{
    const struct timespec moment = {.tv_nsec = 20 * 1000 * 1000};
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (int i = 0; i < 3000 && access(path, F_OK); i++)
        nanosleep(&moment, NULL);
    assert_int_equal(access(path, F_OK), 0);
}

/* Starts an endless training, sends it `signal` once the first epoch is in the log, and waits. */
static struct tw_program interrupted(const char *folder, int signal, const char *arguments)
{
    struct tw_program program = tw_program_start(
        "cd %s && " DEAD_PIPE " && exec tower-train --data . --epochs 100000 --log log.jsonl %s", folder,
        arguments);

    wait_for_file(folder, "log.jsonl");
    assert_int_equal(kill(program.process, signal), 0);
    tw_program_wait(&program);
    return program;
}

/* The summary of an evaluation of "weights.safetensors", which must be whole. */
static cJSON *evaluated(const char *folder)
{
    struct tw_program program = tw_program_run(
        "cd %s && exec tower-train --data . --json --quiet --load weights.safetensors --eval-only", folder);
    cJSON *summary = cJSON_Parse(program.out);

    tw_program_assert(&program, 0, "");
    assert_non_null(summary);
    assert_true(isfinite(item(summary, "test_loss")->valuedouble));
    tw_program_release(&program);
    return summary;
}

static void an_interrupt_saves_and_says_so(void **state)
{
    struct tw_program program = interrupted(*state, SIGINT, "--quiet --json --save weights.safetensors");
    cJSON *summary = cJSON_Parse(program.out);

    tw_program_assert(&program, 0, "interrupted");
    tw_program_assert(&program, 0, "the weights were saved");
    assert_true(cJSON_IsTrue(item(summary, "interrupted")));
    cJSON_Delete(evaluated(*state));
    cJSON_Delete(summary);
    tw_program_release(&program);
}

static void a_termination_without_save_says_so(void **state)
{
    struct tw_program program = interrupted(*state, SIGTERM, "--quiet");

    tw_program_assert(&program, 0, "interrupted");
    tw_program_assert(&program, 0, "--save was not given");
    tw_program_release(&program);
}

/* Ctrl-C reaches all that the terminal runs: `tower-train 2>&1 | tee` loses its reader with it. */
static void an_interrupt_saves_though_nobody_hears_of_it(void **state)
{
    struct tw_program program = interrupted(*state, SIGINT, "--quiet --save weights.safetensors 2>&4");

    tw_program_assert(&program, 0, "");
    cJSON_Delete(evaluated(*state));
    tw_program_release(&program);
}

/* Standard output is lost from the first line on: training goes on, saves, and the exit status tells. */
static void a_reader_that_leaves_does_not_stop_training(void **state)
{
    struct tw_program stopped = interrupted(*state, SIGINT, "--save weights.safetensors >&4");
    struct tw_program done;

    tw_program_assert(&stopped, 1, "the weights were saved");
    tw_program_assert(&stopped, 1, "standard output: Broken pipe");
    cJSON_Delete(evaluated(*state));
    done = tw_program_run("cd %s && rm dead weights.safetensors && " DEAD_PIPE
                          " && exec tower-train --data . --epochs 2 --save weights.safetensors >&4",
                          (char *)*state);
    tw_program_assert(&done, 1, "standard output: Broken pipe");
    cJSON_Delete(evaluated(*state));
    tw_program_release(&stopped);
    tw_program_release(&done);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_interrupt_saves_and_says_so),
        TEST(a_termination_without_save_says_so),
        TEST(an_interrupt_saves_though_nobody_hears_of_it),
        TEST(a_reader_that_leaves_does_not_stop_training),
    };

    tw_program_use(TOWER_BIN_DIR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
