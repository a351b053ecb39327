/* kernels/sparse for NEON. */
#include "kernels/simd/vector_neon.h"

/* Of sixteen elements of A those that are not zero: their values, and first + pitch times their number. Up to sixteen
 * entries are written, those beyond the returned number are without meaning. */
static inline int tw_list_nonzeros(const float *a, int32_t first, int32_t pitch, int32_t *place, float *value)
{
    int count = 0;

    for (int i = 0; i < 16; i++) {
        value[count] = a[i];
        place[count] = first + i * pitch;
        count += a[i] != 0.0f;
    }
    return count;
}

#include "kernels/sparse/sparse_lanes.h"
