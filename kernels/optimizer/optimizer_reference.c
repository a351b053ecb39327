/* The formulas of optimizer.h as they stand there, one element at a time. */
#include "kernels/optimizer/optimizer.h"

#include <math.h>

void tw_f32_sgd__reference(ptrdiff_t count, const struct tw_sgd_coefficients *coefficients,
                           const float *gradient, float *parameter, float *velocity)
{
    const struct tw_sgd_coefficients c = *coefficients;

    for (ptrdiff_t i = 0; i < count; i++) {
        float d = gradient[i];

        if (c.weight_decay != 0.0f) {
            d = fmaf(c.weight_decay, parameter[i], d);
        }
        if (c.momentum != 0.0f) {
            if (c.first_step) {
                velocity[i] = d;
            } else {
                velocity[i] = fmaf(c.one_minus_dampening, d, c.momentum * velocity[i]);
            }
            d = c.nesterov ? fmaf(c.momentum, velocity[i], d) : velocity[i];
        }
        parameter[i] = fmaf(-c.learning_rate, d, parameter[i]);
    }
}

void tw_f32_adam__reference(ptrdiff_t count, const struct tw_adam_coefficients *coefficients,
                            const float *gradient, float *parameter, float *first_moment,
                            float *second_moment)
{
    const struct tw_adam_coefficients c = *coefficients;

    for (ptrdiff_t i = 0; i < count; i++) {
        float g = gradient[i];
        float p = parameter[i];

        if (c.decay_factor != 1.0f) {
            p *= c.decay_factor;
        }
        if (c.weight_decay != 0.0f) {
            g = fmaf(c.weight_decay, p, g);
        }

        const float m = fmaf(c.one_minus_beta1, g, c.beta1 * first_moment[i]);
        const float v = fmaf(c.one_minus_beta2 * g, g, c.beta2 * second_moment[i]);
        const float q = m / (sqrtf(v) + c.epsilon);

        first_moment[i] = m;
        second_moment[i] = v;
        parameter[i] = fmaf(-c.step_size, q, p);
    }
}
