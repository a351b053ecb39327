#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layers/io/regular_file_internal.h"

static enum tw_status check_regular(const char *path, int descriptor, uint64_t *bytes)
{
    struct stat status;

    if (fstat(descriptor, &status) != 0) {
        return tw_fail(TW_ERROR_IO, "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return tw_fail(TW_ERROR_IO, "%s: not a regular file", path);
    }
    *bytes = (uint64_t)status.st_size;
    return TW_OK;
}

enum tw_status tw_regular_file_open(const char *path, FILE **stream, uint64_t *bytes)
{
    /* O_NONBLOCK is for a FIFO, whose open would not return before somebody writes to it. Reading a regular
     * file is the same with and without it. */
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    enum tw_status status;

    *stream = NULL;
    if (descriptor < 0) {
        return tw_fail(TW_ERROR_IO, "%s: %s", path, strerror(errno));
    }
    status = check_regular(path, descriptor, bytes);
    if (status == TW_OK) {
        *stream = fdopen(descriptor, "rb");
        if (!*stream) {
            status = tw_fail(TW_ERROR_IO, "%s: %s", path, strerror(errno));
        }
    }
    if (status != TW_OK) {
        close(descriptor);
    }
    return status;
}
