/* Atomic files: whole or not at all, and nothing left behind.
 */
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "layers/io/atomic_file.h"
#include "tests/support/test_support.h"

static char *folder;
static char path[PATH_MAX];

static int set_up(void **state)
{
    (void)state;
    folder = tw_test_temporary_folder();
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_test_remove_folder(folder);
    return 0;
}

static void assert_content(const char *expected)
{
    char content[256] = {0};
    FILE *stream = fopen(path, "rb");

    assert_non_null(stream);
    content[fread(content, 1, sizeof content - 1, stream)] = 0;
    fclose(stream);
    assert_string_equal(content, expected);
}

static int entries(void)
{
    DIR *listing = opendir(folder);
    int count = 0;

    assert_non_null(listing);
    while (readdir(listing))
        count++;
    closedir(listing);
    return count - 2; /* . and .. */
}

static enum tw_status write_whole(const char *content)
{
    struct tw_atomic_file file;
    enum tw_status status = tw_atomic_open(&file, path);

    if (status == TW_OK)
        status = tw_atomic_write(&file, content, strlen(content));
    if (status == TW_OK)
        status = tw_atomic_commit(&file);
    tw_atomic_abandon(&file);
    return status;
}

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

static void assert_refused(const char *target, enum tw_status expected, const char *part)
{
    struct tw_atomic_file file;
    size_t live = tw_memory_usage().live_blocks;

    assert_fails(expected, part, tw_atomic_check(target));
    assert_fails(expected, part, tw_atomic_open(&file, target));
    assert_null(file.stream);
    tw_atomic_abandon(&file);
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

static void refuses_what_cannot_be_written(void **state)
{
    (void)state;
    char other[PATH_MAX];

    assert_refused("", TW_ERROR_ARGUMENT, "empty");
    assert_refused(folder, TW_ERROR_IO, "is a folder");
    snprintf(other, sizeof other, "%s/missing/file", folder);
    assert_refused(other, TW_ERROR_IO, "No such file or directory");
    snprintf(other, sizeof other, "%s/missing/", folder);
    assert_refused(other, TW_ERROR_IO, "names a folder");
    assert_ok(write_whole("x"));
    snprintf(other, sizeof other, "%s/file/below", folder);
    assert_refused(other, TW_ERROR_IO, "Not a directory");
    /* Not even root creates files there. */
    assert_refused("/proc/tower", TW_ERROR_IO, "cannot create a file in folder '/proc'");
    assert_refused("/dev/null", TW_ERROR_IO, "not a regular file");
    assert_int_equal(entries(), 1);
}

/* For root, who may write anywhere, an ordinary user has to be asked. */
static void refuses_folders_without_permission(void **state)
{
    (void)state;
    enum { NOBODY = 65534 };
    bool root = geteuid() == 0;
    enum tw_status status;

    assert_ok(write_whole("old"));
    assert_int_equal(chmod(folder, 0555), 0);
    if (root)
        assert_int_equal(seteuid(NOBODY), 0);
    status = tw_atomic_check(path);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_fails(TW_ERROR_IO, "Permission denied", status);
    assert_content("old");
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

static void refuses_a_link_to_a_folder(void **state)
{
    (void)state;
    assert_int_equal(symlink(".", path), 0);
    assert_refused(path, TW_ERROR_IO, "is a folder");
}

static void check_leaves_nothing_behind(void **state)
{
    (void)state;
    struct stat before, after;

    assert_ok(tw_atomic_check(path));
    assert_int_equal(entries(), 0);
    assert_ok(write_whole("x"));
    assert_int_equal(stat(path, &before), 0);
    assert_ok(tw_atomic_check(path));
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(entries(), 1);
}

/* The temporary name must not be longer than the system allows either. */
static void takes_names_as_long_as_the_system_does(void **state)
{
    (void)state;
    size_t length = strlen(folder);

    path[length] = '/';
    memset(path + length + 1, 'n', NAME_MAX);
    path[length + 1 + NAME_MAX] = 0;
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
        cmocka_unit_test_setup_teardown(refuses_what_cannot_be_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_folders_without_permission, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replaces_a_link_and_not_its_target, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_a_link_to_a_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_leaves_nothing_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_names_as_long_as_the_system_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(works_in_the_current_folder, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
