/* Files that appear whole or not at all: written under a temporary name beside the target, synced, then
 * renamed.
 */
#ifndef TOWER_LAYERS_IO_ATOMIC_FILE_H
#define TOWER_LAYERS_IO_ATOMIC_FILE_H

#include <stdio.h>

#include "core/status.h"

struct tw_atomic_file {
    FILE *stream;    /* write here */
    char *path;      /* target */
    char *temporary; /* name while being written */
};

/* Opens a temporary file in the folder of `path`. TW_ERROR_IO with the system's reason, before anything is
 * written, if the folder cannot be written to or `path` is a directory. */
enum tw_status tw_atomic_open(struct tw_atomic_file *file, const char *path);

/* Flushes, syncs, renames over `path` and syncs the folder. On failure the temporary file is removed and
 * `path` is as it was. */
enum tw_status tw_atomic_commit(struct tw_atomic_file *file);

/* Drops what was written. Does nothing after a commit or a failed open. */
void tw_atomic_abandon(struct tw_atomic_file *file);

/* Whether a later tw_atomic_open(path) is likely to work: to fail before training, not after. Leaves nothing
 * behind. */
enum tw_status tw_atomic_check(const char *path);

#endif
