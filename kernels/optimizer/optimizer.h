/* Optimizer updates on vectors of `count` floats, in place, each operation rounded once, in every variant bit
 * for bit.
 *
 * The formulas are PyTorch 1.13's (torch/optim/_functional: single-tensor path) in exact arithmetic, so that
 * trajectories agree to rounding. Coefficients come in as float; the optimizer (layers/optim) computes them
 * in double. No alignment needed; the arrays must not overlap. `count` may be 0: nothing is written.
 *
 * Kernels check nothing and allocate nothing; any number of threads may update elements that do not overlap
 * (kernels.h).
 */
#ifndef TOWER_KERNELS_OPTIMIZER_OPTIMIZER_H
#define TOWER_KERNELS_OPTIMIZER_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>

/* d = gradient; if weight_decay != 0: d = fma(weight_decay, p, d)
 * if momentum != 0:  first step: v = d;  else v = fma(one_minus_dampening, d, momentum * v)
 *                    d = nesterov ? fma(momentum, v, d) : v
 * p = fma(-learning_rate, d, p)
 * `velocity` is NULL exactly when momentum is 0. */
struct tw_sgd_coefficients {
    float learning_rate, momentum, one_minus_dampening, weight_decay;
    bool nesterov, first_step;
};
typedef void tw_f32_sgd_fn(ptrdiff_t count, const struct tw_sgd_coefficients *coefficients,
                           const float *gradient, float *parameter, float *velocity);

/* Adam (Kingma and Ba, arXiv 1412.6980) and AdamW (Loshchilov and Hutter, arXiv 1711.05101).
 *   AdamW, decay_factor = 1 - learning_rate * weight_decay:   p = p * decay_factor   (skipped when it is 1)
 *   Adam, weight_decay != 0:                                  g = fma(weight_decay, p, g)
 *   m = fma(one_minus_beta1, g, beta1 * m)
 *   v = fma(one_minus_beta2 * g, g, beta2 * v)
 *   q = m / (sqrt(v) + epsilon)
 *   p = fma(-step_size, q, p)
 * with, for the step t = 1, 2, … and c = sqrt(1 - beta2^t),
 *   step_size = learning_rate * c / (1 - beta1^t)    and    epsilon = c * the optimizer's epsilon,
 * the form that ends section 2 of Kingma and Ba: PyTorch's learning_rate / (1 - beta1^t) *
 * m / (sqrt(v) / c + its epsilon), extended by c, which saves an element one of two divisions. */
struct tw_adam_coefficients {
    float beta1, one_minus_beta1, beta2, one_minus_beta2;
    float step_size, epsilon; /* with both bias corrections in them */
    float weight_decay;       /* Adam's, added to the gradient; 0 for AdamW */
    float decay_factor;       /* AdamW's; 1 for Adam */
};
typedef void tw_f32_adam_fn(ptrdiff_t count, const struct tw_adam_coefficients *coefficients,
                            const float *gradient, float *parameter, float *first_moment,
                            float *second_moment);

#define TW_DECLARE_OPTIMIZER(isa)    \
    tw_f32_sgd_fn tw_f32_sgd__##isa; \
    tw_f32_adam_fn tw_f32_adam__##isa

TW_DECLARE_OPTIMIZER(reference);
TW_DECLARE_OPTIMIZER(avx2);
TW_DECLARE_OPTIMIZER(avx512);
TW_DECLARE_OPTIMIZER(neon);

#endif
