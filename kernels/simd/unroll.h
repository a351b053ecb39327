/* TW_UNROLL in front of a loop with a constant number of turns (at most 32) writes it out whole, so that the
 * arrays it indexes live in registers.
 */
#ifndef TOWER_KERNELS_SIMD_UNROLL_H
#define TOWER_KERNELS_SIMD_UNROLL_H

#if defined(__clang__)
#define TW_UNROLL _Pragma("clang loop unroll(full)")
#else
#define TW_UNROLL _Pragma("GCC unroll 32")
#endif

#endif
