/* A program of oneDNN primitives and plain functions: put together once, run step after step, every part timed.
 *
 * Memories are made in the layout that the primitives ask for. Where two primitives disagree about a layout a
 * reorder stands between them: it runs, so that the data is right, but its time is kept apart and can be left
 * out. Any failure of oneDNN ends the process with a message and status 1.
 */
#ifndef TOWER_BENCHMARKS_PEERS_ONEDNN_PROGRAM_H
#define TOWER_BENCHMARKS_PEERS_ONEDNN_PROGRAM_H

#include <stdbool.h>

#include <oneapi/dnnl/dnnl.h>

#define TW_PROGRAM_PARTS     64
#define TW_PROGRAM_MEMORIES  96
#define TW_PROGRAM_ARGUMENTS 6

typedef void tw_program_fn(void *context);

struct tw_program_part {
    const char *name;           /* constant */
    const char *implementation; /* as oneDNN calls it: "jit:avx2"; "" for a function */
    dnnl_primitive_t primitive; /* NULL: a function */
    dnnl_exec_arg_t arguments[TW_PROGRAM_ARGUMENTS];
    int argument_count;
    tw_program_fn *function;
    void *context;
    bool reorder;
    double seconds; /* in all; reorders always, others if the program is profiled */
};

struct tw_program {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    struct tw_program_part parts[TW_PROGRAM_PARTS];
    int part_count;
    dnnl_memory_t memories[TW_PROGRAM_MEMORIES]; /* owned */
    int memory_count;
    bool profile;
};

/* Ends the process unless `status` is dnnl_success; `what` names what was tried. */
void tw_program_must(dnnl_status_t status, const char *what);

void tw_program_init(struct tw_program *program, bool profile);
void tw_program_release(struct tw_program *program);

/* Descriptions of a float array: row-major, and in whatever layout a primitive likes best. */
dnnl_memory_desc_t tw_program_rows(int ndims, const dnnl_dims_t sizes);
dnnl_memory_desc_t tw_program_any(int ndims, const dnnl_dims_t sizes);

/* The description a primitive wants for an argument (DNNL_ARG_SRC …). */
dnnl_memory_desc_t tw_program_wanted(const_dnnl_primitive_desc_t primitive, int argument);

/* A memory of that description, owned by the program; over `values` (borrowed) unless NULL. */
dnnl_memory_t tw_program_memory(struct tw_program *program, const dnnl_memory_desc_t *desc, float *values);
float *tw_program_values(dnnl_memory_t memory);

/* What an operation description becomes on this CPU; ended by dnnl_primitive_desc_destroy. `attributes` and
 * `forward` may be NULL. */
dnnl_primitive_desc_t tw_program_describe(const struct tw_program *program, const char *what,
                                          const_dnnl_op_desc_t operation,
                                          const_dnnl_primitive_attr_t attributes,
                                          const_dnnl_primitive_desc_t forward);

/* Append a part. */
void tw_program_add(struct tw_program *program, const char *name, const_dnnl_primitive_desc_t desc,
                    const dnnl_exec_arg_t *arguments, int count);
void tw_program_add_function(struct tw_program *program, const char *name, tw_program_fn *function,
                             void *context);

/* `memory` if it has that layout, else a new one that an appended reorder fills from it. */
dnnl_memory_t tw_program_in_layout(struct tw_program *program, const char *name, dnnl_memory_t memory,
                                   const dnnl_memory_desc_t *desc);

/* Copies between layouts now. */
void tw_program_copy(const struct tw_program *program, dnnl_memory_t from, dnnl_memory_t to);

/* Runs all parts in order and returns when they are done. */
void tw_program_run(struct tw_program *program);

/* Seconds spent in reorders since they were forgotten last. */
double tw_program_reorder_seconds(const struct tw_program *program);
void tw_program_forget_seconds(struct tw_program *program);

#endif
