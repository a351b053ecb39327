/* Writing safetensors: lay out, describe in JSON, write.
 *
 * Tensors are laid out by element size, largest first, and in the order of the dict within one size: then
 * every tensor starts at a multiple of its element size, as readers that map the file want it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/memory.h"
#include "layers/io/atomic_file.h"
#include "layers/io/safetensors.h"
#include "layers/io/safetensors_format.h"

#define LARGEST_ELEMENT ((size_t)8)

static enum tw_status no_memory(void)
{
    return tw_fail(TW_ERROR_MEMORY, "no memory for a safetensors header");
}

static bool put_numbers(cJSON *object, const char *key, const double *values, int count)
{
    cJSON *array = cJSON_CreateDoubleArray(values, count);

    if (cJSON_AddItemToObject(object, key, array)) {
        return true;
    }
    cJSON_Delete(array);
    return false;
}

/* Describes one tensor whose bytes begin at `*offset`, and moves the offset behind them. */
static enum tw_status describe(cJSON *header, const struct tw_state_item *item, uint64_t *offset)
{
    const struct tw_tensor *tensor = item->tensor;
    double extents[TW_MAX_DIMS] = {0}, offsets[2];
    cJSON *entry = cJSON_AddObjectToObject(header, item->name);

    for (int i = 0; i < tensor->shape.ndim; i++) {
        extents[i] = (double)tensor->shape.extent[i];
    }
    offsets[0] = (double)*offset;
    *offset += tw_tensor_bytes(tensor);
    offsets[1] = (double)*offset;
    if (entry && cJSON_AddStringToObject(entry, "dtype", tw_safetensors_dtypes[tensor->dtype]) &&
        put_numbers(entry, "shape", extents, tensor->shape.ndim) &&
        put_numbers(entry, "data_offsets", offsets, 2)) {
        return TW_OK;
    }
    return no_memory();
}

static enum tw_status put_metadata(cJSON *header, const char *const *metadata)
{
    cJSON *object = cJSON_AddObjectToObject(header, TW_SAFETENSORS_METADATA);

    if (!object) {
        return no_memory();
    }
    for (; metadata[0]; metadata += 2) {
        if (!metadata[1]) {
            return tw_fail(TW_ERROR_ARGUMENT, "safetensors: metadata '%s' has no value", metadata[0]);
        }
        if (cJSON_GetObjectItemCaseSensitive(object, metadata[0])) {
            return tw_fail(TW_ERROR_ARGUMENT, "safetensors: metadata '%s' is given twice", metadata[0]);
        }
        if (!cJSON_AddStringToObject(object, metadata[0], metadata[1])) {
            return no_memory();
        }
    }
    return TW_OK;
}

/* Calls `visit` for every item in the order of the file. */
typedef enum tw_status visit_item(void *context, const struct tw_state_item *item);

static enum tw_status for_each(const tw_state_dict *dict, visit_item *visit, void *context)
{
    for (size_t size = LARGEST_ELEMENT; size > 0; size /= 2) {
        for (size_t i = 0; i < dict->count; i++) {
            enum tw_status status = TW_OK;

            if (tw_dtype_size(dict->items[i].tensor->dtype) == size) {
                status = visit(context, &dict->items[i]);
            }
            if (status != TW_OK) {
                return status;
            }
        }
    }
    return TW_OK;
}

struct description {
    cJSON *header;
    uint64_t offset;
};

static enum tw_status describe_item(void *context, const struct tw_state_item *item)
{
    struct description *description = context;

    if (strcmp(item->name, TW_SAFETENSORS_METADATA) == 0) {
        return tw_fail(TW_ERROR_ARGUMENT, "safetensors: a tensor cannot be called '%s'", item->name);
    }
    return describe(description->header, item, &description->offset);
}

/* The header as JSON text, released with cJSON_free; NULL with a message. */
static char *header_text(const tw_state_dict *dict, const char *const *metadata)
{
    struct description description = {.header = cJSON_CreateObject()};
    enum tw_status status = description.header ? TW_OK : no_memory();
    char *text = NULL;

    if (status == TW_OK && metadata) {
        status = put_metadata(description.header, metadata);
    }
    if (status == TW_OK) {
        status = for_each(dict, describe_item, &description);
    }
    if (status == TW_OK) {
        text = cJSON_PrintUnformatted(description.header);
        if (!text) {
            no_memory();
        }
    }
    cJSON_Delete(description.header);
    return text;
}

static enum tw_status write_header(struct tw_atomic_file *file, const char *text)
{
    static const char padding[TW_SAFETENSORS_PREFIX] = "        ";
    size_t length = strlen(text), spaces = (0 - length) % TW_SAFETENSORS_PREFIX;
    uint64_t padded = length + spaces;
    enum tw_status status = tw_atomic_write(file, &padded, sizeof padded);

    if (status == TW_OK) {
        status = tw_atomic_write(file, text, length);
    }
    if (status == TW_OK) {
        status = tw_atomic_write(file, padding, spaces);
    }
    return status;
}

static enum tw_status write_item(void *context, const struct tw_state_item *item)
{
    struct tw_tensor *copy = NULL;
    const struct tw_tensor *tensor = item->tensor;
    enum tw_status status;

    if (!tw_tensor_is_contiguous(tensor)) {
        copy = tw_tensor_clone(tensor);
        if (!copy) {
            return tw_error_status();
        }
        tensor = copy;
    }
    status = tw_atomic_write(context, tensor->data, tw_tensor_bytes(tensor));
    tw_tensor_release(copy);
    return status;
}

enum tw_status tw_safetensors_save(const char *path, const tw_state_dict *dict, const char *const *metadata)
{
    struct tw_atomic_file file = {0};
    char *text = header_text(dict, metadata);
    enum tw_status status = text ? tw_atomic_open(&file, path) : tw_error_status();

    if (status == TW_OK) {
        status = write_header(&file, text);
    }
    if (status == TW_OK) {
        status = for_each(dict, write_item, &file);
    }
    if (status == TW_OK) {
        status = tw_atomic_commit(&file);
    }
    tw_atomic_abandon(&file);
    cJSON_free(text);
    return status;
}
