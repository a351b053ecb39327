/* Matrix products with their operands and result by the reference, for the tests of GEMM: every variant this machine can
 * run against the reference, bit for bit. Inputs end at a page without access, C and the workspace too, so that one
 * element beyond ends the program. */
#ifndef TOWER_TESTS_KERNELS_GEMM_GEMM_PROBLEM_H
#define TOWER_TESTS_KERNELS_GEMM_GEMM_PROBLEM_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu.h"
#include "kernels/gemm/gemm.h"
#include "tests/support/test_support.h"

struct variant {
    enum tw_isa isa;
    tw_f32_gemm_fn *gemm;
    tw_f32_gemm_workspace_fn *workspace;
};

static const struct variant variants[] = {
    {TW_ISA_REFERENCE, tw_f32_gemm__reference, tw_f32_gemm_workspace__reference},
#if defined(__x86_64__)
    {TW_ISA_AVX2, tw_f32_gemm__avx2, tw_f32_gemm_workspace__avx2},
    {TW_ISA_AVX512, tw_f32_gemm__avx512, tw_f32_gemm_workspace__avx512},
#elif defined(__aarch64__)
    {TW_ISA_NEON, tw_f32_gemm__neon, tw_f32_gemm_workspace__neon},
#endif
};

#define VARIANTS ((int)(sizeof variants / sizeof *variants))

/* A matrix of rows x columns somewhere inside a buffer that holds nothing but the elements it spans. */
struct matrix {
    struct tw_guard guard;
    ptrdiff_t row, column;
    float *first; /* element (0, 0) */
};

/* How the elements lie: leading dimension rows or columns, gaps in both directions, rows backwards, all rows
 * the same, rows that follow each other. */
enum layout { ROWS, COLUMNS, GAPS, BACKWARDS, REPEATED, DENSE, LAYOUTS };

static ptrdiff_t span(ptrdiff_t count, ptrdiff_t stride)
{
    return count > 0 ? (count - 1) * (stride < 0 ? -stride : stride) : 0;
}

static struct matrix new_matrix(struct tw_rng *rng, enum layout layout, ptrdiff_t rows, ptrdiff_t columns)
{
    const ptrdiff_t gap = tw_test_integer(rng, 0, layout == DENSE ? 0 : 5);
    struct matrix matrix = {.row = columns + gap, .column = 1};
    ptrdiff_t count;

    if (layout == COLUMNS) {
        matrix.row = 1;
        matrix.column = rows + gap;
    } else if (layout == GAPS) {
        matrix.column = 3;
        matrix.row = 3 * columns + gap;
    } else if (layout == BACKWARDS) {
        matrix.row = -matrix.row;
    } else if (layout == REPEATED) {
        matrix.row = 0;
    }
    count = rows > 0 && columns > 0 ? span(rows, matrix.row) + span(columns, matrix.column) + 1 : 0;
    matrix.guard = tw_guard_page((size_t)count * sizeof(float));
    tw_test_fill(rng, matrix.guard.data, count, -1.0f, 1.0f);
    matrix.first = matrix.guard.data;
    matrix.first += matrix.row < 0 ? span(rows, matrix.row) : 0;
    return matrix;
}

struct problem {
    struct tw_gemm_shape shape;
    struct matrix a, b;
    ptrdiff_t c_count;
    float *start, *expected; /* C before and, by the reference, after */
};

static struct problem new_problem(struct tw_rng *rng, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, enum layout a,
                                  enum layout b)
{
    struct problem problem = {.a = new_matrix(rng, a, m, k), .b = new_matrix(rng, b, k, n)};
    const ptrdiff_t c_row = n + tw_test_integer(rng, 0, 3);

    problem.shape = (struct tw_gemm_shape){.m = m,
                                           .n = n,
                                           .k = k,
                                           .a_row = problem.a.row,
                                           .a_col = problem.a.column,
                                           .b_row = problem.b.row,
                                           .b_col = problem.b.column,
                                           .c_row = c_row,
                                           .accumulate = tw_test_integer(rng, 0, 1) == 1};
    problem.c_count = m > 0 && n > 0 ? (m - 1) * c_row + n : 0;
    problem.start = test_malloc(((size_t)problem.c_count + 1) * sizeof(float));
    problem.expected = test_malloc(((size_t)problem.c_count + 1) * sizeof(float));
    if (problem.shape.accumulate)
        tw_test_fill(rng, problem.start, problem.c_count, -1.0f, 1.0f);
    else
        memset(problem.start, 0xff, (size_t)problem.c_count * sizeof(float)); /* NaN: must not be read */
    memcpy(problem.expected, problem.start, (size_t)problem.c_count * sizeof(float));
    return problem;
}

static void end_problem(struct problem *problem)
{
    tw_guard_release(&problem->a.guard);
    tw_guard_release(&problem->b.guard);
    test_free(problem->start);
    test_free(problem->expected);
}

/* Equal bits, or both NaN: which NaN is not promised. */
static void assert_same(const float *expected, const float *actual, ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count; i++)
        if (!isnan(expected[i]) || !isnan(actual[i]))
            assert_bits_equal_f32(expected + i, actual + i, 1);
}

/* Runs one variant on buffers that end at a page without access. Gaps between rows of C are compared too. */
static void run_variant(const struct variant *variant, const struct problem *problem)
{
    const size_t bytes = (size_t)problem->c_count * sizeof(float);
    const size_t workspace_bytes = variant->workspace(&problem->shape);
    struct tw_guard c = tw_guard_page(bytes), workspace = tw_guard_page(workspace_bytes);

    assert_int_equal(workspace_bytes % 64, 0);
    memcpy(c.data, problem->start, bytes);
    variant->gemm(&problem->shape, problem->a.first, problem->b.first, c.data,
                  workspace_bytes > 0 ? workspace.data : NULL);
    assert_same(problem->expected, c.data, problem->c_count);
    tw_guard_release(&workspace);
    tw_guard_release(&c);
}

/* All available variants; how many ran. */
static int run_all(struct problem *problem)
{
    int ran = 0;

    tw_f32_gemm__reference(&problem->shape, problem->a.first, problem->b.first, problem->expected, NULL);
    for (int v = 0; v < VARIANTS; v++) {
        if (!tw_isa_available(variants[v].isa))
            continue;
        run_variant(&variants[v], problem);
        ran++;
    }
    return ran;
}

#endif
