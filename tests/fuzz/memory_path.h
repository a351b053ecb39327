/* A path under which the fuzzer's bytes can be opened: the readers take names of regular files.
 */
#ifndef TOWER_TESTS_FUZZ_MEMORY_PATH_H
#define TOWER_TESTS_FUZZ_MEMORY_PATH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Fills an anonymous file in memory, always the same one, with `size` bytes and returns its path. */
static inline const char *memory_path(const uint8_t *data, size_t size)
{
    static int descriptor = -1;
    static char path[64];

    if (descriptor < 0) {
        descriptor = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    }
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, data, size, 0) != (ssize_t)size)
        abort();
    return path;
}

#endif
