/* Temporary file, sync, rename. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "layers/io/atomic_file.h"

#define NAME_ATTEMPTS 100

/* The folder part of `path`, "." if there is none, owned by the caller. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash) {
        return tw_strdup(".");
    }
    return tw_sprintf("%.*s", (int)(slash > path ? slash - path : 1), path);
}

/* Refuses names that rename could not, or must not, replace. `*mode` receives the permissions for the new
 * file: those of the old one, or 0666, from which the system takes the umask. */
static enum tw_status check_target(const char *path, bool *exists, mode_t *mode)
{
    struct stat status;
    size_t length = strlen(path);

    *exists = false;
    *mode = 0666;
    if (length == 0) {
        return tw_fail(TW_ERROR_ARGUMENT, "file name is empty");
    }
    if (stat(path, &status) != 0) {
        if (path[length - 1] == '/') {
            return tw_fail(TW_ERROR_IO, "%s: names a folder, expected a file", path);
        }
        return errno == ENOENT ? TW_OK : tw_fail(TW_ERROR_IO, "%s: %s", path, strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        return tw_fail(TW_ERROR_IO, "%s: is a folder, expected a file", path);
    }
    if (!S_ISREG(status.st_mode)) {
        return tw_fail(TW_ERROR_IO, "%s: is not a regular file", path);
    }
    *exists = true;
    *mode = status.st_mode & 0777;
    return TW_OK;
}

/* Creates a file of a new name in `folder`; sets `*name` and `*descriptor`. The name does not grow with the
 * target's, which may be as long as the system allows. */
static enum tw_status create_temporary(const char *folder, mode_t mode, char **name, int *descriptor)
{
    static atomic_uint number;

    for (int attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
        *name = tw_sprintf("%s/.tower-%ld-%u.tmp", folder, (long)getpid(), atomic_fetch_add(&number, 1));
        if (!*name) {
            return TW_ERROR_MEMORY;
        }
        *descriptor = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (*descriptor >= 0) {
            return TW_OK;
        }
        tw_free(*name);
        *name = NULL;
        if (errno != EEXIST) {
            break;
        }
    }
    return tw_fail(TW_ERROR_IO, "cannot create a file in folder '%s': %s", folder, strerror(errno));
}

static void remove_temporary(char **name)
{
    if (*name) {
        unlink(*name);
    }
    tw_free(*name);
    *name = NULL;
}

/* Checks the target and creates the temporary file beside it. */
static enum tw_status begin(const char *path, char **temporary, int *descriptor)
{
    bool exists;
    mode_t mode;
    enum tw_status status = check_target(path, &exists, &mode);
    char *folder;

    if (status != TW_OK) {
        return status;
    }
    folder = folder_of(path);
    if (!folder) {
        return TW_ERROR_MEMORY;
    }
    status = create_temporary(folder, mode, temporary, descriptor);
    tw_free(folder);
    if (status == TW_OK && exists && fchmod(*descriptor, mode) != 0) {
        status = tw_fail(TW_ERROR_IO, "%s: cannot keep its permissions: %s", path, strerror(errno));
        close(*descriptor);
        remove_temporary(temporary);
    }
    return status;
}

enum tw_status tw_atomic_open(struct tw_atomic_file *file, const char *path)
{
    int descriptor;
    enum tw_status status;

    *file = (struct tw_atomic_file){.path = tw_strdup(path)};
    if (!file->path) {
        return TW_ERROR_MEMORY;
    }
    status = begin(path, &file->temporary, &descriptor);
    if (status == TW_OK) {
        file->stream = fdopen(descriptor, "wb");
        if (!file->stream) {
            status = tw_fail(TW_ERROR_IO, "%s: %s", path, strerror(errno));
            close(descriptor);
        }
    }
    if (status != TW_OK) {
        tw_atomic_abandon(file);
    }
    return status;
}

enum tw_status tw_atomic_write(struct tw_atomic_file *file, const void *data, size_t bytes)
{
    if (fwrite(data, 1, bytes, file->stream) < bytes) {
        return tw_fail(TW_ERROR_IO, "%s: cannot write: %s", file->path, strerror(errno));
    }
    return TW_OK;
}

/* Brings what was written to the disk and closes the stream. */
static enum tw_status finish(struct tw_atomic_file *file)
{
    bool failed_before = ferror(file->stream);
    bool failed = fflush(file->stream) != 0 || fsync(fileno(file->stream)) != 0;
    int reason = errno;

    if (fclose(file->stream) != 0 && !failed) {
        failed = true;
        reason = errno;
    }
    file->stream = NULL;
    if (failed) {
        return tw_fail(TW_ERROR_IO, "%s: cannot write: %s", file->path, strerror(reason));
    }
    if (failed_before) {
        return tw_fail(TW_ERROR_IO, "%s: an earlier write failed", file->path);
    }
    return TW_OK;
}

/* Makes the new name last. Some file systems refuse to; the file itself is safe by then. */
static void sync_folder(const char *path)
{
    char *folder = folder_of(path);
    int descriptor = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (descriptor >= 0) {
        (void)fsync(descriptor);
        close(descriptor);
    }
    tw_free(folder);
}

/* Gives the file its name. What was written is whole by now, so it stays under one name or the other. The
 * message begins with the one to look for: a long message loses its end. */
static enum tw_status rename_to_target(const struct tw_atomic_file *file)
{
    int reason = rename(file->temporary, file->path) == 0 ? 0 : errno;

    sync_folder(file->path);
    if (reason == 0) {
        return TW_OK;
    }
    return tw_fail(TW_ERROR_IO, "the content is in '%s': cannot rename it to '%s': %s", file->temporary,
                   file->path, strerror(reason));
}

enum tw_status tw_atomic_commit(struct tw_atomic_file *file)
{
    enum tw_status status = finish(file);

    if (status == TW_OK) {
        status = rename_to_target(file);
        tw_free(file->temporary);
        file->temporary = NULL;
    }
    tw_atomic_abandon(file);
    return status;
}

void tw_atomic_abandon(struct tw_atomic_file *file)
{
    if (file->stream) {
        fclose(file->stream);
    }
    remove_temporary(&file->temporary);
    tw_free(file->path);
    *file = (struct tw_atomic_file){0};
}

/* Whether the system keeps everybody but root from replacing an entry of the folder: it is sticky, and neither it nor the
 * entry is this user's. */
static bool is_of_others(const char *path, uid_t owner)
{
    char *folder = folder_of(path);
    const uid_t user = geteuid();
    struct stat status;
    bool found = folder && stat(folder, &status) == 0;

    tw_free(folder);
    return found && status.st_mode & S_ISVTX && user != 0 && user != owner && user != status.st_uid;
}

/* Refuses an existing file that rename could not replace; only ahead of the work, since after it a file of another name is
 * worth more than none. What the system refuses is read from what it tells: asking it by trying could succeed. */
static enum tw_status check_replaceable(const char *path)
{
    struct statx status;

    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_UID, &status) != 0) {
        return TW_OK;
    }
    if (status.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) {
        return tw_fail(TW_ERROR_IO, "%s: cannot be replaced: the file is immutable (chattr)", path);
    }
    if (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) {
        return tw_fail(TW_ERROR_IO, "%s: cannot be replaced: the file itself is mounted, expected its folder",
                       path);
    }
    if (is_of_others(path, status.stx_uid)) {
        return tw_fail(TW_ERROR_IO, "%s: cannot be replaced: somebody else's file in a sticky folder", path);
    }
    return TW_OK;
}

enum tw_status tw_atomic_check(const char *path)
{
    char *temporary = NULL;
    int descriptor;
    enum tw_status status = begin(path, &temporary, &descriptor);

    if (status == TW_OK) {
        close(descriptor);
        remove_temporary(&temporary);
        status = check_replaceable(path);
    }
    return status;
}
