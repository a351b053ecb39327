#include "kernels/gemm/transpose.h"

void tw_f32_transpose__reference(ptrdiff_t rows, ptrdiff_t columns, const float *src, ptrdiff_t src_row,
                                 float *dst, ptrdiff_t dst_row)
{
    for (ptrdiff_t i = 0; i < rows; i++) {
        for (ptrdiff_t j = 0; j < columns; j++) {
            dst[j * dst_row + i] = src[i * src_row + j];
        }
    }
}
