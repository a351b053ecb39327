/* A graph as text, one node per line: %7 (64, 32, 28, 28) = conv2d %1 %2 %3   [conv1] */
#include "core/memory.h"
#include "layers/graph/operation.h"

/* Appends `piece` (taken over) to `text` (taken over); NULL when either is NULL or there is no memory. */
static char *join(char *text, char *piece)
{
    char *both = text && piece ? tw_sprintf("%s%s", text, piece) : NULL;

    tw_free(text);
    tw_free(piece);
    return both;
}

static char *leaf_line(const tw_graph *graph, size_t i)
{
    const struct tw_graph_value *value = &graph->values[i];
    char shape[TW_SHAPE_TEXT_BYTES];

    return tw_sprintf("%%%zu %s %s = %s %s%s\n", i, tw_dtype_name(value->dtype),
                      tw_shape_text(&value->shape, shape),
                      value->kind == TW_VALUE_INPUT ? "input" : "parameter", value->name,
                      value->requires_grad ? "" : " (no gradient)");
}

static char *node_line(const tw_graph *graph, const struct tw_graph_node *node)
{
    const struct tw_graph_value *output = &graph->values[node->output[0]];
    char shape[TW_SHAPE_TEXT_BYTES], *line;

    line = tw_sprintf("%%%u %s %s = %s", (unsigned)node->output[0], tw_dtype_name(output->dtype),
                      tw_shape_text(&output->shape, shape), node->operation->name);
    for (int i = 0; i < node->inputs; i++) {
        line =
            join(line, node->input[i] ? tw_sprintf(" %%%u", (unsigned)node->input[i]) : tw_strdup(" none"));
    }
    if (node->path[0]) {
        line = join(line, tw_sprintf("   [%s]", node->path));
    }
    if (output->is_parameter_gradient) {
        line = join(line, tw_strdup("   gradient of a parameter"));
    }
    return join(line, tw_strdup("\n"));
}

char *tw_graph_text(const tw_graph *graph)
{
    char *text = tw_strdup("");

    for (size_t i = 1; i < graph->value_count; i++) {
        if (graph->values[i].kind != TW_VALUE_RESULT) {
            text = join(text, leaf_line(graph, i));
        }
    }
    for (size_t i = 1; i < graph->node_count; i++) {
        if (graph->nodes[i].backward && !graph->nodes[i - 1].backward) {
            text = join(text, tw_strdup("backward:\n"));
        }
        text = join(text, node_line(graph, &graph->nodes[i]));
    }
    return text;
}
