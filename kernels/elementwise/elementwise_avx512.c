/* kernels/elementwise for AVX-512: the lanes bodies on this ISA's lanes. */
#include "kernels/simd/words_avx512.h"

#include "kernels/elementwise/dropout_lanes.h"
#include "kernels/elementwise/elementwise_lanes.h"
