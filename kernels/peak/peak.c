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

double tw_f32_peak_flops(enum tw_isa isa)
{
    enum { ROUNDS = 400000, RUNS = 30 }; /* about a millisecond each */
    double per_round, best = 0.0;
    tw_f32_peak_fn *peak = tw_f32_peak_of(isa, &per_round);
    volatile float sink;

    if (!peak || !tw_isa_available(isa)) {
        return 0.0;
    }
    for (int run = 0; run < RUNS; run++) {
        const double begin = cpu_seconds();
        double flops;

        sink = peak(ROUNDS);
        (void)sink;
        flops = ROUNDS * per_round / (cpu_seconds() - begin);
        best = flops > best ? flops : best;
    }
    return best;
}
