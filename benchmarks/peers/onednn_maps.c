/* Vectors, rows and matrices by oneDNN: what has one result for every element. */
#include "benchmarks/peers/layers.h"

#include "benchmarks/peers/onednn.h"

/* The primitive of an operation on `count` arguments, of which `result` is checked in the layout of `desc`. */
static struct tw_entrant finish(struct tw_onednn *onednn, const_dnnl_op_desc_t operation,
                                const_dnnl_primitive_desc_t forward, const dnnl_exec_arg_t *arguments,
                                int count, dnnl_memory_t result, const dnnl_memory_desc_t *desc)
{
    const dnnl_primitive_desc_t primitive = tw_onednn_describe(onednn, operation, NULL, forward);

    tw_onednn_step(onednn, primitive, arguments, count);
    dnnl_primitive_desc_destroy(primitive);
    return tw_onednn_entrant(onednn, result, desc);
}

/* One array in, one of the same shape out. */
static struct tw_entrant map(struct tw_onednn *onednn, const_dnnl_op_desc_t operation,
                             const dnnl_memory_desc_t *rows, const float *x)
{
    const dnnl_memory_t y = tw_onednn_memory(onednn, rows);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, tw_onednn_filled(onednn, rows, rows, x)},
                                         {DNNL_ARG_DST, y}};

    return finish(onednn, operation, NULL, arguments, 2, y, rows);
}

static struct tw_entrant eltwise(dnnl_alg_kind_t algorithm, ptrdiff_t count, const float *x, float alpha)
{
    struct tw_onednn *onednn = tw_onednn_new();
    const dnnl_dims_t sizes = {count};
    const dnnl_memory_desc_t rows = tw_onednn_rows(onednn, 1, sizes);
    dnnl_eltwise_desc_t operation;

    tw_onednn_note(onednn, dnnl_eltwise_forward_desc_init(&operation, dnnl_forward_training, algorithm, &rows,
                                                          alpha, 0.0f));
    return map(onednn, &operation, &rows, x);
}

struct tw_entrant tw_onednn_relu(ptrdiff_t count, const float *x)
{
    return eltwise(dnnl_eltwise_relu, count, x, 0.0f);
}

struct tw_entrant tw_onednn_scale(ptrdiff_t count, const float *x, float factor)
{
    return eltwise(dnnl_eltwise_linear, count, x, factor);
}

struct tw_entrant tw_onednn_exp(ptrdiff_t count, const float *x)
{
    return eltwise(dnnl_eltwise_exp, count, x, 0.0f);
}

struct tw_entrant tw_onednn_log(ptrdiff_t count, const float *x)
{
    return eltwise(dnnl_eltwise_log, count, x, 0.0f);
}

struct tw_entrant tw_onednn_add(ptrdiff_t count, const float *a, const float *b)
{
    struct tw_onednn *onednn = tw_onednn_new();
    const dnnl_dims_t sizes = {count};
    const dnnl_memory_desc_t rows = tw_onednn_rows(onednn, 1, sizes);
    const dnnl_memory_t y = tw_onednn_memory(onednn, &rows);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC_0, tw_onednn_filled(onednn, &rows, &rows, a)},
                                         {DNNL_ARG_SRC_1, tw_onednn_filled(onednn, &rows, &rows, b)},
                                         {DNNL_ARG_DST, y}};
    dnnl_binary_desc_t operation;

    tw_onednn_note(onednn, dnnl_binary_desc_init(&operation, dnnl_binary_add, &rows, &rows, &rows));
    return finish(onednn, &operation, NULL, arguments, 3, y, &rows);
}

/* --- softmax: dnnl_softmax_desc_t and dnnl_logsoftmax_desc_t are one type ---------------------------------- */

static struct tw_entrant softmax(bool logarithm, ptrdiff_t rows, ptrdiff_t columns, const float *x)
{
    struct tw_onednn *onednn = tw_onednn_new();
    const dnnl_dims_t sizes = {rows, columns};
    const dnnl_memory_desc_t desc = tw_onednn_rows(onednn, 2, sizes);
    dnnl_softmax_desc_t operation;

    tw_onednn_note(onednn, (logarithm ? dnnl_logsoftmax_forward_desc_init : dnnl_softmax_forward_desc_init)(
                               &operation, dnnl_forward_training, &desc, 1));
    return map(onednn, &operation, &desc, x);
}

/* `y` is what the forward gave. */
static struct tw_entrant softmax_gradient(bool logarithm, ptrdiff_t rows, ptrdiff_t columns, const float *y,
                                          const float *dy)
{
    struct tw_onednn *onednn = tw_onednn_new();
    const dnnl_dims_t sizes = {rows, columns};
    const dnnl_memory_desc_t desc = tw_onednn_rows(onednn, 2, sizes);
    const dnnl_memory_t dx = tw_onednn_memory(onednn, &desc);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_DST, tw_onednn_filled(onednn, &desc, &desc, y)},
                                         {DNNL_ARG_DIFF_DST, tw_onednn_filled(onednn, &desc, &desc, dy)},
                                         {DNNL_ARG_DIFF_SRC, dx}};
    dnnl_softmax_desc_t operation, forward_operation;
    dnnl_primitive_desc_t forward;
    struct tw_entrant entrant;

    tw_onednn_note(onednn, (logarithm ? dnnl_logsoftmax_forward_desc_init : dnnl_softmax_forward_desc_init)(
                               &forward_operation, dnnl_forward_training, &desc, 1));
    tw_onednn_note(onednn, (logarithm ? dnnl_logsoftmax_backward_desc_init
                                      : dnnl_softmax_backward_desc_init)(&operation, &desc, &desc, 1));
    forward = tw_onednn_describe(onednn, &forward_operation, NULL, NULL);
    entrant = finish(onednn, &operation, forward, arguments, 3, dx, &desc);
    dnnl_primitive_desc_destroy(forward);
    return entrant;
}

struct tw_entrant tw_onednn_softmax(ptrdiff_t rows, ptrdiff_t columns, const float *x)
{
    return softmax(false, rows, columns, x);
}

struct tw_entrant tw_onednn_log_softmax(ptrdiff_t rows, ptrdiff_t columns, const float *x)
{
    return softmax(true, rows, columns, x);
}

struct tw_entrant tw_onednn_softmax_gradient(ptrdiff_t rows, ptrdiff_t columns, const float *y,
                                             const float *dy)
{
    return softmax_gradient(false, rows, columns, y, dy);
}

struct tw_entrant tw_onednn_log_softmax_gradient(ptrdiff_t rows, ptrdiff_t columns, const float *y,
                                                 const float *dy)
{
    return softmax_gradient(true, rows, columns, y, dy);
}

/* --- a reorder to the other order of strides --------------------------------------------------------------- */

struct tw_entrant tw_onednn_transpose(ptrdiff_t rows, ptrdiff_t columns, const float *x)
{
    struct tw_onednn *onednn = tw_onednn_new();
    const dnnl_dims_t sizes = {rows, columns}, transposed = {1, rows};
    const dnnl_memory_desc_t from = tw_onednn_rows(onednn, 2, sizes);
    dnnl_memory_desc_t to = from;
    dnnl_primitive_desc_t primitive = NULL;
    dnnl_exec_arg_t arguments[2];

    tw_onednn_note(onednn, dnnl_memory_desc_init_by_strides(&to, 2, sizes, dnnl_f32, transposed));
    arguments[0] = (dnnl_exec_arg_t){DNNL_ARG_FROM, tw_onednn_filled(onednn, &from, &from, x)};
    arguments[1] = (dnnl_exec_arg_t){DNNL_ARG_TO, tw_onednn_memory(onednn, &to)};
    if (onednn->status == dnnl_success)
        tw_onednn_note(onednn, dnnl_reorder_primitive_desc_create(&primitive, &from, onednn->engine, &to,
                                                                  onednn->engine, NULL));
    tw_onednn_step(onednn, primitive, arguments, 2);
    dnnl_primitive_desc_destroy(primitive);
    return tw_onednn_entrant(onednn, arguments[1].memory, &to);
}
