#include "tests/kernels/gemm/gemm_problem.h"

/* The reference on buffers that end at a page without access, then the other variants, which are counted. */
static int run_all(struct problem *problem)
{
    expect(problem);
    run_variant(&variants[0], problem);
    return run_variants(problem);
}

static enum layout any_layout(struct tw_rng *rng)
{
    return (enum layout)tw_test_integer(rng, 0, LAYOUTS - 1);
}

static int run_shape(struct tw_rng *rng, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k)
{
    const enum layout a = any_layout(rng), b = any_layout(rng);
    struct problem problem = new_problem(rng, m, n, k, a, b);
    int ran = run_all(&problem);

    end_problem(&problem);
    return ran;
}

static void random_shapes_equal_the_reference(void **state)
{
    const int cases = (int)tw_test_cases(150), available = variants_to_compare();
    struct tw_rng rng = tw_test_rng(1);
    int ran = 0;

    (void)state;
    for (int i = 0; i < cases; i++)
        ran += run_shape(&rng, tw_test_integer(&rng, 1, 40), tw_test_integer(&rng, 1, 100),
                         tw_test_integer(&rng, 1, 60));
    assert_int_equal(ran, cases * available);
}

/* Every number of left-over rows and columns, every pair of layouts. */
static void tails_equal_the_reference(void **state)
{
    const int available = variants_to_compare();
    struct tw_rng rng = tw_test_rng(2);
    int ran = 0;

    (void)state;
    for (ptrdiff_t tail = 1; tail <= 17; tail++) {
        ran += run_shape(&rng, tail, 33, 9);
        ran += run_shape(&rng, 13, tail, 9);
        ran += run_shape(&rng, 7, 64 + tail, 5);
        ran += run_shape(&rng, tail, tail, tail);
    }
    for (int pair = 0; pair < LAYOUTS * LAYOUTS; pair++) {
        struct problem problem =
            new_problem(&rng, 14, 39, 21, (enum layout)(pair / LAYOUTS), (enum layout)(pair % LAYOUTS));

        ran += run_all(&problem);
        end_problem(&problem);
    }
    assert_int_equal(ran, (4 * 17 + LAYOUTS * LAYOUTS) * available);
}

/* Beyond the cache blocks in each direction: chains stop and go on between blocks of k. */
static void blocks_equal_the_reference(void **state)
{
    static const ptrdiff_t shapes[][3] = {{9, 20, 1031}, {401, 17, 30}, {11, 1601, 7}, {211, 37, 263}};
    static const enum layout layouts[] = {ROWS, COLUMNS, GAPS};
    const int available = variants_to_compare();
    struct tw_rng rng = tw_test_rng(3);
    int ran = 0;

    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (size_t j = 0; j < 3; j++) {
            struct problem problem =
                new_problem(&rng, shapes[i][0], shapes[i][1], shapes[i][2], layouts[j], layouts[(j + i) % 3]);

            ran += run_all(&problem);
            end_problem(&problem);
        }
    assert_int_equal(ran, 12 * available);
}

/* Any of m, n and k 0, alone or with others: where only k is, C becomes 0 or, accumulating, stays; otherwise there is no
 * C, and nothing is touched. */
static void empty_shapes_are_handled(void **state)
{
    const int available = variants_to_compare();
    struct tw_rng rng = tw_test_rng(4);

    (void)state;
    for (int i = 0; i < 7 * 6; i++) {
        const int zeros = 1 + i % 7; /* a bit each */
        struct problem problem = new_problem(&rng, zeros & 1 ? 0 : 5, zeros & 2 ? 0 : 19, zeros & 4 ? 0 : 23,
                                             any_layout(&rng), any_layout(&rng));

        problem.shape.accumulate = i / 7 % 2 == 1;
        assert_int_equal(run_all(&problem), available);
        assert_int_equal(problem.c_count > 0, zeros == 4);
        for (ptrdiff_t e = 0; zeros == 4 && e < 19; e++)
            if (problem.shape.accumulate)
                assert_true(same_float(problem.expected[e], problem.start[e]));
            else
                assert_int_equal(bits_of_float(problem.expected[e]), 0);
        end_problem(&problem);
    }
}

/* NaN and infinity flow as in the formula: 0 * infinity is NaN also where a faster kernel might have skipped
 * it. */
static void special_values_flow(void **state)
{
    static const float special[] = {NAN, INFINITY, -INFINITY, -0.0f, 0.0f, FLT_MAX, FLT_TRUE_MIN};
    const int cases = (int)tw_test_cases(40), available = variants_to_compare();
    struct tw_rng rng = tw_test_rng(5);

    (void)state;
    for (int i = 0; i < cases; i++) {
        struct problem problem = new_problem(&rng, 13, 21, 17, ROWS, ROWS);

        for (int s = 0; s < 6; s++) {
            problem.a.first[tw_test_integer(&rng, 0, 16)] = special[tw_test_integer(&rng, 0, 6)];
            problem.b.first[tw_test_integer(&rng, 0, 20)] = special[tw_test_integer(&rng, 0, 6)];
        }
        assert_int_equal(run_all(&problem), available);
        end_problem(&problem);
    }
}

/* Threads take rectangles of C: their bits are those of the whole. */
static void parts_of_c_equal_the_whole(void **state)
{
    struct tw_rng rng = tw_test_rng(6);
    const ptrdiff_t m = 61, n = 75, k = 300, row = 23, column = 41;

    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        struct problem problem = new_problem(&rng, m, n, k, COLUMNS, ROWS);
        struct tw_gemm_shape part = problem.shape;
        void *workspace = NULL;
        float *c = problem.start;

        tw_f32_gemm__reference(&problem.shape, problem.a.first, problem.b.first, problem.expected, NULL);
        if (!tw_isa_available(variants[v].isa)) {
            end_problem(&problem);
            continue;
        }
        assert_int_equal(posix_memalign(&workspace, 64, variants[v].workspace(&part) + 64), 0);
        for (int quarter = 0; quarter < 4; quarter++) {
            const ptrdiff_t i = quarter / 2 ? row : 0, j = quarter % 2 ? column : 0;

            part.m = quarter / 2 ? m - row : row;
            part.n = quarter % 2 ? n - column : column;
            variants[v].gemm(&part, problem.a.first + i * part.a_row, problem.b.first + j * part.b_col,
                             c + i * part.c_row + j, workspace);
        }
        assert_same_floats(problem.expected, c, problem.c_count, tw_isa_name(variants[v].isa));
        free(workspace);
        end_problem(&problem);
    }
}

/* |computed - exact| <= gamma(k) sum |a b| with gamma(k) = k u / (1 - k u), u = epsilon / 2 (Higham,
 * "Accuracy and Stability of Numerical Algorithms", 3.1, one rounding per fma); (k + 2) epsilon bounds it
 * with room for the rounding of the double sums. */
static void reference_equals_the_formula(void **state)
{
    const ptrdiff_t cases = tw_test_cases(20);
    struct tw_rng rng = tw_test_rng(7);

    (void)state;
    for (ptrdiff_t s = 0; s < cases; s++) {
        struct problem problem = new_problem(&rng, 7, 9, tw_test_integer(&rng, 1, 300), GAPS, COLUMNS);
        const struct tw_gemm_shape *shape = &problem.shape;

        tw_f32_gemm__reference(&problem.shape, problem.a.first, problem.b.first, problem.expected, NULL);
        for (ptrdiff_t i = 0; i < shape->m; i++)
            for (ptrdiff_t j = 0; j < shape->n; j++) {
                double sum = shape->accumulate ? problem.start[i * shape->c_row + j] : 0.0,
                       magnitude = fabs(sum);

                for (ptrdiff_t p = 0; p < shape->k; p++) {
                    double product = (double)problem.a.first[i * shape->a_row + p * shape->a_col] *
                                     problem.b.first[p * shape->b_row + j * shape->b_col];

                    sum += product;
                    magnitude += fabs(product);
                }
                assert_true(fabs(problem.expected[i * shape->c_row + j] - sum) <=
                            (double)(shape->k + 2) * FLT_EPSILON * magnitude);
            }
        end_problem(&problem);
    }
}

/* The cache blocking bounds it, not the matrices: a share of L3, as every thread has its own. */
static void workspace_is_bounded(void **state)
{
    const struct tw_gemm_shape huge = {
        .m = 1000000, .n = 1000000, .k = 1000000, .a_row = 1, .a_col = 1000000, .b_row = 1000000, .b_col = 1};

    (void)state;
    for (int v = 0; v < VARIANTS; v++)
        assert_true(variants[v].workspace(&huge) <= (size_t)5 << 20);
}

/* Who computes a product in parts has the workspace of the whole. */
static void parts_need_no_more_workspace(void **state)
{
    struct tw_rng rng;

    (void)state;
    tw_rng_seed(&rng, tw_test_seed());
    for (int i = 0; i < 20000; i++) {
        ptrdiff_t m = 1 + tw_rng_u32(&rng) % (i % 2 ? 9 : 600),
                  n = 1 + tw_rng_u32(&rng) % (i % 3 ? 300 : 4000),
                  k = 1 + tw_rng_u32(&rng) % (i % 5 ? 200 : 4000);
        bool a = tw_rng_u32(&rng) % 2, b = tw_rng_u32(&rng) % 2;
        struct tw_gemm_shape whole = {.m = m,
                                      .n = n,
                                      .k = k,
                                      .a_row = a ? 1 : k,
                                      .a_col = a ? m : 1,
                                      .b_row = b ? 1 : n,
                                      .b_col = b ? k : 1,
                                      .c_row = n},
                             part = whole;

        *(i % 4 < 2 ? &part.m : &part.n) = 1 + tw_rng_u32(&rng) % (i % 4 < 2 ? m : n);
        for (int v = 0; v < VARIANTS; v++)
            assert_true(variants[v].workspace(&part) <= variants[v].workspace(&whole));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_shapes_equal_the_reference),
        cmocka_unit_test(tails_equal_the_reference),
        cmocka_unit_test(blocks_equal_the_reference),
        cmocka_unit_test(empty_shapes_are_handled),
        cmocka_unit_test(special_values_flow),
        cmocka_unit_test(parts_of_c_equal_the_whole),
        cmocka_unit_test(reference_equals_the_formula),
        cmocka_unit_test(workspace_is_bounded),
        cmocka_unit_test(parts_need_no_more_workspace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
