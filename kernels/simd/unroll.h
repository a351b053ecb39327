/* TW_UNROLL in front of a loop with a constant number of turns (at most 32) writes it out whole, so that the
 * arrays it indexes live in registers. TW_UNROLL_BY_4, in front of any loop: four turns for one test of its end.
 * gcc's sanitizers multiply what is written out, and took more than a quarter of an hour for some files: there loops stay
 * loops, and functions stay apart.
 */
#ifndef TOWER_KERNELS_SIMD_UNROLL_H
#define TOWER_KERNELS_SIMD_UNROLL_H

#if defined(__clang__)
#define TW_UNROLL      _Pragma("clang loop unroll(full)")
#define TW_UNROLL_BY_4 _Pragma("clang loop unroll_count(4)")
#define TW_ROLLED      _Pragma("clang loop unroll(disable)")
#else
#define TW_UNROLL_BY_4 _Pragma("GCC unroll 4")
#define TW_ROLLED      _Pragma("GCC unroll 1")
#if defined(__SANITIZE_ADDRESS__)
#define TW_UNROLL
#else
#define TW_UNROLL _Pragma("GCC unroll 32")
#endif
#endif

/* TW_IN_PLACE in front of a function that is to be a part of its caller, where its arguments are constants. */
#if defined(__SANITIZE_ADDRESS__)
#define TW_IN_PLACE static inline
#else
#define TW_IN_PLACE static inline __attribute__((always_inline))
#endif

#endif
