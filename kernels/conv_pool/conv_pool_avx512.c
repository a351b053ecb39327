/* kernels/conv_pool for AVX-512: the lanes bodies on this ISA's lanes and vectors. */
#include "kernels/simd/vector_avx512.h"
#include "kernels/simd/words_avx512.h"

#include "kernels/conv_pool/conv_pool_planar_pairs_lanes.h"

#include "kernels/conv_pool/conv_pool_gradient_lanes.h"
#include "kernels/conv_pool/conv_pool_planar_gradient_lanes.h"
#include "kernels/conv_pool/conv_pool_planar_lanes.h"
#include "kernels/conv_pool/conv_pool_winograd_lanes.h"
