/* tower-train stopped by a signal, and left by those who read what it prints: the weights are saved all the same. */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/apps/apps_test.h"

/* For the shell: descriptor 4 becomes a pipe that nobody reads, as after the end of `tee`. */
#define DEAD_PIPE "mkfifo dead && exec 3<>dead 4>dead 3>&-"

/* Until something is in it. */
static void wait_for_file(const char *folder, const char *name)
{
    const struct timespec moment = {.tv_nsec = 20 * 1000 * 1000};
    struct stat facts = {0};
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (int i = 0; i < 3000 && (stat(path, &facts) || facts.st_size == 0); i++)
        nanosleep(&moment, NULL);
    assert_true(facts.st_size > 0);
}

/* Sends `signal`, once something is in the file `name`, and waits for the program's end. */
static void stop(struct tw_program *program, int signal, const char *folder, const char *name)
{
    wait_for_file(folder, name);
    assert_int_equal(kill(program->process, signal), 0);
    tw_program_wait(program);
}

/* Starts an endless training, sends it `signal` once the first epoch is in the log, and waits. */
static struct tw_program interrupted(const char *folder, int signal, const char *arguments)
{
    struct tw_program program = tw_program_start(
        "cd %s && " DEAD_PIPE " && exec tower-train --data . --epochs 100000 --log log.jsonl %s", folder,
        arguments);

    stop(&program, signal, folder, "log.jsonl");
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

/* The summary is of the weights that were saved, of which nothing was measured. `epochs` of training were done. */
static void assert_summary_of_saved(const char *folder, const cJSON *summary, double epochs, const char *set)
{
    static const char *const measured[] = {"train_loss", "images_per_second", "seconds"};
    cJSON *saved = evaluated(folder);
    char name[64];

    assert_string_equal(item(summary, "weights_sha256")->valuestring,
                        item(saved, "weights_sha256")->valuestring);
    assert_true(item(summary, "epoch")->valuedouble == epochs);
    for (size_t i = 0; i < sizeof measured / sizeof *measured; i++) {
        assert_true(cJSON_IsNull(item(summary, measured[i])));
    }
    snprintf(name, sizeof name, "%s_loss", set);
    assert_true(cJSON_IsNull(item(summary, name)));
    snprintf(name, sizeof name, "%s_accuracy", set);
    assert_true(cJSON_IsNull(item(summary, name)));
    assert_true(cJSON_IsTrue(item(summary, "interrupted")));
    cJSON_Delete(saved);
}

/* Lines of the log, one for each epoch that was done. */
static int count_lines(const char *folder)
{
    char *log = tw_test_read_file(folder, "log.jsonl", NULL);
    int lines = 0;

    for (const char *c = log; *c; c++) {
        lines += *c == '\n';
    }
    free(log);
    return lines;
}

static void an_interrupt_saves_and_says_so(void **state)
{
    struct tw_program program = interrupted(*state, SIGINT, "--quiet --json --save weights.safetensors");
    cJSON *summary = cJSON_Parse(program.out);

    tw_program_assert(&program, 0, "interrupted");
    tw_program_assert(&program, 0, "the weights were saved");
    assert_non_null(summary);
    assert_summary_of_saved(*state, summary, count_lines(*state), "test");
    cJSON_Delete(summary);
    tw_program_release(&program);
}

/* An epoch of thousands of steps, stopped when the table is out: none is done. */
static void an_interrupt_of_the_first_epoch_has_a_summary(void **state)
{
    struct tw_program program;
    cJSON *summary;

    tw_test_write_digits(*state, 8000, FEW_TEST_IMAGES);
    program =
        tw_program_start("cd %s && exec tower-train --data . --epochs 1 --batch-size 1 --validation 5 --json "
                         "--save weights.safetensors 2>told",
                         (char *)*state);
    stop(&program, SIGINT, *state, "told");
    tw_program_assert(&program, 0, "");
    summary = cJSON_Parse(program.out);
    assert_non_null(summary);
    assert_summary_of_saved(*state, summary, 0, "validation");
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

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder_of_digits, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_interrupt_saves_and_says_so),
        TEST(an_interrupt_of_the_first_epoch_has_a_summary),
        TEST(a_termination_without_save_says_so),
        TEST(an_interrupt_saves_though_nobody_hears_of_it),
        TEST(a_reader_that_leaves_does_not_stop_training),
    };

    tw_program_use(TOWER_BIN_DIR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
