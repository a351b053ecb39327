/* kernels/linear for NEON: the lanes body on this ISA's lanes and vectors. */
#include "kernels/simd/vector_neon.h"

#include "kernels/linear/linear_lanes.h"
