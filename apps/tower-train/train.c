#include "apps/tower-train/train.h"

#include <inttypes.h>
#include <math.h>

#include "apps/common/process.h"
#include "apps/common/text.h"
#include "apps/tower-train/interrupt.h"
#include "core/clock.h"

/* Sums over the images of an epoch so far. */
struct tally {
    double loss;
    ptrdiff_t images, correct;
    double started; /* app_seconds */
};

enum tw_status train_evaluate(struct trainer *trainer, struct epoch_result *result)
{
    struct tw_loader *loader = &trainer->evaluation_loader;
    ptrdiff_t samples, correct, all_correct = 0;
    double loss_sum = 0;
    float loss;
    enum tw_status status;

    tw_loader_start(loader, NULL);
    while ((samples = tw_loader_next(loader)) > 0) {
        if (interrupt_received())
            return tw_fail(TW_ERROR_INTERRUPTED, "interrupted while evaluating after epoch %" PRId64,
                           result->epoch);
        status = recording_run(&trainer->evaluation, loader->images, loader->labels, samples, TW_PLAN_FORWARD,
                               &loss, &correct);
        if (status)
            return status;
        loss_sum += (double)loss;
        all_correct += correct;
    }
    result->validation = trainer->options->validation > 0;
    result->test_loss = loss_sum / (double)loader->count;
    result->test_accuracy = (double)all_correct / (double)loader->count;
    if (!isfinite(loss_sum))
        return tw_fail(TW_ERROR_ARGUMENT, "the %s loss is %g, expected a finite number",
                       result->validation ? "validation" : "test", fabs(loss_sum));
    return tw_module_sha256(trainer->model, result->weights_sha256);
}

/* One step on the loader's current batch. */
static enum tw_status train_step(struct trainer *t, ptrdiff_t samples, struct tally *tally)
{
    struct tw_loader *loader = &t->train_loader;
    int64_t started = tw_clock(), ran;
    ptrdiff_t correct;
    float loss;
    enum tw_status status;

    tw_optimizer_group(t->optimizer, 0)->learning_rate = tw_schedule_rate(&t->schedule, t->step);
    tw_optimizer_zero_grad(t->optimizer);
    status = recording_run(&t->training, loader->images, loader->labels, samples, TW_PLAN_BACKWARD, &loss,
                           &correct);
    if (status)
        return status;
    ran = tw_clock();
    if (!isfinite(loss))
        return tw_fail(TW_ERROR_ARGUMENT,
                       "the training loss is not finite any more: a smaller --lr may help");
    if (!trainer_updates_in_plan(t))
        status = tw_optimizer_step(t->optimizer, t->compute.team);
    if (status)
        return status;
    t->times.run += ran - started;
    t->times.optimizer += tw_clock() - ran;
    t->step++;
    t->first_step_after = t->first_step_after > 0 ? t->first_step_after : process_age();
    tally->loss += (double)loss * (double)samples;
    tally->images += samples;
    tally->correct += correct;
    return TW_OK;
}

static struct step_result progress_of(const struct trainer *t, const struct tally *tally, int64_t epoch,
                                      int64_t step)
{
    double elapsed = app_seconds() - tally->started;
    double images = (double)tally->images, per_second = images / elapsed;
    ptrdiff_t count = t->train_loader.count;
    double left = (double)(t->options->epochs - epoch + 1) * (double)count - images;

    return (struct step_result){
        .epoch = epoch,
        .step = step,
        .steps = tw_loader_batches(&t->train_loader),
        .loss = tally->loss / images,
        .accuracy = (double)tally->correct / images,
        .images_per_second = per_second,
        .seconds_left = left / per_second,
    };
}

static ptrdiff_t next_batch(struct trainer *t)
{
    int64_t started = tw_clock();
    ptrdiff_t samples = tw_loader_next(&t->train_loader);

    t->times.gather += tw_clock() - started;
    return samples;
}

static enum tw_status train_epoch(struct trainer *t, const struct train_observer *observer, int64_t epoch,
                                  struct epoch_result *result)
{
    struct tw_loader *loader = &t->train_loader;
    struct tally tally = {.started = app_seconds()};
    struct step_result progress = {0};
    int64_t started = tw_clock();
    ptrdiff_t samples;

    tw_loader_start(loader, &t->rng);
    for (int64_t step = 1; (samples = next_batch(t)) > 0; step++) {
        if (train_step(t, samples, &tally))
            return tw_fail_in("epoch %" PRId64 ", step %" PRId64 ": ", epoch, step);
        progress = progress_of(t, &tally, epoch, step);
        observer->step(observer->context, &progress);
        if (interrupt_received())
            return tw_fail(TW_ERROR_INTERRUPTED,
                           "interrupted after epoch %" PRId64 ", step %" PRId64 " of %" PRId64, epoch, step,
                           progress.steps);
    }
    t->times.total += tw_clock() - started;
    result->train_seconds = app_seconds() - tally.started;
    result->train_loss = progress.loss;
    result->images_per_second = (double)tally.images / result->train_seconds;
    return TW_OK;
}

/* The update of an epoch's last step shows in no training loss. */
static enum tw_status evaluate_epoch(struct trainer *trainer, struct epoch_result *result)
{
    enum tw_status status = train_evaluate(trainer, result);

    if (status && status != TW_ERROR_INTERRUPTED)
        return tw_fail_in("epoch %" PRId64 ": ", result->epoch);
    return status;
}

enum tw_status train_run(struct trainer *trainer, const struct train_observer *observer)
{
    for (int64_t epoch = 1; epoch <= trainer->options->epochs; epoch++) {
        struct epoch_result result = {.epoch = epoch};
        double started = app_seconds();
        enum tw_status status;

        status = train_epoch(trainer, observer, epoch, &result);
        if (!status)
            status = evaluate_epoch(trainer, &result);
        if (status)
            return status;
        result.seconds = app_seconds() - started;
        observer->epoch(observer->context, &result);
    }
    return TW_OK;
}
