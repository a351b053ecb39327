/* Opening a file to read it. Private to layers: readers of formats share it. */
#ifndef TOWER_LAYERS_IO_REGULAR_FILE_INTERNAL_H
#define TOWER_LAYERS_IO_REGULAR_FILE_INTERNAL_H

#include <stdint.h>
#include <stdio.h>

#include "core/status.h"

/* Opens a regular file for reading and sets `*bytes` to its size. Anything else (a folder, a device, a FIFO)
 * is refused at once: it has no size to hold a header's claims against, and a FIFO would wait for a writer.
 * TW_ERROR_IO with the reason; `*stream` is NULL then. */
enum tw_status tw_regular_file_open(const char *path, FILE **stream, uint64_t *bytes);

#endif
