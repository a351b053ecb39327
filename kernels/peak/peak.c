#include "kernels/peak/peak.h"

#include <stddef.h>
#include <time.h>

tw_f32_peak_fn *tw_f32_peak_of(enum tw_isa isa, double *flops)
{
    *flops = 0.0;
#if defined(__x86_64__)
    if (isa == TW_ISA_AVX512) {
        *flops = 2.0 * TW_PEAK_CHAINS * 16;
        return tw_f32_peak__avx512;
    }
    if (isa == TW_ISA_AVX2) {
        *flops = 2.0 * TW_PEAK_CHAINS * 8;
        return tw_f32_peak__avx2;
    }
#elif defined(__aarch64__)
    if (isa == TW_ISA_NEON) {
        *flops = 2.0 * TW_PEAK_CHAINS * 8;
        return tw_f32_peak__neon;
    }
#endif
    (void)isa;
    return NULL;
}

static double cpu_seconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* CPU seconds of `rounds` rounds. */
static double time_rounds(tw_f32_peak_fn *peak, long rounds)
{
    const double begin = cpu_seconds();
    volatile float sink = peak(rounds);

    (void)sink;
    return cpu_seconds() - begin;
}

double tw_f32_peak_flops(enum tw_isa isa)
{
    enum { RUNS = 30 };
    const double enough = 1e-3;
    double per_round, best = 0.0;
    tw_f32_peak_fn *peak = tw_f32_peak_of(isa, &per_round);
    long rounds = 1000;

    if (!peak || !tw_isa_available(isa)) {
        return 0.0;
    }
    /* Rounds of a fixed number would take minutes where the CPU is emulated. */
    while (time_rounds(peak, rounds) < enough) {
        rounds *= 2;
    }
    for (int run = 0; run < RUNS; run++) {
        const double flops = (double)rounds * per_round / time_rounds(peak, rounds);

        best = flops > best ? flops : best;
    }
    return best;
}
