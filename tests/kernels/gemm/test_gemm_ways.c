#include "tests/kernels/gemm/gemm_problem.h"

/* Every way of gemm_plan.h, by name on AVX2, where the edges of the rule are: B of 8192 floats and just above it, rows of B
 * that meet in L1, several blocks of rows, of k, of columns. */
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
    {"rows", 41, 1024, 100, ROWS, DENSE},
    {"rows", 41, 1024, 30, COLUMNS, DENSE},
    {"transposed small", 40, 18, 20, COLUMNS, COLUMNS},
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

static void every_way_equals_the_reference(void **state)
{
    struct tw_rng rng = tw_test_rng(8);

    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct problem problem = new_problem(&rng, ways[i].m, ways[i].n, ways[i].k, ways[i].a, ways[i].b);

#if defined(__x86_64__)
        assert_string_equal(tw_f32_gemm_algorithm__avx2(&problem.shape), ways[i].way);
#endif
        assert_true(run_all(&problem) > 0);
        end_problem(&problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_equals_the_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
