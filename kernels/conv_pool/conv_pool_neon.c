/* kernels/conv_pool for NEON: the lanes bodies on this ISA's lanes and vectors. */
#include "kernels/simd/vector_neon.h"
#include "kernels/simd/words_neon.h"

#include "kernels/conv_pool/conv_pool_planar_pairs_lanes.h"

#include "kernels/conv_pool/conv_pool_gradient_lanes.h"
#include "kernels/conv_pool/conv_pool_planar_gradient_lanes.h"
#include "kernels/conv_pool/conv_pool_planar_lanes.h"
#include "kernels/conv_pool/conv_pool_winograd_lanes.h"
