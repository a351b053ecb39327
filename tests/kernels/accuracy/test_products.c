/* Errors of matrix products and of linear layers: asserted to keep their bounds, and printed (docs/numerics.md has
 * the table). */
#include "tests/kernels/accuracy/accuracy_program.h"

/* C = A B in double, A contiguous, added to what `exact` holds. */
static void exact_product(const struct tw_gemm_shape *s, const float *a, const float *b, struct exact *exact)
{
    for (ptrdiff_t at = 0; at < s->m * s->n; at++) {
        for (ptrdiff_t p = 0; p < s->k; p++) {
            exact_add(exact, at, a[at / s->n * s->k + p], b[p * s->b_row + at % s->n * s->b_col]);
        }
    }
}

static void measure_gemm(const char *what, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k)
{
    const struct tw_gemm_shape shape = {
        .m = m, .n = n, .k = k, .a_row = k, .a_col = 1, .b_row = 1, .b_col = k, .c_row = n};
    struct accuracy accuracy = accuracy_of(what, k);
    float *a = new_uniform(&rng, m * k, -1, 1), *b = new_uniform(&rng, n * k, -1, 1), *c = new_values(m * n);
    void *workspace = new_bytes(kernels->f32_gemm_workspace(&shape));
    struct exact exact = exact_new(m * n);

    exact_product(&shape, a, b, &exact);
    kernels->f32_gemm(&shape, a, b, c, workspace);
    accuracy_of_chains(&accuracy, c, &exact, m * n);
    free(a);
    free(b);
    free(c);
    free(workspace);
}

static void test_gemm(void **state)
{
    (void)state;
    measure_gemm("GEMM, k of fc1", 16, 40, 3136);
    measure_gemm("GEMM, k of fc2", 64, 10, 128);
    measure_gemm("GEMM, k of a batch", 40, 70, 64);
}

/* --- products that leave out zeros ------------------------------------------------------------------------ */

/* What a relu leaves of numbers of which two in five are positive. */
static float *new_sparse(ptrdiff_t count)
{
    float *values = new_uniform(&rng, count, -3, 2);

    for (ptrdiff_t i = 0; i < count; i++) {
        values[i] = fmaxf(values[i], 0.0f);
    }
    return values;
}

static ptrdiff_t nonzeros(const float *row, ptrdiff_t count)
{
    ptrdiff_t found = 0;

    for (ptrdiff_t p = 0; p < count; p++) {
        found += row[p] != 0.0f;
    }
    return found;
}

/* A chain of as many fma as its row has non-zeros. */
static void measure_sparse(const char *what, bool transposed, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k)
{
    const struct tw_gemm_shape shape = {.m = m,
                                        .n = n,
                                        .k = k,
                                        .a_row = k,
                                        .a_col = 1,
                                        .b_row = transposed ? 1 : n,
                                        .b_col = transposed ? k : 1,
                                        .c_row = n};
    float *a = new_sparse(m * k), *b = new_uniform(&rng, k * n, -1, 1), *c = new_values(m * n);
    void *workspace = new_bytes(TW_SPARSE_GEMM_WORKSPACE);
    struct exact exact = exact_new(m * n);
    struct accuracy accuracy;
    ptrdiff_t longest = 0;

    for (ptrdiff_t i = 0; i < m; i++) {
        longest = nonzeros(a + i * k, k) > longest ? nonzeros(a + i * k, k) : longest;
    }
    accuracy = accuracy_of(what, longest);
    exact_product(&shape, a, b, &exact);
    kernels->f32_sparse_gemm(&shape, a, b, c, workspace);
    for (ptrdiff_t at = 0; at < m * n; at++) {
        accuracy_add(&accuracy, c[at], exact.sum[at], exact.size[at],
                     bound_of((double)nonzeros(a + at / n * k, k), exact.size[at]));
    }
    accuracy_report(&accuracy);
    exact_release(&exact);
    free(a);
    free(b);
    free(c);
    free(workspace);
}

static void test_sparse(void **state)
{
    (void)state;
    measure_sparse("sparse GEMM, k of fc1", true, 16, 40, 3136);
    measure_sparse("sparse GEMM, k of fc2", false, 64, 48, 128);
}

/* --- linear layers on packed weights ---------------------------------------------------------------------- */

/* A chain from the bias over what a convolution left blocked. */
static void test_packed_linear(void **state)
{
    const struct tw_linear_shape shape = {.in = 3136, .out = 40, .plane = 49};
    const ptrdiff_t samples = 16, count = samples * shape.out, blocks = tw_blocks(shape.out);
    struct accuracy accuracy = accuracy_of("packed linear, in of fc1", shape.in);
    float *x = new_uniform(&rng, samples * shape.in, -1, 1),
          *w = new_uniform(&rng, shape.out * shape.in, -1, 1);
    float *bias = new_uniform(&rng, shape.out, -1, 1), *packed = new_values(blocks * TW_BLOCK * shape.in);
    float *y = new_values(count);
    struct exact exact = exact_new(count);

    (void)state;
    for (ptrdiff_t at = 0; at < count; at++) {
        const float *sample = x + at / shape.out * tw_linear_x_size(&shape);

        for (ptrdiff_t p = 0; p < shape.in; p++) {
            exact_add(&exact, at, sample[tw_linear_x_at(&shape, p)], w[at % shape.out * shape.in + p]);
        }
        exact_add(&exact, at, bias[at % shape.out], 1);
    }
    tw_f32_pack_linear_weights(&shape, w, packed, 0, blocks);
    kernels->f32_linear_forward(&shape, samples, x, packed, bias, y, 0, blocks);
    accuracy_of_chains(&accuracy, y, &exact, count);
    free(x);
    free(w);
    free(bias);
    free(packed);
    free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_packed_linear),
    };

    return cmocka_run_group_tests(tests, choose_kernels, NULL);
}
