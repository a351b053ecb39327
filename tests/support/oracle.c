#include "tests/support/oracle.h"

#include <math.h>

#include "core/memory.h"
#include "layers/graph/operation.h"
#include "tests/support/oracle_internal.h"
#include "tests/support/test_support.h"

static struct tw_oracle_work work_of(const tw_graph *graph, size_t node)
{
    struct tw_oracle_work work = {.node = &graph->nodes[node]};

    for (int i = 0; i < work.node->inputs; i++)
        work.in_shape[i] = &graph->values[work.node->input[i]].shape;
    work.out_shape = &graph->values[work.node->output[0]].shape;
    return work;
}

struct tw_oracle tw_oracle_new(const tw_graph *graph)
{
    struct tw_oracle oracle = {.graph = graph};

    oracle.leaf = tw_alloc_array(graph->value_count, sizeof *oracle.leaf);
    oracle.value = tw_alloc_array(graph->value_count, sizeof *oracle.value);
    assert_non_null(oracle.leaf);
    assert_non_null(oracle.value);
    for (size_t i = 1; i < graph->value_count; i++) {
        const struct tw_graph_value *value = &graph->values[i];
        size_t count = (size_t)tw_shape_count(&value->shape);

        oracle.value[i] = tw_alloc_array(count, sizeof **oracle.value);
        assert_non_null(oracle.value[i]);
        if (value->kind == TW_VALUE_RESULT)
            continue;
        oracle.leaf[i] = tw_alloc_array(count, sizeof **oracle.leaf);
        assert_non_null(oracle.leaf[i]);
    }
    return oracle;
}

void tw_oracle_release(struct tw_oracle *oracle)
{
    for (size_t i = 1; i < oracle->graph->value_count; i++) {
        tw_free(oracle->leaf[i]);
        tw_free(oracle->value[i]);
    }
    tw_free(oracle->leaf);
    tw_free(oracle->value);
}

void tw_oracle_set(struct tw_oracle *oracle, tw_value leaf, const void *data)
{
    const struct tw_graph_value *value = &oracle->graph->values[leaf.index];
    ptrdiff_t count = tw_shape_count(&value->shape);

    assert_non_null(oracle->leaf[leaf.index]);
    for (ptrdiff_t i = 0; i < count; i++) {
        double *element = &oracle->leaf[leaf.index][i];

        if (value->dtype == TW_U8)
            *element = ((const uint8_t *)data)[i];
        else if (value->dtype == TW_I32)
            *element = ((const int32_t *)data)[i];
        else
            *element = (double)((const float *)data)[i];
    }
}

double tw_oracle_evaluate(struct tw_oracle *oracle, tw_value loss, bool majorant)
{
    const tw_graph *graph = oracle->graph;

    oracle->margin = INFINITY;
    for (size_t i = 1; i < graph->value_count; i++) {
        ptrdiff_t count = tw_shape_count(&graph->values[i].shape);

        for (ptrdiff_t j = 0; oracle->leaf[i] && j < count; j++)
            oracle->value[i][j] = majorant ? fabs(oracle->leaf[i][j]) : oracle->leaf[i][j];
    }
    for (size_t i = 1; i < graph->node_count; i++) {
        struct tw_oracle_work work = work_of(graph, i);

        if (graph->nodes[i].backward)
            continue;
        work.oracle = oracle;
        work.majorant = majorant;
        for (int j = 0; j < work.node->inputs; j++)
            work.in[j] = work.node->input[j] ? oracle->value[work.node->input[j]] : NULL;
        work.out = oracle->value[work.node->output[0]];
        tw_oracle_definition_of(work.node)->evaluate(&work);
    }
    return oracle->value[loss.index][0];
}

double tw_oracle_difference(struct tw_oracle *oracle, tw_value loss, tw_value leaf, ptrdiff_t element,
                            double step, bool majorant)
{
    double *moved = &oracle->leaf[leaf.index][element], kept = *moved;
    double middle = majorant ? fabs(kept) : kept, above, below;

    /* A majorant takes absolute values: it is moved away from zero on the non-negative side. */
    *moved = majorant ? middle + 2 * step : middle + step;
    above = tw_oracle_evaluate(oracle, loss, majorant);
    *moved = majorant ? middle : middle - step;
    below = tw_oracle_evaluate(oracle, loss, majorant);
    *moved = kept;
    return (above - below) / (2 * step);
}

double tw_oracle_roundings(const tw_graph *graph)
{
    double sum = 0;

    for (size_t i = 1; i < graph->node_count; i++) {
        struct tw_oracle_work work = work_of(graph, i);

        if (!graph->nodes[i].backward)
            sum += tw_oracle_definition_of(work.node)->roundings(&work);
    }
    return sum;
}
