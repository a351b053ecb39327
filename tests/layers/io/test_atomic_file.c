/* Atomic files: whole or not at all, and nothing left behind.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "tests/layers/io/atomic_files.h"

static void appears_only_at_the_commit(void **state)
{
    (void)state;
    struct tw_atomic_file file;

    assert_ok(tw_atomic_open(&file, path));
    assert_ok(tw_atomic_write(&file, "one", 3));
    assert_int_equal(access(path, F_OK), -1);
    assert_ok(tw_atomic_commit(&file));
    assert_content("one");
    tw_atomic_abandon(&file);
    assert_content("one");
    assert_int_equal(entries(), 1);
}

static void replaces_and_keeps_permissions(void **state)
{
    (void)state;
    struct stat status;
    mode_t before = umask(022); /* would take away the others' right to write */

    assert_ok(write_whole("a longer first version"));
    assert_int_equal(chmod(path, 0666), 0);
    assert_ok(write_whole("second"));
    umask(before);
    assert_content("second");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0666);
    assert_int_equal(entries(), 1);
}

static void new_files_follow_the_umask(void **state)
{
    (void)state;
    struct stat status;
    mode_t before = umask(027);

    assert_ok(write_whole("x"));
    umask(before);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
}

static void abandoning_leaves_the_old_file(void **state)
{
    (void)state;
    struct tw_atomic_file file;
    size_t live = tw_memory_usage().live_blocks;

    assert_ok(write_whole("old"));
    assert_ok(tw_atomic_open(&file, path));
    assert_ok(tw_atomic_write(&file, "new", 3));
    assert_int_equal(entries(), 2);
    tw_atomic_abandon(&file);
    tw_atomic_abandon(&file);
    assert_content("old");
    assert_int_equal(entries(), 1);
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

/* The largest file a process may write stands in for a full disk. */
static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    static char block[64 * 1024];
    struct rlimit before, small;
    struct tw_atomic_file file;
    enum tw_status status;

    assert_ok(write_whole("old"));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 1000, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_ok(tw_atomic_open(&file, path));
    status = tw_atomic_write(&file, block, sizeof block);
    (void)fwrite(block, 1, 10, file.stream);

    enum tw_status committed = tw_atomic_commit(&file);

    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(status, TW_ERROR_IO);
    assert_fails(TW_ERROR_IO, path, committed);
    assert_content("old");
    assert_int_equal(entries(), 1);
}

/* What has been trained for hours must not go with a failed rename: here the name has become a folder. */
static void a_failed_rename_keeps_what_was_written(void **state)
{
    (void)state;
    struct tw_atomic_file file;
    size_t live = tw_memory_usage().live_blocks;
    char temporary[PATH_MAX];

    assert_ok(tw_atomic_open(&file, path));
    assert_ok(tw_atomic_write(&file, "trained", 7));
    snprintf(temporary, sizeof temporary, "%s", file.temporary);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_fails(TW_ERROR_IO, temporary, tw_atomic_commit(&file));
    assert_non_null(strstr(tw_error_message(), path));
    assert_non_null(strstr(tw_error_message(), "Is a directory"));
    tw_atomic_abandon(&file);
    assert_int_equal(entries(), 2);
    snprintf(path, sizeof path, "%s", temporary);
    assert_content("trained");
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

static void replaces_a_link_and_not_its_target(void **state)
{
    (void)state;
    char target[PATH_MAX];
    struct stat status;

    tw_test_write_file(folder, "target", "kept", 4);
    snprintf(target, sizeof target, "%s/target", folder);
    assert_int_equal(symlink("target", path), 0);
    assert_ok(write_whole("new"));
    assert_content("new");
    assert_int_equal(lstat(path, &status), 0);
    assert_true(S_ISREG(status.st_mode));
    snprintf(path, sizeof path, "%s", target);
    assert_content("kept");
}

/* The temporary name must not be longer than the system allows either. */
static void takes_names_as_long_as_the_system_does(void **state)
{
    (void)state;
    name_of(NAME_MAX);
    assert_ok(write_whole("long"));
    assert_content("long");
}

static void works_in_the_current_folder(void **state)
{
    (void)state;
    char before[PATH_MAX];

    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    snprintf(path, sizeof path, "plain-name");
    assert_ok(write_whole("here"));
    assert_content("here");
    assert_int_equal(entries(), 1);
    assert_int_equal(chdir(before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(appears_only_at_the_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replaces_and_keeps_permissions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(new_files_follow_the_umask, set_up, tear_down),
        cmocka_unit_test_setup_teardown(abandoning_leaves_the_old_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_the_old_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_rename_keeps_what_was_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replaces_a_link_and_not_its_target, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_names_as_long_as_the_system_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(works_in_the_current_folder, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
