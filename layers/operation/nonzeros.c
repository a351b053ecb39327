#include "layers/operation/nonzeros.h"

#include <stdint.h>
#include <string.h>

enum { LOOKED_AT = 16384, FEWEST_LINES = 8, LONGEST_STEP = 8, NONZERO_SAMPLES = 4 };

/* From how many columns of B, and rows of a transposed one, the whole limit holds. */
enum { WIDE_COLUMNS = 128, MANY_ROWS = 32 };

/* How A lies: `lines` of `length` neighbours each, rows or, where it is transposed (a_row is 1), columns. */
struct lines {
    ptrdiff_t lines, length, distance;
};

static struct lines lines_of(const struct tw_gemm_shape *shape)
{
    if (shape->a_col == 1) {
        return (struct lines){shape->m, shape->k, shape->a_row};
    }
    return (struct lines){shape->k, shape->m, shape->a_col};
}

/* Elements of every `step`th line that are not zero. */
static double count(const struct lines *lines, const float *a, ptrdiff_t step)
{
    ptrdiff_t found = 0;

    for (ptrdiff_t i = 0; i < lines->lines; i += step) {
        const float *line = a + i * lines->distance;

        for (ptrdiff_t p = 0; p < lines->length; p++) {
            found += line[p] != 0.0f;
        }
    }
    return (double)found;
}

/* So many lines on the next is looked at: looking takes little beside the product, and takes in eight lines or more unless
 * they are long. */
static ptrdiff_t step_of(const struct lines *lines)
{
    const ptrdiff_t few = lines->lines * lines->length / LOOKED_AT + 1;
    const ptrdiff_t some =
        lines->lines / FEWEST_LINES < LONGEST_STEP ? lines->lines / FEWEST_LINES : LONGEST_STEP;

    return some > few ? some : few;
}

double tw_nonzeros_limit(const struct tw_kernels *kernels, const struct tw_gemm_shape *whole)
{
    const bool transposes =
        whole->b_col != 1; /* then B is brought together for A's rows, of which there should be some */
    const double limit = kernels->sparse_density[transposes];

    if (whole->n < TW_NONZEROS_COLUMNS || whole->k < TW_NONZEROS_ROWS ||
        (transposes && whole->m < TW_NONZEROS_ROWS)) {
        return -1.0;
    }
    if (whole->n < WIDE_COLUMNS || whole->k < MANY_ROWS ||
        whole->m < (transposes ? MANY_ROWS : TW_NONZEROS_ROWS)) {
        return TW_NONZEROS_NARROW * limit;
    }
    return limit;
}

bool tw_nonzeros_pay(const struct tw_execution *execution, const struct tw_gemm_shape *whole, const float *a)
{
    const double limit = tw_nonzeros_limit(execution->kernels, whole);
    const struct lines lines = lines_of(whole);
    const ptrdiff_t step = step_of(&lines), looked_at = (lines.lines + step - 1) / step * lines.length;

    return limit >= 0.0 && count(&lines, a, step) <= limit * (double)looked_at;
}

void tw_nonzeros_multiply(const struct tw_execution *execution, const struct tw_gemm_shape *shape, bool pay,
                          const float *a, const float *b, float *c, void *workspace)
{
    if (pay) {
        execution->kernels->f32_sparse_gemm(shape, a, b, c, workspace);
    } else {
        execution->kernels->f32_gemm(shape, a, b, c, workspace);
    }
}

bool tw_nonzeros_share_is_dense(const struct tw_kernels *kernels, const struct tw_gemm_shape *whole,
                                ptrdiff_t rows)
{
    return whole->b_col != 1 && rows < whole->m && rows < kernels->sparse_rows;
}

bool tw_nonzeros_agree(ptrdiff_t count, const float *c)
{
    uint32_t differ = 0;

    for (ptrdiff_t i = 0; i < count; i++) {
        uint32_t bits;

        memcpy(&bits, c + i, sizeof bits);
        differ |= (bits & 0x7fffffffu) - 1u >= 0x7f7fffffu; /* zero, infinite or NaN */
    }
    return differ == 0;
}

/* The shape of a part. */
static struct tw_gemm_shape part_shape(const struct tw_gemm_shape *whole, const struct tw_linear_part *part)
{
    struct tw_gemm_shape shape = *whole;

    shape.m = part->last_row - part->first_row;
    shape.n = part->last_column - part->first_column;
    return shape;
}

void tw_nonzeros_run(const struct tw_execution *execution, const struct tw_gemm_shape *whole,
                     const struct tw_linear_part *part, void *workspace)
{
    const struct tw_gemm_shape shape = part_shape(whole, part);
    const float *a = execution->in[0], *b = execution->in[1];

    tw_nonzeros_multiply(execution, &shape, tw_nonzeros_pay(execution, whole, a),
                         a + part->first_row * whole->a_row, b + part->first_column * whole->b_col,
                         (float *)execution->out[0] + part->first_row * whole->c_row + part->first_column,
                         workspace);
}

size_t tw_nonzeros_workspace(const struct tw_execution *execution, const struct tw_gemm_shape *whole)
{
    const size_t dense = execution->kernels->f32_gemm_workspace(whole);

    return dense > TW_SPARSE_GEMM_WORKSPACE ? dense : TW_SPARSE_GEMM_WORKSPACE;
}

double tw_nonzeros_flops(const struct tw_execution *execution, const struct tw_gemm_shape *whole,
                         const struct tw_linear_part *part)
{
    const struct tw_gemm_shape shape = part_shape(whole, part);
    const float *a = execution->in[0];
    double elements = (double)shape.m * (double)shape.k;

    if (a && !tw_nonzeros_share_is_dense(execution->kernels, whole, shape.m) &&
        tw_nonzeros_pay(execution, whole, a)) {
        const struct lines lines = lines_of(&shape);

        elements = count(&lines, a + part->first_row * whole->a_row, 1);
    }
    return 2.0 * (double)shape.n * elements;
}

const char *tw_nonzeros_algorithm(const struct tw_execution *execution)
{
    (void)execution;
    return "non-zeros while few";
}

ptrdiff_t tw_nonzeros_units(ptrdiff_t rows)
{
    return (rows + NONZERO_SAMPLES - 1) / NONZERO_SAMPLES;
}

struct tw_linear_part tw_nonzeros_part(const struct tw_gemm_shape *whole, ptrdiff_t begin, ptrdiff_t end)
{
    const ptrdiff_t first = begin * NONZERO_SAMPLES, last = end * NONZERO_SAMPLES;

    return (struct tw_linear_part){first, last < whole->m ? last : whole->m, 0, whole->n};
}
