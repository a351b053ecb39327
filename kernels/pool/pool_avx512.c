/* kernels/pool for AVX-512: the lanes bodies on this ISA's lanes. */
#include "kernels/simd/words_avx512.h"

/* Whether 2 x 2 max-pool fetches what groups further on load: with AVX-512 they wait for it, on AVX2 it made no difference. */
#define MAX_POOL_FETCHES 1

#include "kernels/pool/avg_pool_lanes.h"
#include "kernels/pool/max_pool_lanes.h"
