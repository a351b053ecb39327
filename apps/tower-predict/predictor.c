#include "apps/tower-predict/predictor.h"

#include <string.h>

#include "apps/common/digits.h"
#include "apps/common/weights.h"
#include "core/memory.h"
#include "layers/graph/functional.h"
#include "layers/models/tower.h"

/* Images of a thread at a time. Measured on one core with 512 KiB of L2 beside busy neighbours: 6 to 24 are alike, 64
 * take twice as long per image. 24 are whole rows of register tiles on every ISA, of six samples or eight. */
enum { CHUNK = 24 };

static enum tw_status record(struct predictor *p, struct tw_shape shape)
{
    tw_graph *g = p->graph;
    tw_value x;
    enum tw_status status;

    tw_module_train(p->model, false);
    p->images = tw_graph_input(g, "images", TW_U8, shape, true);
    x = tw_normalize(g, p->images, DIGITS_MEAN, DIGITS_STANDARD_DEVIATION);
    p->chunk_probabilities = tw_softmax(g, tw_call(p->model, g, x));
    status = tw_graph_status(g);
    if (status) {
        return status;
    }
    tw_graph_keep(g, p->chunk_probabilities);
    p->classes = tw_graph_value_of(g, p->chunk_probabilities)->shape.extent[1];
    p->pixels = shape.extent[1] * shape.extent[2] * shape.extent[3];
    return TW_OK;
}

static enum tw_status open_all(const char *weights, const char *images, struct tw_shape shape,
                               const struct tw_plan_options *options, struct predictor *p)
{
    enum tw_status status;

    p->model = tw_tower_new(NULL);
    p->graph = tw_graph_new();
    if (!p->model || !p->graph) {
        return tw_error_status();
    }
    status = weights_load(p->model, weights);
    if (!status && record(p, shape)) {
        status = tw_fail_in("%s: images of %td x %td pixels: ", images, shape.extent[2], shape.extent[3]);
    }
    if (!status) {
        p->plan = tw_plan_new(p->graph, options);
        p->probabilities =
            p->plan ? tw_alloc_array((size_t)p->batch, (size_t)p->classes * sizeof(float)) : NULL;
        status = p->probabilities ? TW_OK : tw_error_status();
    }
    return status;
}

enum tw_status predictor_open(const char *weights, const char *images, ptrdiff_t batch, ptrdiff_t height,
                              ptrdiff_t width, struct tw_plan_options options, struct predictor *predictor)
{
    enum tw_status status;

    *predictor =
        (struct predictor){.batch = batch, .chunk = (ptrdiff_t)CHUNK * tw_team_threads(options.team)};
    predictor->chunk = batch < predictor->chunk ? batch : predictor->chunk;
    options.constant_parameters = true;
    status = open_all(weights, images, TW_SHAPE(predictor->chunk, 1, height, width), &options, predictor);
    if (status) {
        predictor_release(predictor);
    }
    return status;
}

void predictor_release(struct predictor *predictor)
{
    tw_free(predictor->probabilities);
    tw_plan_release(predictor->plan);
    tw_graph_release(predictor->graph);
    tw_module_release(predictor->model);
    *predictor = (struct predictor){0};
}

static enum tw_status run_chunk(struct predictor *p, const uint8_t *images, ptrdiff_t samples,
                                float *probabilities)
{
    const float *found = NULL;

    if (!tw_plan_bind(p->plan, p->images, images) && !tw_plan_run(p->plan, samples, TW_PLAN_FORWARD)) {
        found = tw_plan_data(p->plan, p->chunk_probabilities);
    }
    if (!found) {
        return tw_error_status();
    }
    memcpy(probabilities, found, (size_t)(samples * p->classes) * sizeof *probabilities);
    return TW_OK;
}

const float *predictor_run(struct predictor *predictor, const uint8_t *images, ptrdiff_t samples)
{
    ptrdiff_t chunks = (samples + predictor->chunk - 1) / predictor->chunk;

    for (ptrdiff_t i = 0; i < chunks; i++) {
        ptrdiff_t first = samples * i / chunks, end = samples * (i + 1) / chunks;

        if (run_chunk(predictor, images + first * predictor->pixels, end - first,
                      predictor->probabilities + first * predictor->classes)) {
            return NULL;
        }
    }
    return predictor->probabilities;
}
