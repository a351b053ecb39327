#include "layers/module/module_walk.h"

#include <string.h>

#include "core/memory.h"

/* A walk under way. Modules are few (tens, not thousands), so the list of those already met is searched
 * linearly. */
struct state {
    const struct tw_walk *walk;
    char *path;
    size_t path_capacity;
    const tw_module **met;
    size_t met_count, met_capacity;
};

/* Whether the module was met before; if not, it is now. */
static enum tw_status meet(struct state *state, const tw_module *module, bool *before)
{
    const tw_module **grown;

    for (size_t i = 0; i < state->met_count; i++) {
        if (state->met[i] == module) {
            *before = true;
            return TW_OK;
        }
    }
    *before = false;
    grown = tw_array_grow(state->met, &state->met_capacity, state->met_count + 1, sizeof *state->met);
    if (grown == NULL) {
        return TW_ERROR_MEMORY;
    }
    state->met = grown;
    state->met[state->met_count++] = module;
    return TW_OK;
}

/* Appends `name` behind the first `length` bytes of the path, with a dot unless those are none; returns the
 * new length, or 0 without memory (a name is never empty). */
static size_t extend_path(struct state *state, size_t length, const char *name)
{
    size_t dot = length > 0, name_length = strlen(name), total = length + dot + name_length;

    if (total + 1 > state->path_capacity) {
        size_t capacity = 2 * total + 64;
        char *grown = tw_alloc(capacity);

        if (grown == NULL) {
            return 0;
        }
        if (length > 0) {
            memcpy(grown, state->path, length);
        }
        tw_free(state->path);
        state->path = grown;
        state->path_capacity = capacity;
    }
    if (dot) {
        state->path[length] = '.';
    }
    memcpy(state->path + length + dot, name, name_length + 1);
    return total;
}

static enum tw_status visit(struct state *state, tw_walk_visit *visitor, size_t length, tw_module *module)
{
    if (visitor == NULL) {
        return TW_OK;
    }
    if (length > 0) {
        state->path[length] = '\0';
    }
    return visitor(state->walk->context, length > 0 ? state->path : "", module);
}

static enum tw_status walk_from(struct state *state, tw_module *module, size_t length)
{
    enum tw_status status;
    bool before = false;

    if (state->walk->once) {
        status = meet(state, module, &before);
        if (status != TW_OK || before) {
            return status;
        }
    }
    status = visit(state, state->walk->before, length, module);
    for (size_t i = 0; status == TW_OK && i < module->child_count; i++) {
        size_t extended;

        if (module->children[i].module == NULL) {
            continue;
        }
        extended = extend_path(state, length, module->children[i].name);
        status = extended > 0 ? walk_from(state, module->children[i].module, extended) : TW_ERROR_MEMORY;
    }
    return status == TW_OK ? visit(state, state->walk->after, length, module) : status;
}

enum tw_status tw_module_walk(tw_module *self, const struct tw_walk *walk)
{
    struct state state = {.walk = walk};
    enum tw_status status = walk_from(&state, self, 0);

    tw_free(state.path);
    tw_free(state.met);
    return status;
}

/* Not a failure: how a search ends a walk early. It never leaves this file. */
#define FOUND TW_ERROR_INTERRUPTED

struct search {
    const tw_module *target;
    char **path; /* NULL: not wanted */
};

static enum tw_status compare(void *context, const char *path, tw_module *module)
{
    struct search *search = context;

    if (module != search->target) {
        return TW_OK;
    }
    if (search->path != NULL) {
        *search->path = tw_strdup(path);
        if (*search->path == NULL) {
            return TW_ERROR_MEMORY;
        }
    }
    return FOUND;
}

enum tw_status tw_module_contains(tw_module *self, const tw_module *target, bool *found)
{
    struct search search = {.target = target};
    enum tw_status status =
        tw_module_walk(self, &(struct tw_walk){.before = compare, .context = &search, .once = true});

    *found = status == FOUND;
    return *found ? TW_OK : status;
}

enum tw_status tw_module_path_of(tw_module *self, const tw_module *target, char **path)
{
    struct search search = {.target = target, .path = path};
    enum tw_status status;

    *path = NULL;
    status = tw_module_walk(self, &(struct tw_walk){.before = compare, .context = &search, .once = true});
    return status == FOUND ? TW_OK : status;
}

char *tw_module_join_path(const char *path, const char *name)
{
    return path != NULL && path[0] != '\0' ? tw_sprintf("%s.%s", path, name) : tw_strdup(name);
}
