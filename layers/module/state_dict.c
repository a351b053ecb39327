/* The list itself, and taking the state of a tree. Loading is in state_dict_load.c. */
#include "layers/module/state_dict.h"

#include <string.h>

#include "core/memory.h"
#include "layers/module/module_walk.h"

void tw_state_dict_release(tw_state_dict *dict)
{
    for (size_t i = 0; i < dict->count; i++) {
        tw_free(dict->items[i].name);
        tw_tensor_release(dict->items[i].tensor);
    }
    tw_free(dict->items);
    *dict = (tw_state_dict){0};
}

/* Appends, taking over both; both are released on failure. */
static enum tw_status append(tw_state_dict *dict, char *name, struct tw_tensor *tensor)
{
    struct tw_state_item *grown = NULL;

    if (name != NULL && tensor != NULL) {
        grown = tw_array_grow(dict->items, &dict->capacity, dict->count + 1, sizeof *dict->items);
    }
    if (grown == NULL) {
        tw_free(name);
        tw_tensor_release(tensor);
        return TW_ERROR_MEMORY;
    }
    dict->items = grown;
    dict->items[dict->count++] = (struct tw_state_item){name, tensor};
    return TW_OK;
}

enum tw_status tw_state_dict_add(tw_state_dict *dict, const char *name, struct tw_tensor *tensor)
{
    if (name == NULL || tensor == NULL || tw_state_dict_find(dict, name) != NULL) {
        tw_tensor_release(tensor);
        if (name == NULL || tensor == NULL) {
            return tw_fail(TW_ERROR_ARGUMENT, "state dict: the %s is NULL", name == NULL ? "name" : "tensor");
        }
        return tw_fail(TW_ERROR_ARGUMENT, "state dict: the name \"%s\" is taken already", name);
    }
    return append(dict, tw_strdup(name), tensor);
}

struct tw_tensor *tw_state_dict_find(const tw_state_dict *dict, const char *name)
{
    for (size_t i = 0; i < dict->count; i++) {
        if (strcmp(dict->items[i].name, name) == 0) {
            return dict->items[i].tensor;
        }
    }
    return NULL;
}

/* --- state of a tree ------------------------------------------------------------------------------------ */

/* Another view of the whole tensor. A slice of all of dimension 0 keeps any strides; a scalar has no
 * dimension to slice and is always contiguous. */
static struct tw_tensor *view_of(const struct tw_tensor *tensor)
{
    if (tensor->shape.ndim == 0) {
        return tw_tensor_reshape(tensor, tensor->shape);
    }
    return tw_tensor_slice(tensor, 0, 0, tensor->shape.extent[0], 1);
}

static enum tw_status append_view(tw_state_dict *dict, const char *path, const char *name,
                                  const struct tw_tensor *tensor)
{
    struct tw_tensor *view = view_of(tensor);

    /* Names of one tree cannot clash: a module's names are distinct and have no dots. */
    return view != NULL ? append(dict, tw_module_join_path(path, name), view) : tw_error_status();
}

static enum tw_status append_module(void *context, const char *path, tw_module *module)
{
    tw_state_dict *dict = context;
    enum tw_status status = TW_OK;

    for (size_t i = 0; status == TW_OK && i < module->parameter_count; i++) {
        const struct tw_module_parameter_entry *entry = &module->parameters[i];

        if (entry->parameter != NULL) {
            status = append_view(dict, path, entry->name, entry->parameter->data);
        }
    }
    for (size_t i = 0; status == TW_OK && i < module->buffer_count; i++) {
        const struct tw_module_buffer_entry *entry = &module->buffers[i];

        if (entry->buffer != NULL && entry->persistent) {
            status = append_view(dict, path, entry->name, entry->buffer);
        }
    }
    return status;
}

enum tw_status tw_module_state_dict(const tw_module *self, tw_state_dict *dict)
{
    enum tw_status status;

    *dict = (tw_state_dict){0};
    /* The walk hands out modules that a visitor may change; this one only reads them. */
    status = tw_module_walk((tw_module *)(uintptr_t)self,
                            &(struct tw_walk){.before = append_module, .context = dict});
    if (status != TW_OK) {
        tw_state_dict_release(dict);
    }
    return status;
}
