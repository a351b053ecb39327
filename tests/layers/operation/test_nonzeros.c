/* When zeros of A are left out (layers/operation/nonzeros.h): up to the density that the kernels name for B's orientation, in
 * products that are large enough. */
#include "layers/operation/nonzeros.h"
#include "tests/support/test_support.h"

enum { M = 100, N = 128, K = 100 }; /* enough for the whole limit */

/* Whether leaving out zeros pays where every row and every column of A has `nonzeros` of a hundred elements. */
static bool pays(const struct tw_kernels *kernels, ptrdiff_t nonzeros, bool a_transposed, bool b_transposed)
{
    const struct tw_execution execution = {.kernels = kernels};
    const struct tw_gemm_shape shape = {.m = M,
                                        .n = N,
                                        .k = K,
                                        .a_row = a_transposed ? 1 : K,
                                        .a_col = a_transposed ? M : 1,
                                        .b_row = b_transposed ? 1 : N,
                                        .b_col = b_transposed ? K : 1,
                                        .c_row = N};
    float a[M * K];

    for (ptrdiff_t i = 0; i < M; i++)
        for (ptrdiff_t p = 0; p < K; p++)
            a[i * shape.a_row + p * shape.a_col] = (i + p) % K < nonzeros ? -1.0f : -0.0f;
    return tw_nonzeros_pay(&execution, &shape, a);
}

/* Up to and with the limit it pays. */
static void each_orientation_has_its_limit(void **state)
{
    struct tw_kernels kernels = *tw_kernels_of(TW_ISA_REFERENCE);

    (void)state;
    kernels.sparse_density[0] = 0.75;
    kernels.sparse_density[1] = 0.25;
    for (int a_transposed = 0; a_transposed < 2; a_transposed++) {
        assert_true(pays(&kernels, 0, a_transposed, false));
        assert_true(pays(&kernels, 75, a_transposed, false));
        assert_false(pays(&kernels, 76, a_transposed, false));
        assert_true(pays(&kernels, 25, a_transposed, true));
        assert_false(pays(&kernels, 26, a_transposed, true));
    }
}

/* Where B is transposed, leaving out zeros pays up to a lower density, since B has to be transposed for it, too. Between
 * the two limits of an ISA the orientation decides. */
static void tables_name_the_limits_in_that_order(void **state)
{
    int differ = 0;

    (void)state;
    for (int isa = TW_ISA_REFERENCE; isa < TW_ISA_COUNT; isa++) {
        const struct tw_kernels *kernels =
            tw_isa_available((enum tw_isa)isa) ? tw_kernels_of((enum tw_isa)isa) : NULL;
        const double *limit = kernels ? kernels->sparse_density : NULL;
        ptrdiff_t between;

        if (!kernels)
            continue;
        assert_true(0.0 < limit[1] && limit[1] <= limit[0] && limit[0] <= 1.0);
        between = (ptrdiff_t)((limit[0] + limit[1]) / 2.0 * K + 0.5);
        if (limit[0] - limit[1] < 0.015) /* as of the reference and NEON, which have one limit */
            continue;
        assert_true(pays(kernels, between, false, false));
        assert_false(pays(kernels, between, false, true));
        differ++;
    }
    if (differ == 0)
        skip();
}

/* The limit of density as a part of the ISA's. */
static void assert_limit(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, bool b_transposed, double part)
{
    const struct tw_gemm_shape shape = {.m = m,
                                        .n = n,
                                        .k = k,
                                        .a_row = k,
                                        .a_col = 1,
                                        .b_row = b_transposed ? 1 : n,
                                        .b_col = b_transposed ? k : 1,
                                        .c_row = n};
    const struct tw_kernels kernels = {.sparse_density = {0.5, 0.25}};
    const double limit = tw_nonzeros_limit(&kernels, &shape);

    assert_float_equal(limit, part < 0.0 ? -1.0 : part * (b_transposed ? 0.25 : 0.5), 1e-12);
}

static void the_limit_of_density_follows_its_rule(void **state)
{
    (void)state;
    assert_limit(32, 128, 32, false, 1.0);
    assert_limit(32, 128, 32, true, 1.0);
    assert_limit(32, 127, 32, false, 0.7);
    assert_limit(32, 128, 31, false, 0.7);
    assert_limit(31, 128, 32, true, 0.7);
    assert_limit(16, 128, 32, false, 1.0);
    assert_limit(15, 128, 32, false, 0.7);
    assert_limit(1, 64, 16, false, 0.7); /* a prediction */
    assert_limit(16, 64, 16, true, 0.7);
    assert_limit(15, 64, 16, true, -1.0);
    assert_limit(16, 64, 15, false, -1.0);
    assert_limit(16, 63, 16, true, -1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_orientation_has_its_limit),
        cmocka_unit_test(the_limit_of_density_follows_its_rule),
        cmocka_unit_test(tables_name_the_limits_in_that_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
