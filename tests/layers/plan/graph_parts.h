/* Parts of graphs that several tests of plans make or look for. */
#ifndef TOWER_TESTS_LAYERS_PLAN_GRAPH_PARTS_H
#define TOWER_TESTS_LAYERS_PLAN_GRAPH_PARTS_H

#include "layers/graph/functional.h"
#include "tests/support/test_support.h"

/* Nodes of an operation. */
static inline int count_nodes(const tw_graph *graph, const struct tw_operation *operation)
{
    int found = 0;

    for (size_t i = 1; i < graph->node_count; i++) {
        found += graph->nodes[i].operation == operation;
    }
    return found;
}

/* A parameter of zeros that the graph alone holds. */
static inline tw_value parameter_of_graph(tw_graph *graph, struct tw_shape shape)
{
    tw_parameter *parameter = tw_parameter_new(shape);
    tw_value value;

    assert_non_null(parameter);
    value = tw_graph_parameter(graph, "p", parameter);
    tw_parameter_release(parameter);
    return value;
}

#endif
