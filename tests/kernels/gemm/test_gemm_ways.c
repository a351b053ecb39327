#include "tests/kernels/gemm/gemm_problem.h"

/* Every way of gemm_plan.h, by name on AVX2, where the edges of its blocks are: B of 8192 floats and just above it, rows of B
 * that meet in L1, several blocks of rows, of k, of columns; a packed A as large as a block of few rows, and panels as deep as
 * those of many. (The edges of the rule: test_gemm_plan.c.) */
static const struct {
    const char *way;
    ptrdiff_t m, n, k;
    enum layout a, b;
} ways[] = {
    {"small", 5, 5, 5, ROWS, ROWS},
    {"small", 48, 48, 48, GAPS, ROWS},
    {"small", 13, 17, 19, BACKWARDS, REPEATED},
    {"small", 47, 41, 1, COLUMNS, BACKWARDS},
    {"rows", 49, 48, 48, ROWS, ROWS},
    {"rows", 49, 50, 128, ROWS, ROWS},
    {"panels", 49, 50, 129, ROWS, ROWS},
    {"rows", 48, 49, 32, ROWS, ROWS},
    {"rows", 48, 48, 49, ROWS, ROWS},
    {"rows", 32, 1024, 8, ROWS, DENSE},
    {"panels", 32, 1024, 9, ROWS, DENSE},
    {"rows", 33, 1024, 9, ROWS, DENSE},
    {"rows", 37, 1063, 32, COLUMNS, ROWS},
    {"panels", 37, 1063, 33, COLUMNS, ROWS},
    {"rows", 41, 655, 100, ROWS, ROWS},
    {"panels", 41, 656, 100, ROWS, ROWS},
    {"panels", 41, 1024, 100, ROWS, DENSE},
    {"rows", 41, 1024, 30, COLUMNS, DENSE},
    {"transposed small", 40, 17, 20, COLUMNS, COLUMNS},
    {"one tile", 1, 91, 90, ROWS, ROWS},
    {"streamed", 1, 92, 90, ROWS, ROWS},
    {"streamed", 1, 4110, 5, ROWS, ROWS},
    {"streamed", 2, 530, 23, ROWS, ROWS},
    {"streamed", 3, 33, 250, COLUMNS, ROWS},
    {"streamed", 4, 131, 71, GAPS, ROWS},
    {"streamed", 5, 75, 110, ROWS, ROWS},
    {"one tile", 6, 140, 260, ROWS, ROWS},
    {"one tile", 6, 1100, 1000, ROWS, ROWS},
    {"streamed", 4, 1100, 1000, ROWS, ROWS},
    {"one tile", 3, 31, 300, ROWS, ROWS},
    {"dots", 1, 75, 333, ROWS, COLUMNS},
    {"dots", 2, 5, 66, COLUMNS, COLUMNS},
    {"dots", 3, 24, 7, ROWS, COLUMNS},
    {"dots", 4, 41, 200, GAPS, COLUMNS},
    {"dots", 5, 41, 515, GAPS, COLUMNS},
    {"dots", 6, 31, 262, ROWS, COLUMNS},
    {"dots", 7, 42, 259, BACKWARDS, COLUMNS},
    {"dots", 7, 17, 600, COLUMNS, COLUMNS},
    {"dots", 8, 25, 257, ROWS, COLUMNS},
    {"one tile", 6, 40, 200, GAPS, GAPS},
    {"panels", 9, 39, 261, ROWS, COLUMNS},
    {"panels", 10, 18, 519, ROWS, COLUMNS},
    {"rows", 10, 57, 67, REPEATED, COLUMNS},
    {"rows", 40, 130, 30, ROWS, ROWS},
    {"rows", 50, 1030, 20, ROWS, COLUMNS},
    {"rows", 150, 300, 30, COLUMNS, ROWS},
    {"rows", 148, 70, 32, COLUMNS, COLUMNS},
    {"rows", 600, 40, 128, ROWS, COLUMNS},
    {"panels", 61, 300, 200, COLUMNS, ROWS},
    {"panels", 400, 40, 256, ROWS, COLUMNS},
    {"rows", 20, 2070, 10, ROWS, COLUMNS},
    {"panels", 196, 50, 768, ROWS, ROWS},
    {"panels", 129, 65, 2048, ROWS, ROWS},
    {"panels", 300, 70, 340, COLUMNS, ROWS},
    {"panels", 511, 33, 517, ROWS, ROWS},
    {"panels", 512, 33, 517, ROWS, COLUMNS},
    {"panels", 530, 33, 1030, COLUMNS, ROWS},
    {"panels", 190, 70, 384, COLUMNS, ROWS},
    {"panels", 512, 33, 512, ROWS, COLUMNS},
    {"panels", 530, 70, 1000, COLUMNS, ROWS},
    {"panels", 16, 256, 257, GAPS, ROWS},
    {"panels", 11, 256, 1025, COLUMNS, COLUMNS},
    {"rows", 31, 130, 30, COLUMNS, ROWS},
    {"panels", 31, 130, 166, COLUMNS, ROWS},
    {"rows", 62, 390, 67, ROWS, ROWS},
    {"panels", 62, 390, 167, ROWS, ROWS},
    {"panels", 33, 1024, 129, ROWS, DENSE},
    {"rows", 20, 150, 60, ROWS, GAPS},
    {"rows", 20, 150, 60, ROWS, BACKWARDS},
    {"transposed panels", 16, 75, 256, ROWS, COLUMNS},
    {"panels", 16, 75, 255, ROWS, COLUMNS},
    {"transposed panels", 62, 129, 333, ROWS, COLUMNS},
    {"transposed panels", 16, 512, 257, ROWS, COLUMNS},
    {"panels", 16, 513, 257, ROWS, COLUMNS},
    {"panels", 65, 130, 257, ROWS, COLUMNS},
    {"panels", 20, 64, 300, ROWS, COLUMNS},
    {"transposed dots", 90, 2, 50, ROWS, ROWS},
    {"transposed one tile", 90, 3, 150, GAPS, ROWS},
    {"transposed streamed", 90, 3, 150, COLUMNS, ROWS},
    {"transposed panels", 131, 18, 40, COLUMNS, ROWS},
    {"transposed rows", 131, 18, 40, COLUMNS, COLUMNS},
    {"transposed rows", 131, 18, 30, COLUMNS, ROWS},
    {"transposed panels", 70, 10, 330, ROWS, COLUMNS},
    {"transposed rows", 65, 17, 30, BACKWARDS, ROWS},
};

/* --- special values, where the finite result is known ------------------------------------------------- */

/* Rows [i, i + m) and columns [j, j + n) of what is expected, from the start of C on. */
static void expect_part(struct problem *problem, ptrdiff_t i, ptrdiff_t m, ptrdiff_t j, ptrdiff_t n)
{
    struct tw_gemm_shape part = problem->shape;
    const ptrdiff_t at = i * part.c_row + j;

    part.m = m;
    part.n = n;
    for (ptrdiff_t r = 0; r < m; r++)
        memcpy(problem->expected + at + r * part.c_row, problem->start + at + r * part.c_row,
               (size_t)n * sizeof(float));
    tw_f32_gemm__reference(&part, problem->a.first + i * part.a_row, problem->b.first + j * part.b_col,
                           problem->expected + at, NULL);
}

/* How many lines of `extent` are not finite: few, so that most of C stays finite, and none where there are one or two. */
static ptrdiff_t some(struct tw_rng *rng, ptrdiff_t extent)
{
    return tw_test_integer(rng, extent > 5, extent > 5 ? 2 : extent > 2);
}

static float any_infinity(struct tw_rng *rng)
{
    return tw_test_integer(rng, 0, 1) == 0 ? INFINITY : -INFINITY;
}

/* A zero meets infinity, the zero in the operand of fewer lines; up to two other special values each in A and B, at the same
 * depths, and three in C if it is read. Only the rows and columns that meet them are computed anew, which costs little even
 * where the reference takes most of the time. */
static void strew_problem(struct tw_rng *rng, struct problem *problem)
{
    const struct tw_gemm_shape *s = &problem->shape;
    const ptrdiff_t rows = some(rng, s->m), columns = some(rng, s->n), starts = s->accumulate ? 3 : 0;
    ptrdiff_t row[3], column[3];

    for (ptrdiff_t e = 0; e < 3; e++) {
        const ptrdiff_t p = tw_test_integer(rng, 0, s->k - 1);
        float *a, *b;

        row[e] = tw_test_integer(rng, 0, s->m - 1);
        column[e] = tw_test_integer(rng, 0, s->n - 1);
        a = problem->a.first + row[e] * s->a_row + p * s->a_col;
        b = problem->b.first + p * s->b_row + column[e] * s->b_col;
        if (e == 0) {
            *(s->m < s->n ? a : b) = -0.0f;
            *(s->m < s->n ? b : a) = any_infinity(rng);
        }
        if (e > 0 && e <= rows)
            *a = telling_value(rng, e == 1);
        if (e > 0 && e <= columns)
            *b = telling_value(rng, e == 1);
    }
    for (ptrdiff_t e = 0; e < starts; e++) {
        const ptrdiff_t i = tw_test_integer(rng, 0, s->m - 1), j = tw_test_integer(rng, 0, s->n - 1);

        problem->start[i * s->c_row + j] = telling_value(rng, e == 0);
        expect_part(problem, i, 1, j, 1);
    }
    for (ptrdiff_t e = 0; e <= rows; e++) /* a_row 0: all rows are this one */
        expect_part(problem, s->a_row == 0 ? 0 : row[e], s->a_row == 0 ? s->m : 1, 0, s->n);
    for (ptrdiff_t e = 0; e <= columns; e++)
        expect_part(problem, 0, s->m, column[e], 1);
}

/* --- the tests ---------------------------------------------------------------------------------------- */

/* NaN, infinite and finite elements of what was expected. */
struct kinds {
    ptrdiff_t nan, infinite, finite;
};

static void count_kinds(const struct problem *problem, struct kinds *kinds)
{
    for (ptrdiff_t i = 0; i < problem->shape.m; i++)
        for (ptrdiff_t j = 0; j < problem->shape.n; j++) {
            const float value = problem->expected[i * problem->shape.c_row + j];

            kinds->nan += isnan(value);
            kinds->infinite += isinf(value) != 0;
            kinds->finite += isfinite(value);
        }
}

/* The ways of an ISA, in the order of `variants`. What AVX-512 exchanges has 64 rows at least and is not small; NEON has no
 * dots, and what it exchanges has 9 columns at least, too many for one tile. */
static const struct {
    enum tw_isa isa;
    const char *way[12];
} all_ways[] = {
    {TW_ISA_REFERENCE, {"reference"}},
#if defined(__x86_64__)
    {TW_ISA_AVX2,
     {"small", "dots", "streamed", "one tile", "rows", "panels", "transposed small", "transposed dots",
      "transposed streamed", "transposed one tile", "transposed rows", "transposed panels"}},
    {TW_ISA_AVX512,
     {"small", "dots", "streamed", "one tile", "rows", "panels", "transposed dots", "transposed streamed",
      "transposed one tile", "transposed rows", "transposed panels"}},
#elif defined(__aarch64__)
    {TW_ISA_NEON,
     {"small", "streamed", "one tile", "rows", "panels", "transposed small", "transposed rows",
      "transposed panels"}},
#endif
};

/* Whether a variant takes this way for one of the shapes. */
static bool is_met(const struct variant *variant, const char *way)
{
    struct tw_rng rng = tw_test_rng(9);

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const struct strides a = random_strides(&rng, ways[i].a, ways[i].m, ways[i].k);
        const struct strides b = random_strides(&rng, ways[i].b, ways[i].k, ways[i].n);
        const struct tw_gemm_shape shape = {.m = ways[i].m,
                                            .n = ways[i].n,
                                            .k = ways[i].k,
                                            .a_row = a.row,
                                            .a_col = a.column,
                                            .b_row = b.row,
                                            .b_col = b.column,
                                            .c_row = ways[i].n};

        if (strcmp(variant->algorithm(&shape), way) == 0)
            return true;
    }
    return false;
}

static void every_isa_meets_all_its_ways(void **state)
{
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        assert_int_equal(all_ways[v].isa, variants[v].isa);
        for (int w = 0; w < 12 && all_ways[v].way[w]; w++)
            if (!is_met(&variants[v], all_ways[v].way[w]))
                fail_msg("%s never meets \"%s\"", tw_isa_name(variants[v].isa), all_ways[v].way[w]);
    }
}

/* Once with finite values, once more with a few that are not. */
static void every_way_equals_the_reference(void **state)
{
    const int available = variants_to_compare();
    struct kinds kinds = {0};
    struct tw_rng rng = tw_test_rng(8);

    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct problem problem = new_problem(&rng, ways[i].m, ways[i].n, ways[i].k, ways[i].a, ways[i].b);

#if defined(__x86_64__)
        assert_string_equal(tw_f32_gemm_algorithm__avx2(&problem.shape), ways[i].way);
#endif
        expect(&problem);
        assert_int_equal(run_variants(&problem), available);
        strew_problem(&rng, &problem);
        assert_int_equal(run_variants(&problem), available);
        count_kinds(&problem, &kinds);
        end_problem(&problem);
    }
    assert_true(kinds.nan > 1000 && kinds.infinite > 1000 && kinds.finite > 10 * kinds.nan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_isa_meets_all_its_ways),
        cmocka_unit_test(every_way_equals_the_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
