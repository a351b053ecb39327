/* Matrix products with their operands and result by the reference, for the tests of GEMM: every variant this machine can
 * run against the reference, bit for bit. Inputs end at a page without access, C and the workspace too, so that one
 * element beyond ends the program. */
#ifndef TOWER_TESTS_KERNELS_GEMM_GEMM_PROBLEM_H
#define TOWER_TESTS_KERNELS_GEMM_GEMM_PROBLEM_H

#include <stdlib.h>

#include "tests/kernels/kernel_test.h"
#include "tests/kernels/matrix.h"

struct variant {
    enum tw_isa isa;
    tw_f32_gemm_fn *gemm;
    tw_f32_gemm_workspace_fn *workspace;
    tw_f32_gemm_algorithm_fn *algorithm;
};

#define VARIANT(isa, suffix)                                                                         \
    {                                                                                                \
        isa, tw_f32_gemm__##suffix, tw_f32_gemm_workspace__##suffix, tw_f32_gemm_algorithm__##suffix \
    }

static const struct variant variants[] = {
    VARIANT(TW_ISA_REFERENCE, reference),
#if defined(__x86_64__)
    VARIANT(TW_ISA_AVX2, avx2),
    VARIANT(TW_ISA_AVX512, avx512),
#elif defined(__aarch64__)
    VARIANT(TW_ISA_NEON, neon),
#endif
};

#define VARIANTS ((int)(sizeof variants / sizeof *variants))

/* How many of them this machine can run beside the reference; without any there is nothing to compare. */
static int variants_to_compare(void)
{
    int count = 0;

    for (int v = 1; v < VARIANTS; v++)
        count += tw_isa_available(variants[v].isa);
    if (count == 0)
        skip();
    return count;
}

struct matrix {
    struct tw_guard guard;
    ptrdiff_t row, column;
    float *first; /* element (0, 0) */
};

static struct matrix new_matrix(struct tw_rng *rng, enum layout layout, ptrdiff_t rows, ptrdiff_t columns)
{
    const struct strides strides = random_strides(rng, layout, rows, columns);
    struct matrix matrix = {.row = strides.row, .column = strides.column};

    matrix.guard = tw_guard_floats(strides.count);
    tw_test_fill(rng, matrix.guard.data, strides.count, -1.0f, 1.0f);
    matrix.first = matrix.guard.data;
    matrix.first += strides.first;
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
    const ptrdiff_t c_row = leading_dimension(rng, n);

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

/* Runs one variant on buffers that end at a page without access. Gaps between rows of C are compared too. */
static void run_variant(const struct variant *variant, const struct problem *problem)
{
    const size_t workspace_bytes = variant->workspace(&problem->shape);
    struct tw_guard c = tw_guard_floats(problem->c_count), workspace = tw_guard_page(workspace_bytes);

    assert_int_equal(workspace_bytes % 64, 0);
    memcpy(c.data, problem->start, c.bytes);
    variant->gemm(&problem->shape, problem->a.first, problem->b.first, c.data,
                  workspace_bytes > 0 ? workspace.data : NULL);
    assert_same_floats(problem->expected, c.data, problem->c_count, tw_isa_name(variant->isa));
    tw_guard_release(&workspace);
    tw_guard_release(&c);
}

static void expect(struct problem *problem)
{
    tw_f32_gemm__reference(&problem->shape, problem->a.first, problem->b.first, problem->expected, NULL);
}

/* All available variants but the reference; how many ran. */
static int run_variants(const struct problem *problem)
{
    int ran = 0;

    for (int v = 1; v < VARIANTS; v++) {
        if (!tw_isa_available(variants[v].isa))
            continue;
        run_variant(&variants[v], problem);
        ran++;
    }
    return ran;
}

#endif
