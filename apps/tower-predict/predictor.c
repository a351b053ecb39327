#include "apps/tower-predict/predictor.h"

#include "apps/common/digits.h"
#include "apps/common/weights.h"
#include "layers/graph/functional.h"
#include "layers/models/tower.h"

static enum tw_status record(struct predictor *p, struct tw_shape shape)
{
    tw_graph *g = p->graph;
    tw_value x;
    enum tw_status status;

    tw_module_train(p->model, false);
    p->images = tw_graph_input(g, "images", TW_U8, shape, true);
    x = tw_normalize(g, p->images, DIGITS_MEAN, DIGITS_STANDARD_DEVIATION);
    p->probabilities = tw_softmax(g, tw_call(p->model, g, x));
    status = tw_graph_status(g);
    if (status) {
        return status;
    }
    tw_graph_keep(g, p->probabilities);
    p->batch = shape.extent[0];
    p->classes = tw_graph_value_of(g, p->probabilities)->shape.extent[1];
    p->pixels = shape.extent[1] * shape.extent[2] * shape.extent[3];
    return TW_OK;
}

static enum tw_status open_all(const char *weights, struct tw_shape shape,
                               const struct tw_plan_options *options, struct predictor *p)
{
    enum tw_status status;

    p->model = tw_tower_new(NULL);
    p->graph = tw_graph_new();
    if (!p->model || !p->graph) {
        return tw_error_status();
    }
    status = weights_load(p->model, weights);
    if (!status) {
        status = record(p, shape);
    }
    if (!status) {
        p->plan = tw_plan_new(p->graph, options);
        status = p->plan ? TW_OK : tw_error_status();
    }
    return status;
}

enum tw_status predictor_open(const char *weights, ptrdiff_t batch, ptrdiff_t height, ptrdiff_t width,
                              struct tw_plan_options options, struct predictor *predictor)
{
    enum tw_status status;

    *predictor = (struct predictor){0};
    options.constant_parameters = true;
    status = open_all(weights, TW_SHAPE(batch, 1, height, width), &options, predictor);
    if (status) {
        predictor_release(predictor);
    }
    return status;
}

void predictor_release(struct predictor *predictor)
{
    tw_plan_release(predictor->plan);
    tw_graph_release(predictor->graph);
    tw_module_release(predictor->model);
    *predictor = (struct predictor){0};
}

const float *predictor_run(struct predictor *predictor, const uint8_t *images, ptrdiff_t samples)
{
    if (tw_plan_bind(predictor->plan, predictor->images, images) ||
        tw_plan_run(predictor->plan, samples, TW_PLAN_FORWARD)) {
        return NULL;
    }
    return tw_plan_data(predictor->plan, predictor->probabilities);
}
