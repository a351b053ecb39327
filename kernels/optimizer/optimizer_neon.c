/* kernels/optimizer for NEON: the lanes bodies on this ISA's lanes. */
#include "kernels/simd/lanes_neon.h"

#include "kernels/optimizer/optimizer_lanes.h"
