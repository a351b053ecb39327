/* From JSON to checked entries. cJSON parses; whatever it lets through that the format does not is refused
 * here.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/memory.h"
#include "layers/io/safetensors.h"
#include "layers/io/safetensors_format.h"
#include "layers/io/safetensors_header.h"

/* The largest integer up to which every one has a double of its own: cJSON's numbers are doubles. */
#define LARGEST_INTEGER 9007199254740992.0

#define FIELDS_PER_ENTRY 3

/* A whole number of at least 0. NaN fails the first comparison. */
static bool to_integer(const cJSON *item, uint64_t *value)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= LARGEST_INTEGER)) {
        return false;
    }
    *value = (uint64_t)item->valuedouble;
    return (double)*value == item->valuedouble;
}

/* The control character that a text goes on with: of C0, DEL or, in UTF-8, of C1, among which terminals find
 * CSI. Otherwise 0. */
static int control_at(const char *text)
{
    unsigned char first = (unsigned char)text[0], second = first ? (unsigned char)text[1] : 0;

    if (first == 0xc2 && second >= 0x80 && second < 0xa0) {
        return second;
    }
    return first < 0x20 || first == 0x7f ? first : 0;
}

/* Texts of the file are quoted only after this: messages stay on one line, and terminals are left alone. */
static enum tw_status check_text(const char *what, const char *text)
{
    for (const char *c = text; *c; c++) {
        int control = control_at(c);

        if (control != 0) {
            return tw_fail(TW_ERROR_FORMAT, "%s has the control character 0x%02x at byte %td", what, control,
                           c - text);
        }
    }
    return TW_OK;
}

static enum tw_status parse_dtype(const char *name, const cJSON *item, enum tw_dtype *dtype)
{
    if (!cJSON_IsString(item)) {
        return tw_fail(TW_ERROR_FORMAT, "'%.100s': dtype is not a text", name);
    }
    for (int i = 0; i < TW_SAFETENSORS_DTYPES; i++) {
        if (strcmp(item->valuestring, tw_safetensors_dtypes[i]) == 0) {
            *dtype = (enum tw_dtype)i;
            return TW_OK;
        }
    }
    if (check_text("dtype", item->valuestring) != TW_OK) {
        return tw_fail_in("'%.100s': ", name);
    }
    return tw_fail(TW_ERROR_UNSUPPORTED, "'%.100s': dtype '%.20s', expected F32, F64, U8, U16, I32 or I64",
                   name, item->valuestring);
}

static enum tw_status parse_shape(const char *name, const cJSON *array, struct tw_shape *shape)
{
    const cJSON *item;
    uint64_t extent;

    *shape = tw_scalar_shape();
    if (!cJSON_IsArray(array)) {
        return tw_fail(TW_ERROR_FORMAT, "'%.100s': shape is not a list", name);
    }
    cJSON_ArrayForEach(item, array)
    {
        if (shape->ndim == TW_MAX_DIMS) {
            return tw_fail(TW_ERROR_UNSUPPORTED, "'%.100s': more than %d dimensions", name, TW_MAX_DIMS);
        }
        if (!to_integer(item, &extent)) {
            return tw_fail(TW_ERROR_FORMAT, "'%.100s': extent %d is not a whole number of at least 0", name,
                           shape->ndim);
        }
        shape->extent[shape->ndim++] = (ptrdiff_t)extent;
    }
    return TW_OK;
}

static enum tw_status parse_offsets(const char *name, const cJSON *array, uint64_t *begin, uint64_t *end)
{
    if (!cJSON_IsArray(array) || cJSON_GetArraySize(array) != 2 || !to_integer(array->child, begin) ||
        !to_integer(array->child->next, end)) {
        return tw_fail(TW_ERROR_FORMAT, "'%.100s': data_offsets are not two whole numbers of at least 0",
                       name);
    }
    if (*begin > *end) {
        return tw_fail(TW_ERROR_FORMAT,
                       "'%.100s': data_offsets end at %" PRIu64 ", before they begin at %" PRIu64, name, *end,
                       *begin);
    }
    return TW_OK;
}

/* Whether the bytes are as many as shape and dtype take, without a product that could overflow. */
static enum tw_status check_size(const struct tw_safetensors_entry *entry)
{
    uint64_t bytes = entry->end - entry->begin, size = tw_dtype_size(entry->dtype);
    ptrdiff_t count = tw_shape_count(&entry->shape);
    char text[TW_SHAPE_TEXT_BYTES];

    if (count >= 0 && bytes % size == 0 && bytes / size == (uint64_t)count) {
        return TW_OK;
    }
    return tw_fail(TW_ERROR_FORMAT, "'%.100s': %" PRIu64 " bytes do not hold %s of %s", entry->name, bytes,
                   tw_dtype_name(entry->dtype), tw_shape_text(&entry->shape, text));
}

static enum tw_status parse_entry(const cJSON *item, struct tw_safetensors_entry *entry)
{
    enum tw_status status = check_text("a name", item->string);

    if (status != TW_OK) {
        return status;
    }
    entry->name = item->string;
    /* With three fields and all three names present, none is unknown and none is given twice. */
    if (!cJSON_IsObject(item) || cJSON_GetArraySize(item) != FIELDS_PER_ENTRY) {
        return tw_fail(TW_ERROR_FORMAT, "'%.100s': expected dtype, shape and data_offsets", entry->name);
    }
    status = parse_dtype(entry->name, cJSON_GetObjectItemCaseSensitive(item, "dtype"), &entry->dtype);
    if (status == TW_OK) {
        status = parse_shape(entry->name, cJSON_GetObjectItemCaseSensitive(item, "shape"), &entry->shape);
    }
    if (status == TW_OK) {
        status = parse_offsets(entry->name, cJSON_GetObjectItemCaseSensitive(item, "data_offsets"),
                               &entry->begin, &entry->end);
    }
    return status == TW_OK ? check_size(entry) : status;
}

/* A map from text to text, which Tower does not need. */
static enum tw_status check_metadata(const cJSON *metadata)
{
    const cJSON *item;
    bool right = cJSON_IsObject(metadata);

    cJSON_ArrayForEach(item, metadata) right = right && cJSON_IsString(item);
    return right ? TW_OK
                 : tw_fail(TW_ERROR_FORMAT, "%s is not a map from text to text", TW_SAFETENSORS_METADATA);
}

static enum tw_status parse_entries(struct tw_safetensors_header *header)
{
    const cJSON *item;
    bool metadata_seen = false;

    cJSON_ArrayForEach(item, header->json)
    {
        enum tw_status status;

        if (strcmp(item->string, TW_SAFETENSORS_METADATA) == 0) {
            status = metadata_seen ? tw_fail(TW_ERROR_FORMAT, "%s is given twice", TW_SAFETENSORS_METADATA)
                                   : check_metadata(item);
            metadata_seen = true;
        } else {
            header->entries[header->count].index = header->count;
            status = parse_entry(item, &header->entries[header->count++]);
        }
        if (status != TW_OK) {
            return status;
        }
    }
    return TW_OK;
}

/* A zero byte, written out or escaped, would end a name early for C. */
static bool has_zero(const char *text, size_t bytes)
{
    return memchr(text, 0, bytes) || memmem(text, bytes, "\\u0000", 6);
}

/* One JSON object, then nothing but spaces. */
static enum tw_status parse_json(const char *text, size_t bytes, cJSON **json)
{
    const char *end = text;

    *json = NULL;
    if (bytes == 0 || text[0] != '{') {
        return tw_fail(TW_ERROR_FORMAT, "header does not begin with '{'");
    }
    if (has_zero(text, bytes)) {
        return tw_fail(TW_ERROR_FORMAT, "header contains a zero character");
    }
    *json = cJSON_ParseWithLengthOpts(text, bytes, &end, false);
    if (!*json) {
        return tw_fail(TW_ERROR_FORMAT, "header is no valid JSON near byte %td", end - text);
    }
    for (; end < text + bytes; end++) {
        if (*end != ' ') {
            return tw_fail(TW_ERROR_FORMAT, "header has 0x%02x at byte %td, expected spaces to its end",
                           (unsigned char)*end, end - text);
        }
    }
    return TW_OK;
}

enum tw_status tw_safetensors_header_parse(const char *text, size_t bytes,
                                           struct tw_safetensors_header *header)
{
    enum tw_status status;
    int count;

    *header = (struct tw_safetensors_header){0};
    status = parse_json(text, bytes, &header->json);
    if (status == TW_OK) {
        count = cJSON_GetArraySize(header->json);
        if (count > TW_SAFETENSORS_MAX_TENSORS) {
            status = tw_fail(TW_ERROR_FORMAT, "%d tensors, expected at most %d", count,
                             TW_SAFETENSORS_MAX_TENSORS);
        }
    }
    if (status == TW_OK) {
        header->entries = tw_alloc_array((size_t)count, sizeof *header->entries);
        status = header->entries ? parse_entries(header) : TW_ERROR_MEMORY;
    }
    if (status != TW_OK) {
        tw_safetensors_header_release(header);
    }
    return status;
}

void tw_safetensors_header_release(struct tw_safetensors_header *header)
{
    cJSON_Delete(header->json);
    tw_free(header->entries);
    *header = (struct tw_safetensors_header){0};
}
