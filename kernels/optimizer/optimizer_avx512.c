/* kernels/optimizer for AVX-512: the lanes bodies on this ISA's lanes. */
#include "kernels/simd/lanes_avx512.h"

#include "kernels/optimizer/optimizer_lanes.h"
