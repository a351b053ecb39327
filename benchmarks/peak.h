/* What this CPU can do at best, measured in the process that runs the benchmarks: floating-point operations per
 * second with fused multiply-adds on registers, and bytes per second between the core and a working set of a
 * given size.
 */
#ifndef TOWER_BENCHMARKS_PEAK_H
#define TOWER_BENCHMARKS_PEAK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/cpu.h"

/* Which arrays a loop goes through, all of one length. */
enum tw_traffic {
    TW_TRAFFIC_LOAD,     /* 1 read */
    TW_TRAFFIC_STORE,    /* 1 written */
    TW_TRAFFIC_COPY,     /* 1 read, 1 written */
    TW_TRAFFIC_MERGE,    /* 2 read, a third written */
    TW_TRAFFIC_MOMENTUM, /* 1 read, 2 read and written: the 5 streams of SGD with momentum */
    TW_TRAFFIC_ADAM,     /* 1 read, 3 read and written: 7 streams */
    TW_TRAFFIC_COUNT
};

/* Arrays a loop goes through, and streams: an array read and written counts twice. */
int tw_traffic_arrays(enum tw_traffic traffic);
int tw_traffic_streams(enum tw_traffic traffic);

/* Floating-point operations per second of one thread, an fma counting as two; 0 where the ISA has no
 * kernel in kernels/peak. Measured at the first call. */
double tw_peak_flops(enum tw_isa isa);

/* One pass over `count` floats, a multiple of TW_PEAK_STEP, in each of the arrays. */
typedef void tw_peak_pass_fn(float *const *arrays, ptrdiff_t count);

#define TW_PEAK_STEP   128 /* floats */
#define TW_PEAK_ARRAYS 4

/* A loop that goes through arrays of `bytes` bytes in all, each at the beginning of a page, and does nothing else: the
 * fastest of some ways to write it. */
struct tw_stream {
    tw_peak_pass_fn *pass;
    float *arrays[TW_PEAK_ARRAYS];
    ptrdiff_t count; /* floats of each */
    double bytes;    /* of a run, every stream counted */
    void *block;
};

/* False where the ISA has no such loops, or without memory; nothing is to be ended then. */
bool tw_stream_begin(struct tw_stream *stream, enum tw_isa isa, enum tw_traffic traffic, size_t bytes);
void tw_stream_run(void *stream);
void tw_stream_end(struct tw_stream *stream);

/* Its bytes per second, of one thread, at best; 0 where it cannot begin. Measured at every call (some milliseconds). */
double tw_peak_bandwidth(enum tw_isa isa, enum tw_traffic traffic, size_t bytes);

#define TW_PEAK_WAYS 4

/* The loops of an ISA; NULL after the last way. */
struct tw_peak_loops {
    tw_peak_pass_fn *pass[TW_TRAFFIC_COUNT][TW_PEAK_WAYS];
};

extern const struct tw_peak_loops tw_peak_loops__avx2, tw_peak_loops__avx512;

#endif
