/* Winograd's transforms of convolution in the lanes of NEON. */
#include "kernels/simd/lanes_neon.h"

#include "kernels/conv/conv_winograd_lanes.h"

#include "kernels/conv/conv_winograd_weights_lanes.h"
