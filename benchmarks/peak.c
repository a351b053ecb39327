#include "benchmarks/peak.h"

#include <math.h>
#include <stdint.h>
#include <time.h>

#include "core/memory.h"
#include "kernels/peak/peak.h"

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

/* Arrays, written, for pages that nobody wrote share one page of zeros, which never leaves the cache. */
static bool new_arrays(struct tw_stream *stream, int number, size_t bytes)
{
    const size_t page = 4096, each = bytes / (size_t)number / sizeof(float);
    unsigned char *begin;
    size_t pages;

    stream->count = (ptrdiff_t)(each / TW_PEAK_STEP + 1) * TW_PEAK_STEP;
    pages = ((size_t)stream->count * sizeof(float) + page - 1) / page;
    begin = stream->block = tw_alloc(((size_t)number * pages + 1) * page);
    if (!begin)
        return false;
    begin += (page - (uintptr_t)begin % page) % page;
    for (int i = 0; i < number; i++) {
        stream->arrays[i] = (float *)(begin + (size_t)i * pages * page);
        for (ptrdiff_t at = 0; at < stream->count; at++)
            stream->arrays[i][at] = 1.0f;
    }
    return true;
}

void tw_stream_run(void *context)
{
    const struct tw_stream *stream = context;

    stream->pass(stream->arrays, stream->count);
}

/* Best time of a run: of some goes of a millisecond or so, after one to warm up. */
static double best_run(struct tw_stream *stream, int goes)
{
    const int runs = (int)(16e6 / stream->bytes) + 1;
    double best = INFINITY;

    for (int go = 0; go <= goes; go++) {
        const double begin = now();
        double time;

        for (int i = 0; i < runs; i++)
            tw_stream_run(stream);
        time = (now() - begin) / runs;
        best = go > 0 && time < best ? time : best;
    }
    return best;
}

bool tw_stream_begin(struct tw_stream *stream, enum tw_isa isa, enum tw_traffic traffic, size_t bytes)
{
    const struct tw_peak_loops *loops = loops_of(isa);
    tw_peak_pass_fn *fastest = NULL;
    double best = INFINITY;

    *stream = (struct tw_stream){.count = 0};
    if (!loops || !new_arrays(stream, traffics[traffic].arrays, bytes))
        return false;
    stream->bytes = (double)traffics[traffic].streams * (double)stream->count * sizeof(float);
    for (int way = 0; way < TW_PEAK_WAYS && loops->pass[traffic][way]; way++) {
        double time;

        stream->pass = loops->pass[traffic][way];
        time = best_run(stream, 5);
        fastest = time < best ? stream->pass : fastest;
        best = fmin(best, time);
    }
    stream->pass = fastest;
    return true;
}

void tw_stream_end(struct tw_stream *stream)
{
    tw_free(stream->block);
}

double tw_peak_bandwidth(enum tw_isa isa, enum tw_traffic traffic, size_t bytes)
{
    struct tw_stream stream;
    double bandwidth;

    if (!tw_stream_begin(&stream, isa, traffic, bytes))
        return 0.0;
    bandwidth = stream.bytes / best_run(&stream, 10);
    tw_stream_end(&stream);
    return bandwidth;
}
