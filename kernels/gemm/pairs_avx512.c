/* Pairs with AVX-512: the lanes bodies on this ISA's lanes. */
#include "kernels/simd/lanes_avx512.h"

#include "kernels/gemm/pairs_lanes.h"
