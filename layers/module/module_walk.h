/* One depth-first walk over a tree of modules, which every traversal that needs paths is written with.
 *
 * For the files of layers/module/ only; users have tw_module_apply and tw_module_named_parameters.
 */
#ifndef TOWER_LAYERS_MODULE_MODULE_WALK_H
#define TOWER_LAYERS_MODULE_MODULE_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "layers/module/module.h"

/* `path` is "" for the module the walk began at; valid during the call. */
typedef enum tw_status tw_walk_visit(void *context, const char *path, tw_module *module);

struct tw_walk {
    tw_walk_visit *before; /* ahead of the module's children; NULL: nothing */
    tw_walk_visit *after;  /* behind them; NULL: nothing */
    void *context;
    bool once; /* a module reached twice is visited under its first path only */
};

/* Visits every module at or below `self`, children in registration order. The first status other than TW_OK
 * that a visit returns ends the walk and is returned, as is TW_ERROR_MEMORY where a path finds no room. */
enum tw_status tw_module_walk(tw_module *self, const struct tw_walk *walk);

/* Sets `*found` to whether `target` is `self` or below it. */
enum tw_status tw_module_contains(tw_module *self, const tw_module *target, bool *found);

/* The path of `target` below `self` in a new string (tw_free); "" if it is `self`. `*path` is NULL if it is
 * not there, which is no failure. */
enum tw_status tw_module_path_of(tw_module *self, const tw_module *target, char **path);

/* `path` and `name` with a dot between them, or `name` alone if `path` is empty or NULL; a new string
 * (tw_free), NULL with TW_ERROR_MEMORY. */
char *tw_module_join_path(const char *path, const char *name);

#endif
