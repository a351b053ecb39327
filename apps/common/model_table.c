#include "apps/common/model_table.h"

#include <string.h>

#include "apps/common/text.h"
#include "layers/graph/operation.h"

#define LINE_FORMAT "  %-6s %-11s %-16s  %-13s %-15s %-26s %8s\n"

/* "(N, 32, 14, 14)": the batch is not the model's. */
static const char *output_text(const struct tw_graph_value *value, char *text)
{
    char whole[TW_SHAPE_TEXT_BYTES];
    const char *rest;

    tw_shape_text(&value->shape, whole);
    rest = strpbrk(whole, ",)");
    if (value->batched && value->shape.ndim > 0 && rest)
        snprintf(text, TW_SHAPE_TEXT_BYTES, "(N%s", rest);
    else
        snprintf(text, TW_SHAPE_TEXT_BYTES, "%s", whole);
    return text;
}

/* What tw_init_module(scheme) does to a parameter of this shape (layers/module/init.h). */
static const char *init_text(const char *scheme, const struct tw_shape *shape)
{
    if (!strcmp(scheme, "torch"))
        return shape->ndim > 1 ? "kaiming-uniform, a=sqrt(5)" : "uniform, +-1/sqrt(fan-in)";
    if (shape->ndim > 1 || !strncmp(scheme, "constant:", 9) || !strncmp(scheme, "loaded", 6))
        return scheme;
    return "zeros";
}

static void print_node(FILE *out, const tw_graph *graph, const struct tw_graph_node *node, const char *scheme)
{
    char shape[TW_SHAPE_TEXT_BYTES], output[TW_SHAPE_TEXT_BYTES], count[APP_TEXT_BYTES];
    const char *path = node->path, *name = node->operation->name;
    bool printed = false;

    output_text(&graph->values[node->output[0]], output);
    for (int i = 0; i < node->inputs; i++) {
        const struct tw_graph_value *value = &graph->values[node->input[i]];
        if (value->kind != TW_VALUE_PARAMETER)
            continue;
        fprintf(out, LINE_FORMAT, printed ? "" : path, printed ? "" : name, printed ? "" : output,
                value->name, tw_shape_text(&value->shape, shape), init_text(scheme, &value->shape),
                app_count_text(tw_shape_count(&value->shape), count));
        printed = true;
    }
    if (!printed)
        fprintf(out, "  %-6s %-11s %s\n", path, name, output);
}

void model_table_print(FILE *out, const tw_graph *graph, const tw_module *module, const char *scheme)
{
    char count[APP_TEXT_BYTES];

    fprintf(out, LINE_FORMAT, "layer", "operation", "output", "parameter", "shape", "init", "count");
    for (size_t i = 1; i < graph->node_count; i++)
        if (!graph->nodes[i].backward)
            print_node(out, graph, &graph->nodes[i], scheme);
    fprintf(out, LINE_FORMAT, "", "", "", "", "", "total",
            app_count_text(tw_module_parameter_elements(module, false), count));
}
