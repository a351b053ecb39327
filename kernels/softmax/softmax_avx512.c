/* kernels/softmax for AVX-512: the lanes bodies on this ISA's lanes. */
#include "kernels/simd/words_avx512.h"

#include "kernels/simd/exp_log_lanes.h"
#include "kernels/softmax/softmax_lanes.h"
