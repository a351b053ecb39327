/* oneDNN primitives run one after the other, as one entrant.
 *
 * Memories are made in the layout that the primitives ask for; data is brought into it once, outside the timed
 * part. Any error of oneDNN (an operation it does not know, no memory) makes the whole sequence unavailable:
 * the functions below then do nothing, and tw_onednn_entrant gives an entrant without context.
 */
#ifndef TOWER_BENCHMARKS_PEERS_ONEDNN_H
#define TOWER_BENCHMARKS_PEERS_ONEDNN_H

#include <oneapi/dnnl/dnnl.h>

#include "benchmarks/contest.h"

#define TW_ONEDNN_STEPS     6
#define TW_ONEDNN_ARGUMENTS 6
#define TW_ONEDNN_MEMORIES  24

/* A primitive, or, where there is none, Tower's relu gradient (see peers/onednn_conv_pool.c). */
struct tw_onednn_step {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t arguments[TW_ONEDNN_ARGUMENTS];
    int argument_count;
    tw_f32_relu_gradient_fn *relu_gradient;
    ptrdiff_t count;
    const float *y;
    float *dy;
};

struct tw_onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    struct tw_onednn_step steps[TW_ONEDNN_STEPS];
    int step_count;
    struct tw_onednn_memory {
        dnnl_memory_t memory;
        void *block; /* what it lies in, at the beginning of a page like Tower's arrays */
    } memories[TW_ONEDNN_MEMORIES];
    int memory_count;
    struct {
        dnnl_memory_t memory;
        dnnl_memory_desc_t rows;
    } results[2]; /* what fetch gives, one after the other, in rows */
    int result_count;
    dnnl_status_t status; /* of the first call that failed */
};

/* On the heap; tw_onednn_release ends it. Without memory the program ends. */
struct tw_onednn *tw_onednn_new(void);
void tw_onednn_release(void *onednn);

/* Remembers the first failure. */
void tw_onednn_note(struct tw_onednn *onednn, dnnl_status_t status);

/* Dense row-major description of `ndims` sizes; and the same sizes in whatever layout a primitive likes best. */
dnnl_memory_desc_t tw_onednn_rows(struct tw_onednn *onednn, int ndims, const dnnl_dim_t *sizes);
dnnl_memory_desc_t tw_onednn_any(struct tw_onednn *onednn, int ndims, const dnnl_dim_t *sizes);

/* The description a primitive wants for an argument (DNNL_ARG_SRC …) or its workspace. */
dnnl_memory_desc_t tw_onednn_wanted(struct tw_onednn *onednn, const_dnnl_primitive_desc_t primitive,
                                    int argument);

/* A memory of that description; with the `rows` described by `from` brought in, unless NULL. */
dnnl_memory_t tw_onednn_memory(struct tw_onednn *onednn, const dnnl_memory_desc_t *desc);
dnnl_memory_t tw_onednn_filled(struct tw_onednn *onednn, const dnnl_memory_desc_t *desc,
                               const dnnl_memory_desc_t *from, const float *rows);

/* Attributes that append a relu to a primitive; dnnl_primitive_attr_destroy ends them. */
dnnl_primitive_attr_t tw_onednn_relu_appended(struct tw_onednn *onednn);

/* The primitive description of an operation description; and the step that runs it on `count` arguments. */
dnnl_primitive_desc_t tw_onednn_describe(struct tw_onednn *onednn, const_dnnl_op_desc_t operation,
                                         const_dnnl_primitive_attr_t attributes,
                                         const_dnnl_primitive_desc_t forward);
void tw_onednn_step(struct tw_onednn *onednn, const_dnnl_primitive_desc_t primitive,
                    const dnnl_exec_arg_t *arguments, int count);

/* Runs the steps; drops them, so that the sequence begins anew on the same memories. */
void tw_onednn_run(void *onednn);
void tw_onednn_forget_steps(struct tw_onednn *onednn);

/* The finished sequence as an entrant; `result` in rows of `desc` is what it will be checked by, and what is added
 * to it. */
struct tw_entrant tw_onednn_entrant(struct tw_onednn *onednn, dnnl_memory_t result,
                                    const dnnl_memory_desc_t *desc);
void tw_onednn_add_result(struct tw_onednn *onednn, dnnl_memory_t result, const dnnl_memory_desc_t *desc);

#endif
