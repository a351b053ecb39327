/* kernels/pool for AVX2: the lanes bodies on this ISA's lanes. */
#include "kernels/simd/words_avx2.h"

#define MAX_POOL_FETCHES 0

#include "kernels/pool/avg_pool_lanes.h"
#include "kernels/pool/max_pool_lanes.h"
