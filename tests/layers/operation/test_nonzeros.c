/* When zeros of A are left out (layers/operation/nonzeros.h): up to the density that the kernels name for B's orientation, in
 * products and shares of them that are large enough; and that shares change no bits. */
#include <float.h>
#include <math.h>

#include "core/memory.h"
#include "layers/operation/linear_nonzeros.h"
#include "layers/operation/nonzeros.h"
#include "tests/support/test_support.h"

enum { M = 100, N = 128, K = 100 }; /* enough for the whole limit */

static struct tw_gemm_shape product(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, bool a_transposed,
                                    bool b_transposed)
{
    return (struct tw_gemm_shape){.m = m,
                                  .n = n,
                                  .k = k,
                                  .a_row = a_transposed ? 1 : k,
                                  .a_col = a_transposed ? m : 1,
                                  .b_row = b_transposed ? 1 : n,
                                  .b_col = b_transposed ? k : 1,
                                  .c_row = n};
}

/* Whether leaving out zeros pays where every row and every column of A has `nonzeros` of a hundred elements. */
static bool pays(const struct tw_kernels *kernels, ptrdiff_t nonzeros, bool a_transposed, bool b_transposed)
{
    const struct tw_execution execution = {.kernels = kernels};
    const struct tw_gemm_shape shape = product(M, N, K, a_transposed, b_transposed);
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
    const struct tw_gemm_shape shape = product(m, n, k, false, b_transposed);
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

/* --- shares of a forward whose weights would have to be transposed --------------------------------------- */

enum { SAMPLES = 128, IN = 48, OUT = 128 };

/* Of five elements of x one is not zero, never the last one of a sample; sample 9 is all zeros. */
struct layer {
    float x[SAMPLES * IN], weight[OUT * IN], bias[OUT];
};

static struct layer *new_layer(void)
{
    struct layer *layer = tw_alloc(sizeof *layer);
    struct tw_rng rng = tw_test_rng(0);

    assert_non_null(layer);
    tw_test_fill(&rng, layer->x, SAMPLES * IN, 0.5f, 1.0f);
    tw_test_fill(&rng, layer->weight, OUT * IN, -1.0f, 1.0f);
    tw_test_fill(&rng, layer->bias, OUT, 0.5f, 1.0f);
    for (ptrdiff_t i = 0; i < SAMPLES * IN; i++)
        layer->x[i] *= i % 5 == 2 && i % IN != IN - 1 && i / IN != 9;
    return layer;
}

/* `share` units at a time. */
static void forward(const struct tw_kernels *kernels, const struct layer *layer, bool bias, ptrdiff_t share,
                    float *y)
{
    const struct tw_operation *operation = &tw_operation_linear_nonzeros;
    const struct tw_graph_node node = {
        .input = {1, 2, bias ? 3 : 0}, .output = {4}, .attributes.linear.shape = {.in = IN, .out = OUT}};
    struct tw_graph_value values[5] = {[4] = {.shape = TW_SHAPE(SAMPLES, OUT)}};
    const tw_graph graph = {.values = values, .value_count = 5};
    const struct tw_execution execution = {.graph = &graph,
                                           .node = &node,
                                           .kernels = kernels,
                                           .samples = SAMPLES,
                                           .in = {layer->x, layer->weight, bias ? layer->bias : NULL},
                                           .out = {y}};
    void *workspace = tw_alloc(operation->workspace(&execution));

    assert_non_null(workspace);
    for (ptrdiff_t unit = 0, units = operation->units(&execution); unit < units; unit += share)
        operation->run(&execution, unit, unit + share < units ? unit + share : units, workspace);
    tw_free(workspace);
}

/* The bits are those of all samples at once, which leaves zeros out, on every ISA. */
static void assert_same_in_shares(const struct layer *layer, bool bias, float *whole)
{
    float *y = tw_alloc(sizeof(float) * SAMPLES * OUT);

    assert_non_null(y);
    for (int isa = TW_ISA_REFERENCE; isa < TW_ISA_COUNT; isa++) {
        if (!tw_isa_available((enum tw_isa)isa))
            continue;
        forward(tw_kernels_of((enum tw_isa)isa), layer, bias, SAMPLES, whole);
        for (ptrdiff_t share = 1; share < 32; share += 1 + share / 2) {
            forward(tw_kernels_of((enum tw_isa)isa), layer, bias, share, y);
            assert_memory_equal(y, whole, sizeof(float) * SAMPLES * OUT);
        }
    }
    tw_free(y);
}

static void shares_of_any_size_have_the_same_bits(void **state)
{
    struct layer *layer = new_layer();
    float *y = tw_alloc(sizeof(float) * SAMPLES * OUT);

    (void)state;
    assert_non_null(y);
    assert_same_in_shares(layer, true, y);
    layer->bias[3] = 0.0f;
    layer->bias[4] = -0.0f;
    assert_same_in_shares(layer, true, y); /* sample 9 has nothing but its bias */
    assert_true(y[9 * OUT + 3] == 0.0f && !signbit(y[9 * OUT + 3]));
    assert_true(y[9 * OUT + 4] == 0.0f && signbit(y[9 * OUT + 4]));
    layer->weight[5 * IN + IN - 1] = INFINITY;
    layer->weight[6 * IN + IN - 1] = NAN;
    assert_same_in_shares(layer, true, y); /* they meet zeros only */
    for (ptrdiff_t i = 0; i < SAMPLES * OUT; i++)
        assert_true(isfinite(y[i]));
    layer->weight[7 * IN + 2] = -INFINITY; /* sample 0 has a number there, sample 1 a zero */
    assert_same_in_shares(layer, false, y);
    assert_true(isinf(y[7]) && isfinite(y[OUT + 7]));
    tw_free(y);
    tw_free(layer);
}

/* All the same where results are finite and not zero. */
static void dense_results_tell_whether_both_ways_agree(void **state)
{
    static const float differ[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, -NAN};
    static const float agree[] = {FLT_TRUE_MIN, -FLT_TRUE_MIN, FLT_MAX, -FLT_MAX, 1.0f, -1.0f};

    (void)state;
    assert_true(tw_nonzeros_agree(0, NULL));
    assert_true(tw_nonzeros_agree(6, agree));
    for (int i = 0; i < 6; i++) {
        float c[19];

        for (int at = 0; at < 19; at++) {
            for (int j = 0; j < 19; j++)
                c[j] = agree[j % 6];
            c[at] = differ[i];
            assert_false(tw_nonzeros_agree(19, c));
            assert_true(tw_nonzeros_agree(at, c));
        }
    }
}

/* A transposed B is transposed for shares of sparse_rows and more, and only their zeros are left out. */
static void small_shares_of_a_transposed_product_are_dense(void **state)
{
    struct layer *layer = new_layer();
    struct tw_kernels kernels = *tw_kernels_of(TW_ISA_REFERENCE);
    const struct tw_execution execution = {.kernels = &kernels, .in = {layer->x}};

    (void)state;
    kernels.sparse_rows = 64;
    for (int transposed = 0; transposed < 2; transposed++) {
        const struct tw_gemm_shape shape = product(SAMPLES, OUT, IN, false, transposed),
                                   small = product(40, OUT, IN, false, transposed);

        assert_false(tw_nonzeros_share_is_dense(&kernels, &small, 40)); /* no share, but all there is */
        assert_int_equal(tw_nonzeros_share_is_dense(&kernels, &small, 39), transposed);
        for (ptrdiff_t rows = 62; rows < 67; rows++) {
            const struct tw_linear_part part = {10, 10 + rows, 0, OUT};
            const bool dense = transposed && rows < 64;
            ptrdiff_t elements = 0;

            for (ptrdiff_t i = 10 * IN; i < (10 + rows) * IN; i++)
                elements += dense || layer->x[i] != 0.0f;
            assert_int_equal(tw_nonzeros_share_is_dense(&kernels, &shape, rows), dense);
            assert_float_equal(tw_nonzeros_flops(&execution, &shape, &part), 2.0 * OUT * (double)elements,
                               0.5);
        }
    }
    tw_free(layer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_of_any_size_have_the_same_bits),
        cmocka_unit_test(dense_results_tell_whether_both_ways_agree),
        cmocka_unit_test(small_shares_of_a_transposed_product_are_dense),
        cmocka_unit_test(each_orientation_has_its_limit),
        cmocka_unit_test(the_limit_of_density_follows_its_rule),
        cmocka_unit_test(tables_name_the_limits_in_that_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
