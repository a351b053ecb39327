/* The body of kernels/peak, included once per ISA after VECTOR, SPREAD(value),
 * ADD(a, b), FMA(a, b, c) = a * b + c, FIRST(v) = lane 0 and the kernel's name TW_PEAK. */
#include "kernels/peak/peak.h"

float TW_PEAK(long rounds)
{
    const VECTOR half = SPREAD(0.5f), one = SPREAD(1.0f);
    /* All different, or the compiler makes one chain of them; none 2, which would stay 2. */
    VECTOR c0 = SPREAD(3.0f), c1 = SPREAD(4.0f), c2 = SPREAD(5.0f), c3 = SPREAD(6.0f), c4 = SPREAD(7.0f),
           c5 = SPREAD(8.0f), c6 = SPREAD(9.0f), c7 = SPREAD(10.0f), c8 = SPREAD(11.0f), c9 = SPREAD(12.0f),
           c10 = SPREAD(13.0f), c11 = SPREAD(14.0f);

    for (long i = 0; i < rounds; i++) {
        c0 = FMA(c0, half, one);
        c1 = FMA(c1, half, one);
        c2 = FMA(c2, half, one);
        c3 = FMA(c3, half, one);
        c4 = FMA(c4, half, one);
        c5 = FMA(c5, half, one);
        c6 = FMA(c6, half, one);
        c7 = FMA(c7, half, one);
        c8 = FMA(c8, half, one);
        c9 = FMA(c9, half, one);
        c10 = FMA(c10, half, one);
        c11 = FMA(c11, half, one);
    }
    c0 = ADD(ADD(ADD(c0, c1), ADD(c2, c3)), ADD(ADD(c4, c5), ADD(c6, c7)));
    c0 = ADD(c0, ADD(ADD(c8, c9), ADD(c10, c11)));
    return FIRST(c0);
}
