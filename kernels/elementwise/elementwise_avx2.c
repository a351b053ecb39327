/* kernels/elementwise for AVX2: the lanes bodies on this ISA's lanes. */
#include "kernels/simd/words_avx2.h"

#include "kernels/elementwise/dropout_lanes.h"
#include "kernels/elementwise/elementwise_lanes.h"
