/* Reading safetensors: open, parse the header, check the layout, only then read the data. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "layers/io/regular_file_internal.h"
#include "layers/io/safetensors.h"
#include "layers/io/safetensors_format.h"
#include "layers/io/safetensors_header.h"

struct reader {
    const char *path;
    FILE *stream;
    uint64_t data_bytes; /* behind the header */
    char *text;          /* the header */
    size_t text_bytes;
    struct tw_safetensors_header header;
};

static enum tw_status read_exactly(struct reader *reader, void *target, size_t bytes)
{
    if (fread(target, 1, bytes, reader->stream) == bytes) {
        return TW_OK;
    }
    if (ferror(reader->stream)) {
        return tw_fail(TW_ERROR_IO, "%s: %s", reader->path, strerror(errno));
    }
    return tw_fail(TW_ERROR_FORMAT, "%s: became shorter while it was read", reader->path);
}

/* Reads the length, holds it against the file and the limit, then reads the JSON. */
static enum tw_status read_text(struct reader *reader, uint64_t file_bytes)
{
    uint64_t length;
    enum tw_status status;

    if (file_bytes < TW_SAFETENSORS_PREFIX) {
        return tw_fail(TW_ERROR_FORMAT, "%s: has %" PRIu64 " bytes, expected at least %d", reader->path,
                       file_bytes, TW_SAFETENSORS_PREFIX);
    }
    status = read_exactly(reader, &length, sizeof length);
    if (status != TW_OK) {
        return status;
    }
    if (length > file_bytes - TW_SAFETENSORS_PREFIX) {
        return tw_fail(TW_ERROR_FORMAT, "%s: header of %" PRIu64 " bytes in a file of %" PRIu64, reader->path,
                       length, file_bytes);
    }
    if (length > TW_SAFETENSORS_MAX_HEADER) {
        return tw_fail(TW_ERROR_FORMAT, "%s: header of %" PRIu64 " bytes, expected at most %d", reader->path,
                       length, TW_SAFETENSORS_MAX_HEADER);
    }
    reader->text_bytes = (size_t)length;
    reader->data_bytes = file_bytes - TW_SAFETENSORS_PREFIX - length;
    reader->text = tw_alloc(reader->text_bytes);
    return reader->text ? read_exactly(reader, reader->text, reader->text_bytes) : TW_ERROR_MEMORY;
}

static int by_offset(const void *left, const void *right)
{
    const struct tw_safetensors_entry *a = left, *b = right;

    if (a->begin != b->begin) {
        return a->begin < b->begin ? -1 : 1;
    }
    if (a->end != b->end) {
        return a->end < b->end ? -1 : 1;
    }
    return (a->index > b->index) - (a->index < b->index);
}

/* Sorts the entries by offset and checks that they cover the data from end to end. */
static enum tw_status check_cover(struct reader *reader)
{
    struct tw_safetensors_header *header = &reader->header;
    uint64_t expected = 0;

    if (header->count > 0) {
        qsort(header->entries, header->count, sizeof *header->entries, by_offset);
    }
    for (size_t i = 0; i < header->count; i++) {
        const struct tw_safetensors_entry *entry = &header->entries[i];

        if (entry->begin != expected) {
            return tw_fail(TW_ERROR_FORMAT,
                           "%s: '%.100s' begins at data offset %" PRIu64 ", expected %" PRIu64, reader->path,
                           entry->name, entry->begin, expected);
        }
        expected = entry->end;
    }
    if (expected != reader->data_bytes) {
        return tw_fail(TW_ERROR_FORMAT, "%s: tensors take %" PRIu64 " bytes, the file has %" PRIu64,
                       reader->path, expected, reader->data_bytes);
    }
    return TW_OK;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static enum tw_status check_names(const struct reader *reader)
{
    const struct tw_safetensors_header *header = &reader->header;
    const char **names = tw_alloc_array(header->count, sizeof *names);
    enum tw_status status = TW_OK;

    if (!names) {
        return TW_ERROR_MEMORY;
    }
    for (size_t i = 0; i < header->count; i++) {
        names[i] = header->entries[i].name;
    }
    qsort(names, header->count, sizeof *names, by_name);
    for (size_t i = 1; i < header->count && status == TW_OK; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            status = tw_fail(TW_ERROR_FORMAT, "%s: two tensors are called '%.100s'", reader->path, names[i]);
        }
    }
    tw_free(names);
    return status;
}

static enum tw_status read_tensors(struct reader *reader, tw_state_dict *dict)
{
    for (size_t i = 0; i < reader->header.count; i++) {
        const struct tw_safetensors_entry *entry = &reader->header.entries[i];
        struct tw_tensor *tensor = tw_tensor_new(entry->dtype, entry->shape);
        enum tw_status status = tensor
                                    ? read_exactly(reader, tensor->data, (size_t)(entry->end - entry->begin))
                                    : tw_error_status();

        if (status != TW_OK) {
            tw_tensor_release(tensor);
            return status;
        }
        status = tw_state_dict_add(dict, entry->name, tensor);
        if (status != TW_OK) {
            return tw_fail_in("%s: ", reader->path);
        }
    }
    return TW_OK;
}

static void close_reader(struct reader *reader)
{
    tw_safetensors_header_release(&reader->header);
    tw_free(reader->text);
    if (reader->stream) {
        fclose(reader->stream);
    }
}

enum tw_status tw_safetensors_load(const char *path, tw_state_dict *dict)
{
    struct reader reader = {.path = path};
    uint64_t file_bytes = 0;
    enum tw_status status = tw_regular_file_open(path, &reader.stream, &file_bytes);

    *dict = (tw_state_dict){0};
    if (status == TW_OK) {
        status = read_text(&reader, file_bytes);
    }
    if (status == TW_OK) {
        status = tw_safetensors_header_parse(reader.text, reader.text_bytes, &reader.header);
        if (status != TW_OK) {
            status = tw_fail_in("%s: ", path);
        }
    }
    if (status == TW_OK) {
        status = check_names(&reader);
    }
    if (status == TW_OK) {
        status = check_cover(&reader);
    }
    if (status == TW_OK) {
        status = read_tensors(&reader, dict);
    }
    if (status != TW_OK) {
        tw_state_dict_release(dict);
    }
    close_reader(&reader);
    return status;
}
