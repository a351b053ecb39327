/* A model as a table: what its forward recorded, line by line, with the parameters each line uses.
 */
#ifndef TOWER_APPS_COMMON_MODEL_TABLE_H
#define TOWER_APPS_COMMON_MODEL_TABLE_H

#include <stdio.h>

#include "layers/graph/graph.h"
#include "layers/module/module.h"

/* Prints one line per operation of the forward half of `graph` (path, operation, output shape with N for the
 * batch) and per parameter (name, shape, how it was initialised by `scheme`, elements), then the total of
 * `module`. */
void model_table_print(FILE *out, const tw_graph *graph, const tw_module *module, const char *scheme);

#endif
