/* State dicts: every parameter and persistent buffer of a tree under its path.
 *
 * An ordered list of (name, tensor). Tensors are views that share storage with the module they came from, as
 * in PyTorch: cloning is the caller's choice. A shared parameter appears under each of its names. Of an optimizer
 * (layers/optim/optim.h) nothing is in it: moments and counts of steps start anew.
 */
#ifndef TOWER_LAYERS_MODULE_STATE_DICT_H
#define TOWER_LAYERS_MODULE_STATE_DICT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/tensor.h"
#include "layers/module/module.h"

struct tw_state_item {
    char *name;
    struct tw_tensor *tensor; /* owned view */
};

typedef struct tw_state_dict {
    struct tw_state_item *items;
    size_t count, capacity;
} tw_state_dict;

/* Empties and frees the items; `*dict` itself belongs to the caller. */
void tw_state_dict_release(tw_state_dict *dict);

/* Appends a copy of `name` and takes over `tensor` (released on failure). TW_ERROR_ARGUMENT if the name is
 * taken. */
enum tw_status tw_state_dict_add(tw_state_dict *dict, const char *name, struct tw_tensor *tensor);

/* The tensor under `name`, borrowed; NULL if there is none (no error is recorded). */
struct tw_tensor *tw_state_dict_find(const tw_state_dict *dict, const char *name);

/* Parameters and persistent buffers at or below self, in order. `*dict` is empty on failure. */
enum tw_status tw_module_state_dict(const tw_module *self, tw_state_dict *dict);

/* Copies the dict's tensors into self's parameters and persistent buffers (converting dtypes; the dict's
 * tensors may be views of self's own). Everything is checked before anything is written. Fails with
 * TW_ERROR_SHAPE or TW_ERROR_ARGUMENT and a message that names every key that is misshaped (with both shapes)
 * and, when `strict`, every missing and every unexpected key; a misshaped key fails also without `strict`.
 * Keys for which the message has no room are counted in it. */
enum tw_status tw_module_load_state_dict(tw_module *self, const tw_state_dict *dict, bool strict);

/* SHA-256 over the state in order: for each item the name, a zero byte, the dtype's name, the shape's text,
 * then the element bytes (little-endian). Writes 64 hexadecimal digits and a terminator. */
#define TW_SHA256_TEXT_BYTES 65
enum tw_status tw_module_sha256(const tw_module *self, char text[TW_SHA256_TEXT_BYTES]);

#endif
