/* kernels/pool for NEON: the lanes bodies on this ISA's lanes. */
#include "kernels/simd/words_neon.h"

#include "kernels/pool/avg_pool_lanes.h"
#include "kernels/pool/max_pool_lanes.h"
