#include "benchmarks/families.h"

struct optimizer {
    const struct tw_kernels *kernels;
    ptrdiff_t count;
    const float *gradient;
    float *parameter, *first, *second;
};

static void run_adam(void *context)
{
    static const struct tw_adam_coefficients coefficients = {.beta1 = 0.9f,
                                                             .one_minus_beta1 = 0.1f,
                                                             .beta2 = 0.999f,
                                                             .one_minus_beta2 = 0.001f,
                                                             .step_size = 1e-3f,
                                                             .epsilon = 1e-8f,
                                                             .decay_factor = 1.0f};
    const struct optimizer *o = context;

    o->kernels->f32_adam(o->count, &coefficients, o->gradient, o->parameter, o->first, o->second);
}

static void run_sgd(void *context)
{
    static const struct tw_sgd_coefficients coefficients = {
        .learning_rate = 1e-3f, .momentum = 0.9f, .one_minus_dampening = 1.0f};
    const struct optimizer *o = context;

    o->kernels->f32_sgd(o->count, &coefficients, o->gradient, o->parameter, o->first);
}

/* Parameters and moments at 0. */
static struct optimizer new_optimizer(struct tw_contest *contest, const struct tw_kernels *kernels,
                                      ptrdiff_t count, const float *gradient)
{
    return (struct optimizer){.kernels = kernels,
                              .count = count,
                              .gradient = gradient,
                              .parameter = tw_contest_zeros(contest, count),
                              .first = tw_contest_zeros(contest, count),
                              .second = tw_contest_zeros(contest, count)};
}

static void hold(struct tw_session *session, const struct tw_shape *shape, const char *operation,
                 void (*run)(void *), enum tw_traffic traffic)
{
    struct tw_contest contest = tw_contest_new(session, operation, shape->name);
    const ptrdiff_t count = tw_vector_count(session, shape);
    const float *gradient = tw_contest_uniform(&contest, count);
    struct optimizer tower = new_optimizer(&contest, session->kernels, count, gradient);
    struct optimizer reference = new_optimizer(&contest, session->reference, count, gradient);
    const size_t bytes = (size_t)count * sizeof(float);

    run(&tower);
    run(&reference);
    tw_contest_check_exact(&contest, reference.parameter, tower.parameter, count);
    tw_contest_check_exact(&contest, reference.first, tower.first, count);
    tw_contest_check_exact(&contest, reference.second, tower.second, count);
    tw_contest_set_traffic(&contest, traffic, (double)bytes * tw_traffic_streams(traffic),
                           bytes * (size_t)tw_traffic_arrays(traffic));
    tw_contest_enter(&contest, (struct tw_entrant){.name = "tower", .context = &tower, .run = run});
    tw_contest_hold(&contest);
}

/* Size count. No peer has these; what counts is the bandwidth of their streams. */
void tw_family_optimizer(struct tw_session *session, const struct tw_shape *shape)
{
    if (tw_session_wants(session, "adam"))
        hold(session, shape, "adam", run_adam, TW_TRAFFIC_ADAM);
    if (tw_session_wants(session, "sgd-momentum"))
        hold(session, shape, "sgd-momentum", run_sgd, TW_TRAFFIC_MOMENTUM);
}
