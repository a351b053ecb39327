/* Bytes of a file in order, unpacked on the way if the file is gzip (RFC 1952), which its first two bytes
 * tell.
 *
 * Unlike zlib's gz* functions this reports garbage after the last member, and knows before anything is
 * unpacked how much the file can hold at most.
 */
#ifndef TOWER_LAYERS_DATA_BYTE_SOURCE_H
#define TOWER_LAYERS_DATA_BYTE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <zlib.h>

#include "core/status.h"

struct tw_byte_source {
    const char *path; /* borrowed, for messages */
    FILE *stream;
    uint64_t file_bytes;
    bool gzip;
    bool ended;           /* gzip: the last member has ended and its checksum was right */
    z_stream inflater;    /* gzip only */
    unsigned char *input; /* gzip only: packed bytes read from the file */
};

/* Opens a regular file. TW_ERROR_IO with the system's reason, TW_ERROR_MEMORY. */
enum tw_status tw_byte_source_open(struct tw_byte_source *source, const char *path);

/* Does nothing after a failed open. */
void tw_byte_source_close(struct tw_byte_source *source);

/* Reads up to `bytes` bytes into `target`; `*got` is less only where the content ends. TW_ERROR_FORMAT for a
 * gzip stream that is damaged or cut off, or that is followed by something else; TW_ERROR_IO. */
enum tw_status tw_byte_source_read(struct tw_byte_source *source, void *target, size_t bytes, size_t *got);

/* No more than this many bytes can come out of the file: its size, or 1032 times that for gzip, the most
 * that deflate can expand (https://zlib.net/zlib_tech.html). */
uint64_t tw_byte_source_limit(const struct tw_byte_source *source);

#endif
