#include <math.h>

#include "layers/optim/optimizer_internal.h"

/* The step is shared out in chunks of so many elements: a multiple of every vector width, so that only the
 * end of a parameter has a tail. Updates are elementwise: where the shares fall changes no bit. */
#define CHUNK_ELEMENTS 4096

/* A thread with less work than this costs more to wake than it saves: Adam updates about one element a
 * nanosecond, and entering and leaving a parallel region takes some microseconds. */
#define CHUNKS_PER_THREAD 4

static struct tw_sgd_coefficients sgd_coefficients(const struct tw_optimizer_options *options, int64_t steps)
{
    return (struct tw_sgd_coefficients){
        .learning_rate = (float)options->learning_rate,
        .momentum = (float)options->momentum,
        .one_minus_dampening = (float)(1 - options->dampening),
        .weight_decay = (float)options->weight_decay,
        .nesterov = options->nesterov,
        .first_step = steps == 0,
    };
}

/* `t` counts from 1. Everything is computed in double and rounded once. */
static struct tw_adam_coefficients adam_coefficients(const struct tw_optimizer_options *options,
                                                     bool decoupled, int64_t t)
{
    const double correction1 = 1 - pow(options->beta1, (double)t);
    const double correction2_sqrt = sqrt(1 - pow(options->beta2, (double)t));

    return (struct tw_adam_coefficients){
        .beta1 = (float)options->beta1,
        .one_minus_beta1 = (float)(1 - options->beta1),
        .beta2 = (float)options->beta2,
        .one_minus_beta2 = (float)(1 - options->beta2),
        .step_size = (float)(options->learning_rate * correction2_sqrt / correction1),
        .epsilon = (float)(options->epsilon * correction2_sqrt),
        .weight_decay = decoupled ? 0 : (float)options->weight_decay,
        .decay_factor = decoupled ? (float)(1 - options->learning_rate * options->weight_decay) : 1,
    };
}

enum tw_status tw_optimizer_check_groups(const tw_optimizer *optimizer)
{
    enum tw_status status = TW_OK;

    for (size_t i = 0; status == TW_OK && i < optimizer->group_count; i++) {
        status = tw_optimizer_check_options(optimizer->kind, &optimizer->groups[i]);
    }
    return status;
}

enum tw_status tw_optimizer_check_slot(const tw_optimizer *optimizer, const struct tw_optimizer_slot *slot)
{
    if (optimizer->groups[slot->group].momentum != 0 && !slot->first_moment) {
        return tw_fail(TW_ERROR_STATE,
                       "sgd: momentum of group %zu is %g but was 0 when the group was added, so "
                       "\"%s\" has no velocity",
                       slot->group, optimizer->groups[slot->group].momentum, slot->name);
    }
    if (slot->parameter->gradient_is_gone) {
        return tw_fail(TW_ERROR_STATE,
                       "optimizer: the gradient of \"%s\" was used up by the update within the latest run, "
                       "expected one that zero_grad or a backward has left",
                       slot->name);
    }
    return TW_OK;
}

static void prepare_coefficients(const tw_optimizer *optimizer, struct tw_optimizer_slot *slot)
{
    const struct tw_optimizer_options *options = &optimizer->groups[slot->group];

    if (optimizer->kind == TW_SGD) {
        slot->coefficients.sgd = sgd_coefficients(options, slot->steps);
        slot->steps += options->momentum != 0;
    } else {
        slot->steps++;
        slot->coefficients.adam = adam_coefficients(options, optimizer->kind == TW_ADAMW, slot->steps);
    }
}

void tw_optimizer_prepare_slot(const tw_optimizer *optimizer, struct tw_optimizer_slot *slot,
                               const float *gradient)
{
    slot->gradient = gradient;
    prepare_coefficients(optimizer, slot);
    tw_tensor_changed(slot->parameter->data);
}

/* Fills in every slot's part of the step; returns the number of chunks in all. */
static ptrdiff_t prepare(tw_optimizer *optimizer)
{
    ptrdiff_t chunks = 0;

    for (size_t i = 0; i < optimizer->slot_count; i++) {
        struct tw_optimizer_slot *slot = &optimizer->slots[i];
        tw_parameter *parameter = slot->parameter;

        slot->chunk_begin = slot->chunk_end = chunks;
        if (!parameter->requires_grad || !parameter->gradient) {
            continue;
        }
        /* Through the function, for a gradient that is marked zero and whose memory may be stale. */
        tw_optimizer_prepare_slot(optimizer, slot, tw_parameter_gradient(parameter)->data);
        chunks += (tw_tensor_count(parameter->data) + CHUNK_ELEMENTS - 1) / CHUNK_ELEMENTS;
        slot->chunk_end = chunks;
    }
    return chunks;
}

void tw_optimizer_update_range(const tw_optimizer *optimizer, const struct tw_optimizer_slot *slot,
                               ptrdiff_t begin, ptrdiff_t end, const float *gradient)
{
    float *data = slot->parameter->data->data;
    float *first = slot->first_moment ? slot->first_moment->data : NULL;

    if (optimizer->kind == TW_SGD) {
        float *velocity = slot->coefficients.sgd.momentum != 0 ? first + begin : NULL;

        optimizer->kernels->f32_sgd(end - begin, &slot->coefficients.sgd, gradient, data + begin, velocity);
    } else {
        float *second = slot->second_moment->data;

        optimizer->kernels->f32_adam(end - begin, &slot->coefficients.adam, gradient, data + begin,
                                     first + begin, second + begin);
    }
}

static void update_chunks(const tw_optimizer *optimizer, ptrdiff_t begin, ptrdiff_t end)
{
    for (size_t i = 0; i < optimizer->slot_count; i++) {
        const struct tw_optimizer_slot *slot = &optimizer->slots[i];
        ptrdiff_t count = tw_tensor_count(slot->parameter->data);
        ptrdiff_t first = begin > slot->chunk_begin ? begin : slot->chunk_begin;
        ptrdiff_t last = end < slot->chunk_end ? end : slot->chunk_end;
        ptrdiff_t stop = (last - slot->chunk_begin) * CHUNK_ELEMENTS;

        if (first < last) {
            ptrdiff_t start = (first - slot->chunk_begin) * CHUNK_ELEMENTS;

            tw_optimizer_update_range(optimizer, slot, start, stop < count ? stop : count,
                                      slot->gradient + start);
        }
    }
}

struct step {
    const tw_optimizer *optimizer;
    ptrdiff_t chunks;
    int threads; /* that take part */
};

static void step_body(void *context, int rank, int threads)
{
    const struct step *step = context;
    ptrdiff_t begin, end;

    (void)threads;
    if (rank >= step->threads) {
        return;
    }
    tw_team_share(step->chunks, rank, step->threads, &begin, &end);
    update_chunks(step->optimizer, begin, end);
}

enum tw_status tw_optimizer_step(tw_optimizer *optimizer, struct tw_team *team)
{
    struct step step = {.optimizer = optimizer};
    enum tw_status status = tw_optimizer_check_groups(optimizer);

    for (size_t i = 0; status == TW_OK && i < optimizer->slot_count; i++) {
        status = tw_optimizer_check_slot(optimizer, &optimizer->slots[i]);
    }
    if (status != TW_OK) {
        return status;
    }
    step.chunks = prepare(optimizer);
    step.threads =
        (int)(step.chunks / CHUNKS_PER_THREAD < tw_team_working(team) ? step.chunks / CHUNKS_PER_THREAD
                                                                      : tw_team_working(team));
    if (step.threads > 1) {
        tw_team_run_working(team, step_body, &step);
    } else {
        update_chunks(optimizer, 0, step.chunks);
    }
    return TW_OK;
}
