/* Bad usage: exit status 2, one line that quotes what is wrong and what would do, one line with a hint. */
#include <string.h>

#include "tests/support/program.h"
#include "tests/support/test_support.h"

struct misuse {
    const char *arguments;
    const char *quoted[3]; /* what the message must contain; NULL ends the list */
};

static const struct misuse train_misuses[] = {
    {"--epchs 3", {"--epchs"}},
    {"--batch-size", {"--batch-size"}},
    {"--batch-size 0", {"--batch-size", "'0'", "from 1"}},
    {"--batch-size -1", {"--batch-size", "'-1'"}},
    {"--batch-size 64x", {"--batch-size", "'64x'"}},
    {"--batch-size ''", {"--batch-size", "''"}},
    {"--batch-size ' 64'", {"--batch-size", "' 64'"}},
    {"--batch-size 1e3", {"--batch-size", "'1e3'"}},
    {"--batch-size 99999999999999999999", {"--batch-size", "99999999999999999999"}},
    {"--threads 0", {"--threads", "'0'", "from 1"}},
    {"--threads 100000", {"--threads", "'100000'", "1024"}},
    {"--threads two", {"--threads", "'two'"}},
    {"--epochs -1", {"--epochs", "'-1'"}},
    {"--epochs 2.5", {"--epochs", "'2.5'"}},
    {"--limit 0", {"--limit", "'0'"}},
    {"--seed -1", {"--seed", "'-1'"}},
    {"--seed 18446744073709551616", {"--seed", "18446744073709551616"}},
    {"--lr -0.1", {"--lr", "'-0.1'"}},
    {"--lr nan", {"--lr", "'nan'"}},
    {"--lr inf", {"--lr", "'inf'"}},
    {"--lr 1e999", {"--lr", "'1e999'"}},
    {"--lr 1e-3,5", {"--lr", "'1e-3,5'"}},
    {"--optimizer sgd --momentum 1.5", {"--momentum", "'1.5'"}},
    {"--momentum 0.9", {"--momentum", "sgd", "adam"}},
    {"--weight-decay -1", {"--weight-decay", "'-1'"}},
    {"--optimizer adamm", {"adamm", "adamw", "sgd"}},
    {"--init kaming-normal", {"kaming-normal", "kaiming-normal", "zeros"}},
    {"--init normal:x", {"normal:x"}},
    {"--schedule cosin", {"\"cosin\"", "cosine"}},
    {"--schedule step:0", {"step:0"}},
    {"--recipe slow", {"--recipe", "'slow'", "fast"}},
    {"--augment rotate:3", {"rotate:3", "translate:PIXELS"}},
    {"--label-smoothing 1.5", {"--label-smoothing", "'1.5'"}},
    {"--validation 0", {"--validation", "'0'"}},
    {"--optimizer sgd --beta2 0.9", {"--beta2", "sgd"}},
    {"--eval-only --load a --validation 5", {"--eval-only", "--validation"}},
    {"--bind tight", {"tight", "compact", "scatter"}},
    {"--isa sse9", {"sse9", "reference"}},
    {"--plan 3", {"--plan", "'3'", "from 0 to 2"}},
    {"--save ''", {"empty"}},
    {"--eval-only", {"--eval-only", "--load"}},
    {"--eval-only --load a --save b", {"--eval-only", "--save"}},
    {"--save same --log same", {"--save and --log", "'same'"}},
    {"mnist", {"'mnist'"}},
};

static const struct misuse inspect_misuses[] = {
    {"", {"nothing to show"}},
    {"--plan=3", {"--plan", "'3'"}},
    {"--batch-size 0 --plan", {"--batch-size", "'0'"}},
    {"a b", {"'b'"}},
    {"--gpu", {"--gpu"}},
};

static void check(const char *name, const struct misuse *misuse)
{
    struct tw_program program = tw_program_run("%s %s", name, misuse->arguments);
    const char *first_end = strchr(program.error, '\n');

    tw_program_assert(&program, 2, name);
    if (!first_end || strncmp(first_end + 1, "Try `", 5) != 0 || strchr(first_end + 1, '\n')[1] != '\0')
        fail_msg("%s %s: expected one line and a hint, got:\n%s", name, misuse->arguments, program.error);
    for (int i = 0; i < 3 && misuse->quoted[i]; i++) {
        const char *place = strstr(program.error, misuse->quoted[i]);
        if (!place || place > first_end)
            fail_msg("%s %s: no %s in the message:\n%s", name, misuse->arguments, misuse->quoted[i],
                     program.error);
    }
    assert_string_equal(program.out, "");
    tw_program_release(&program);
}

static void train_refuses_bad_usage(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof train_misuses / sizeof *train_misuses; i++)
        check("tower-train", &train_misuses[i]);
}

static void inspect_refuses_bad_usage(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof inspect_misuses / sizeof *inspect_misuses; i++)
        check("tower-inspect", &inspect_misuses[i]);
}

/* Bad usage, however the one file is spelled: neither weights nor a log is lost. */
static void keeps_the_log_apart_from_weights(void **state)
{
    static const char *const same[] = {
        "--save kept --log ./kept",         "--load kept --log data/../kept", "--load link --log kept",
        "--save kept --log hard",           "--save new --log ./new",         "--load kept --log kept",
        "--save data/link/new --log ./new", "--save dangling --log dangling",
    };
    char *folder = tw_test_temporary_folder();
    struct tw_program program =
        tw_program_run("cd %s && mkdir data && echo precious >kept && ln -s kept link && "
                       "ln kept hard && ln -s .. data/link && ln -s nothing dangling",
                       folder);

    (void)state;
    tw_test_write_digits(folder, 4, 3);
    tw_program_assert(&program, 0, "");
    tw_program_release(&program);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        program = tw_program_run("cd %s && exec tower-train --data . --epochs 1 %s", folder, same[i]);
        tw_program_assert(&program, 2, "are the same file, expected two");
        tw_program_release(&program);
    }
    program = tw_program_run("cd %s && tower-train --data . --epochs 1 --quiet --save new --log data/new && "
                             "exec tower-train --data . --epochs 1 --quiet --load new --save ./new --log log",
                             folder);
    tw_program_assert(&program, 0, "");
    tw_program_release(&program);
    tw_test_remove_folder(folder);
}

static void help_and_version_succeed(void **state)
{
    struct tw_program program = tw_program_run("tower-train --help");

    (void)state;
    tw_program_assert(&program, 0, "");
    assert_non_null(strstr(program.out, "--batch-size"));
    assert_non_null(strstr(program.out, "Exit status"));
    assert_string_equal(program.error, "");
    tw_program_release(&program);

    program = tw_program_run("tower-inspect --version");
    tw_program_assert(&program, 0, "");
    assert_int_equal(strncmp(program.out, "tower-inspect ", 14), 0);
    tw_program_release(&program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(train_refuses_bad_usage),
        cmocka_unit_test(inspect_refuses_bad_usage),
        cmocka_unit_test(keeps_the_log_apart_from_weights),
        cmocka_unit_test(help_and_version_succeed),
    };

    tw_program_use(TOWER_BIN_DIR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
