/* safetensors: a state dict in a file that PyTorch's users can read
 * (https://github.com/huggingface/safetensors, "Format").
 *
 *   | N: 8 bytes, little-endian | JSON: N bytes | data |
 *
 *   JSON = {"name": {"dtype": …, "shape": […], "data_offsets": [begin, end]}, …}
 *
 * Names and shapes are PyTorch's own (conv1.weight, …). The JSON is padded with spaces to a multiple of 8
 * bytes; the data follow each other without gaps. A module's state dict is parameters and buffers only: training that
 * goes on from a file starts with a new optimizer, whose moments and counts of steps are not saved.
 */
#ifndef TOWER_LAYERS_IO_SAFETENSORS_H
#define TOWER_LAYERS_IO_SAFETENSORS_H

#include "layers/module/state_dict.h"

/* Limits on what is read, far above any tower's: they bound the time and memory that a hostile file costs. */
#define TW_SAFETENSORS_MAX_HEADER  (16 * 1024 * 1024) /* bytes of JSON */
#define TW_SAFETENSORS_MAX_TENSORS 4096

/* Writes `dict` atomically (layers/io/atomic_file.h), whatever the strides of its tensors. `metadata`: NULL
 * or a NULL-terminated list of key, value, key, value …, stored under "__metadata__". TW_ERROR_ARGUMENT for a
 * key without a value or given twice, and for a tensor called "__metadata__". An existing file stays as it
 * was unless everything succeeded; if only the last step, renaming, fails, the message names the file that
 * has the weights. */
enum tw_status tw_safetensors_save(const char *path, const tw_state_dict *dict, const char *const *metadata);

/* Reads a whole file into `*dict` (tensors with storages of their own, given back with
 * tw_state_dict_release), in order of data offsets: largest elements first for files of tw_safetensors_save.
 * `*dict` is empty on failure.
 *
 * Every bound is checked before it is used: header length against the file and the limit above, offsets
 * (inside the data, no holes, no overlaps, length = shape x dtype), duplicate names. The dtypes are F32, F64,
 * U8, U16, I32, I64; others are TW_ERROR_UNSUPPORTED, and so are more than TW_MAX_DIMS dimensions.
 * TW_ERROR_FORMAT and TW_ERROR_IO name the file and the offending key or offset. */
enum tw_status tw_safetensors_load(const char *path, tw_state_dict *dict);

#endif
