/* Two-dimensional max and average pooling and their gradients.
 *
 * x (planes, in_height, in_width) and y (planes, out_height, out_width), contiguous;
 * planes = samples * channels, and may be 0: then nothing is written. Windows: rows r*stride[0] - padding[0] + u,
 * columns likewise. No output is written outside, no input read outside; no alignment needed; outputs overlap
 * neither inputs nor each other.
 *
 * max: the largest element of the window in row-major scan order, the first of equals; NaN wins and stays
 * (PyTorch's max_pool2d: take v when v > best or v is NaN). Positions on the padding are not candidates;
 * every window has at least one candidate (padding <= kernel / 2). `winner` records u * kernel_width + v of
 * the chosen one. Gradient: dx is 0 plus, for every output position in row-major order, dy added to its
 * winner's element. `winner` must be what a forward of the same shape wrote: nothing else is looked out for.
 *
 * average: window elements added in row-major scan order starting from +0 (padding counts as 0 and is
 * skipped), then divided by the divisor: kernel_height * kernel_width when count_include_pad (PyTorch's
 * default), else the number of elements inside the image. Gradient: dx is 0 plus, for every output position
 * in row-major order, dy / divisor added to each element of its window.
 *
 * Kernels check nothing and allocate nothing; any number of threads may run them on results that do not overlap
 * (kernels.h): planes are independent.
 */
#ifndef TOWER_KERNELS_POOL_POOL_H
#define TOWER_KERNELS_POOL_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tw_pool2d_shape {
    ptrdiff_t in_height, in_width, out_height, out_width;
    ptrdiff_t kernel_height, kernel_width; /* their product is at most 65536 */
    ptrdiff_t stride[2], padding[2];       /* vertical, horizontal */
    bool count_include_pad;                /* average only */
};

typedef void tw_f32_max_pool2d_forward_fn(const struct tw_pool2d_shape *shape, ptrdiff_t planes,
                                          const float *x, float *y, uint16_t *winner);
typedef void tw_f32_max_pool2d_gradient_fn(const struct tw_pool2d_shape *shape, ptrdiff_t planes,
                                           const float *dy, const uint16_t *winner, float *dx);
typedef void tw_f32_avg_pool2d_forward_fn(const struct tw_pool2d_shape *shape, ptrdiff_t planes,
                                          const float *x, float *y);
typedef void tw_f32_avg_pool2d_gradient_fn(const struct tw_pool2d_shape *shape, ptrdiff_t planes,
                                           const float *dy, float *dx);

#define TW_DECLARE_POOL(isa)                                         \
    tw_f32_max_pool2d_forward_fn tw_f32_max_pool2d_forward__##isa;   \
    tw_f32_max_pool2d_gradient_fn tw_f32_max_pool2d_gradient__##isa; \
    tw_f32_avg_pool2d_forward_fn tw_f32_avg_pool2d_forward__##isa;   \
    tw_f32_avg_pool2d_gradient_fn tw_f32_avg_pool2d_gradient__##isa

TW_DECLARE_POOL(reference);
TW_DECLARE_POOL(avx2);
TW_DECLARE_POOL(avx512);
TW_DECLARE_POOL(neon);

#endif
