/* IDX files: a big-endian header of magic and extents, then the bytes.
 *
 *   images   | 00 00 08 03 | count | height | width | count * height * width bytes |
 *   labels   | 00 00 08 01 | count | count bytes |
 */
#include <inttypes.h>
#include <string.h>

#include "core/memory.h"
#include "layers/data/byte_source.h"
#include "layers/data/dataset.h"

#define MAGIC_IMAGES  0x00000803U
#define MAGIC_LABELS  0x00000801U
#define CONTENT_LIMIT ((uint64_t)1 << 30)

/* A file opened and its header checked. */
struct idx {
    struct tw_byte_source source;
    int ndim;
    uint32_t extent[3];
    size_t bytes;  /* product of the extents */
    size_t header; /* bytes before the content */
};

/* Reads exactly `bytes` bytes that start at `offset` of the (unpacked) content. */
static enum tw_status read_exactly(struct idx *idx, void *target, size_t bytes, size_t offset)
{
    size_t got;
    enum tw_status status = tw_byte_source_read(&idx->source, target, bytes, &got);

    if (status == TW_OK && got < bytes) {
        status = tw_fail(TW_ERROR_FORMAT, "%s: ends at byte %zu, expected %zu bytes", idx->source.path,
                         offset + got, offset + bytes);
    }
    return status;
}

static enum tw_status read_u32(struct idx *idx, uint32_t *value)
{
    unsigned char b[4];
    enum tw_status status = read_exactly(idx, b, sizeof b, idx->header);

    if (status != TW_OK) {
        return status;
    }
    *value = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    idx->header += sizeof b;
    return TW_OK;
}

/* Takes one more extent into the product, which stays within the limit. */
static enum tw_status read_extent(struct idx *idx, uint32_t *extent)
{
    size_t offset = idx->header;
    enum tw_status status = read_u32(idx, extent);

    if (status != TW_OK) {
        return status;
    }
    if (*extent == 0) {
        return tw_fail(TW_ERROR_FORMAT, "%s: extent 0 at offset %zu, expected at least 1", idx->source.path,
                       offset);
    }
    if (*extent > CONTENT_LIMIT / idx->bytes) {
        return tw_fail(TW_ERROR_FORMAT,
                       "%s: extent %" PRIu32 " at offset %zu makes the content larger than %" PRIu64 " bytes",
                       idx->source.path, *extent, offset, CONTENT_LIMIT);
    }
    idx->bytes *= *extent;
    return TW_OK;
}

/* Before memory is asked for: can a file of this size hold what the header claims? */
static enum tw_status check_plausible(const struct idx *idx)
{
    uint64_t limit = tw_byte_source_limit(&idx->source);

    if (idx->header + idx->bytes <= limit) {
        return TW_OK;
    }
    return tw_fail(TW_ERROR_FORMAT,
                   "%s: header asks for %zu bytes, a file of %" PRIu64 " bytes has at most %" PRIu64,
                   idx->source.path, idx->header + idx->bytes, idx->source.file_bytes, limit);
}

static enum tw_status read_header(struct idx *idx, uint32_t expected_magic)
{
    uint32_t magic;
    enum tw_status status = read_u32(idx, &magic);

    if (status != TW_OK) {
        return status;
    }
    if (magic != expected_magic) {
        return tw_fail(TW_ERROR_FORMAT, "%s: magic 0x%08" PRIx32 " at offset 0, expected 0x%08" PRIx32,
                       idx->source.path, magic, expected_magic);
    }
    idx->ndim = (int)(magic & 0xff);
    idx->bytes = 1;
    for (int i = 0; i < idx->ndim; i++) {
        status = read_extent(idx, &idx->extent[i]);
        if (status != TW_OK) {
            return status;
        }
    }
    return check_plausible(idx);
}

static enum tw_status idx_open(struct idx *idx, const char *path, uint32_t magic)
{
    *idx = (struct idx){0};

    enum tw_status status = tw_byte_source_open(&idx->source, path);

    if (status != TW_OK) {
        return status;
    }
    status = read_header(idx, magic);
    if (status != TW_OK) {
        tw_byte_source_close(&idx->source);
    }
    return status;
}

/* Reads the content and makes sure that it ends there, a gzip checksum included. */
static enum tw_status read_content(struct idx *idx, void *target)
{
    unsigned char extra;
    size_t got;
    enum tw_status status = read_exactly(idx, target, idx->bytes, idx->header);

    if (status != TW_OK) {
        return status;
    }
    status = tw_byte_source_read(&idx->source, &extra, 1, &got);
    if (status == TW_OK && got > 0) {
        status = tw_fail(TW_ERROR_FORMAT, "%s: goes on after byte %zu, expected its end there",
                         idx->source.path, idx->header + idx->bytes);
    }
    return status;
}

enum tw_status tw_idx_read_images(const char *path, struct tw_tensor **images)
{
    struct idx idx;
    enum tw_status status = idx_open(&idx, path, MAGIC_IMAGES);

    *images = NULL;
    if (status != TW_OK) {
        return status;
    }
    *images = tw_tensor_new(TW_U8, TW_SHAPE(idx.extent[0], 1, idx.extent[1], idx.extent[2]));
    status = *images ? read_content(&idx, (*images)->data) : tw_error_status();
    tw_byte_source_close(&idx.source);
    if (status != TW_OK) {
        tw_tensor_release(*images);
        *images = NULL;
    }
    return status;
}

/* Widens the bytes of a label file, each of which must be below `classes`. */
static enum tw_status widen_labels(const struct idx *idx, const unsigned char *bytes, int32_t classes,
                                   int32_t *labels)
{
    for (size_t i = 0; i < idx->bytes; i++) {
        if (bytes[i] >= classes) {
            return tw_fail(TW_ERROR_FORMAT, "%s: label %d at offset %zu, expected 0 to %" PRId32,
                           idx->source.path, bytes[i], idx->header + i, classes - 1);
        }
        labels[i] = bytes[i];
    }
    return TW_OK;
}

enum tw_status tw_idx_read_labels(const char *path, int32_t classes, struct tw_tensor **labels)
{
    struct idx idx;
    enum tw_status status = idx_open(&idx, path, MAGIC_LABELS);
    unsigned char *bytes;

    *labels = NULL;
    if (status != TW_OK) {
        return status;
    }
    bytes = tw_alloc(idx.bytes);
    *labels = bytes ? tw_tensor_new(TW_I32, TW_SHAPE(idx.extent[0])) : NULL;
    status = *labels ? read_content(&idx, bytes) : tw_error_status();
    if (status == TW_OK) {
        status = widen_labels(&idx, bytes, classes, (*labels)->data);
    }
    tw_free(bytes);
    tw_byte_source_close(&idx.source);
    if (status != TW_OK) {
        tw_tensor_release(*labels);
        *labels = NULL;
    }
    return status;
}
