/* Files that appear whole or not at all: written under a temporary name beside the target, synced, then
 * renamed.
 *
 * The target is a new name or a regular file, whose permissions the new content keeps. A symbolic link is
 * replaced by the file, as rename(2) does; what it pointed to stays as it was. Anything else that exists
 * under the name (a folder, a device such as /dev/null, a pipe) is refused, reached through a link or not.
 * A process that is killed may leave its temporary file (".tower-<process>-<number>.tmp"), never half a
 * target. What is complete is never removed for want of its name: see tw_atomic_commit.
 */
#ifndef TOWER_LAYERS_IO_ATOMIC_FILE_H
#define TOWER_LAYERS_IO_ATOMIC_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "core/status.h"

struct tw_atomic_file {
    FILE *stream;    /* write here */
    char *path;      /* target */
    char *temporary; /* name while being written */
};

/* Opens a temporary file in the folder of `path`. TW_ERROR_IO with the system's reason, before anything is
 * written, if the folder is missing or cannot be written to, or if `path` is not a regular file or no name that
 * the system takes; TW_ERROR_ARGUMENT if it is empty. Thread-safe for different files. */
enum tw_status tw_atomic_open(struct tw_atomic_file *file, const char *path);

/* Writes `bytes` bytes. TW_ERROR_IO with the system's reason; abandoning the file is left to the caller. */
enum tw_status tw_atomic_write(struct tw_atomic_file *file, const void *data, size_t bytes);

/* Flushes, syncs, renames over `path` and syncs the folder. On failure, earlier failed writes to the stream
 * included, `path` is as it was and the temporary file is removed, with one exception: if only the renaming
 * fails, the temporary file, which is complete and synced then, stays for good, and the message names it.
 * Once renamed the file is in place: a file system that cannot sync folders is no failure. */
enum tw_status tw_atomic_commit(struct tw_atomic_file *file);

/* Drops what was written. Does nothing after a commit, failed or not, or a failed open. */
void tw_atomic_abandon(struct tw_atomic_file *file);

/* Whether a later tw_atomic_open(path) and its commit are likely to work: to fail before training, not after.
 * Creates and removes a temporary file, so that it asks the system itself and not its permission bits. Also
 * refuses a file that can be seen not to be replaceable: somebody else's in a sticky folder, an immutable
 * one, one that is mounted by itself. */
enum tw_status tw_atomic_check(const char *path);

#endif
