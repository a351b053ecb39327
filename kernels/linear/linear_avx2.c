/* kernels/linear for AVX2: the lanes body on this ISA's lanes and vectors. */
#include "kernels/simd/vector_avx2.h"

#include "kernels/linear/linear_lanes.h"
