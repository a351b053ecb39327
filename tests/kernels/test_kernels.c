/* The tables of kernels: complete, each with its own ISA's kernels, and refused where they cannot run. */
#include "tests/kernels/kernel_test.h"

/* All members after `isa` are function pointers of one size. */
#define FIRST    offsetof(struct tw_kernels, f32_gemm)
#define POINTERS ((sizeof(struct tw_kernels) - FIRST) / sizeof(void (*)(void)))

static void pointers_of(const struct tw_kernels *table, void (*pointer[POINTERS])(void))
{
    memcpy(pointer, (const unsigned char *)table + FIRST, sizeof table->f32_gemm * POINTERS);
}

static void test_available_tables_are_complete(void **state)
{
    void (*reference[POINTERS])(void);
    void (*pointer[POINTERS])(void);

    (void)state;
    pointers_of(tw_kernels_of(TW_ISA_REFERENCE), reference);
    for (int isa = 0; isa < TW_ISA_COUNT; isa++) {
        const struct tw_kernels *table;

        if (!tw_isa_available((enum tw_isa)isa))
            continue;
        table = tw_kernels_of((enum tw_isa)isa);
        assert_non_null(table);
        assert_int_equal(table->isa, isa);
        assert_ptr_equal(table, tw_kernels_of((enum tw_isa)isa));
        pointers_of(table, pointer);
        for (size_t i = 0; i < POINTERS; i++) {
            assert_true(pointer[i] != NULL);
            assert_true(isa == TW_ISA_REFERENCE || pointer[i] != reference[i]);
        }
    }
}

static void test_tables_name_their_own_kernels(void **state)
{
    (void)state;
    assert_true(tw_kernels_of(TW_ISA_REFERENCE)->f32_log == tw_f32_log__reference);
    assert_true(tw_kernels_of(TW_ISA_REFERENCE)->f32_relu_gradient == tw_f32_relu_gradient__reference);
#if defined(__x86_64__)
    if (tw_isa_available(TW_ISA_AVX2)) {
        assert_true(tw_kernels_of(TW_ISA_AVX2)->f32_log == tw_f32_log__avx2);
        assert_true(tw_kernels_of(TW_ISA_AVX2)->f32_relu_gradient == tw_f32_relu_gradient__avx2);
    }
#elif defined(__aarch64__)
    assert_true(tw_kernels_of(TW_ISA_NEON)->f32_log == tw_f32_log__neon);
    assert_true(tw_kernels_of(TW_ISA_NEON)->f32_gemm == tw_f32_gemm__neon);
#endif
}

static void test_refusals(void **state)
{
    int refused = 0;

    (void)state;
    for (int isa = 0; isa < TW_ISA_COUNT; isa++) {
        if (tw_isa_available((enum tw_isa)isa))
            continue;
        assert_null(tw_kernels_of((enum tw_isa)isa));
        assert_int_equal(tw_error_status(), TW_ERROR_UNSUPPORTED);
        assert_non_null(strstr(tw_error_message(), tw_isa_name((enum tw_isa)isa)));
        refused++;
    }
    assert_true(refused > 0); /* no machine has both NEON and AVX2 */
    assert_null(tw_kernels_of(TW_ISA_COUNT));
    assert_int_equal(tw_error_status(), TW_ERROR_UNSUPPORTED);
    assert_non_null(strstr(tw_error_message(), "expected 0 to 3"));
    assert_null(tw_kernels_of((enum tw_isa) - 1));
    assert_int_equal(tw_error_status(), TW_ERROR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_available_tables_are_complete),
        cmocka_unit_test(test_tables_name_their_own_kernels),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
