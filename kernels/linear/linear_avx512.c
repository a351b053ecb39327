/* kernels/linear for AVX-512: the lanes body on this ISA's lanes and vectors. */
#include "kernels/simd/vector_avx512.h"

#include "kernels/linear/linear_lanes.h"
