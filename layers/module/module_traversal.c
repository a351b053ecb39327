/* What goes down the whole tree: modes, visits, look-ups and lists. */
#include "layers/module/module.h"

#include <string.h>

#include "core/memory.h"
#include "layers/module/module_walk.h"

void tw_module_train(tw_module *self, bool training)
{
    self->training = training;
    for (size_t i = 0; i < self->child_count; i++) {
        if (self->children[i].module != NULL) {
            tw_module_train(self->children[i].module, training);
        }
    }
}

void tw_module_requires_grad(tw_module *self, bool requires_grad)
{
    for (size_t i = 0; i < self->parameter_count; i++) {
        if (self->parameters[i].parameter != NULL) {
            self->parameters[i].parameter->requires_grad = requires_grad;
        }
    }
    for (size_t i = 0; i < self->child_count; i++) {
        if (self->children[i].module != NULL) {
            tw_module_requires_grad(self->children[i].module, requires_grad);
        }
    }
}

void tw_module_zero_grad(tw_module *self)
{
    for (size_t i = 0; i < self->parameter_count; i++) {
        tw_parameter_zero_grad(self->parameters[i].parameter);
    }
    for (size_t i = 0; i < self->child_count; i++) {
        if (self->children[i].module != NULL) {
            tw_module_zero_grad(self->children[i].module);
        }
    }
}

enum tw_status tw_module_apply(tw_module *self, tw_module_visit *visit, void *context)
{
    return tw_module_walk(self, &(struct tw_walk){.after = visit, .context = context, .once = true});
}

/* --- look-up -------------------------------------------------------------------------------------------- */

static tw_module *child_named(const tw_module *self, const char *name, size_t length)
{
    for (size_t i = 0; i < self->child_count; i++) {
        if (strlen(self->children[i].name) == length && memcmp(self->children[i].name, name, length) == 0) {
            return self->children[i].module;
        }
    }
    return NULL;
}

tw_module *tw_module_find(tw_module *self, const char *path)
{
    const char *part = path;
    tw_module *module = self;

    if (path == NULL) {
        return tw_fail_null(TW_ERROR_ARGUMENT, "find: the path is NULL, expected text");
    }
    while (path[0] != '\0') {
        size_t length = strcspn(part, ".");
        tw_module *child = child_named(module, part, length);

        if (child == NULL) {
            return tw_fail_null(TW_ERROR_ARGUMENT, "find \"%s\": %s has no submodule \"%.*s\"", path,
                                module->class->name, (int)length, part);
        }
        module = child;
        if (part[length] == '\0') {
            break;
        }
        part += length + 1;
    }
    return module;
}

/* --- lists ---------------------------------------------------------------------------------------------- */

struct collection {
    struct tw_parameter_list *list;
    size_t capacity;
};

static bool is_listed(const struct tw_parameter_list *list, const tw_parameter *parameter)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].parameter == parameter) {
            return true;
        }
    }
    return false;
}

static enum tw_status collect(void *context, const char *path, tw_module *module)
{
    struct collection *collection = context;
    struct tw_parameter_list *list = collection->list;

    for (size_t i = 0; i < module->parameter_count; i++) {
        const struct tw_module_parameter_entry *entry = &module->parameters[i];
        struct tw_named_parameter *grown;
        char *name;

        if (entry->parameter == NULL || is_listed(list, entry->parameter)) {
            continue;
        }
        grown = tw_array_grow(list->items, &collection->capacity, list->count + 1, sizeof *list->items);
        if (grown == NULL) {
            return TW_ERROR_MEMORY;
        }
        list->items = grown;
        name = tw_module_join_path(path, entry->name);
        if (name == NULL) {
            return TW_ERROR_MEMORY;
        }
        list->items[list->count++] = (struct tw_named_parameter){name, entry->parameter};
    }
    return TW_OK;
}

enum tw_status tw_module_named_parameters(const tw_module *self, struct tw_parameter_list *list)
{
    struct collection collection = {.list = list};
    enum tw_status status;

    *list = (struct tw_parameter_list){0};
    /* The walk hands out modules that a visitor may change; this one only reads them. */
    status = tw_module_walk((tw_module *)(uintptr_t)self,
                            &(struct tw_walk){.before = collect, .context = &collection, .once = true});
    if (status != TW_OK) {
        tw_parameter_list_release(list);
    }
    return status;
}

void tw_parameter_list_release(struct tw_parameter_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        tw_free(list->items[i].name);
    }
    tw_free(list->items);
    *list = (struct tw_parameter_list){0};
}

ptrdiff_t tw_module_parameter_elements(const tw_module *self, bool trainable)
{
    struct tw_parameter_list list;
    ptrdiff_t elements = 0;

    if (tw_module_named_parameters(self, &list) != TW_OK) {
        return -1;
    }
    for (size_t i = 0; i < list.count; i++) {
        if (list.items[i].parameter->requires_grad || !trainable) {
            elements += tw_tensor_count(list.items[i].parameter->data);
        }
    }
    tw_parameter_list_release(&list);
    return elements;
}
