#include "benchmarks/peers/onednn.h"

#include <stdio.h>
#include <stdlib.h>

#include "benchmarks/peers/gemm.h"
#include "core/memory.h"

void tw_onednn_note(struct tw_onednn *onednn, dnnl_status_t status)
{
    if (onednn->status == dnnl_success)
        onednn->status = status;
}

struct tw_onednn *tw_onednn_new(void)
{
    struct tw_onednn *onednn = calloc(1, sizeof *onednn);

    if (!onednn) {
        perror("tower-bench");
        exit(1);
    }
    tw_onednn_note(onednn, dnnl_engine_create(&onednn->engine, dnnl_cpu, 0));
    if (onednn->status == dnnl_success)
        tw_onednn_note(onednn,
                       dnnl_stream_create(&onednn->stream, onednn->engine, dnnl_stream_default_flags));
    return onednn;
}

void tw_onednn_forget_steps(struct tw_onednn *onednn)
{
    for (int i = 0; i < onednn->step_count; i++)
        dnnl_primitive_destroy(onednn->steps[i].primitive);
    onednn->step_count = 0;
}

void tw_onednn_release(void *context)
{
    struct tw_onednn *onednn = context;

    tw_onednn_forget_steps(onednn);
    for (int i = 0; i < onednn->memory_count; i++) {
        dnnl_memory_destroy(onednn->memories[i].memory);
        tw_free(onednn->memories[i].block);
    }
    dnnl_stream_destroy(onednn->stream);
    dnnl_engine_destroy(onednn->engine);
    free(onednn);
}

dnnl_memory_desc_t tw_onednn_rows(struct tw_onednn *onednn, int ndims, const dnnl_dim_t *sizes)
{
    dnnl_memory_desc_t desc = {0};
    dnnl_dims_t strides;

    strides[ndims - 1] = 1;
    for (int i = ndims - 1; i > 0; i--)
        strides[i - 1] = strides[i] * sizes[i];
    tw_onednn_note(onednn, dnnl_memory_desc_init_by_strides(&desc, ndims, sizes, dnnl_f32, strides));
    return desc;
}

dnnl_memory_desc_t tw_onednn_any(struct tw_onednn *onednn, int ndims, const dnnl_dim_t *sizes)
{
    dnnl_memory_desc_t desc = {0};

    tw_onednn_note(onednn, dnnl_memory_desc_init_by_tag(&desc, ndims, sizes, dnnl_f32, dnnl_format_tag_any));
    return desc;
}

dnnl_memory_desc_t tw_onednn_wanted(struct tw_onednn *onednn, const_dnnl_primitive_desc_t primitive,
                                    int argument)
{
    const dnnl_memory_desc_t *desc =
        primitive ? dnnl_primitive_desc_query_md(primitive, dnnl_query_exec_arg_md, argument) : NULL;

    if (!desc)
        tw_onednn_note(onednn, dnnl_unimplemented);
    return desc ? *desc : (dnnl_memory_desc_t){0};
}

dnnl_memory_t tw_onednn_memory(struct tw_onednn *onednn, const dnnl_memory_desc_t *desc)
{
    dnnl_memory_t memory = NULL;
    struct tw_onednn_memory *next = &onednn->memories[onednn->memory_count];

    if (onednn->status == dnnl_success && onednn->memory_count == TW_ONEDNN_MEMORIES)
        tw_onednn_note(onednn, dnnl_out_of_memory);
    if (onednn->status != dnnl_success)
        return NULL;
    next->block = tw_alloc(dnnl_memory_desc_get_size(desc) + TW_CONTEST_PAGE);
    tw_onednn_note(
        onednn, next->block ? dnnl_memory_create(&memory, desc, onednn->engine, tw_contest_page(next->block))
                            : dnnl_out_of_memory);
    next->memory = memory;
    onednn->memory_count++;
    return memory;
}

/* Copies between layouts. */
static void reorder(struct tw_onednn *onednn, const dnnl_memory_desc_t *from_desc, dnnl_memory_t from,
                    const dnnl_memory_desc_t *to_desc, dnnl_memory_t to)
{
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t primitive = NULL;

    if (onednn->status != dnnl_success)
        return;
    tw_onednn_note(onednn, dnnl_reorder_primitive_desc_create(&desc, from_desc, onednn->engine, to_desc,
                                                              onednn->engine, NULL));
    if (desc)
        tw_onednn_note(onednn, dnnl_primitive_create(&primitive, desc));
    if (primitive)
        tw_onednn_note(onednn, dnnl_primitive_execute(primitive, onednn->stream, 2, arguments));
    dnnl_stream_wait(onednn->stream);
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(desc);
}

dnnl_memory_t tw_onednn_filled(struct tw_onednn *onednn, const dnnl_memory_desc_t *desc,
                               const dnnl_memory_desc_t *from, const float *rows)
{
    dnnl_memory_t memory = tw_onednn_memory(onednn, desc), source = NULL;

    if (!memory)
        return NULL;
    tw_onednn_note(onednn, dnnl_memory_create(&source, from, onednn->engine, (void *)rows));
    reorder(onednn, from, source, desc, memory);
    dnnl_memory_destroy(source);
    return memory;
}

dnnl_primitive_attr_t tw_onednn_relu_appended(struct tw_onednn *onednn)
{
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_post_ops_t operations = NULL;

    tw_onednn_note(onednn, dnnl_primitive_attr_create(&attributes));
    tw_onednn_note(onednn, dnnl_post_ops_create(&operations));
    if (onednn->status == dnnl_success) {
        tw_onednn_note(onednn, dnnl_post_ops_append_eltwise(operations, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f));
        tw_onednn_note(onednn, dnnl_primitive_attr_set_post_ops(attributes, operations));
    }
    dnnl_post_ops_destroy(operations);
    return attributes;
}

dnnl_primitive_desc_t tw_onednn_describe(struct tw_onednn *onednn, const_dnnl_op_desc_t operation,
                                         const_dnnl_primitive_attr_t attributes,
                                         const_dnnl_primitive_desc_t forward)
{
    dnnl_primitive_desc_t desc = NULL;

    if (onednn->status == dnnl_success)
        tw_onednn_note(onednn,
                       dnnl_primitive_desc_create(&desc, operation, attributes, onednn->engine, forward));
    return desc;
}

void tw_onednn_step(struct tw_onednn *onednn, const_dnnl_primitive_desc_t primitive,
                    const dnnl_exec_arg_t *arguments, int count)
{
    struct tw_onednn_step *step = &onednn->steps[onednn->step_count];

    if (onednn->status != dnnl_success)
        return;
    tw_onednn_note(onednn, dnnl_primitive_create(&step->primitive, primitive));
    for (int i = 0; i < count; i++)
        step->arguments[i] = arguments[i];
    step->argument_count = count;
    onednn->step_count++;
}

void tw_onednn_run(void *context)
{
    struct tw_onednn *onednn = context;

    for (int i = 0; i < onednn->step_count; i++) {
        const struct tw_onednn_step *step = &onednn->steps[i];

        if (step->relu_gradient)
            step->relu_gradient(step->count, step->y, step->dy, step->dy);
        else
            dnnl_primitive_execute(step->primitive, onednn->stream, step->argument_count, step->arguments);
    }
    dnnl_stream_wait(onednn->stream);
}

static void fetch(void *context, float *result)
{
    struct tw_onednn *onednn = context;

    for (int i = 0; i < onednn->result_count; i++) {
        const dnnl_memory_desc_t *rows = &onednn->results[i].rows, *from = NULL;
        dnnl_memory_t to = NULL;

        tw_onednn_note(onednn, dnnl_memory_get_memory_desc(onednn->results[i].memory, &from));
        tw_onednn_note(onednn, dnnl_memory_create(&to, rows, onednn->engine, result));
        reorder(onednn, from, onednn->results[i].memory, rows, to);
        dnnl_memory_destroy(to);
        result += dnnl_memory_desc_get_size(rows) / sizeof(float);
    }
}

void tw_onednn_add_result(struct tw_onednn *onednn, dnnl_memory_t result, const dnnl_memory_desc_t *desc)
{
    onednn->results[onednn->result_count].memory = result;
    onednn->results[onednn->result_count++].rows = *desc;
}

struct tw_entrant tw_onednn_entrant(struct tw_onednn *onednn, dnnl_memory_t result,
                                    const dnnl_memory_desc_t *desc)
{
    if (onednn->status != dnnl_success) {
        fprintf(stderr, "tower-bench: oneDNN cannot do this (status %d)\n", (int)onednn->status);
        tw_onednn_release(onednn);
        return (struct tw_entrant){.name = "onednn"};
    }
    tw_onednn_add_result(onednn, result, desc);
    return (struct tw_entrant){.name = "onednn",
                               .context = onednn,
                               .run = tw_onednn_run,
                               .fetch = fetch,
                               .release = tw_onednn_release};
}

/* --- GEMM ---------------------------------------------------------------------------------------------- */

static void run_gemm(void *context)
{
    const struct tw_peer_gemm *gemm = context;
    const struct tw_gemm_shape *s = &gemm->shape;
    const bool plain_a = s->a_col == 1, plain_b = s->b_col == 1;

    dnnl_sgemm(plain_a ? 'N' : 'T', plain_b ? 'N' : 'T', s->m, s->n, s->k, 1.0f, gemm->a,
               plain_a ? s->a_row : s->a_col, gemm->b, plain_b ? s->b_row : s->b_col, 0.0f, gemm->c,
               s->c_row);
}

struct tw_entrant tw_onednn_gemm(struct tw_contest *contest, const struct tw_peer_gemm *gemm)
{
    struct tw_peer_gemm *own = tw_contest_bytes(contest, sizeof *own);

    *own = *gemm;
    return (struct tw_entrant){.name = "onednn", .context = own, .run = run_gemm};
}

void tw_onednn_version(char text[TW_PEER_VERSION])
{
    const dnnl_version_t *version = dnnl_version();

    snprintf(text, TW_PEER_VERSION, "oneDNN %d.%d.%d", version->major, version->minor, version->patch);
}
