#include "benchmarks/peak.h"

#include <stdint.h>
#include <time.h>

#include "core/memory.h"
#include "kernels/peak/peak.h"

#define MOST_ARRAYS 4

static const struct {
    int arrays, streams;
} traffics[TW_TRAFFIC_COUNT] = {
    [TW_TRAFFIC_LOAD] = {1, 1},  [TW_TRAFFIC_STORE] = {1, 1},    [TW_TRAFFIC_COPY] = {2, 2},
    [TW_TRAFFIC_MERGE] = {3, 3}, [TW_TRAFFIC_MOMENTUM] = {3, 5}, [TW_TRAFFIC_ADAM] = {4, 7},
};

int tw_traffic_arrays(enum tw_traffic traffic)
{
    return traffics[traffic].arrays;
}

int tw_traffic_streams(enum tw_traffic traffic)
{
    return traffics[traffic].streams;
}

static const struct tw_peak_loops *loops_of(enum tw_isa isa)
{
#if defined(__x86_64__)
    if (isa == TW_ISA_AVX512)
        return &tw_peak_loops__avx512;
    if (isa == TW_ISA_AVX2)
        return &tw_peak_loops__avx2;
#endif
    (void)isa;
    return NULL;
}

/* CPU time, so that other programs do not lower the peak. */
static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

double tw_peak_flops(enum tw_isa isa)
{
    static double peaks[TW_ISA_COUNT];

    if (peaks[isa] == 0.0)
        peaks[isa] = tw_f32_peak_flops(isa);
    return peaks[isa];
}

/* `count` floats; written, for pages that nobody wrote share one page of zeros, which never leaves the cache. */
static float *new_array(ptrdiff_t count)
{
    float *array = tw_alloc_array((size_t)count, sizeof *array);

    for (ptrdiff_t i = 0; array && i < count; i++)
        array[i] = 1.0f;
    return array;
}

/* Best time of one pass: 5 runs of some milliseconds, after one to warm up. */
static double best_pass(void (*pass)(float *const *, ptrdiff_t), float *const *arrays, ptrdiff_t count)
{
    enum { RUNS = 6, BYTES_PER_RUN = 64 << 20 };
    const ptrdiff_t passes = BYTES_PER_RUN / (count * (ptrdiff_t)sizeof(float)) + 1;
    double best = 1e30;

    for (int run = 0; run < RUNS; run++) {
        const double begin = now();
        double time;

        for (ptrdiff_t i = 0; i < passes; i++)
            pass(arrays, count);
        time = (now() - begin) / (double)passes;
        best = run > 0 && time < best ? time : best;
    }
    return best;
}

double tw_peak_bandwidth(enum tw_isa isa, enum tw_traffic traffic, size_t bytes)
{
    const struct tw_peak_loops *loops = loops_of(isa);
    const size_t each = bytes / (size_t)traffics[traffic].arrays / sizeof(float);
    const ptrdiff_t count = (ptrdiff_t)(each / TW_PEAK_STEP + 1) * TW_PEAK_STEP;
    float *arrays[MOST_ARRAYS] = {NULL};
    double bandwidth = 0.0;

    if (!loops)
        return 0.0;
    for (int i = 0; i < traffics[traffic].arrays; i++)
        if (!(arrays[i] = new_array(count)))
            goto out;
    bandwidth = (double)traffics[traffic].streams * (double)count * sizeof(float) /
                best_pass(loops->pass[traffic], arrays, count);
out:
    for (int i = 0; i < MOST_ARRAYS; i++)
        tw_free(arrays[i]);
    return bandwidth;
}
