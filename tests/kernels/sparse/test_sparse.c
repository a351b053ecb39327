/* The product that leaves out zeros: the reference against kernels/gemm, whose bits it has where B is finite, and every
 * variant against the reference, bit for bit. Operands end at a page without access. */
#include "tests/kernels/kernel_test.h"

#define CASES 120

static const struct tw_kernels *reference(void)
{
    return tw_kernels_of(TW_ISA_REFERENCE);
}

struct problem {
    struct buffers buffers;
    struct tw_gemm_shape shape;
    const float *a, *b;
    float *start;
    ptrdiff_t c_count;
    void *workspace;
};

/* A sum of strides over the last element of each direction, and one: the elements a matrix spans. */
static ptrdiff_t span(ptrdiff_t rows, ptrdiff_t row, ptrdiff_t columns, ptrdiff_t column)
{
    return rows > 0 && columns > 0 ? (rows - 1) * row + (columns - 1) * column + 1 : 0;
}

/* `zeros` of a hundred elements of A, of either sign, are zero. */
static struct problem new_problem(struct tw_rng *rng, struct tw_gemm_shape shape, ptrdiff_t zeros,
                                  bool any_values)
{
    struct problem p = {.shape = shape, .c_count = span(shape.m, shape.c_row, shape.n, 1)};
    const ptrdiff_t count_a = span(shape.m, shape.a_row, shape.k, shape.a_col);
    const ptrdiff_t count_b = span(shape.k, shape.b_row, shape.n, shape.b_col);
    float *a =
        any_values ? take_any(&p.buffers, rng, count_a) : take_uniform(&p.buffers, rng, count_a, -1.0f, 1.0f);

    for (ptrdiff_t i = 0; i < count_a; i++) {
        if (tw_test_integer(rng, 0, 99) < zeros) {
            a[i] = i % 3 == 0 ? -0.0f : 0.0f;
        }
    }
    p.a = a;
    p.b =
        any_values ? take_any(&p.buffers, rng, count_b) : take_uniform(&p.buffers, rng, count_b, -1.0f, 1.0f);
    p.start = take_uniform(&p.buffers, rng, p.c_count, -1.0f, 1.0f);
    p.workspace = take_bytes(&p.buffers, TW_SPARSE_GEMM_WORKSPACE);
    return p;
}

static struct tw_gemm_shape random_shape(struct tw_rng *rng)
{
    const bool transposed = tw_test_integer(rng, 0, 2) == 0;
    struct tw_gemm_shape shape = {
        .m = tw_test_integer(rng, 0, 9) == 0 ? tw_test_integer(rng, 60, 140) : tw_test_integer(rng, 0, 20),
        .n = tw_test_integer(rng, 0, 3) == 0 ? tw_test_integer(rng, 0, 400) : tw_test_integer(rng, 0, 150),
        .k = tw_test_integer(rng, 0, 3) == 0 ? tw_test_integer(rng, 0, 500) : tw_test_integer(rng, 0, 100),
        .accumulate = tw_test_integer(rng, 0, 1) == 0,
    };

    shape.a_row = transposed ? 1 : shape.k + tw_test_integer(rng, 0, 3);
    shape.a_col = transposed ? shape.m + tw_test_integer(rng, 0, 3) : 1;
    if (tw_test_integer(rng, 0, 2) == 0) {
        shape.b_row = 1;
        shape.b_col = shape.k + tw_test_integer(rng, 0, 3);
    } else {
        shape.b_row = tw_test_integer(rng, 0, 4) == 0 ? 512 : shape.n + tw_test_integer(rng, 0, 3);
        shape.b_col = 1;
    }
    shape.c_row = shape.n + tw_test_integer(rng, 0, 3);
    return shape;
}

static float *result(struct problem *p, const struct tw_kernels *kernels)
{
    float *c = take_copy(&p->buffers, p->start, p->c_count);

    kernels->f32_sparse_gemm(&p->shape, p->a, p->b, c, p->workspace);
    return c;
}

static void reference_is_gemm_where_all_is_finite(void **state)
{
    struct tw_rng rng = tw_test_rng(1);
    const ptrdiff_t cases = tw_test_cases(CASES);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        const struct tw_gemm_shape s = random_shape(&rng);
        struct problem p = new_problem(&rng, s, tw_test_integer(&rng, 0, 100), false);
        const struct tw_gemm_shape gemm = {.m = s.m,
                                           .n = s.n,
                                           .k = s.k,
                                           .a_row = s.a_row,
                                           .a_col = s.a_col,
                                           .b_row = s.b_row,
                                           .b_col = s.b_col,
                                           .c_row = s.c_row,
                                           .accumulate = s.accumulate};
        float *expected = take_copy(&p.buffers, p.start, p.c_count);

        reference()->f32_gemm(&gemm, p.a, p.b, expected, NULL);
        assert_same_floats(expected, result(&p, reference()), p.c_count, "c");
        release(&p.buffers);
    }
    assert_true(cases > 0);
}

static void check_variants(struct tw_rng *rng, const struct tw_gemm_shape *shape, ptrdiff_t zeros,
                           bool any_values)
{
    const struct variants v = variants_here();
    struct problem p = new_problem(rng, *shape, zeros, any_values);
    const float *expected = result(&p, reference());

    for (int t = 0; t < v.count; t++) {
        assert_same_floats(expected, result(&p, v.table[t]), p.c_count, "c");
    }
    release(&p.buffers);
}

static void variants_equal_the_reference(void **state)
{
    struct tw_rng rng = tw_test_rng(2);
    const ptrdiff_t cases = tw_test_cases(CASES);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        const struct tw_gemm_shape shape = random_shape(&rng);

        check_variants(&rng, &shape, tw_test_integer(&rng, 0, 100), i % 2 == 0);
    }
    assert_true(cases > 0);
}

/* Every number of columns around the tiles, every depth around the lists, all zero and nothing zero. */
static void tails(void **state)
{
    struct tw_rng rng = tw_test_rng(3);

    (void)state;
    for (ptrdiff_t size = 0; size <= 150; size++) {
        const struct tw_gemm_shape wide = {
            .m = 2, .n = size, .k = 19, .a_row = 19, .a_col = 1, .b_row = size, .b_col = 1, .c_row = size};
        const struct tw_gemm_shape deep = {.m = 2,
                                           .n = 17,
                                           .k = size,
                                           .a_row = size,
                                           .a_col = 1,
                                           .b_row = 17,
                                           .b_col = 1,
                                           .c_row = 17,
                                           .accumulate = true};

        check_variants(&rng, &wide, size % 3 * 50, false);
        check_variants(&rng, &deep, size % 3 * 50, false);
    }
}

/* An infinite or NaN row of B that meets zeros only leaves no trace; one that meets a non-zero does. */
static void what_meets_zeros_is_not_seen(void **state)
{
    const struct variants v = variants_here();
    const struct tw_gemm_shape shape = {
        .m = 2, .n = 3, .k = 4, .a_row = 4, .a_col = 1, .b_row = 3, .b_col = 1, .c_row = 3};
    const float a[8] = {1.0f, 0.0f, -0.0f, 2.0f, 0.0f, 1.0f, 0.0f, 0.0f};
    const float b[12] = {1, 2, 3, INFINITY, NAN, -INFINITY, NAN, NAN, NAN, 10, 20, 30};
    struct buffers buffers = {.count = 0};
    void *workspace = take_bytes(&buffers, TW_SPARSE_GEMM_WORKSPACE);

    (void)state;
    for (int t = -1; t < v.count; t++) {
        const float expected[6] = {21, 42, 63, INFINITY, NAN, -INFINITY};
        float c[6];

        (t < 0 ? reference() : v.table[t])->f32_sparse_gemm(&shape, a, b, c, workspace);
        assert_same_floats(expected, c, 6, "c");
    }
    release(&buffers);
}

static void transposes(void **state)
{
    const struct variants v = variants_here();
    struct tw_rng rng = tw_test_rng(4);
    const ptrdiff_t cases = tw_test_cases(CASES);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        const ptrdiff_t rows = tw_test_integer(&rng, 0, 40), columns = tw_test_integer(&rng, 0, 40);
        const ptrdiff_t src_row = columns + tw_test_integer(&rng, 0, 3),
                        dst_row = rows + tw_test_integer(&rng, 0, 3);
        struct buffers buffers = {.count = 0};
        const float *src = take_any(&buffers, &rng, span(rows, src_row, columns, 1));

        for (int t = -1; t < v.count; t++) {
            float *dst = take(&buffers, span(columns, dst_row, rows, 1));

            (t < 0 ? reference() : v.table[t])->f32_transpose(rows, columns, src, src_row, dst, dst_row);
            for (ptrdiff_t at = 0; at < rows * columns; at++) {
                const ptrdiff_t r = at / columns, c = at % columns;

                assert_true(same_float(src[r * src_row + c], dst[c * dst_row + r]));
            }
        }
        release(&buffers);
    }
    assert_true(cases > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_is_gemm_where_all_is_finite),
        cmocka_unit_test(variants_equal_the_reference),
        cmocka_unit_test(tails),
        cmocka_unit_test(what_meets_zeros_is_not_seen),
        cmocka_unit_test(transposes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
