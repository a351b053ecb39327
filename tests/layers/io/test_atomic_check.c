/* Atomic files: what cannot be written is refused before anything is.
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/memory.h"
#include "tests/layers/io/atomic_files.h"

enum { NOBODY = 65534 };

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

/* For root, who may write anywhere, an ordinary user has to be asked. Some user namespaces have none. */
static void refuses_folders_without_permission(void **state)
{
    (void)state;
    bool root = geteuid() == 0;
    enum tw_status status;

    assert_ok(write_whole("old"));
    assert_int_equal(chmod(folder, 0555), 0);
    if (root && seteuid(NOBODY) != 0) {
        assert_int_equal(chmod(folder, 0755), 0);
        skip();
    }
    status = tw_atomic_check(path);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_fails(TW_ERROR_IO, "Permission denied", status);
    assert_content("old");
}

static enum tw_status check(void)
{
    return tw_atomic_check(path);
}

static enum tw_status write_new(void)
{
    return write_whole("new");
}

/* What root asks an ordinary user to do. */
static enum tw_status as_nobody(enum tw_status (*action)(void))
{
    enum tw_status status;

    if (seteuid(NOBODY) != 0) {
        assert_int_equal(chmod(folder, 0755), 0);
        skip();
    }
    status = action();
    assert_int_equal(seteuid(0), 0);
    return status;
}

/* As in /tmp: everybody may create files, and replace only their own. The check knows; who writes without it
 * gets a file, though of another name. */
static void refuses_files_of_others_in_a_sticky_folder(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_ok(write_whole("old"));
    assert_int_equal(chmod(folder, 01777), 0);
    assert_fails(TW_ERROR_IO, "cannot be replaced: somebody else's file", as_nobody(check));
    assert_ok(tw_atomic_check(path));
    assert_int_equal(chown(path, NOBODY, NOBODY), 0);
    assert_ok(as_nobody(check));
    assert_int_equal(chown(path, 0, 0), 0);
    assert_int_equal(chmod(folder, 0777), 0);
    assert_ok(as_nobody(check));
    assert_int_equal(entries(), 1);
    assert_int_equal(chmod(folder, 01777), 0);
    assert_fails(TW_ERROR_IO, "the content is in", as_nobody(write_new));
    assert_int_equal(entries(), 2);
    assert_content("old");
}

enum { REFUSED, ACCEPTED, NOT_ALLOWED };

/* Mounts the file over itself, where nobody else sees it, and checks it. */
static int check_as_mount(void)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(path, path, NULL, MS_BIND, NULL) != 0)
        return NOT_ALLOWED;
    return tw_atomic_check(path) == TW_ERROR_IO && strstr(tw_error_message(), "mounted") ? REFUSED : ACCEPTED;
}

/* A single file that a container shares with its host is a mount, which rename(2) does not replace. */
static void refuses_a_file_that_is_mounted(void **state)
{
    (void)state;
    int status;
    pid_t child;

    assert_ok(write_whole("old"));
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(check_as_mount());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_ALLOWED)
        skip();
    assert_int_equal(WEXITSTATUS(status), REFUSED);
    assert_content("old");
    assert_int_equal(entries(), 1);
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

/* A name that cannot exist is no new file. Nor is one that only a link to itself stands for. */
static void refuses_names_that_the_system_does_not_take(void **state)
{
    (void)state;
    name_of(NAME_MAX + 1);
    assert_refused(path, TW_ERROR_IO, "File name too long");
    name_of(1);
    assert_int_equal(symlink("n", path), 0);
    assert_refused(path, TW_ERROR_IO, "symbolic links");
    /* As long as a path may be; that of the temporary file would be longer. */
    unlink(path);
    for (size_t end = strlen(folder); end < PATH_MAX; end++)
        path[end] = "/."[(end - strlen(folder)) % 2];
    snprintf(path + (PATH_MAX - 3 - strlen(folder) % 2), 3, "/f");
    assert_refused(path, TW_ERROR_IO, "cannot create a file in folder");
    assert_int_equal(entries(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_what_cannot_be_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_folders_without_permission, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_files_of_others_in_a_sticky_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_a_file_that_is_mounted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_a_link_to_a_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_leaves_nothing_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_names_that_the_system_does_not_take, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
