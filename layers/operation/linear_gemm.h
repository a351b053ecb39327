/* What the operations of linear layers share: one GEMM, cut into tiles of its output.
 */
#ifndef TOWER_LAYERS_OPERATION_LINEAR_GEMM_H
#define TOWER_LAYERS_OPERATION_LINEAR_GEMM_H

#include "layers/graph/operation.h"

/* A unit is so many columns where the output is at least as wide as high, else rows: B's panels are packed once per
 * block of columns, and neither split changes a bit. */
#define TW_LINEAR_BLOCK 16

/* Each call packs the operand that is not split: worth it for so many units of the other. */
#define TW_LINEAR_GRAIN 16

/* Rows and columns [first, last) of C. */
struct tw_linear_part {
    ptrdiff_t first_row, last_row, first_column, last_column;
};

/* Whether units are blocks of columns. */
static inline bool tw_linear_splits_columns(const struct tw_execution *execution,
                                            const struct tw_gemm_shape *shape)
{
    (void)execution;
    return shape->n >= shape->m;
}

static inline ptrdiff_t tw_linear_units(const struct tw_gemm_shape *shape, bool columns)
{
    return ((columns ? shape->n : shape->m) + TW_LINEAR_BLOCK - 1) / TW_LINEAR_BLOCK;
}

/* The part that units [begin, end) are. */
struct tw_linear_part tw_linear_part_of(const struct tw_gemm_shape *whole, bool columns, ptrdiff_t begin,
                                        ptrdiff_t end);

/* That part of the product of inputs 0 and 1, as one smaller product, into output 0. */
void tw_linear_run(const struct tw_execution *execution, const struct tw_gemm_shape *whole,
                   const struct tw_linear_part *part, void *workspace);

/* Functions of a struct tw_operation that know name_shape(execution), the product's shape, and `splits`, which tells how
 * it is cut. */
#define TW_LINEAR_FUNCTIONS(name, splits)                                     \
    static ptrdiff_t name##_units(const struct tw_execution *execution)       \
    {                                                                         \
        struct tw_gemm_shape shape = name##_shape(execution);                 \
        return tw_linear_units(&shape, splits(execution, &shape));            \
    }                                                                         \
    static double name##_flops(const struct tw_execution *execution)          \
    {                                                                         \
        struct tw_gemm_shape shape = name##_shape(execution);                 \
        return 2.0 * (double)shape.m * (double)shape.n * (double)shape.k;     \
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

#endif
