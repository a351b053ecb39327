/* Pairs with NEON: the lanes bodies on this ISA's lanes. */
#include "kernels/simd/lanes_neon.h"

#include "kernels/gemm/pairs_lanes.h"
