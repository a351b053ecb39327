/* kernels/elementwise for NEON: the lanes bodies on this ISA's lanes. */
#include "kernels/simd/words_neon.h"

#include "kernels/elementwise/dropout_lanes.h"
#include "kernels/elementwise/elementwise_lanes.h"
