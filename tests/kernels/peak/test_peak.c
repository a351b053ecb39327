/* The kernel that peaks are measured with performs what it is said to perform. */
#include "kernels/peak/peak.h"
#include "tests/kernels/kernel_test.h"

static void test_every_chain_and_round_is_performed(void **state)
{
    int kernels = 0;

    (void)state;
    for (int isa = 0; isa < TW_ISA_COUNT; isa++) {
        double flops;
        tw_f32_peak_fn *peak = tw_f32_peak_of((enum tw_isa)isa, &flops);

        if (peak == NULL || !tw_isa_available((enum tw_isa)isa)) {
            continue;
        }
        for (long rounds = 0; rounds < 12; rounds++) { /* exact in float so far */
            assert_true(peak(rounds) == 24.0f + ldexpf(78.0f, -(int)rounds));
        }
        kernels++;
    }
    assert_int_equal(kernels, variants_here().count);
    if (kernels == 0) {
        skip();
    }
}

/* A core of this decade: from an emulated one up to 64 lanes times 2 at 6 GHz. */
static void test_peaks(void **state)
{
    (void)state;
    assert_true(tw_f32_peak_flops(TW_ISA_REFERENCE) == 0.0);
    for (int isa = 0; isa < TW_ISA_COUNT; isa++) {
        double flops;

        if (tw_f32_peak_of((enum tw_isa)isa, &flops) != NULL && tw_isa_available((enum tw_isa)isa)) {
            assert_true(flops >= 2.0 * TW_PEAK_CHAINS * 4);
            assert_true(tw_f32_peak_flops((enum tw_isa)isa) > 1e6);
            assert_true(tw_f32_peak_flops((enum tw_isa)isa) < 1e12);
        } else {
            assert_true(tw_f32_peak_flops((enum tw_isa)isa) == 0.0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_chain_and_round_is_performed),
        cmocka_unit_test(test_peaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
