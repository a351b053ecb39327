#include "layers/module/module_call.h"

#include "core/memory.h"
#include "layers/graph/operation.h"
#include "layers/module/module_walk.h"

static int depth_of(const char *path)
{
    int depth = path[0] != '\0';

    for (; *path != '\0'; path++) {
        depth += *path == '.';
    }
    return depth;
}

/* The path to record `self` under; NULL without memory. */
static char *path_for(tw_module *self, const tw_graph *graph)
{
    char *component = NULL, *path;

    if (graph->recording == NULL) {
        return tw_strdup("");
    }
    /* The walk hands out modules that a visitor may change; this one only looks for `self`. */
    if (self != graph->recording &&
        tw_module_path_of((tw_module *)(uintptr_t)graph->recording, self, &component) != TW_OK) {
        return NULL;
    }
    if (component == NULL) {
        component = tw_sprintf("<%s>", self->class->name);
    }
    path = component != NULL ? tw_module_join_path(graph->path, component) : NULL;
    tw_free(component);
    return path;
}

/* Fails without the path in front: its thousand components would leave no room for the message. */
static void fail_endless(tw_graph *graph, const tw_module *self)
{
    char *path = graph->path;

    graph->path = NULL;
    tw_graph_fail(graph, TW_ERROR_STATE,
                  "%s: calls nest more than %d deep: do modules call each other in circles?",
                  self->class->name, TW_CALL_DEPTH_MAX);
    graph->path = path;
}

bool tw_call_enter(struct tw_call_frame *frame, tw_module *self, tw_graph *graph)
{
    char *path;

    if (graph == NULL) {
        tw_fail(TW_ERROR_ARGUMENT, "call: the graph is NULL");
        return false;
    }
    if (graph->status != TW_OK) {
        return false;
    }
    if (self == NULL) {
        tw_graph_fail(graph, TW_ERROR_ARGUMENT, "call: the module is NULL");
        return false;
    }
    if (self->initialised != TW_MODULE_INITIALISED) {
        tw_graph_fail(graph, TW_ERROR_STATE, "call: a module was called before its tw_module_init");
        return false;
    }
    path = path_for(self, graph);
    if (path == NULL) {
        tw_graph_fail(graph, TW_ERROR_MEMORY, "%s: no memory for the path", self->class->name);
        return false;
    }
    if (depth_of(path) > TW_CALL_DEPTH_MAX) {
        tw_free(path);
        fail_endless(graph, self);
        return false;
    }
    *frame = (struct tw_call_frame){graph->path, graph->recording};
    graph->path = path;
    graph->recording = self;
    return true;
}

void tw_call_leave(struct tw_call_frame *frame, tw_graph *graph)
{
    tw_free(graph->path);
    graph->path = frame->path;
    graph->recording = frame->recording;
}

tw_value tw_call(tw_module *self, tw_graph *graph, tw_value x)
{
    struct tw_call_frame frame;
    tw_value y = TW_INVALID_VALUE;

    if (!tw_call_enter(&frame, self, graph)) {
        return y;
    }
    if (self->class->forward == NULL) {
        tw_graph_fail(graph, TW_ERROR_ARGUMENT, "%s has no forward of one value", self->class->name);
    } else if (!tw_graph_accepts(graph, &x, 1)) {
        tw_graph_fail(graph, TW_ERROR_ARGUMENT, "%s: its input is not a value of this graph",
                      self->class->name);
    } else {
        y = self->class->forward(self, graph, x);
    }
    tw_call_leave(&frame, graph);
    return y;
}
