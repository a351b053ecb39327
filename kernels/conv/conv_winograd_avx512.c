/* Winograd's transforms of convolution in the lanes of AVX-512. */
#include "kernels/simd/lanes_avx512.h"

#include "kernels/conv/conv_winograd_lanes.h"

#include "kernels/conv/conv_winograd_weights_lanes.h"
