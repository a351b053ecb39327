#include "tests/support/trial.h"

#include <string.h>

#include "layers/graph/functional.h"
#include "tests/support/test_support.h"

static void record(struct tw_trial *trial)
{
    tw_graph *graph = trial->graph;

    trial->images = tw_graph_input(graph, "images", TW_U8, TW_SHAPE(trial->batch, 1, 28, 28), true);
    trial->labels = tw_graph_input(graph, "labels", TW_I32, TW_SHAPE(trial->batch), true);
    trial->logits = tw_call(trial->tower, graph, tw_normalize(graph, trial->images, 0.1307, 0.3081));
    trial->loss = tw_cross_entropy(graph, trial->logits, trial->labels, TW_REDUCTION_MEAN);
    tw_graph_keep(graph, trial->logits);
    assert_ok(tw_graph_differentiate(graph, trial->loss));
}

struct tw_trial tw_trial_new(tw_module *tower, const struct tw_trial_options *options)
{
    struct tw_trial trial = {.tower = tower, .batch = options->batch};
    struct tw_optimizer_options adam = tw_optimizer_defaults(TW_ADAM);

    assert_non_null(tower);
    if (options->learning_rate > 0)
        adam.learning_rate = options->learning_rate;
    trial.graph = tw_graph_new();
    assert_non_null(trial.graph);
    record(&trial);
    trial.team = tw_team_new(options->threads > 0 ? options->threads : 1, options->bind);
    assert_non_null(trial.team);
    trial.plan = tw_plan_new(
        trial.graph,
        &(struct tw_plan_options){.level = options->level, .kernels = options->kernels, .team = trial.team});
    trial.optimizer = tw_optimizer_new(TW_ADAM, options->kernels);
    if (!trial.plan || !trial.optimizer)
        fail_msg("%s", tw_error_message());
    assert_ok(tw_optimizer_add_module(trial.optimizer, tower, &adam));
    return trial;
}

void tw_trial_release(struct tw_trial *trial)
{
    tw_optimizer_release(trial->optimizer);
    tw_plan_release(trial->plan);
    tw_team_release(trial->team);
    tw_graph_release(trial->graph);
}

static void run(struct tw_trial *trial, const uint8_t *images, const int32_t *labels, ptrdiff_t samples,
                enum tw_plan_half half)
{
    assert_ok(tw_plan_bind(trial->plan, trial->images, images));
    assert_ok(tw_plan_bind(trial->plan, trial->labels, labels));
    assert_ok(tw_plan_run(trial->plan, samples, half));
}

float tw_trial_step(struct tw_trial *trial, const uint8_t *images, const int32_t *labels, ptrdiff_t samples)
{
    tw_optimizer_zero_grad(trial->optimizer);
    run(trial, images, labels, samples, TW_PLAN_BACKWARD);
    assert_ok(tw_optimizer_step(trial->optimizer, trial->team));
    return tw_plan_scalar(trial->plan, trial->loss);
}

const float *tw_trial_predict(struct tw_trial *trial, const uint8_t *images, const int32_t *labels,
                              ptrdiff_t samples)
{
    const float *logits;

    run(trial, images, labels, samples, TW_PLAN_FORWARD);
    logits = tw_plan_data(trial->plan, trial->logits);
    assert_non_null(logits);
    return logits;
}

void tw_trial_gather(const struct tw_dataset *dataset, const int32_t *order, ptrdiff_t count, uint8_t *images,
                     int32_t *labels)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        memcpy(images + i * TW_TRIAL_PIXELS,
               (const uint8_t *)dataset->images->data + order[i] * TW_TRIAL_PIXELS, TW_TRIAL_PIXELS);
        labels[i] = ((const int32_t *)dataset->labels->data)[order[i]];
    }
}
