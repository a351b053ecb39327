/* linear: y = x weight^T + bias, and its three gradients, each a GEMM over the whole batch split by output
 * tiles. */
#include "layers/operation/linear.h"

#include "layers/graph/functional.h"
#include "layers/operation/operations.h"

tw_value tw_linear(tw_graph *graph, tw_value x, tw_value weight, tw_value bias)
{
    const tw_value inputs[3] = {x, weight, bias};
    const struct tw_shape *x_shape, *weight_shape, *bias_shape;
    char text[TW_SHAPE_TEXT_BYTES], expected[TW_SHAPE_TEXT_BYTES];

    if (!tw_expect_f32_shape(graph, "linear", x, 2, "(N, features)") ||
        !tw_expect_f32_shape(graph, "linear weight", weight, 2, "(out, in)") ||
        (bias.index != 0 && !tw_expect_f32(graph, "linear bias", bias))) {
        return TW_INVALID_VALUE;
    }
    x_shape = &graph->values[x.index].shape;
    weight_shape = &graph->values[weight.index].shape;
    if (x_shape->extent[1] != weight_shape->extent[1]) {
        return tw_graph_fail(graph, TW_ERROR_SHAPE,
                             "linear: input %s has %td features, weight %s expects %td",
                             tw_shape_text(x_shape, text), x_shape->extent[1],
                             tw_shape_text(weight_shape, expected), weight_shape->extent[1]);
    }
    bias_shape = bias.index ? &graph->values[bias.index].shape : NULL;
    if (bias_shape && (bias_shape->ndim != 1 || bias_shape->extent[0] != weight_shape->extent[0])) {
        return tw_graph_fail(graph, TW_ERROR_SHAPE, "linear: bias has shape %s, weight %s expects (%td,)",
                             tw_shape_text(bias_shape, text), tw_shape_text(weight_shape, expected),
                             weight_shape->extent[0]);
    }
    return tw_graph_record(graph, &tw_operation_linear, inputs, 3, NULL, TW_F32,
                           TW_SHAPE(x_shape->extent[0], weight_shape->extent[0]),
                           graph->values[x.index].batched);
}

/* --- one GEMM, split by tiles of its output ------------------------------------------------------------- */

/* A unit is a block of columns where the output is at least as wide as high, else a block of rows: B's panels
 * are packed once per block of columns, and neither split changes a bit. */
enum { BLOCK = 16 };

/* Each call packs the operand that is not split: worth it for so many units of the other. */
enum { GRAIN = 16, GRADIENT_GRAIN = 4 };

static bool splits_columns(const struct tw_execution *execution, const struct tw_gemm_shape *shape)
{
    (void)execution;
    return shape->n >= shape->m;
}

/* A weight's gradient goes by blocks of rows, as long as there is one for every thread: an update behind it (plan_update.c)
 * then has one long range, where blocks of columns make it go to other pages of four arrays in every row. */
static bool splits_gradient_columns(const struct tw_execution *execution, const struct tw_gemm_shape *shape)
{
    return shape->m < (ptrdiff_t)BLOCK * execution->threads && splits_columns(execution, shape);
}

static ptrdiff_t gemm_units(const struct tw_gemm_shape *shape, bool columns)
{
    return ((columns ? shape->n : shape->m) + BLOCK - 1) / BLOCK;
}

static double gemm_flops(const struct tw_gemm_shape *shape)
{
    return 2.0 * (double)shape->m * (double)shape->n * (double)shape->k;
}

/* Rows and columns [first, last) of C. */
struct part {
    ptrdiff_t first_row, last_row, first_column, last_column;
};

static struct part part_of_units(const struct tw_gemm_shape *whole, bool columns, ptrdiff_t begin,
                                 ptrdiff_t end)
{
    struct part part = {0, whole->m, 0, whole->n};
    ptrdiff_t extent = columns ? whole->n : whole->m, last = end * BLOCK < extent ? end * BLOCK : extent;

    *(columns ? &part.first_column : &part.first_row) = begin * BLOCK;
    *(columns ? &part.last_column : &part.last_row) = last;
    return part;
}

/* A part of the whole product, as one smaller product. */
static void run_gemm(const struct tw_execution *execution, const struct tw_gemm_shape *whole,
                     const struct part *part, void *workspace)
{
    const float *a = execution->in[0], *b = execution->in[1];
    float *c = execution->out[0];
    struct tw_gemm_shape shape = *whole;

    shape.m = part->last_row - part->first_row;
    shape.n = part->last_column - part->first_column;
    execution->kernels->f32_gemm(&shape, a + part->first_row * whole->a_row,
                                 b + part->first_column * whole->b_col,
                                 c + part->first_row * whole->c_row + part->first_column, workspace);
}

#define DEFINE_GEMM_FUNCTIONS(name, splits)                                   \
    static ptrdiff_t name##_units(const struct tw_execution *execution)       \
    {                                                                         \
        struct tw_gemm_shape shape = name##_shape(execution);                 \
        return gemm_units(&shape, splits(execution, &shape));                 \
    }                                                                         \
    static double name##_flops(const struct tw_execution *execution)          \
    {                                                                         \
        struct tw_gemm_shape shape = name##_shape(execution);                 \
        return gemm_flops(&shape);                                            \
    }                                                                         \
    static size_t name##_workspace(const struct tw_execution *execution)      \
    {                                                                         \
        struct tw_gemm_shape shape = name##_shape(execution);                 \
        return execution->kernels->f32_gemm_workspace(&shape);                \
    }                                                                         \
    static const char *name##_algorithm(const struct tw_execution *execution) \
    {                                                                         \
        struct tw_gemm_shape shape = name##_shape(execution);                 \
        return execution->kernels->f32_gemm_algorithm(&shape);                \
    }

/* --- forward: y (N, O) = x (N, I) weight^T, accumulated on the bias ------------------------------------- */

static struct tw_gemm_shape forward_shape(const struct tw_execution *execution)
{
    struct tw_shape x = tw_execution_input_shape(execution, 0), y = tw_execution_output_shape(execution, 0);

    return (struct tw_gemm_shape){.m = x.extent[0],
                                  .n = y.extent[1],
                                  .k = x.extent[1],
                                  .a_row = x.extent[1],
                                  .a_col = 1,
                                  .b_row = 1,
                                  .b_col = x.extent[1],
                                  .c_row = y.extent[1],
                                  .accumulate = execution->node->input[2] != 0};
}

DEFINE_GEMM_FUNCTIONS(forward, splits_columns)

static void run_part(const struct tw_execution *execution, const struct tw_gemm_shape *shape,
                     const struct part *part, void *workspace)
{
    const float *bias = execution->in[2];

    if (bias) {
        execution->kernels->f32_fill_rows(
            part->last_row - part->first_row, part->last_column - part->first_column,
            bias + part->first_column,
            (float *)execution->out[0] + part->first_row * shape->c_row + part->first_column, shape->c_row);
    }
    run_gemm(execution, shape, part, workspace);
}

static void run_forward(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *workspace)
{
    struct tw_gemm_shape shape = forward_shape(execution);
    struct part part = part_of_units(&shape, splits_columns(execution, &shape), begin, end);

    run_part(execution, &shape, &part, workspace);
}

static void run_forward_samples(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                                void *workspace)
{
    struct tw_gemm_shape shape = forward_shape(execution);

    run_part(execution, &shape, &(struct part){begin, end, 0, shape.n}, workspace);
}

static void run_forward_relu(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                             void *workspace)
{
    struct tw_gemm_shape shape = forward_shape(execution);
    struct part part = part_of_units(&shape, splits_columns(execution, &shape), begin, end);

    run_part(execution, &shape, &part, workspace);
    for (ptrdiff_t row = part.first_row; row < part.last_row; row++) {
        float *y = (float *)execution->out[0] + row * shape.c_row + part.first_column;

        execution->kernels->f32_relu_forward(part.last_column - part.first_column, y, y);
    }
}

static void differentiate_linear(tw_graph *graph, const struct tw_graph_node *node, tw_value dy, tw_value *dx)
{
    const struct tw_graph_value x = graph->values[node->input[0]];
    const struct tw_shape weight = graph->values[node->input[1]].shape;

    if (tw_graph_wants_gradient(graph, node, 1)) {
        const tw_value inputs[2] = {dy, tw_node_input(node, 0)};

        dx[1] = tw_graph_record(graph, &tw_operation_linear_weight_gradient, inputs, 2, NULL, TW_F32, weight,
                                false);
    }
    if (tw_graph_wants_gradient(graph, node, 2)) {
        dx[2] = tw_graph_record(graph, &tw_operation_linear_bias_gradient, &dy, 1, NULL, TW_F32,
                                TW_SHAPE(weight.extent[0]), false);
    }
    if (tw_graph_wants_gradient(graph, node, 0)) {
        const tw_value inputs[2] = {dy, tw_node_input(node, 1)};

        dx[0] = tw_graph_record(graph, &tw_operation_linear_input_gradient, inputs, 2, NULL, TW_F32, x.shape,
                                x.batched);
    }
}

const struct tw_operation tw_operation_linear = {
    .name = "linear",
    .differentiate = differentiate_linear,
    .split = TW_SPLIT_TILES,
    .units = forward_units,
    .grain = GRAIN,
    .flops = forward_flops,
    .workspace = forward_workspace,
    .run = run_forward,
    .algorithm = forward_algorithm,
};

const struct tw_operation tw_operation_linear_samples = {
    .name = "linear",
    .split = TW_SPLIT_SAMPLES,
    .flops = forward_flops,
    .workspace = forward_workspace,
    .run = run_forward_samples,
    .algorithm = forward_algorithm,
};

const struct tw_operation tw_operation_linear_relu = {
    .name = "linear+relu",
    .split = TW_SPLIT_TILES,
    .units = forward_units,
    .grain = GRAIN,
    .flops = forward_flops,
    .workspace = forward_workspace,
    .run = run_forward_relu,
    .algorithm = forward_algorithm,
};

/* --- input gradient: dx (N, I) = dy (N, O) weight (O, I) ------------------------------------------------ */

static struct tw_gemm_shape input_gradient_shape(const struct tw_execution *execution)
{
    struct tw_shape dy = tw_execution_input_shape(execution, 0), dx = tw_execution_output_shape(execution, 0);

    return (struct tw_gemm_shape){.m = dy.extent[0],
                                  .n = dx.extent[1],
                                  .k = dy.extent[1],
                                  .a_row = dy.extent[1],
                                  .a_col = 1,
                                  .b_row = dx.extent[1],
                                  .b_col = 1,
                                  .c_row = dx.extent[1]};
}

DEFINE_GEMM_FUNCTIONS(input_gradient, splits_columns)

static void run_input_gradient(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                               void *workspace)
{
    struct tw_gemm_shape shape = input_gradient_shape(execution);
    struct part part = part_of_units(&shape, splits_columns(execution, &shape), begin, end);

    run_gemm(execution, &shape, &part, workspace);
}

static void run_input_gradient_samples(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                                       void *workspace)
{
    struct tw_gemm_shape shape = input_gradient_shape(execution);

    run_gemm(execution, &shape, &(struct part){begin, end, 0, shape.n}, workspace);
}

const struct tw_operation tw_operation_linear_input_gradient = {
    .name = "linear_input_gradient",
    .split = TW_SPLIT_TILES,
    .units = input_gradient_units,
    .grain = GRAIN,
    .flops = input_gradient_flops,
    .workspace = input_gradient_workspace,
    .run = run_input_gradient,
    .algorithm = input_gradient_algorithm,
};

const struct tw_operation tw_operation_linear_input_gradient_samples = {
    .name = "linear_input_gradient",
    .split = TW_SPLIT_SAMPLES,
    .flops = input_gradient_flops,
    .workspace = input_gradient_workspace,
    .run = run_input_gradient_samples,
    .algorithm = input_gradient_algorithm,
};

/* --- weight gradient: dweight (O, I) = dy^T (O, N) x (N, I) --------------------------------------------- */

static struct tw_gemm_shape weight_gradient_shape(const struct tw_execution *execution)
{
    struct tw_shape dy = tw_execution_input_shape(execution, 0), x = tw_execution_input_shape(execution, 1);

    return (struct tw_gemm_shape){.m = dy.extent[1],
                                  .n = x.extent[1],
                                  .k = dy.extent[0],
                                  .a_row = 1,
                                  .a_col = dy.extent[1],
                                  .b_row = x.extent[1],
                                  .b_col = 1,
                                  .c_row = x.extent[1]};
}

DEFINE_GEMM_FUNCTIONS(weight_gradient, splits_gradient_columns)

static void run_weight_gradient(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                                void *workspace)
{
    struct tw_gemm_shape shape = weight_gradient_shape(execution);
    struct part part = part_of_units(&shape, splits_gradient_columns(execution, &shape), begin, end);

    run_gemm(execution, &shape, &part, workspace);
}

static void weight_gradient_written(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                                    tw_range_fn *take, void *context)
{
    struct tw_gemm_shape shape = weight_gradient_shape(execution);
    struct part part = part_of_units(&shape, splits_gradient_columns(execution, &shape), begin, end);

    if (part.last_column - part.first_column == shape.c_row) {
        take(context, part.first_row * shape.c_row, part.last_row * shape.c_row);
        return;
    }
    for (ptrdiff_t row = part.first_row; row < part.last_row; row++) {
        take(context, row * shape.c_row + part.first_column, row * shape.c_row + part.last_column);
    }
}

const struct tw_operation tw_operation_linear_weight_gradient = {
    .name = "linear_weight_gradient",
    .split = TW_SPLIT_TILES,
    .units = weight_gradient_units,
    .grain = GRADIENT_GRAIN,
    .flops = weight_gradient_flops,
    .workspace = weight_gradient_workspace,
    .run = run_weight_gradient,
    .written = weight_gradient_written,
    .algorithm = weight_gradient_algorithm,
};

/* --- bias gradient: db (O) = column sums of dy (N, O) --------------------------------------------------- */

static void run_bias_gradient(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                              void *workspace)
{
    struct tw_shape dy = tw_execution_input_shape(execution, 0);

    (void)workspace;
    if (begin < end) {
        execution->kernels->f32_sum_rows(dy.extent[0], dy.extent[1], execution->in[0], dy.extent[1],
                                         execution->out[0]);
    }
}

static void bias_gradient_written(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                                  tw_range_fn *take, void *context)
{
    if (begin < end) {
        take(context, 0, tw_execution_output_shape(execution, 0).extent[0]);
    }
}

static double bias_gradient_flops(const struct tw_execution *execution)
{
    struct tw_shape dy = tw_execution_input_shape(execution, 0);

    return (double)tw_shape_count(&dy);
}

const struct tw_operation tw_operation_linear_bias_gradient = {
    .name = "linear_bias_gradient",
    .split = TW_SPLIT_TILES,
    .units = tw_units_one,
    .flops = bias_gradient_flops,
    .run = run_bias_gradient,
    .written = bias_gradient_written,
};
