/* The numbers behind exp and log: the scalar reference and the lanes code read them from here.
 *
 * exp(x):  n = round(x / ln 2),  r = x - n ln 2  (|r| <= ln(2) / 2),  exp(x) = 2^n (1 + r + r^2 P(r))
 * log(x):  x = 2^e (1 + f)  with  sqrt(1/2) <= 1 + f < sqrt(2),
 *          log(x) = e ln 2 + f - f^2 / 2 + f^3 Q(f)
 *
 * The reduction is Cody and Waite's ("Software Manual for the Elementary Functions", 1980). P and Q are
 * minimax fits of relative error in the whole result (Lawson's iteration on 2001 Chebyshev nodes, each
 * coefficient rounded to float and the later ones fitted again): 3.2e-9 for exp, 7.7e-10 for log, against a
 * rounding error of 6.0e-8.
 */
#ifndef TOWER_KERNELS_SIMD_EXP_LOG_CONSTANTS_H
#define TOWER_KERNELS_SIMD_EXP_LOG_CONSTANTS_H

/* ln 2 = HIGH + LOW to 48 bits. x - n HIGH is exact in one fma for |x| <= 104. */
#define TW_LN2_HIGH 0x1.62e430p-1f
#define TW_LN2_LOW  -0x1.05c610p-29f
#define TW_LOG2_E   0x1.715476p+0f

/* Adding 1.5 * 2^23 rounds a small number to the nearest integer, ties to even, and leaves that integer in
 * the low bits: no conversion whose result for NaN differs between machines. */
#define TW_ROUND_MAGIC      0x1.8p+23f
#define TW_ROUND_MAGIC_BITS 0x4b400000u

/* Beyond these exp is +infinity, and below half of the smallest subnormal, which rounds to 0. */
#define TW_EXP_LARGEST  89.0f
#define TW_EXP_SMALLEST -104.0f

#define TW_EXP_P0 0x1.fffffcp-2f
#define TW_EXP_P1 0x1.555492p-3f
#define TW_EXP_P2 0x1.5558aap-5f
#define TW_EXP_P3 0x1.12396ep-7f
#define TW_EXP_P4 0x1.6a524ep-10f

/* 2^n as 2^(n/2) 2^(n - n/2): both factors are normal for -150 <= n <= 128, and only the second product can
 * round (into a subnormal) or overflow. The bias keeps the halved number positive. */
#define TW_EXP_HALVING_BIAS 256u /* even; added to n before the halving */
#define TW_EXP_FACTOR_BIAS  1u   /* exponent field of a factor = half of the biased n, less this: 127 - 128 */

#define TW_LOG_Q0 0x1.555548p-2f
#define TW_LOG_Q1 -0x1.000006p-2f
#define TW_LOG_Q2 0x1.99a476p-3f
#define TW_LOG_Q3 -0x1.555c44p-3f
#define TW_LOG_Q4 0x1.233ba2p-3f
#define TW_LOG_Q5 -0x1.fc28cap-4f
#define TW_LOG_Q6 0x1.e6c00ap-4f
#define TW_LOG_Q7 -0x1.de01dap-4f
#define TW_LOG_Q8 0x1.147338p-4f

#define TW_SMALLEST_NORMAL  0x1p-126f
#define TW_LOG_SCALE        0x1p+23f /* makes a subnormal normal … */
#define TW_LOG_SCALE_LOG2   23.0f    /* … at this price in e */
#define TW_SQRT_HALF_BITS   0x3f3504f3u
#define TW_LOG_OFFSET       0x40000000u /* 128 in the exponent field: keeps the difference positive */
#define TW_LOG_OFFSET_FIELD 128.0f

#endif
