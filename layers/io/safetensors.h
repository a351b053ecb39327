/* safetensors: a state dict in a file that PyTorch's users can read
 * (https://github.com/huggingface/safetensors, "Format").
 *
 *   | 8 bytes N, little-endian | N bytes JSON {"name": {"dtype", "shape", "data_offsets": [begin, end]}, …} |
 * data |
 *
 * Names and shapes are PyTorch's own (conv1.weight, …). The JSON is padded with spaces to a multiple of 8
 * bytes.
 */
#ifndef TOWER_LAYERS_IO_SAFETENSORS_H
#define TOWER_LAYERS_IO_SAFETENSORS_H

#include "layers/module/state_dict.h"

/* Writes `dict` atomically (layers/io/atomic_file.h). `metadata`: NULL or a NULL-terminated list of key,
 * value, key, value …, stored under "__metadata__". An existing file stays as it was unless everything
 * succeeded. */
enum tw_status tw_safetensors_save(const char *path, const tw_state_dict *dict, const char *const *metadata);

/* Reads a whole file into `*dict` (tensors with storages of their own), in order of data offsets. Every bound
 * is checked: header length against the file (and at most 100 MB), offsets (inside the data, in order, no
 * holes, no overlaps, length = shape x dtype), duplicate names, dtypes F32, F64, U8, I32, I64. Errors name
 * the file and the offending key or offset. */
enum tw_status tw_safetensors_load(const char *path, tw_state_dict *dict);

#endif
