#include "benchmarks/peers/onednn_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void tw_program_must(dnnl_status_t status, const char *what)
{
    if (status == dnnl_success)
        return;
    fprintf(stderr, "onednn-tower: %s: oneDNN status %d\n", what, (int)status);
    exit(1);
}

void tw_program_init(struct tw_program *program, bool profile)
{
    *program = (struct tw_program){.profile = profile};
    tw_program_must(dnnl_engine_create(&program->engine, dnnl_cpu, 0), "engine");
    tw_program_must(dnnl_stream_create(&program->stream, program->engine, dnnl_stream_default_flags),
                    "stream");
}

void tw_program_release(struct tw_program *program)
{
    for (int i = 0; i < program->part_count; i++)
        dnnl_primitive_destroy(program->parts[i].primitive);
    for (int i = 0; i < program->memory_count; i++)
        dnnl_memory_destroy(program->memories[i]);
    dnnl_stream_destroy(program->stream);
    dnnl_engine_destroy(program->engine);
}

dnnl_memory_desc_t tw_program_rows(int ndims, const dnnl_dims_t sizes)
{
    dnnl_memory_desc_t desc;
    dnnl_dims_t strides;

    strides[ndims - 1] = 1;
    for (int i = ndims - 1; i > 0; i--)
        strides[i - 1] = strides[i] * sizes[i];
    tw_program_must(dnnl_memory_desc_init_by_strides(&desc, ndims, sizes, dnnl_f32, strides), "rows");
    return desc;
}

dnnl_memory_desc_t tw_program_any(int ndims, const dnnl_dims_t sizes)
{
    dnnl_memory_desc_t desc;

    tw_program_must(dnnl_memory_desc_init_by_tag(&desc, ndims, sizes, dnnl_f32, dnnl_format_tag_any),
                    "any layout");
    return desc;
}

dnnl_memory_desc_t tw_program_wanted(const_dnnl_primitive_desc_t primitive, int argument)
{
    const dnnl_memory_desc_t *desc =
        dnnl_primitive_desc_query_md(primitive, dnnl_query_exec_arg_md, argument);

    if (!desc)
        tw_program_must(dnnl_invalid_arguments, "layout of an argument");
    return *desc;
}

dnnl_memory_t tw_program_memory(struct tw_program *program, const dnnl_memory_desc_t *desc, float *values)
{
    dnnl_memory_t *memory = &program->memories[program->memory_count];

    if (program->memory_count == TW_PROGRAM_MEMORIES)
        tw_program_must(dnnl_out_of_memory, "TW_PROGRAM_MEMORIES");
    tw_program_must(
        dnnl_memory_create(memory, desc, program->engine, values ? (void *)values : DNNL_MEMORY_ALLOCATE),
        "memory");
    program->memory_count++;
    return *memory;
}

float *tw_program_values(dnnl_memory_t memory)
{
    void *values;

    tw_program_must(dnnl_memory_get_data_handle(memory, &values), "values of a memory");
    return values;
}

dnnl_primitive_desc_t tw_program_describe(const struct tw_program *program, const char *what,
                                          const_dnnl_op_desc_t operation,
                                          const_dnnl_primitive_attr_t attributes,
                                          const_dnnl_primitive_desc_t forward)
{
    dnnl_primitive_desc_t desc;

    tw_program_must(dnnl_primitive_desc_create(&desc, operation, attributes, program->engine, forward), what);
    return desc;
}

static struct tw_program_part *new_part(struct tw_program *program, const char *name)
{
    struct tw_program_part *part = &program->parts[program->part_count];

    if (program->part_count == TW_PROGRAM_PARTS)
        tw_program_must(dnnl_out_of_memory, "TW_PROGRAM_PARTS");
    program->part_count++;
    *part = (struct tw_program_part){.name = name, .implementation = ""};
    return part;
}

void tw_program_add(struct tw_program *program, const char *name, const_dnnl_primitive_desc_t desc,
                    const dnnl_exec_arg_t *arguments, int count)
{
    struct tw_program_part *part = new_part(program, name);
    const_dnnl_primitive_desc_t own;

    tw_program_must(dnnl_primitive_create(&part->primitive, desc), name);
    for (int i = 0; i < count; i++)
        part->arguments[i] = arguments[i];
    part->argument_count = count;
    /* Asked of the primitive: the text then lives as long as that does. */
    tw_program_must(dnnl_primitive_get_primitive_desc(part->primitive, &own), name);
    tw_program_must(dnnl_primitive_desc_query(own, dnnl_query_impl_info_str, 0, &part->implementation), name);
}

void tw_program_add_function(struct tw_program *program, const char *name, tw_program_fn *function,
                             void *context)
{
    struct tw_program_part *part = new_part(program, name);

    part->function = function;
    part->context = context;
}

static dnnl_primitive_desc_t describe_reorder(const struct tw_program *program, dnnl_memory_t from,
                                              dnnl_memory_t to)
{
    const dnnl_memory_desc_t *from_desc, *to_desc;
    dnnl_primitive_desc_t desc;

    tw_program_must(dnnl_memory_get_memory_desc(from, &from_desc), "layout of a memory");
    tw_program_must(dnnl_memory_get_memory_desc(to, &to_desc), "layout of a memory");
    tw_program_must(
        dnnl_reorder_primitive_desc_create(&desc, from_desc, program->engine, to_desc, program->engine, NULL),
        "reorder");
    return desc;
}

dnnl_memory_t tw_program_in_layout(struct tw_program *program, const char *name, dnnl_memory_t memory,
                                   const dnnl_memory_desc_t *desc)
{
    const dnnl_memory_desc_t *present;
    dnnl_primitive_desc_t reorder;
    dnnl_exec_arg_t arguments[2];

    tw_program_must(dnnl_memory_get_memory_desc(memory, &present), "layout of a memory");
    if (dnnl_memory_desc_equal(present, desc))
        return memory;
    arguments[0] = (dnnl_exec_arg_t){DNNL_ARG_FROM, memory};
    arguments[1] = (dnnl_exec_arg_t){DNNL_ARG_TO, tw_program_memory(program, desc, NULL)};
    reorder = describe_reorder(program, memory, arguments[1].memory);
    tw_program_add(program, name, reorder, arguments, 2);
    program->parts[program->part_count - 1].reorder = true;
    dnnl_primitive_desc_destroy(reorder);
    return arguments[1].memory;
}

void tw_program_copy(const struct tw_program *program, dnnl_memory_t from, dnnl_memory_t to)
{
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    dnnl_primitive_desc_t desc = describe_reorder(program, from, to);
    dnnl_primitive_t primitive;

    tw_program_must(dnnl_primitive_create(&primitive, desc), "reorder");
    tw_program_must(dnnl_primitive_execute(primitive, program->stream, 2, arguments), "reorder");
    tw_program_must(dnnl_stream_wait(program->stream), "wait");
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(desc);
}

void tw_program_run(struct tw_program *program)
{
    for (int i = 0; i < program->part_count; i++) {
        struct tw_program_part *part = &program->parts[i];
        const bool timed = part->reorder || program->profile;
        const double started = timed ? now() : 0.0;

        /* On CPUs a primitive is done when execute returns. */
        if (part->primitive)
            tw_program_must(dnnl_primitive_execute(part->primitive, program->stream, part->argument_count,
                                                   part->arguments),
                            part->name);
        else
            part->function(part->context);
        if (timed)
            part->seconds += now() - started;
    }
    tw_program_must(dnnl_stream_wait(program->stream), "wait");
}

double tw_program_reorder_seconds(const struct tw_program *program)
{
    double seconds = 0.0;

    for (int i = 0; i < program->part_count; i++)
        if (program->parts[i].reorder)
            seconds += program->parts[i].seconds;
    return seconds;
}

void tw_program_forget_seconds(struct tw_program *program)
{
    for (int i = 0; i < program->part_count; i++)
        program->parts[i].seconds = 0.0;
}
