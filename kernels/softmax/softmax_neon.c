/* kernels/softmax for NEON: the lanes bodies on this ISA's lanes. */
#include "kernels/simd/words_neon.h"

#include "kernels/simd/exp_log_lanes.h"
#include "kernels/softmax/softmax_lanes.h"
