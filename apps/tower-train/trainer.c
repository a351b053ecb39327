#include "apps/tower-train/trainer.h"

#include <math.h>

#include "apps/common/weights.h"
#include "layers/io/atomic_file.h"
#include "layers/io/safetensors.h"
#include "layers/models/tower.h"
#include "layers/module/init.h"

static const char producer[] = "tower-train " TOWER_VERSION;

static enum tw_status check_outputs(const struct options *options)
{
    if (options->save && tw_atomic_check(options->save))
        return tw_fail_in("--save %s: ", options->save);
    if (options->log && tw_atomic_check(options->log))
        return tw_fail_in("--log %s: ", options->log);
    return TW_OK;
}

static enum tw_status build_model(struct trainer *t)
{
    enum tw_status status;

    tw_rng_seed(&t->rng, t->options->seed);
    t->model = tw_tower_new(&t->rng);
    if (!t->model)
        return tw_error_status();
    status = tw_init_module(t->model, t->options->init, &t->rng);
    if (!status && t->options->load)
        status = weights_load(t->model, t->options->load);
    return status;
}

/* Chooses what is trained and what is evaluated on: with --validation both are parts of the training set. */
static enum tw_status choose_sets(struct trainer *t)
{
    const struct tw_dataset *train = &t->digits.train, *test = &t->digits.test;
    const ptrdiff_t held_back = (ptrdiff_t)t->options->validation;
    const ptrdiff_t kept = tw_dataset_count(train) - held_back;
    enum tw_status status = TW_OK;

    if (held_back > 0 && kept < 1) {
        return tw_fail(TW_ERROR_ARGUMENT,
                       "--validation: %td of %td training images, none is left to train on", held_back,
                       tw_dataset_count(train));
    }
    if (!t->options->eval_only) {
        status = tw_dataset_slice(train, 0, kept, &t->training_set);
    }
    if (status) {
        return status;
    }
    return held_back > 0 ? tw_dataset_slice(train, kept, kept + held_back, &t->evaluation_set)
                         : tw_dataset_slice(test, 0, tw_dataset_count(test), &t->evaluation_set);
}

static enum tw_status open_loaders(struct trainer *t)
{
    enum tw_status status = choose_sets(t);

    if (!status)
        status = tw_loader_init(&t->evaluation_loader, &t->evaluation_set, EVALUATION_BATCH, 0);
    if (status || t->options->eval_only)
        return status;
    status = tw_loader_init(&t->train_loader, &t->training_set, (ptrdiff_t)t->options->batch_size,
                            (ptrdiff_t)t->options->limit);
    if (!status)
        tw_loader_augment(&t->train_loader, &t->options->augment, t->options->seed);
    return status;
}

static void gather_ahead(void *context)
{
    tw_loader_gather_ahead(context);
}

bool trainer_updates_in_plan(const struct trainer *trainer)
{
    return trainer->options->plan > 1;
}

static ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b)
{
    return a < b ? a : b;
}

static enum tw_status open_compute(struct trainer *t)
{
    const struct options *o = t->options;
    const struct tw_loader *loader = o->eval_only ? &t->evaluation_loader : &t->train_loader;

    return compute_open(o->isa, (int)o->threads, smaller(loader->batch_size, loader->count), o->bind,
                        (int)o->plan, &t->compute);
}

static enum tw_status open_recording(struct trainer *t, const struct tw_loader *loader, bool training,
                                     struct recording *recording)
{
    const struct tw_shape *shape = &loader->dataset->images->shape;
    struct tw_plan_options options = {
        .level = (int)t->options->plan,
        .kernels = t->compute.kernels,
        .team = t->compute.team,
        .seed = t->options->seed,
        .constant_parameters = !training,
        .beside = training ? gather_ahead : NULL,
        .beside_context = &t->train_loader,
        .update = training && trainer_updates_in_plan(t) ? &t->update : NULL,
    };

    if (recording_open(t->model, smaller(loader->batch_size, loader->count), shape->extent[2],
                       shape->extent[3], training, training ? t->options->label_smoothing : 0, &options,
                       recording))
        return tw_fail_in("%s: %s images of %td x %td pixels: ", t->digits.source,
                          training || t->options->validation > 0 ? "training" : "test", shape->extent[2],
                          shape->extent[3]);
    return TW_OK;
}

static enum tw_status open_optimizer(struct trainer *t)
{
    const struct options *o = t->options;
    int64_t steps = o->epochs * tw_loader_batches(&t->train_loader);
    enum tw_status status;

    t->optimizer = tw_optimizer_new(o->optimizer, t->compute.kernels);
    if (!t->optimizer)
        return tw_error_status();
    status = tw_optimizer_add_module(t->optimizer, t->model, &o->knobs);
    if (status)
        return status;
    t->update = tw_optimizer_update(t->optimizer);
    return tw_schedule_parse(o->schedule, o->knobs.learning_rate, steps > 0 ? steps : 1, &t->schedule);
}

enum tw_status trainer_open(const struct options *options, struct trainer *trainer)
{
    enum tw_status status;

    *trainer = (struct trainer){.options = options};
    status = check_outputs(options);
    if (!status)
        status = build_model(trainer);
    if (!status)
        status = digits_open(options->data, !options->eval_only, &trainer->digits);
    if (!status)
        status = open_loaders(trainer);
    if (!status)
        status = open_compute(trainer);
    if (!status && !options->eval_only)
        status = open_optimizer(trainer);
    if (!status && !options->eval_only)
        status = open_recording(trainer, &trainer->train_loader, true, &trainer->training);
    if (!status)
        status = open_recording(trainer, &trainer->evaluation_loader, false, &trainer->evaluation);
    if (status)
        trainer_release(trainer);
    return status;
}

void trainer_release(struct trainer *trainer)
{
    tw_optimizer_release(trainer->optimizer);
    recording_release(&trainer->evaluation);
    recording_release(&trainer->training);
    compute_release(&trainer->compute);
    tw_loader_release(&trainer->train_loader);
    tw_loader_release(&trainer->evaluation_loader);
    tw_dataset_release(&trainer->training_set);
    tw_dataset_release(&trainer->evaluation_set);
    digits_release(&trainer->digits);
    tw_module_release(trainer->model);
    *trainer = (struct trainer){0};
}

/* An interruption leaves no evaluation to notice that the latest step went too far. */
static enum tw_status check_finite(const tw_state_dict *dict)
{
    for (size_t i = 0; i < dict->count; i++) {
        const struct tw_tensor *tensor = dict->items[i].tensor;
        const float *values = tensor->data; /* the tower's state is all float32, without gaps */
        const ptrdiff_t count = tw_tensor_count(tensor);

        for (ptrdiff_t e = 0; e < count; e++) {
            if (!isfinite(values[e]))
                return tw_fail(TW_ERROR_ARGUMENT, "%s holds %g, expected finite numbers", dict->items[i].name,
                               (double)values[e]);
        }
    }
    return TW_OK;
}

enum tw_status trainer_save(const struct trainer *trainer)
{
    static const char *const metadata[] = {"format", "pt", "producer", producer, NULL};
    tw_state_dict dict = {0};
    enum tw_status status;

    if (!trainer->options->save)
        return TW_OK;
    status = tw_module_state_dict(trainer->model, &dict);
    if (!status && check_finite(&dict))
        status = tw_fail_in("--save %s: ", trainer->options->save);
    if (!status)
        status = tw_safetensors_save(trainer->options->save, &dict, metadata);
    tw_state_dict_release(&dict);
    return status;
}
