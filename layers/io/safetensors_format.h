/* What writing and reading safetensors share. Private to layers/io. */
#ifndef TOWER_LAYERS_IO_SAFETENSORS_FORMAT_H
#define TOWER_LAYERS_IO_SAFETENSORS_FORMAT_H

#include <stddef.h>
#include <string.h>

#include "core/tensor.h"

#define TW_SAFETENSORS_METADATA "__metadata__"

/* Bytes of the length in front of the JSON, and what the whole header is padded to. */
#define TW_SAFETENSORS_PREFIX 8

/* Elements are copied between file and memory as they are. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors is little-endian");

/* The format's names. */
static const char *const tw_safetensors_dtypes[] = {
    [TW_F32] = "F32", [TW_F64] = "F64", [TW_U8] = "U8", [TW_U16] = "U16", [TW_I32] = "I32", [TW_I64] = "I64",
};

#define TW_SAFETENSORS_DTYPES ((int)(sizeof tw_safetensors_dtypes / sizeof tw_safetensors_dtypes[0]))

#endif
