#include "apps/tower-train/recording.h"

#include "apps/common/digits.h"
#include "layers/graph/functional.h"

static enum tw_status record(tw_module *model, struct tw_shape shape, bool training, double label_smoothing,
                             struct recording *r)
{
    tw_graph *g = r->graph;
    tw_value x;
    enum tw_status status;

    tw_module_train(model, training);
    r->images = tw_graph_input(g, "images", TW_U8, shape, true);
    r->labels = tw_graph_input(g, "labels", TW_I32, TW_SHAPE(shape.extent[0]), true);
    x = tw_normalize(g, r->images, DIGITS_MEAN, DIGITS_STANDARD_DEVIATION);
    r->logits = tw_call(model, g, x);
    r->loss = tw_cross_entropy_with(g, r->logits, r->labels, training ? TW_REDUCTION_MEAN : TW_REDUCTION_SUM,
                                    label_smoothing);
    status = tw_graph_status(g);
    if (status)
        return status;
    r->classes = tw_graph_value_of(g, r->logits)->shape.extent[1];
    tw_graph_keep(g, r->logits);
    tw_graph_keep(g, r->loss);
    return training ? tw_graph_differentiate(g, r->loss) : TW_OK;
}

enum tw_status recording_open(tw_module *model, ptrdiff_t batch, ptrdiff_t height, ptrdiff_t width,
                              bool training, double label_smoothing, const struct tw_plan_options *options,
                              struct recording *recording)
{
    enum tw_status status;

    *recording = (struct recording){.graph = tw_graph_new()};
    if (!recording->graph)
        return tw_error_status();
    status = record(model, TW_SHAPE(batch, 1, height, width), training, label_smoothing, recording);
    if (!status) {
        recording->plan = tw_plan_new(recording->graph, options);
        status = recording->plan ? TW_OK : tw_error_status();
    }
    if (status)
        recording_release(recording);
    return status;
}

void recording_release(struct recording *recording)
{
    tw_plan_release(recording->plan);
    tw_graph_release(recording->graph);
    *recording = (struct recording){0};
}

static ptrdiff_t count_correct(const float *logits, const int32_t *labels, ptrdiff_t samples,
                               ptrdiff_t classes)
{
    ptrdiff_t correct = 0;

    for (ptrdiff_t i = 0; i < samples; i++) {
        const float *row = logits + i * classes;
        ptrdiff_t best = 0;
        for (ptrdiff_t c = 1; c < classes; c++)
            if (row[c] > row[best])
                best = c;
        correct += best == labels[i];
    }
    return correct;
}

enum tw_status recording_run(struct recording *recording, const uint8_t *images, const int32_t *labels,
                             ptrdiff_t samples, enum tw_plan_half half, float *loss, ptrdiff_t *correct)
{
    const float *logits;
    enum tw_status status;

    status = tw_plan_bind(recording->plan, recording->images, images);
    if (!status)
        status = tw_plan_bind(recording->plan, recording->labels, labels);
    if (!status)
        status = tw_plan_run(recording->plan, samples, half);
    if (status)
        return status;
    logits = tw_plan_data(recording->plan, recording->logits);
    if (!logits)
        return tw_error_status();
    *loss = tw_plan_scalar(recording->plan, recording->loss);
    *correct = count_correct(logits, labels, samples, recording->classes);
    return TW_OK;
}
