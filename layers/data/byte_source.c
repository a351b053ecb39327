/* Plain files through stdio, gzip through zlib's inflate straight into the caller's memory. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "core/memory.h"
#include "layers/data/byte_source.h"
#include "layers/io/regular_file_internal.h"

#define INPUT_BYTES       (256 * 1024)
#define DEFLATE_EXPANSION 1032      /* at most, see the header */
#define GZIP_WINDOW_BITS  (15 + 16) /* largest window, gzip wrapper only */

static void *zlib_alloc(void *unused, unsigned count, unsigned size)
{
    (void)unused;
    return tw_alloc_array(count, size);
}

static void zlib_free(void *unused, void *block)
{
    (void)unused;
    tw_free(block);
}

static enum tw_status recognise(struct tw_byte_source *source)
{
    unsigned char magic[2];
    size_t got = fread(magic, 1, sizeof magic, source->stream);

    if (ferror(source->stream) || fseek(source->stream, 0, SEEK_SET) != 0) {
        return tw_fail(TW_ERROR_IO, "%s: %s", source->path, strerror(errno));
    }
    source->gzip = got == sizeof magic && magic[0] == 0x1f && magic[1] == 0x8b;
    return TW_OK;
}

static enum tw_status start_inflater(struct tw_byte_source *source)
{
    source->input = tw_alloc(INPUT_BYTES);
    if (!source->input) {
        return TW_ERROR_MEMORY;
    }
    source->inflater.zalloc = zlib_alloc;
    source->inflater.zfree = zlib_free;
    if (inflateInit2(&source->inflater, GZIP_WINDOW_BITS) != Z_OK) {
        return tw_fail(TW_ERROR_MEMORY, "%s: no memory to unpack gzip", source->path);
    }
    return TW_OK;
}

enum tw_status tw_byte_source_open(struct tw_byte_source *source, const char *path)
{
    enum tw_status status;

    *source = (struct tw_byte_source){.path = path};
    status = tw_regular_file_open(path, &source->stream, &source->file_bytes);
    if (status == TW_OK) {
        status = recognise(source);
    }
    if (status == TW_OK && source->gzip) {
        status = start_inflater(source);
    }
    if (status != TW_OK) {
        tw_byte_source_close(source);
    }
    return status;
}

void tw_byte_source_close(struct tw_byte_source *source)
{
    if (source->inflater.state) {
        inflateEnd(&source->inflater);
    }
    tw_free(source->input);
    if (source->stream) {
        fclose(source->stream);
    }
    *source = (struct tw_byte_source){0};
}

/* How far into the file the inflater has come. */
static long long position(const struct tw_byte_source *source)
{
    return (long long)ftello(source->stream) - source->inflater.avail_in;
}

/* Reads more packed bytes if there are none left; at the end of the file there are none after either. */
static enum tw_status refill(struct tw_byte_source *source)
{
    if (source->inflater.avail_in > 0) {
        return TW_OK;
    }
    source->inflater.next_in = source->input;
    source->inflater.avail_in = (unsigned)fread(source->input, 1, INPUT_BYTES, source->stream);
    if (ferror(source->stream)) {
        return tw_fail(TW_ERROR_IO, "%s: %s", source->path, strerror(errno));
    }
    return TW_OK;
}

/* After a member: the file ends, or another member follows (RFC 1952, 2.2). inflate itself refuses anything
 * that does not start like one. */
static enum tw_status next_member(struct tw_byte_source *source)
{
    enum tw_status status = refill(source);

    if (status != TW_OK) {
        return status;
    }
    source->ended = source->inflater.avail_in == 0;
    if (!source->ended && inflateReset(&source->inflater) != Z_OK) {
        return tw_fail(TW_ERROR_FORMAT, "%s: gzip data damaged at byte %lld", source->path, position(source));
    }
    return TW_OK;
}

static enum tw_status inflate_some(struct tw_byte_source *source)
{
    enum tw_status status = refill(source);
    int result;

    if (status != TW_OK) {
        return status;
    }
    if (source->inflater.avail_in == 0) {
        return tw_fail(TW_ERROR_FORMAT, "%s: gzip data cut off at byte %llu", source->path,
                       (unsigned long long)source->file_bytes);
    }
    result = inflate(&source->inflater, Z_NO_FLUSH);
    if (result == Z_STREAM_END) {
        return next_member(source);
    }
    if (result == Z_MEM_ERROR) {
        return tw_fail(TW_ERROR_MEMORY, "%s: no memory to unpack gzip", source->path);
    }
    if (result != Z_OK && result != Z_BUF_ERROR) {
        return tw_fail(TW_ERROR_FORMAT, "%s: gzip data damaged at byte %lld: %s", source->path,
                       position(source), source->inflater.msg ? source->inflater.msg : "no dictionary");
    }
    return TW_OK;
}

static enum tw_status read_gzip(struct tw_byte_source *source, unsigned char *target, size_t bytes,
                                size_t *got)
{
    while (*got < bytes && !source->ended) {
        size_t room = bytes - *got < UINT_MAX ? bytes - *got : UINT_MAX;
        enum tw_status status;

        source->inflater.next_out = target + *got;
        source->inflater.avail_out = (unsigned)room;
        status = inflate_some(source);
        *got += room - source->inflater.avail_out;
        if (status != TW_OK) {
            return status;
        }
    }
    return TW_OK;
}

enum tw_status tw_byte_source_read(struct tw_byte_source *source, void *target, size_t bytes, size_t *got)
{
    *got = 0;
    if (source->gzip) {
        return read_gzip(source, target, bytes, got);
    }
    *got = fread(target, 1, bytes, source->stream);
    if (ferror(source->stream)) {
        return tw_fail(TW_ERROR_IO, "%s: %s", source->path, strerror(errno));
    }
    return TW_OK;
}

uint64_t tw_byte_source_limit(const struct tw_byte_source *source)
{
    return source->gzip ? source->file_bytes * DEFLATE_EXPANSION : source->file_bytes;
}
