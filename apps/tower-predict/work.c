#include "apps/tower-predict/work.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "layers/data/dataset.h"

enum { CLASSES = 10 };

static enum tw_status read_labels(struct work *work)
{
    const struct options *o = work->options;
    ptrdiff_t images = work->images->shape.extent[0], labels;
    enum tw_status status = tw_idx_read_labels(o->labels, CLASSES, &work->labels);

    if (status) {
        return status;
    }
    labels = work->labels->shape.extent[0];
    if (labels != images) {
        return tw_fail(TW_ERROR_FORMAT, "%s has %td images, %s has %td labels; expected as many", o->images,
                       images, o->labels, labels);
    }
    return TW_OK;
}

static enum tw_status read_files(struct work *work)
{
    const struct options *o = work->options;
    enum tw_status status = tw_idx_read_images(o->images, &work->images);

    if (status) {
        return status;
    }
    work->count = work->images->shape.extent[0];
    if (o->limit > work->count) {
        return tw_fail(TW_ERROR_ARGUMENT, "--limit: %lld images wanted, %s has %td", (long long)o->limit,
                       o->images, work->count);
    }
    work->count = o->limit > 0 ? (ptrdiff_t)o->limit : work->count;
    return o->labels ? read_labels(work) : TW_OK;
}

static ptrdiff_t batch_of(const struct work *work)
{
    int64_t asked = work->options->batch_size;

    return asked < work->count ? (ptrdiff_t)asked : work->count;
}

static enum tw_status open_predictor(struct work *work)
{
    const struct options *o = work->options;
    const ptrdiff_t *extent = work->images->shape.extent;
    const struct tw_plan_options options = {
        .level = (int)o->plan, .kernels = work->compute.kernels, .team = work->compute.team};

    return predictor_open(o->load, o->images, batch_of(work), extent[2], extent[3], options,
                          &work->predictor);
}

static enum tw_status allocate(struct work *work)
{
    size_t classes = (size_t)work->predictor.classes, count = (size_t)work->count;

    work->digits = tw_alloc_array(count, sizeof *work->digits);
    work->probabilities = tw_alloc_array(count, classes * sizeof *work->probabilities);
    work->confusion = work->labels ? tw_alloc_array(classes * classes, sizeof *work->confusion) : NULL;
    return work->digits && work->probabilities && (work->confusion || !work->labels) ? TW_OK
                                                                                     : tw_error_status();
}

enum tw_status work_open(const struct options *options, struct work *work)
{
    enum tw_status status;

    *work = (struct work){.options = options};
    status = read_files(work);
    if (!status) {
        status = compute_open(options->isa, (int)options->threads, batch_of(work), options->bind,
                              (int)options->plan, &work->compute);
    }
    if (!status) {
        status = open_predictor(work);
    }
    if (!status) {
        status = allocate(work);
    }
    if (status) {
        work_release(work);
    }
    return status;
}

void work_release(struct work *work)
{
    tw_free(work->confusion);
    tw_free(work->probabilities);
    tw_free(work->digits);
    predictor_release(&work->predictor);
    compute_release(&work->compute);
    tw_tensor_release(work->labels);
    tw_tensor_release(work->images);
    *work = (struct work){0};
}

/* The most probable class of one image, the first of equals; -1 if a probability is no number. */
static int32_t best_of(const float *probabilities, ptrdiff_t classes)
{
    ptrdiff_t best = 0;

    for (ptrdiff_t c = 0; c < classes; c++) {
        if (isnan(probabilities[c])) {
            return -1;
        }
        best = probabilities[c] > probabilities[best] ? c : best;
    }
    return (int32_t)best;
}

static enum tw_status take(struct work *work, ptrdiff_t image)
{
    ptrdiff_t classes = work->predictor.classes;
    int32_t digit = best_of(work->probabilities + image * classes, classes);

    if (digit < 0) {
        return tw_fail(TW_ERROR_ARGUMENT, "image %td: its probabilities are not numbers; are those in %s?",
                       image, work->options->load);
    }
    work->digits[image] = digit;
    if (work->labels) {
        int32_t label = ((const int32_t *)work->labels->data)[image];

        work->confusion[label * classes + digit]++;
        work->correct += label == digit;
    }
    return TW_OK;
}

static const uint8_t *image_at(const struct work *work, ptrdiff_t image)
{
    return (const uint8_t *)work->images->data + image * work->predictor.pixels;
}

enum tw_status work_predict(struct work *work)
{
    struct predictor *p = &work->predictor;

    for (ptrdiff_t first = 0; first < work->count; first += p->batch) {
        ptrdiff_t samples = work->count - first < p->batch ? work->count - first : p->batch;
        const float *probabilities = predictor_run(p, image_at(work, first), samples);

        if (!probabilities) {
            return tw_error_status();
        }
        memcpy(work->probabilities + first * p->classes, probabilities,
               (size_t)(samples * p->classes) * sizeof *probabilities);
        for (ptrdiff_t i = first; i < first + samples; i++) {
            if (take(work, i)) {
                return tw_error_status();
            }
        }
    }
    return TW_OK;
}
