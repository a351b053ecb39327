/* kernels/linear from its formula, and the packing, which is the same on every ISA. */
#include <math.h>

#include "kernels/linear/linear.h"

void tw_f32_pack_linear_weights(const struct tw_linear_shape *shape, const float *w, float *packed,
                                ptrdiff_t begin, ptrdiff_t end)
{
    for (ptrdiff_t block = begin; block < end; block++) {
        for (ptrdiff_t lane = 0; lane < TW_BLOCK; lane++) {
            ptrdiff_t o = block * TW_BLOCK + lane;
            float *column = packed + block * shape->in * TW_BLOCK + lane;

            for (ptrdiff_t p = 0; p < shape->in; p++) {
                column[p * TW_BLOCK] = o < shape->out ? w[o * shape->in + p] : 0.0f;
            }
        }
    }
}

static float output(const struct tw_linear_shape *shape, const float *x, const float *column, float start)
{
    for (ptrdiff_t p = 0; p < shape->in; p++) {
        start = fmaf(x[tw_linear_x_at(shape, p)], column[p * TW_BLOCK], start);
    }
    return shape->relu && start <= 0.0f ? 0.0f : start;
}

void tw_f32_linear_forward__reference(const struct tw_linear_shape *shape, ptrdiff_t samples, const float *x,
                                      const float *packed, const float *bias, float *y, ptrdiff_t begin,
                                      ptrdiff_t end)
{
    ptrdiff_t last = end * TW_BLOCK < shape->out ? end * TW_BLOCK : shape->out;

    for (ptrdiff_t n = 0; n < samples; n++) {
        for (ptrdiff_t o = begin * TW_BLOCK; o < last; o++) {
            y[n * shape->out + o] =
                output(shape, x + n * tw_linear_x_size(shape),
                       packed + o / TW_BLOCK * shape->in * TW_BLOCK + o % TW_BLOCK, bias ? bias[o] : 0.0f);
        }
    }
}
