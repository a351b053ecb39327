/* --time: latency of full batches. */
#include <stdlib.h>

#include "apps/common/text.h"
#include "apps/tower-predict/work.h"
#include "core/memory.h"

enum { MOST_RUNS = 1 << 20, WARM_UP_RUNS = 3 };

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

/* Of ascending numbers, the least that `share` of them do not exceed. */
static double quantile(const double *numbers, int64_t count, double share)
{
    int64_t index = (int64_t)(share * (double)count);

    return numbers[index < count ? index : count - 1];
}

static enum tw_status run_once(struct work *work, ptrdiff_t *image)
{
    struct predictor *p = &work->predictor;
    const uint8_t *images = (const uint8_t *)work->images->data + *image * p->pixels;

    *image = *image + 2 * p->batch <= work->count ? *image + p->batch : 0;
    return predictor_run(p, images, p->batch) ? TW_OK : tw_error_status();
}

static enum tw_status measure(struct work *work, double *seconds, struct timing *timing)
{
    ptrdiff_t image = 0;
    double started, before, now;

    for (int i = 0; i < WARM_UP_RUNS; i++) {
        if (run_once(work, &image)) {
            return tw_error_status();
        }
    }
    started = before = app_seconds();
    do {
        if (run_once(work, &image)) {
            return tw_error_status();
        }
        now = app_seconds();
        seconds[timing->runs++] = now - before;
        before = now;
    } while (now - started < work->options->time && timing->runs < MOST_RUNS);
    timing->images_per_second = (double)timing->runs * (double)work->predictor.batch / (now - started);
    return TW_OK;
}

enum tw_status work_measure(struct work *work)
{
    struct timing timing = {.samples = work->predictor.batch};
    double *seconds = tw_alloc_array(MOST_RUNS, sizeof *seconds);
    enum tw_status status;

    if (!seconds) {
        return TW_ERROR_MEMORY;
    }
    status = measure(work, seconds, &timing);
    if (!status) {
        qsort(seconds, (size_t)timing.runs, sizeof *seconds, compare);
        timing.least = seconds[0];
        timing.median = quantile(seconds, timing.runs, 0.5);
        timing.percentile_99 = quantile(seconds, timing.runs, 0.99);
        work->timing = timing;
    }
    tw_free(seconds);
    return status;
}
