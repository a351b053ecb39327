/* The floating-point peak of a core: what per cents of peak are measured against, in the process that prints
 * them.
 *
 * The kernel does nothing but fused multiply-adds on registers, in TW_PEAK_CHAINS independent chains: enough of
 * them to fill the latency of every unit (4 or 5 cycles times 2 units on x86-64; 4 times 4 on AArch64, whose
 * vectors here are pairs of registers).
 */
#ifndef TOWER_KERNELS_PEAK_PEAK_H
#define TOWER_KERNELS_PEAK_PEAK_H

#include "core/cpu.h"

#define TW_PEAK_CHAINS 12

/* `rounds` times c = c / 2 + 1 in one fma for each chain i, all of whose lanes start at i + 3; returns the sum
 * over the chains of their lane 0, 24 + 78 / 2^rounds. */
typedef float tw_f32_peak_fn(long rounds);

tw_f32_peak_fn tw_f32_peak__avx2, tw_f32_peak__avx512, tw_f32_peak__neon;

/* The kernel of `isa` and, in `*flops`, its operations per round (an fma counts as 2); NULL and 0 where the ISA
 * has none: the reference. */
tw_f32_peak_fn *tw_f32_peak_of(enum tw_isa isa, double *flops);

/* Operations per second of the calling thread: the best of several runs of a millisecond, by the thread's CPU
 * time, so that other programs do not lower it. 0 where tw_f32_peak_of has nothing, or the CPU cannot run it.
 * Takes about 30 ms; measured anew at every call. Any number of threads may call it at a time: the peak of many
 * busy cores is often below that of one. */
double tw_f32_peak_flops(enum tw_isa isa);

#endif
