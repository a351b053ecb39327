/* Recording under a module's name: what tw_call does around a forward, for modules that are called in a way
 * of their own (a loss takes two values).
 *
 *     struct tw_call_frame frame;
 *     if (tw_call_enter(&frame, self, graph)) {
 *         y = tw_cross_entropy(graph, x, label, reduction);
 *         tw_call_leave(&frame, graph);
 *     }
 */
#ifndef TOWER_LAYERS_MODULE_MODULE_CALL_H
#define TOWER_LAYERS_MODULE_MODULE_CALL_H

#include <stdbool.h>

#include "layers/module/module.h"

/* Calls may be nested this deep, as in Python: beyond it modules are calling each other in circles. */
#define TW_CALL_DEPTH_MAX 1000

struct tw_call_frame {
    char *path; /* what to return to */
    const tw_module *recording;
};

/* Makes `self` the module being recorded: graph->path gets the name under which it is registered at or below
 * the one recorded so far ("features" then "0" gives "features.0"), its class in angle brackets if it is not
 * there, and stays empty at the root. False with an error on the graph (which is as it was otherwise) if
 * `self` is NULL or before its tw_module_init, calls nest too deep, or there is no memory; false if the graph
 * is NULL, and silently if it has an error already. */
bool tw_call_enter(struct tw_call_frame *frame, tw_module *self, tw_graph *graph);

/* Ends what a successful tw_call_enter began. */
void tw_call_leave(struct tw_call_frame *frame, tw_graph *graph);

#endif
