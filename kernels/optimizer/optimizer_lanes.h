/* The bodies of optimizer.h in lanes; included by optimizer_<isa>.c after the ISA's lanes header.
 *
 * A step of 16 elements works on a struct of its inputs, so that whole and part groups share it. The branches
 * on coefficients do not change within a call: the compiler moves them out of the loop or the CPU predicts
 * them.
 */
#ifndef TOWER_KERNELS_OPTIMIZER_OPTIMIZER_LANES_H
#define TOWER_KERNELS_OPTIMIZER_OPTIMIZER_LANES_H

#include "kernels/elementwise/elementwise.h"
#include "kernels/optimizer/optimizer.h"
#include "kernels/simd/fetch.h"

/* Every thread of a step has read the parameters, so that a store waits until the other cores have given up their copies of its
 * line: asked for so many floats ahead, lines are alone by then. */
enum { OPTIMIZER_AHEAD = 128 };

struct sgd_lanes {
    struct tw_lanes gradient, parameter, velocity;
};

static inline void sgd_step(const struct tw_sgd_coefficients *c, struct sgd_lanes *s)
{
    const struct tw_lanes momentum = tw_lanes_set(c->momentum);
    struct tw_lanes d = s->gradient;

    if (c->weight_decay != 0.0f) {
        d = tw_lanes_fma(tw_lanes_set(c->weight_decay), s->parameter, d);
    }
    if (c->momentum != 0.0f) {
        if (c->first_step) {
            s->velocity = d;
        } else {
            s->velocity =
                tw_lanes_fma(tw_lanes_set(c->one_minus_dampening), d, tw_lanes_mul(momentum, s->velocity));
        }
        d = c->nesterov ? tw_lanes_fma(momentum, s->velocity, d) : s->velocity;
    }
    s->parameter = tw_lanes_fma(tw_lanes_set(-c->learning_rate), d, s->parameter);
}

void TW_VARIANT(tw_f32_sgd)(ptrdiff_t count, const struct tw_sgd_coefficients *coefficients,
                            const float *gradient, float *parameter, float *velocity)
{
    const struct tw_sgd_coefficients c = *coefficients;
    const bool has_velocity = c.momentum != 0.0f;
    struct sgd_lanes s = {.velocity = tw_lanes_set(0.0f)};
    ptrdiff_t i = 0;

    for (; count - i >= TW_LANES; i += TW_LANES) {
        tw_fetch_to_write(parameter + i, OPTIMIZER_AHEAD);
        s.gradient = tw_lanes_load(gradient + i);
        s.parameter = tw_lanes_load(parameter + i);
        if (has_velocity) {
            s.velocity = tw_lanes_load(velocity + i);
        }
        sgd_step(&c, &s);
        tw_lanes_store(parameter + i, s.parameter);
        if (has_velocity) {
            tw_lanes_store(velocity + i, s.velocity);
        }
    }
    if (i < count) {
        const int rest = (int)(count - i);

        s.gradient = tw_lanes_load_part(gradient + i, rest);
        s.parameter = tw_lanes_load_part(parameter + i, rest);
        if (has_velocity) {
            s.velocity = tw_lanes_load_part(velocity + i, rest);
        }
        sgd_step(&c, &s);
        tw_lanes_store_part(parameter + i, rest, s.parameter);
        if (has_velocity) {
            tw_lanes_store_part(velocity + i, rest, s.velocity);
        }
    }
}

struct adam_lanes {
    struct tw_lanes gradient, parameter, first_moment, second_moment;
};

static inline void adam_step(const struct tw_adam_coefficients *c, struct adam_lanes *s)
{
    struct tw_lanes g = s->gradient;
    struct tw_lanes p = s->parameter;

    if (c->decay_factor != 1.0f) {
        p = tw_lanes_mul(p, tw_lanes_set(c->decay_factor));
    }
    if (c->weight_decay != 0.0f) {
        g = tw_lanes_fma(tw_lanes_set(c->weight_decay), p, g);
    }

    const struct tw_lanes m = tw_lanes_fma(tw_lanes_set(c->one_minus_beta1), g,
                                           tw_lanes_mul(tw_lanes_set(c->beta1), s->first_moment));
    const struct tw_lanes v = tw_lanes_fma(tw_lanes_mul(tw_lanes_set(c->one_minus_beta2), g), g,
                                           tw_lanes_mul(tw_lanes_set(c->beta2), s->second_moment));
    const struct tw_lanes q = tw_lanes_div(m, tw_lanes_add(tw_lanes_sqrt(v), tw_lanes_set(c->epsilon)));

    s->first_moment = m;
    s->second_moment = v;
    s->parameter = tw_lanes_fma(tw_lanes_set(-c->step_size), q, p);
}

void TW_VARIANT(tw_f32_adam)(ptrdiff_t count, const struct tw_adam_coefficients *coefficients,
                             const float *gradient, float *parameter, float *first_moment,
                             float *second_moment)
{
    const struct tw_adam_coefficients c = *coefficients;
    struct adam_lanes s;
    ptrdiff_t i = 0;

    for (; count - i >= TW_LANES; i += TW_LANES) {
        tw_fetch_to_write(parameter + i, OPTIMIZER_AHEAD);
        s.gradient = tw_lanes_load(gradient + i);
        s.parameter = tw_lanes_load(parameter + i);
        s.first_moment = tw_lanes_load(first_moment + i);
        s.second_moment = tw_lanes_load(second_moment + i);
        adam_step(&c, &s);
        tw_lanes_store(parameter + i, s.parameter);
        tw_lanes_store(first_moment + i, s.first_moment);
        tw_lanes_store(second_moment + i, s.second_moment);
    }
    if (i < count) {
        const int rest = (int)(count - i);

        s.gradient = tw_lanes_load_part(gradient + i, rest);
        s.parameter = tw_lanes_load_part(parameter + i, rest);
        s.first_moment = tw_lanes_load_part(first_moment + i, rest);
        s.second_moment = tw_lanes_load_part(second_moment + i, rest);
        adam_step(&c, &s);
        tw_lanes_store_part(parameter + i, rest, s.parameter);
        tw_lanes_store_part(first_moment + i, rest, s.first_moment);
        tw_lanes_store_part(second_moment + i, rest, s.second_moment);
    }
}

#endif
