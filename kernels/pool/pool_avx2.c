/* kernels/pool for AVX2: the lanes bodies on this ISA's lanes. */
#include "kernels/simd/words_avx2.h"

#include "kernels/pool/avg_pool_lanes.h"
#include "kernels/pool/max_pool_lanes.h"
