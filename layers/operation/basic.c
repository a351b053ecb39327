/* Operations that hold the others together: one, copy, add, fold_slots; and what operation files share. */
#include <string.h>

#include "layers/graph/functional.h"
#include "layers/operation/operations.h"

double tw_flops_per_output_element(const struct tw_execution *execution)
{
    struct tw_shape shape = tw_execution_output_shape(execution, 0);

    return (double)tw_shape_count(&shape);
}

ptrdiff_t tw_units_one(const struct tw_execution *execution)
{
    (void)execution;
    return 1;
}

bool tw_expect_f32(tw_graph *graph, const char *operation, tw_value x)
{
    if (!tw_graph_accepts(graph, &x, 1)) {
        tw_graph_fail(graph, TW_ERROR_ARGUMENT, "%s: its input is not a value of this graph", operation);
        return false;
    }
    if (graph->values[x.index].dtype != TW_F32) {
        tw_graph_fail(graph, TW_ERROR_ARGUMENT, "%s: input is %s, expected float32", operation,
                      tw_dtype_name(graph->values[x.index].dtype));
        return false;
    }
    return true;
}

bool tw_expect_f32_shape(tw_graph *graph, const char *operation, tw_value x, int ndim, const char *layout)
{
    char text[TW_SHAPE_TEXT_BYTES];

    if (!tw_expect_f32(graph, operation, x)) {
        return false;
    }
    if (graph->values[x.index].shape.ndim != ndim) {
        tw_graph_fail(graph, TW_ERROR_SHAPE, "%s: input has shape %s, expected %d dimensions %s", operation,
                      tw_shape_text(&graph->values[x.index].shape, text), ndim, layout);
        return false;
    }
    return true;
}

bool tw_expect_unbatched(tw_graph *graph, const char *operation, tw_value x)
{
    const struct tw_graph_value *value = &graph->values[x.index];
    char text[TW_SHAPE_TEXT_BYTES];

    if (value->batched) {
        tw_graph_fail(graph, TW_ERROR_SHAPE, "%s: %s is a batch of %td, expected the same for every sample",
                      operation, tw_shape_text(&value->shape, text), value->shape.extent[0]);
    }
    return !value->batched;
}

bool tw_expect_same_batching(tw_graph *graph, const char *operation, tw_value a, tw_value b)
{
    const struct tw_graph_value *first = &graph->values[a.index], *second = &graph->values[b.index];
    char left[TW_SHAPE_TEXT_BYTES], right[TW_SHAPE_TEXT_BYTES];

    if (first->batched == second->batched) {
        return true;
    }
    tw_graph_fail(graph, TW_ERROR_SHAPE, "%s: %s is a batch and %s is none, expected both or neither",
                  operation, tw_shape_text(first->batched ? &first->shape : &second->shape, left),
                  tw_shape_text(first->batched ? &second->shape : &first->shape, right));
    return false;
}

static void run_one(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *workspace)
{
    (void)workspace;
    if (begin < end) {
        *(float *)execution->out[0] = 1.0f;
    }
}

const struct tw_operation tw_operation_one = {
    .name = "one",
    .split = TW_SPLIT_TILES,
    .units = tw_units_one,
    .flops = tw_flops_per_output_element,
    .run = run_one,
};

tw_value tw_record_one(tw_graph *graph, struct tw_shape shape)
{
    return tw_graph_record(graph, &tw_operation_one, NULL, 0, NULL, TW_F32, shape, false);
}

/* Elementwise nodes on values without a batch are split into blocks of this many elements. */
enum { ELEMENT_BLOCK = 4096 };

static ptrdiff_t element_units(const struct tw_execution *execution)
{
    struct tw_shape shape = tw_execution_output_shape(execution, 0);

    return (tw_shape_count(&shape) + ELEMENT_BLOCK - 1) / ELEMENT_BLOCK;
}

/* First element and number of elements of units [begin, end). */
static ptrdiff_t element_range(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                               ptrdiff_t *first)
{
    struct tw_shape shape = tw_execution_output_shape(execution, 0);
    ptrdiff_t count = tw_shape_count(&shape), stop = end * ELEMENT_BLOCK;

    *first = begin * ELEMENT_BLOCK;
    return (stop < count ? stop : count) - *first;
}

static void elements_written(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                             tw_range_fn *take, void *context)
{
    ptrdiff_t first, count = element_range(execution, begin, end, &first);

    take(context, first, first + count);
}

static void run_copy(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *workspace)
{
    ptrdiff_t first, count = element_range(execution, begin, end, &first);

    (void)workspace;
    memcpy((float *)execution->out[0] + first, (const float *)execution->in[0] + first,
           (size_t)count * sizeof(float));
}

const struct tw_operation tw_operation_copy = {
    .name = "copy",
    .split = TW_SPLIT_TILES,
    .units = element_units,
    .flops = tw_flops_per_output_element,
    .run = run_copy,
    .written = elements_written,
};

tw_value tw_record_copy(tw_graph *graph, tw_value x)
{
    if (!tw_graph_accepts(graph, &x, 1)) {
        return TW_INVALID_VALUE;
    }
    return tw_graph_record(graph, &tw_operation_copy, &x, 1, NULL, TW_F32, graph->values[x.index].shape,
                           graph->values[x.index].batched);
}

static void run_add(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *workspace)
{
    ptrdiff_t first, count = element_range(execution, begin, end, &first);

    (void)workspace;
    execution->kernels->f32_add(count, (const float *)execution->in[0] + first,
                                (const float *)execution->in[1] + first, (float *)execution->out[0] + first);
}

static void differentiate_add(tw_graph *graph, const struct tw_graph_node *node, tw_value dy, tw_value *dx)
{
    for (int i = 0; i < 2; i++) {
        if (tw_graph_wants_gradient(graph, node, i)) {
            dx[i] = dy;
        }
    }
}

const struct tw_operation tw_operation_add = {
    .name = "add",
    .differentiate = differentiate_add,
    .split = TW_SPLIT_TILES,
    .units = element_units,
    .flops = tw_flops_per_output_element,
    .run = run_add,
    .written = elements_written,
};

tw_value tw_add(tw_graph *graph, tw_value a, tw_value b)
{
    const tw_value inputs[2] = {a, b};
    char left[TW_SHAPE_TEXT_BYTES], right[TW_SHAPE_TEXT_BYTES];

    if (!tw_expect_f32(graph, "add", a) || !tw_expect_f32(graph, "add", b)) {
        return TW_INVALID_VALUE;
    }
    if (!tw_expect_same_batching(graph, "add", a, b)) {
        return TW_INVALID_VALUE;
    }
    if (!tw_shape_equal(&graph->values[a.index].shape, &graph->values[b.index].shape)) {
        return tw_graph_fail(graph, TW_ERROR_SHAPE, "add: shapes %s and %s differ",
                             tw_shape_text(&graph->values[a.index].shape, left),
                             tw_shape_text(&graph->values[b.index].shape, right));
    }
    return tw_graph_record(graph, &tw_operation_add, inputs, 2, NULL, TW_F32, graph->values[a.index].shape,
                           graph->values[a.index].batched);
}

static void run_fold_slots(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                           void *workspace)
{
    struct tw_shape shape = tw_execution_output_shape(execution, 0);
    ptrdiff_t first, count = element_range(execution, begin, end, &first);

    (void)workspace;
    execution->kernels->f32_fold_slots(count, (const float *)execution->in[0] + first, tw_shape_count(&shape),
                                       (float *)execution->out[0] + first);
}

static double fold_slots_flops(const struct tw_execution *execution)
{
    return TW_GRADIENT_SLOTS * tw_flops_per_output_element(execution);
}

const struct tw_operation tw_operation_fold_slots = {
    .name = "fold_slots",
    .split = TW_SPLIT_TILES,
    .units = element_units,
    .flops = fold_slots_flops,
    .run = run_fold_slots,
    .written = elements_written,
};

tw_value tw_record_fold_slots(tw_graph *graph, tw_value slots)
{
    struct tw_shape shape = tw_scalar_shape();

    if (!tw_graph_accepts(graph, &slots, 1)) {
        return TW_INVALID_VALUE;
    }
    shape.ndim = graph->values[slots.index].shape.ndim - 1;
    for (int i = 0; i < shape.ndim; i++) {
        shape.extent[i] = graph->values[slots.index].shape.extent[i + 1];
    }
    return tw_graph_record(graph, &tw_operation_fold_slots, &slots, 1, NULL, TW_F32, shape, false);
}
