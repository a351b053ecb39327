/* The life of a module and what it registers. */
#include "layers/module/module.h"

#include <string.h>

#include "core/memory.h"
#include "layers/module/module_walk.h"

/* --- life ----------------------------------------------------------------------------------------------- */

void *tw_module_new(size_t bytes, const tw_module_class *class)
{
    tw_module *self;

    if (bytes < sizeof *self) {
        return tw_fail_null(TW_ERROR_ARGUMENT, "module: %zu bytes asked for, at least %zu expected", bytes,
                            sizeof *self);
    }
    self = tw_alloc(bytes);
    if (self != NULL && tw_module_init(self, class) != TW_OK) {
        tw_free(self);
        self = NULL;
    }
    return self;
}

enum tw_status tw_module_init(tw_module *self, const tw_module_class *class)
{
    if (self == NULL || class == NULL || class->name == NULL) {
        return tw_fail(TW_ERROR_ARGUMENT, "module: %s is NULL, expected %s",
                       self == NULL    ? "the module"
                       : class == NULL ? "the class"
                                       : "the class's name",
                       self == NULL ? "memory from tw_alloc" : "a named class");
    }
    if (self->initialised == TW_MODULE_INITIALISED) {
        return tw_fail(TW_ERROR_STATE, "%s: tw_module_init has run already (as %s)", class->name,
                       self->class->name);
    }
    *self = (tw_module){
        .class = class,
        .initialised = TW_MODULE_INITIALISED,
        .references = 1,
        .training = true,
    };
    return TW_OK;
}

/* Whether a registration in this module or below it failed. */
static bool has_failed(const tw_module *self)
{
    if (self->initialised != TW_MODULE_INITIALISED || self->failed) {
        return true;
    }
    for (size_t i = 0; i < self->child_count; i++) {
        if (self->children[i].module != NULL && has_failed(self->children[i].module)) {
            return true;
        }
    }
    return false;
}

tw_module *tw_module_ready(tw_module *self)
{
    if (self != NULL && has_failed(self)) {
        tw_module_release(self);
        return NULL;
    }
    return self;
}

tw_module *tw_module_retain(tw_module *self)
{
    if (self != NULL) {
        self->references++;
    }
    return self;
}

static void release_registrations(tw_module *self)
{
    for (size_t i = 0; i < self->child_count; i++) {
        tw_module_release(self->children[i].module);
        tw_free(self->children[i].name);
    }
    for (size_t i = 0; i < self->parameter_count; i++) {
        tw_parameter_release(self->parameters[i].parameter);
        tw_free(self->parameters[i].name);
    }
    for (size_t i = 0; i < self->buffer_count; i++) {
        tw_tensor_release(self->buffers[i].buffer);
        tw_free(self->buffers[i].name);
    }
    tw_free(self->children);
    tw_free(self->parameters);
    tw_free(self->buffers);
}

void tw_module_release(tw_module *self)
{
    if (self == NULL) {
        return;
    }
    if (self->initialised == TW_MODULE_INITIALISED) {
        if (--self->references > 0) {
            return;
        }
        release_registrations(self);
        if (self->class->destroy != NULL) {
            self->class->destroy(self);
        }
    }
    tw_free(self);
}

/* --- registration --------------------------------------------------------------------------------------- */

static bool is_taken(const tw_module *self, const char *name)
{
    for (size_t i = 0; i < self->parameter_count; i++) {
        if (strcmp(self->parameters[i].name, name) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < self->buffer_count; i++) {
        if (strcmp(self->buffers[i].name, name) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < self->child_count; i++) {
        if (strcmp(self->children[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* A copy of `name` if a `kind` may be registered under it; NULL with the reason otherwise. */
static char *claim_name(const tw_module *self, const char *kind, const char *name)
{
    const char *class_name;

    if (self == NULL || self->initialised != TW_MODULE_INITIALISED) {
        return tw_fail_null(TW_ERROR_STATE, "module: %s \"%s\" registered before tw_module_init", kind,
                            name != NULL ? name : "");
    }
    class_name = self->class->name;
    if (name == NULL) {
        return tw_fail_null(TW_ERROR_ARGUMENT, "%s: the name of a %s is NULL, expected text", class_name,
                            kind);
    }
    if (name[0] == '\0' || strchr(name, '.') != NULL) {
        return tw_fail_null(TW_ERROR_ARGUMENT, "%s: %s name \"%s\" %s, expected a name without dots",
                            class_name, kind, name, name[0] == '\0' ? "is empty" : "contains a dot");
    }
    if (is_taken(self, name)) {
        return tw_fail_null(TW_ERROR_ARGUMENT, "%s: %s name \"%s\" is taken already", class_name, kind, name);
    }
    return tw_strdup(name);
}

/* The end of a failed registration: remembers it for tw_module_ready and returns the latest status. */
static enum tw_status mark_failed(tw_module *self)
{
    if (self != NULL) {
        self->failed = true;
    }
    return tw_error_status();
}

enum tw_status tw_module_register_parameter(tw_module *self, const char *name, tw_parameter *parameter)
{
    char *claimed = claim_name(self, "parameter", name);
    void *grown = claimed == NULL ? NULL
                                  : tw_array_grow(self->parameters, &self->parameter_capacity,
                                                  self->parameter_count + 1, sizeof *self->parameters);

    if (grown == NULL) {
        tw_free(claimed);
        tw_parameter_release(parameter);
        return mark_failed(self);
    }
    self->parameters = grown;
    self->parameters[self->parameter_count++] = (struct tw_module_parameter_entry){claimed, parameter};
    return TW_OK;
}

enum tw_status tw_module_register_buffer(tw_module *self, const char *name, struct tw_tensor *buffer,
                                         bool persistent)
{
    char *claimed = claim_name(self, "buffer", name);
    void *grown = claimed == NULL ? NULL
                                  : tw_array_grow(self->buffers, &self->buffer_capacity,
                                                  self->buffer_count + 1, sizeof *self->buffers);

    if (grown == NULL) {
        tw_free(claimed);
        tw_tensor_release(buffer);
        return mark_failed(self);
    }
    self->buffers = grown;
    self->buffers[self->buffer_count++] = (struct tw_module_buffer_entry){claimed, buffer, persistent};
    return TW_OK;
}

/* A module below itself would make every traversal endless and the tree impossible to release. `*circular`
 * tells that this is why it failed. */
static enum tw_status check_child(const tw_module *self, const char *name, tw_module *child, bool *circular)
{
    enum tw_status status;

    *circular = false;
    if (child == NULL) {
        return TW_OK;
    }
    if (child->initialised != TW_MODULE_INITIALISED) {
        return tw_fail(TW_ERROR_STATE, "%s: submodule \"%s\" registered before its own tw_module_init",
                       self->class->name, name);
    }
    status = tw_module_contains(child, self, circular);
    if (*circular) {
        return tw_fail(TW_ERROR_ARGUMENT, "%s: submodule \"%s\" (%s) is or contains this module itself",
                       self->class->name, name, child->class->name);
    }
    return status;
}

enum tw_status tw_module_register_module(tw_module *self, const char *name, tw_module *child)
{
    bool circular = false;
    char *claimed = claim_name(self, "submodule", name);
    void *grown = NULL;

    if (claimed != NULL && check_child(self, name, child, &circular) == TW_OK) {
        grown = tw_array_grow(self->children, &self->child_capacity, self->child_count + 1,
                              sizeof *self->children);
    }
    if (grown == NULL) {
        enum tw_status status = mark_failed(self);

        tw_free(claimed);
        /* The only reference to an ancestor holds self up too, and the caller is plainly still using it. */
        if (!circular || child->references > 1) {
            tw_module_release(child);
        }
        return status;
    }
    self->children = grown;
    self->children[self->child_count++] = (struct tw_module_child_entry){claimed, child};
    return TW_OK;
}

tw_parameter *tw_module_new_parameter(tw_module *self, const char *name, struct tw_shape shape)
{
    tw_parameter *parameter = tw_parameter_new(shape);

    if (parameter == NULL) {
        if (self != NULL && self->initialised == TW_MODULE_INITIALISED) {
            tw_fail_in("%s: parameter \"%s\": ", self->class->name, name != NULL ? name : "");
        }
        mark_failed(self);
        return NULL;
    }
    return tw_module_register_parameter(self, name, parameter) == TW_OK ? parameter : NULL;
}

tw_module *tw_module_add(tw_module *self, const char *name, tw_module *child)
{
    if (child == NULL) {
        mark_failed(self);
        return NULL;
    }
    return tw_module_register_module(self, name, child) == TW_OK ? child : NULL;
}
