/* The JSON header of a safetensors file as a list. Private to layers/io. */
#ifndef TOWER_LAYERS_IO_SAFETENSORS_HEADER_H
#define TOWER_LAYERS_IO_SAFETENSORS_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "core/tensor.h"

struct cJSON;

struct tw_safetensors_entry {
    const char *name; /* borrowed from the JSON */
    size_t index;     /* place in the JSON */
    enum tw_dtype dtype;
    struct tw_shape shape;
    uint64_t begin, end; /* bytes, from the start of the data; end - begin fits shape and dtype */
};

struct tw_safetensors_header {
    struct cJSON *json;
    struct tw_safetensors_entry *entries; /* in the order of the JSON */
    size_t count;
};

/* Parses `bytes` bytes of JSON. Each entry is checked on its own; how they share the data, and whether names
 * repeat, is for the caller to check. On failure `*header` is empty, and the message lacks the file's
 * name. */
enum tw_status tw_safetensors_header_parse(const char *text, size_t bytes,
                                           struct tw_safetensors_header *header);

void tw_safetensors_header_release(struct tw_safetensors_header *header);

#endif
