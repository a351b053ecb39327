/* The product that leaves out zeros: the reference against kernels/gemm, whose bits it has where B is finite, and every
 * variant against the reference, bit for bit. Operands end at a page without access. */
#include "tests/kernels/kernel_test.h"
#include "tests/kernels/matrix.h"

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

/* What A and B hold besides zeros: numbers of one size, numbers of any size and special values, or a few special values
 * among numbers of one size, so that most of a long sum's results stay finite. */
enum values { FINITE, ANY, STREWN, VALUES };

static float *take_values(struct buffers *b, struct tw_rng *rng, ptrdiff_t count, enum values values)
{
    float *x = values == ANY ? take_any(b, rng, count) : take_uniform(b, rng, count, -1.0f, 1.0f);

    strew(rng, x, count, values == STREWN ? 4 : 0);
    return x;
}

/* `zeros` of a hundred elements of A, of either sign, are zero. */
static struct problem new_problem(struct tw_rng *rng, struct tw_gemm_shape shape, ptrdiff_t zeros,
                                  enum values values)
{
    struct problem p = {.shape = shape, .c_count = strides_of(shape.m, shape.n, shape.c_row, 1).count};
    const struct strides a = strides_of(shape.m, shape.k, shape.a_row, shape.a_col);
    const struct strides b = strides_of(shape.k, shape.n, shape.b_row, shape.b_col);
    float *elements = take_values(&p.buffers, rng, a.count, values);

    for (ptrdiff_t i = 0; i < a.count; i++) {
        if (tw_test_integer(rng, 0, 99) < zeros) {
            elements[i] = i % 3 == 0 ? -0.0f : 0.0f;
        }
    }
    p.a = elements + a.first;
    p.b = take_values(&p.buffers, rng, b.count, values) + b.first;
    p.start = take_uniform(&p.buffers, rng, p.c_count, -1.0f, 1.0f);
    p.workspace = take_bytes(&p.buffers, TW_SPARSE_GEMM_WORKSPACE);
    return p;
}

/* Any strides of A; of B one is 1. Rows of B 512 apart meet in few sets of L1. */
static struct tw_gemm_shape random_shape(struct tw_rng *rng)
{
    struct tw_gemm_shape shape = {
        .m = tw_test_integer(rng, 0, 9) == 0 ? tw_test_integer(rng, 60, 140) : tw_test_integer(rng, 0, 20),
        .n = tw_test_integer(rng, 0, 3) == 0 ? tw_test_integer(rng, 0, 400) : tw_test_integer(rng, 0, 150),
        .k = tw_test_integer(rng, 0, 3) == 0 ? tw_test_integer(rng, 0, 500) : tw_test_integer(rng, 0, 100),
        .accumulate = tw_test_integer(rng, 0, 1) == 0,
    };
    const enum layout a_layout = (enum layout)tw_test_integer(rng, 0, LAYOUTS - 1);
    const enum layout b_layout = (enum layout)tw_test_integer(rng, 0, UNIT_LAYOUTS - 1);
    const struct strides a = random_strides(rng, a_layout, shape.m, shape.k);
    const struct strides b = random_strides(rng, b_layout, shape.k, shape.n);

    shape.a_row = a.row;
    shape.a_col = a.column;
    shape.b_row = b_layout == DENSE ? 512 : b.row;
    shape.b_col = b.column;
    shape.c_row = leading_dimension(rng, shape.n);
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
        struct problem p = new_problem(&rng, s, tw_test_integer(&rng, 0, 100), FINITE);
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

static void check_variants(struct tw_rng *rng, const struct variants *v, const struct tw_gemm_shape *shape,
                           ptrdiff_t zeros, enum values values)
{
    struct problem p = new_problem(rng, *shape, zeros, values);
    const float *expected = result(&p, reference());

    for (int t = 0; t < v->count; t++) {
        assert_same_floats(expected, result(&p, v->table[t]), p.c_count, "c");
    }
    release(&p.buffers);
}

static void variants_equal_the_reference(void **state)
{
    const struct variants v = variants_here();
    const ptrdiff_t cases = tw_test_cases(CASES);
    struct tw_rng rng = tw_test_rng(2);

    (void)state;
    if (v.count == 0) {
        skip();
    }
    for (ptrdiff_t i = 0; i < cases; i++) {
        const struct tw_gemm_shape shape = random_shape(&rng);

        check_variants(&rng, &v, &shape, tw_test_integer(&rng, 0, 100), (enum values)(i % VALUES));
    }
}

/* Every number of columns around the tiles, every depth around the lists, all zero and nothing zero; finite values, and with
 * special ones among them. */
static void tails(void **state)
{
    const struct variants v = variants_here();
    struct tw_rng rng = tw_test_rng(3);

    (void)state;
    if (v.count == 0) {
        skip();
    }
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

        check_variants(&rng, &v, &wide, size % 3 * 50, FINITE);
        check_variants(&rng, &v, &wide, size % 3 * 50, STREWN);
        check_variants(&rng, &v, &deep, size % 3 * 50, FINITE);
        check_variants(&rng, &v, &deep, size % 3 * 50, STREWN);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_is_gemm_where_all_is_finite),
        cmocka_unit_test(variants_equal_the_reference),
        cmocka_unit_test(tails),
        cmocka_unit_test(what_meets_zeros_is_not_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
