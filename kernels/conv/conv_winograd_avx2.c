/* Winograd's transforms of convolution in the lanes of AVX2. */
#include "kernels/simd/lanes_avx2.h"

#include "kernels/conv/conv_winograd_lanes.h"

#include "kernels/conv/conv_winograd_weights_lanes.h"
