/* kernels/pool for AVX-512: the lanes bodies on this ISA's lanes. */
#include "kernels/simd/words_avx512.h"

#include "kernels/pool/avg_pool_lanes.h"
#include "kernels/pool/max_pool_lanes.h"
