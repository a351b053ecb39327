/* The gradient of linear by its weight, over the whole batch: written, or delivered to the weight's update. */
#include "layers/operation/linear.h"
#include "layers/operation/linear_nonzeros.h"
#include "layers/operation/nonzeros.h"
#include "layers/operation/operations.h"

/* --- weight gradient: dweight (O, I) = dy^T (O, N) x (N, I) --------------------------------------------- */

/* A weight's gradient goes by blocks of rows, as long as there is one for every thread: an update behind it (plan_update.c)
 * then has one long range, where blocks of columns make it go to other pages of four arrays in every row. */
static bool splits_gradient_columns(const struct tw_execution *execution, const struct tw_gemm_shape *shape)
{
    return shape->m < (ptrdiff_t)TW_LINEAR_BLOCK * execution->threads &&
           tw_linear_splits_columns(execution, shape);
}

enum { GRADIENT_GRAIN = 4 };

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

TW_LINEAR_FUNCTIONS(weight_gradient, splits_gradient_columns)

static void run_weight_gradient(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                                void *workspace)
{
    struct tw_gemm_shape shape = weight_gradient_shape(execution);
    struct tw_linear_part part =
        tw_linear_part_of(&shape, splits_gradient_columns(execution, &shape), begin, end);

    tw_linear_run(execution, &shape, &part, workspace);
}

static void weight_gradient_written(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                                    tw_range_fn *take, void *context)
{
    struct tw_gemm_shape shape = weight_gradient_shape(execution);
    struct tw_linear_part part =
        tw_linear_part_of(&shape, splits_gradient_columns(execution, &shape), begin, end);

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

/* Rows of the gradient on its way to the update: whole rows, since an update streams through the weights and their moments
 * and nothing fetches those so well as long streams; few, so that the gradient is in L2 when the update reads it. */
enum { DELIVERED_ROWS = 32 };

/* Bytes of the product's workspace, behind which those rows are. */
static size_t product_workspace(const struct tw_execution *execution, const struct tw_gemm_shape *shape)
{
    return (tw_nonzeros_workspace(execution, shape) + 63) / 64 * 64;
}

static size_t delivery_workspace(const struct tw_execution *execution)
{
    struct tw_gemm_shape shape = weight_gradient_shape(execution);

    return product_workspace(execution, &shape) + sizeof(float) * DELIVERED_ROWS * (size_t)shape.n;
}

static void deliver(const struct tw_execution *execution, const struct tw_gemm_shape *whole,
                    const struct tw_linear_part *part, void *workspace)
{
    const struct tw_gradient_sink *sink = execution->sink;
    const float *dy = execution->in[0], *x = execution->in[1];
    const bool pay = tw_nonzeros_pay(execution, whole, dy);
    float *gradient = (float *)((char *)workspace + product_workspace(execution, whole));
    struct tw_gemm_shape shape = *whole;

    shape.n = shape.c_row = part->last_column - part->first_column;
    for (ptrdiff_t row = part->first_row; row < part->last_row; row += shape.m) {
        shape.m = part->last_row - row < DELIVERED_ROWS ? part->last_row - row : DELIVERED_ROWS;
        tw_nonzeros_multiply(execution, &shape, pay, dy + row * whole->a_row, x + part->first_column,
                             gradient, workspace);
        for (ptrdiff_t i = 0; i < shape.m; i++) {
            ptrdiff_t first = (row + i) * whole->c_row + part->first_column;

            sink->update->apply(sink->update->context, sink->handle, first, first + shape.n,
                                gradient + i * shape.n);
        }
    }
}

static void run_weight_gradient_or_deliver(const struct tw_execution *execution, ptrdiff_t begin,
                                           ptrdiff_t end, void *workspace)
{
    struct tw_gemm_shape shape = weight_gradient_shape(execution);
    struct tw_linear_part part =
        tw_linear_part_of(&shape, splits_gradient_columns(execution, &shape), begin, end);

    if (execution->sink) {
        deliver(execution, &shape, &part, workspace);
    } else {
        tw_nonzeros_run(execution, &shape, &part, workspace);
    }
}

static double nonzeros_flops(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end)
{
    struct tw_gemm_shape shape = weight_gradient_shape(execution);
    struct tw_linear_part part =
        tw_linear_part_of(&shape, splits_gradient_columns(execution, &shape), begin, end);

    return tw_nonzeros_flops(execution, &shape, &part);
}

const struct tw_operation tw_operation_linear_weight_gradient_nonzeros = {
    .name = "linear_weight_gradient",
    .split = TW_SPLIT_TILES,
    .units = weight_gradient_units,
    .grain = GRADIENT_GRAIN,
    .flops = weight_gradient_flops,
    .flops_done = nonzeros_flops,
    .workspace = delivery_workspace,
    .run = run_weight_gradient_or_deliver,
    .written = weight_gradient_written,
    .delivers = true,
    .algorithm = tw_nonzeros_algorithm,
};
