/* Standard output that does not arrive, of any program: exit status 1 and a line that says so. Outputs of more than the
 * stream's buffer fail before the last flush, which may then succeed. */
#include <string.h>

#include "tests/apps/apps_test.h"

/* For the shell: descriptor 4 becomes a pipe that nobody reads. */
#define DEAD_PIPE "rm -f dead && mkfifo dead && exec 3<>dead 4>dead 3>&-"

static const char *const commands[] = {
    "tower-train --data . --epochs 0",
    "tower-train --data . --epochs 0 --json --quiet",
    "tower-predict --load weights t10k-images-idx3-ubyte",
    "tower-predict --load weights --json t10k-images-idx3-ubyte",
    "tower-inspect --cpu",
    "tower-inspect --model --plan",
    "tower-inspect weights",
};

enum { COMMANDS = sizeof commands / sizeof *commands };

/* A folder with digits and weights. */
static int make_folder(void **state)
{
    struct tw_program program;

    *state = tw_test_temporary_folder();
    tw_test_write_digits(*state, 4, 3);
    program = tw_program_run("cd %s && exec tower-train --data . --quiet --epochs 0 --save weights",
                             (char *)*state);
    tw_program_assert(&program, 0, "");
    tw_program_release(&program);
    return 0;
}

static void assert_noticed(const char *folder, const char *setup, const char *command,
                           const char *redirection)
{
    struct tw_program program =
        tw_program_run("cd %s && %s && exec %s %s", folder, setup, command, redirection);

    if (program.status != 1) {
        fail_msg("%s %s: exit status %d", command, redirection, program.status);
    }
    tw_program_assert(&program, 1, "standard output: ");
    tw_program_release(&program);
}

static void a_full_disk_is_noticed(void **state)
{
    for (int i = 0; i < COMMANDS; i++) {
        assert_noticed(*state, "true", commands[i], ">/dev/full");
    }
}

static void a_closed_pipe_is_noticed(void **state)
{
    for (int i = 0; i < COMMANDS; i++) {
        assert_noticed(*state, DEAD_PIPE, commands[i], ">&4");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_is_noticed),
        cmocka_unit_test(a_closed_pipe_is_noticed),
    };

    tw_program_use(TOWER_BIN_DIR);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
