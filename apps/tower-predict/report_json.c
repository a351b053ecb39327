/* --json: the whole run as one object. */
#include <cjson/cJSON.h>

#include "apps/tower-predict/report.h"

static bool add_number(cJSON *object, const char *name, double value)
{
    return cJSON_AddNumberToObject(object, name, value) != NULL;
}

static bool add_text(cJSON *object, const char *name, const char *text)
{
    return (text ? cJSON_AddStringToObject(object, name, text) : cJSON_AddNullToObject(object, name)) != NULL;
}

/* Adds `item`, which may be NULL for want of memory, and hands it over. */
static bool add_item(cJSON *object, const char *name, cJSON *item)
{
    if (!item || !cJSON_AddItemToObject(object, name, item)) {
        cJSON_Delete(item);
        return false;
    }
    return true;
}

static bool add_row(cJSON *array, cJSON *row)
{
    if (!row || !cJSON_AddItemToArray(array, row)) {
        cJSON_Delete(row);
        return false;
    }
    return true;
}

static bool add_choices(cJSON *object, const struct work *work)
{
    const struct options *o = work->options;

    return add_text(object, "version", TOWER_VERSION) && add_text(object, "weights", o->load) &&
           add_text(object, "images", o->images) && add_text(object, "labels", o->labels) &&
           add_number(object, "count", (double)work->count) &&
           add_number(object, "batch_size", (double)work->predictor.batch) &&
           add_number(object, "plan", (double)o->plan) &&
           add_number(object, "threads", work->compute.size.threads) &&
           add_text(object, "threads_why", work->compute.size.why) &&
           add_text(object, "isa", tw_isa_name(work->compute.isa)) &&
           add_text(object, "isa_why", work->compute.isa_why);
}

static bool add_predictions(cJSON *object, const struct work *work)
{
    cJSON *rows = cJSON_CreateArray();

    if (!add_item(object, "digits", cJSON_CreateIntArray(work->digits, (int)work->count)) ||
        !add_item(object, "probabilities", rows)) {
        return false;
    }
    for (ptrdiff_t i = 0; i < work->count; i++) {
        if (!add_row(rows, cJSON_CreateFloatArray(work->probabilities + i * work->predictor.classes,
                                                  (int)work->predictor.classes))) {
            return false;
        }
    }
    return true;
}

static bool add_accuracy(cJSON *object, const struct work *work)
{
    ptrdiff_t classes = work->predictor.classes;
    cJSON *rows = cJSON_CreateArray();

    if (!add_item(object, "confusion", rows)) {
        return false;
    }
    for (ptrdiff_t row = 0; row < classes; row++) {
        cJSON *counts = cJSON_CreateArray();

        if (!add_row(rows, counts)) {
            return false;
        }
        for (ptrdiff_t c = 0; c < classes; c++) {
            if (!add_row(counts, cJSON_CreateNumber((double)work->confusion[row * classes + c]))) {
                return false;
            }
        }
    }
    return add_number(object, "correct", (double)work->correct) &&
           add_number(object, "accuracy", (double)work->correct / (double)work->count);
}

static bool add_timing(cJSON *object, const struct timing *t)
{
    cJSON *timing = cJSON_CreateObject();

    return add_item(object, "time", timing) && add_number(timing, "runs", (double)t->runs) &&
           add_number(timing, "images_per_run", (double)t->samples) &&
           add_number(timing, "median_microseconds", 1e6 * t->median) &&
           add_number(timing, "percentile_99_microseconds", 1e6 * t->percentile_99) &&
           add_number(timing, "least_microseconds", 1e6 * t->least) &&
           add_number(timing, "images_per_second", t->images_per_second);
}

enum tw_status report_json(const struct work *work)
{
    cJSON *object = cJSON_CreateObject();
    char *text = NULL;
    enum tw_status status = TW_OK;

    if (object && add_choices(object, work) && (work->options->summary || add_predictions(object, work)) &&
        (!work->labels || add_accuracy(object, work)) &&
        (work->timing.runs == 0 || add_timing(object, &work->timing))) {
        text = cJSON_PrintUnformatted(object);
    }
    if (text) {
        printf("%s\n", text);
    } else {
        status = tw_fail(TW_ERROR_MEMORY, "no memory for the results as JSON");
    }
    cJSON_free(text);
    cJSON_Delete(object);
    return status;
}
