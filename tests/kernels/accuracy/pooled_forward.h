/* Forwards that end in relu and a 2 x 2 max-pool: what their results are worth. An odd last row or column of the
 * convolution never reaches the pool. */
#ifndef TOWER_TESTS_KERNELS_ACCURACY_POOLED_FORWARD_H
#define TOWER_TESTS_KERNELS_ACCURACY_POOLED_FORWARD_H

#include "tests/kernels/accuracy/tower_layers.h"

static inline ptrdiff_t pooled_count(const struct layer *l)
{
    return l->samples * l->conv.out_channels * windows(l);
}

/* Element `place` (0 … 3) of pooled window j among the convolution's outputs. */
static inline ptrdiff_t element_of(const struct layer *l, ptrdiff_t j, int place)
{
    const ptrdiff_t columns = l->pool.width / 2, w = j % windows(l), plane = j / windows(l);

    return (plane * l->pool.height + 2 * (w / columns) + place / 2) * l->pool.width + 2 * (w % columns) +
           place % 2;
}

/* Relu and maximum of four. Neither moves two inputs further apart than they are, so the largest of the four
 * bounds is the bound of the result. */
static inline double pooled_exactly(const struct layer *l, const double *value, ptrdiff_t j)
{
    double largest = 0.0;

    for (int place = 0; place < 4; place++) {
        largest = fmax(largest, value[element_of(l, j, place)]);
    }
    return largest;
}

/* What y (pooled, NCHW) is worth; `bound` per output of the convolution. Windows that relu closes have no
 * error and do not count. */
static inline struct accuracy pooled_accuracy(const struct layer *l, const char *what, const float *y,
                                              const struct exact *exact, const double *bound)
{
    struct accuracy a = accuracy_of(what, l->conv.in_channels * 9);

    for (ptrdiff_t j = 0; j < pooled_count(l); j++) {
        const double value = pooled_exactly(l, exact->sum, j);

        if (value > 0.0 || y[j] > 0.0f) {
            accuracy_add(&a, y[j], value, pooled_exactly(l, exact->size, j), pooled_exactly(l, bound, j));
        }
    }
    accuracy_report(&a);
    return a;
}

static inline double *chain_bounds(const struct layer *l, const struct exact *exact)
{
    double *bound = new_bytes((size_t)y_count(l) * sizeof *bound);

    for (ptrdiff_t y = 0; y < y_count(l); y++) {
        bound[y] = bound_of((double)(l->conv.in_channels * 9), exact->size[y]);
    }
    return bound;
}

#endif
