/* One convolution with pool, in Tower's layouts and in rows for the peer: what conv_pool.c times. */
#ifndef TOWER_BENCHMARKS_CONV_POOL_PROBLEM_H
#define TOWER_BENCHMARKS_CONV_POOL_PROBLEM_H

#include "benchmarks/contest.h"

struct tw_conv_pool_problem {
    const struct tw_kernels *kernels;
    struct tw_conv_pool_shape shape;
    ptrdiff_t samples;
    bool planar;    /* pixels of 8 bits, normalised on the fly; else blocked floats */
    double density; /* part of the windows that pass a gradient on */
    struct tw_pixel_scale pixels;

    /* rows: x (normalised), w, bias; the relu output whose winners `code` names; dy of the pooled output */
    float *rows_x, *rows_w, *bias, *rows_relu, *rows_dy;

    /* Tower's: pixels or blocked x; the packed weights that its kernels read */
    void *x;
    float *planar_weights, *winograd_weights, *scatter_weights, *dy;
    uint8_t *code;

    /* results */
    float *y, *dw, *db, *dx;
    uint8_t *y_code;
    void *workspace;
};

struct tw_conv_pool_problem tw_conv_pool_problem_new(struct tw_contest *contest,
                                                     const struct tw_shape *shape);

/* Runs on these kernels from now on: the scatter form of the weights is packed for them. */
void tw_conv_pool_use(struct tw_contest *contest, struct tw_conv_pool_problem *problem,
                      const struct tw_kernels *kernels);

/* New memory for the results. */
void tw_conv_pool_new_results(struct tw_contest *contest, struct tw_conv_pool_problem *problem);

/* Floats of the results in Tower's layouts. */
ptrdiff_t tw_conv_pool_y_count(const struct tw_conv_pool_problem *problem);
ptrdiff_t tw_conv_pool_dw_count(const struct tw_conv_pool_problem *problem);
ptrdiff_t tw_conv_pool_dx_count(const struct tw_conv_pool_problem *problem);

/* The results in rows: y; dw followed, unless planar, by dx. `*count` floats. */
float *tw_conv_pool_rows_of_y(struct tw_contest *contest, const struct tw_conv_pool_problem *p,
                              ptrdiff_t *count);
float *tw_conv_pool_rows_of_gradients(struct tw_contest *contest, const struct tw_conv_pool_problem *p,
                                      ptrdiff_t *count);

#endif
