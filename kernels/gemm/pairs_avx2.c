/* Pairs with AVX2: the lanes bodies on this ISA's lanes. */
#include "kernels/simd/lanes_avx2.h"

#include "kernels/gemm/pairs_lanes.h"
